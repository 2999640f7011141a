"""An audit agrees with the worker's core whatever happens, and with nothing else."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest
from histories import PROJECTS, Author, Delivery, Happening, Partition, arrival, smallest

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


def disagreements(happenings: list[Happening]) -> list[str]:
    partition = lived(happenings)
    return [one for name in PROJECTS for one in said(audit_history(partition.history(name)))]


@pytest.mark.parametrize("seed", range(60))
def test_every_window_of_the_core_is_what_an_audit_recomputes(seed: int) -> None:
    history = Author(seed).history(length=150)
    if disagreements(history):
        history = smallest(history, lambda less: bool(disagreements(less)))
        assert disagreements(history) == [], history


def test_of_many_dormant_names_the_same_are_named_whatever_came_first() -> None:
    answers = [Annotation(item="i", annotator=f"ann-{n}", label=f"label-{n}") for n in range(25)]
    assert said(audit_history(one_window(answers[::-1], project()).history(BIRDS))) == []
