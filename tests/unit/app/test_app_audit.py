"""An audit agrees with the worker's core whatever happens, and with nothing else."""

import asyncio
from collections.abc import Iterable, Sequence

from histories import PROJECTS, Delivery, Happening, Partition, arrival, histories
from hypothesis import HealthCheck, given, settings

from schemas import Annotation, Close, Event, ProjectSettings, Topic
from stream_app.audit import AuditReport, audit_history

BIRDS, _ = PROJECTS
REQUEST = Close(cause="request", request_id="r")


def lived(happenings: Iterable[Happening]) -> Partition:
    partition = Partition()
    asyncio.run(partition.live(happenings))
    return partition


def said(reports: Iterable[AuditReport]) -> list[str]:
    return [str(difference) for report in reports for difference in report.differences]


def project(**changes: object) -> ProjectSettings:
    shape = {"classes": ("cat", "dog"), "models": ("m",), "budget": 2}
    return ProjectSettings.model_validate(shape | changes)


def one_window(annotations: Sequence[Event], settings: ProjectSettings) -> Partition:
    """Let annotations arrive in a project, each in a run of its own, then the close of a window."""
    first = arrival(Topic.CONTROL, BIRDS, settings), Delivery(Topic.CONTROL, 1)
    answers = [
        happening
        for answer in annotations
        for happening in (arrival(Topic.ANNOTATIONS, BIRDS, answer), Delivery(Topic.ANNOTATIONS, 1))
    ]
    return lived([*first, *answers, arrival(Topic.CONTROL, BIRDS, REQUEST)])


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(histories())
def test_every_window_of_the_core_is_what_an_audit_recomputes(happenings: list[Happening]) -> None:
    partition = lived(happenings)
    for name in PROJECTS:
        assert said(audit_history(partition.history(name))) == []


def test_of_many_dormant_names_the_same_are_named_whatever_came_first() -> None:
    answers = [Annotation(item="i", annotator=f"ann-{n}", label=f"label-{n}") for n in range(25)]
    assert said(audit_history(one_window(answers[::-1], project()).history(BIRDS))) == []
