"""What tests share: one Kafka a session, settings of its own a test, reproducible examples.

Tests that take ``shared_data`` read recorded crowd data from beside the clone. Where it is absent
they are not collected, and the last section of the report says so; else it lists them.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from stream_app.broker import Broker
from stream_app.settings import Settings

os.environ["COLUMNS"] = "200"
"""What the command line takes for its terminal's width, wherever the tests run."""

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
READS_SHARED_DATA = ("reads", "shared_data")

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


@pytest.fixture
def shared_data(record_property: Callable[[str, object], None]) -> Path:
    """Return the folder of recorded crowd data, and note that the test reads it."""
    record_property(*READS_SHARED_DATA)
    return SHARED_DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SHARED_DATA.is_dir():
        return
    absent = [item for item in items if "shared_data" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=absent)
    items[:] = [item for item in items if item not in absent]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ran = [
        f"{report.nodeid} {outcome}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if READS_SHARED_DATA in report.user_properties
    ]
    there = f"{len(ran)} ran" if SHARED_DATA.is_dir() else "none: there is no such folder"
    terminalreporter.section(f"tests on ../shared/data: {there}")
    for line in sorted(ran):
        terminalreporter.line(line)
