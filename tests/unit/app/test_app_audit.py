"""An audit agrees with the worker's core whatever happens, and with nothing else."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from authors import PROJECTS
from histories import Delivery, Happening, Historian, Partition, arrival, smallest

from schemas import Annotation, Close, Event, ProjectSettings, Topic
from stream_app.audit import AuditReport, audit_history
from stream_app.errors import AuditRefused
from stream_app.ports import Message

BIRDS, _ = PROJECTS


def request(name: str) -> Close:
    return Close(cause="request", request_id=name)


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
    return lived([*first, *answers, arrival(Topic.CONTROL, BIRDS, request("r"))])


def disagreements(happenings: list[Happening]) -> list[str]:
    partition = lived(happenings)
    return [one for name in PROJECTS for one in said(audit_history(partition.history(name)))]


@pytest.mark.parametrize("seed", range(60))
def test_every_window_of_the_core_is_what_an_audit_recomputes(seed: int) -> None:
    history = Historian(seed).history(length=150)
    if disagreements(history):
        history = smallest(history, lambda less: bool(disagreements(less)))
        assert disagreements(history) == [], history


def test_of_many_dormant_names_the_same_are_named_whatever_came_first() -> None:
    answers = [Annotation(item="i", annotator=f"ann-{n}", label=f"label-{n}") for n in range(25)]
    assert said(audit_history(one_window(answers[::-1], project()).history(BIRDS))) == []


ANSWERS = [
    Annotation(item=item, annotator=annotator, label=label)
    for item, annotator, label in (("a", "ann", "cat"), ("a", "bob", "dog"), ("b", "ann", "dog"))
]
Change = Callable[[dict[str, Any]], list[dict[str, Any]]]


def found(partition: Partition) -> set[str]:
    """Audit, and return what differs, whatever the rank."""
    reports = audit_history(partition.history(BIRDS))
    wrong = {difference.what for report in reports for difference in report.differences}
    return {re.sub(r"^rank \d+", "selection", what) for what in wrong}


def change_said(partition: Partition, topic: Topic, change: Change) -> None:
    """Change what was said on a topic."""
    said: list[tuple[str, Message]] = []
    for name, message in partition.stage.memory.said:
        if name == topic and message.value:
            bodies = change(orjson.loads(message.value))
            said += [(name, replace(message, value=orjson.dumps(body))) for body in bodies]
        else:
            said.append((name, message))
    partition.stage.memory.said = said


def forged(topic: Topic, change: Change) -> Partition:
    """Let a window select items a and b; then change what was said on a topic."""
    partition = one_window(ANSWERS, project())
    assert found(partition) == set()
    change_said(partition, topic, change)
    return partition


def setting(*path: str, to: object) -> Change:
    """Change one field of every record."""

    def change(body: dict[str, Any]) -> list[dict[str, Any]]:
        inner = body
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to
        return [body]

    return change


@pytest.mark.parametrize(
    ("topic", "change", "what"),
    [
        (Topic.SELECTIONS, setting("score", to=0.25), {"selection score", "digest"}),
        (Topic.SELECTIONS, setting("reason", to="first_label"), {"selection reason", "digest"}),
        (Topic.SELECTIONS, setting("answered_by", to=["eve"]), {"selection answered_by"}),
        (Topic.SELECTIONS, setting("until", to="2027-01-15T09:00:00.5Z"), {"selection until"}),
        (Topic.SELECTIONS, lambda body: [body] * (body["rank"] != 2), {"selection", "digest"}),
        (Topic.WINDOWS, setting("now", to="2027-01-15T08:00:00.5Z"), {"now"}),
        (Topic.WINDOWS, setting("settings", "budget", to=3), {"settings budget"}),
        (Topic.WINDOWS, setting("parameters", "regime", to="?"), {"parameters regime"}),
        (Topic.WINDOWS, setting("counts", "eligible", to=3), {"counts eligible"}),
        (Topic.WINDOWS, setting("outlook", "done", to=3), {"outlook done"}),
        (Topic.WINDOWS, setting("outlook", "wrong_labelled", to=3), {"outlook wrong_labelled"}),
        (Topic.WINDOWS, setting("cause", "request_id", to="q"), {"requests", "cause"}),
        (Topic.WINDOWS, setting("window", to=2), {"window", "selection", "digest"}),
        (Topic.WINDOWS, lambda body: [body, body], {"requests", "cause"}),
    ],
)
def test_what_is_not_as_recomputed_is_named(topic: Topic, change: Change, what: set[str]) -> None:
    assert found(forged(topic, change)) == what


def test_a_cut_that_goes_back_is_named() -> None:
    requests = [arrival(Topic.CONTROL, BIRDS, request(name)) for name in ("r1", "r2")]
    partition = lived([arrival(Topic.CONTROL, BIRDS, project()), *requests])
    change_said(
        partition,
        Topic.WINDOWS,
        lambda body: setting("cut", Topic.CONTROL, to=4 - body["window"])(body),
    )
    assert found(partition) == {"cut", "requests", "cause"}


def test_a_window_of_a_request_that_has_had_one_is_named() -> None:
    twice = [arrival(Topic.CONTROL, BIRDS, request("r"))] * 2
    partition = lived([arrival(Topic.CONTROL, BIRDS, project()), *twice])
    windows: list[dict[str, Any]] = []

    def second(body: dict[str, Any]) -> list[dict[str, Any]]:
        windows.append(body if not windows else windows[0] | {"cut": body["cut"], "window": 2})
        return windows[-1:]

    change_said(partition, Topic.WINDOWS, second)
    assert found(partition) == {"window"}


def test_one_window_is_audited_alone() -> None:
    names = ("r1", "r2", "r3")
    closes = [arrival(Topic.CONTROL, BIRDS, request(name)) for name in names]
    history = lived([arrival(Topic.CONTROL, BIRDS, project()), *closes]).history(BIRDS)
    (report,) = audit_history(history, window=2)
    assert (report.window.window, report.agrees) == (2, True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (setting("rule_version", to="0"), "of rule version 0, not 3"),
        (setting("type", to="forgery"), "what no worker says, at offset 0"),
    ],
)
def test_what_is_of_other_rules_is_refused(change: Change, sentence: str) -> None:
    with pytest.raises(AuditRefused, match=sentence):
        found(forged(Topic.WINDOWS, change))
