"""An audit agrees with the worker's core whatever happens, and with nothing else."""

import asyncio

from histories import PROJECTS, Happening, Partition, histories
from hypothesis import HealthCheck, given, settings

from stream_app.audit import audit_history


def lived(happenings: list[Happening]) -> Partition:
    partition = Partition()
    asyncio.run(partition.live(happenings))
    return partition


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(histories())
def test_every_window_of_the_core_is_what_an_audit_recomputes(happenings: list[Happening]) -> None:
    partition = lived(happenings)
    for project in PROJECTS:
        for report in audit_history(partition.history(project)):
            assert [str(difference) for difference in report.differences] == []
