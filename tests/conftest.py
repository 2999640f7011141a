"""What tests share: one Kafka a session, settings of its own a test, reproducible examples."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from stream_app.broker import Broker
from stream_app.settings import Settings

hypothesis.settings.register_profile(
    "reproducible", derandomize=True, deadline=None, print_blob=True
)
hypothesis.settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Run one Kafka for the session; each test has topics of its own on it."""
    with Broker() as broker:
        yield broker


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    """Return the settings of a deployment that no other test knows."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    return Settings(
        bootstrap_servers=broker.bootstrap_servers,
        app_id=name,
        topic_prefix=f"{name}.",
        partitions=3,
        data_dir=tmp_path / "worker",
        web_port=0,
    )
