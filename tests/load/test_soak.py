"""A minute of load on a real worker: nothing grows but, in overload, what waits."""

import asyncio
from pathlib import Path

from soak import soak

from stream_app.broker import Broker


def test_a_minute_of_load_and_an_overload(tmp_path: Path) -> None:
    """On a Kafka of its own, and at a fifth of the peak: other tests want the machine, too."""
    with Broker() as broker:
        report = asyncio.run(soak(0.75, 0, tmp_path, broker.bootstrap_servers, steady=0.2))
    assert report.wrong == []
