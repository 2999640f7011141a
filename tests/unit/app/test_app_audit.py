"""An audit agrees with the worker's core whatever happens, and with nothing else."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
import pytest
from authors import PROJECTS
from histories import Delivery, Happening, Historian, Partition, arrival, smallest

from schemas import Annotation, Close, Event, Items, ProjectSettings, Topic
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


def bodies(partition: Partition, topic: Topic) -> list[dict[str, Any]]:
    """Return what was said on a topic."""
    said = partition.stage.memory.said
    return [
        orjson.loads(message.value) for name, message in said if name == topic and message.value
    ]


def change_said(partition: Partition, topic: Topic, change: Change) -> None:
    """Change what was said on a topic."""
    said: list[tuple[str, Message]] = []
    for name, message in partition.stage.memory.said:
        if name == topic and message.value:
            bodies = change(orjson.loads(message.value))
            said += [(name, message._replace(value=orjson.dumps(body))) for body in bodies]
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


STEERED: dict[str, object] = {
    "quality_target": 0.9,
    "strata": {"quoted": {"quota": 50}, "urgent": {"priority": 1}},
}
"""Of four items one is urgent, one is of a stratum with a quota, one is done, and ann knows one."""


def steered(item: str | None = None) -> set[str]:
    """Let a window for ann select items u and q; return what differs if q had been ``item``."""
    strata = (("u", "urgent"), ("q", "quoted"), ("b", None), ("a", None))
    said = [Annotation(item="a", annotator="ann", label="cat")]
    said += [Annotation(item="d", annotator=who, label="dog") for who in ("bob", "cyd", "dan")]
    close = Close(cause="request", request_id="r", annotator="ann")
    partition = lived(
        [
            arrival(Topic.CONTROL, BIRDS, project(**STEERED)),
            *(
                arrival(Topic.CONTROL, BIRDS, Items(items=[i], status="registered", stratum=s))
                for i, s in strata
            ),
            *(arrival(Topic.ANNOTATIONS, BIRDS, answer) for answer in said),
            *(Delivery(topic, 10) for topic in (Topic.CONTROL, Topic.ANNOTATIONS)),
            arrival(Topic.CONTROL, BIRDS, close),
        ]
    )
    selected = [one["item"] for one in bodies(partition, Topic.SELECTIONS)]
    assert selected == ["u", "q"]
    if item is not None:
        change_said(
            partition,
            Topic.SELECTIONS,
            lambda body: [body | ({"item": item} if body["item"] == "q" else {})],
        )
    return found(partition)


def test_an_audit_agrees_with_all_controls_at_once() -> None:
    assert steered() == set()


@pytest.mark.parametrize(
    ("item", "what"),
    [("a", "an annotator's own"), ("d", "done"), ("b", "behind the quota"), ("e", "no item")],
)
def test_a_selection_that_a_control_forbids_is_named(item: str, what: str) -> None:
    assert {"selection item"} <= steered(item), what


@pytest.mark.parametrize(
    ("topic", "change", "what"),
    [
        (Topic.WINDOWS, setting("cause", "annotator", to="bob"), {"cause annotator"}),
        (Topic.WINDOWS, lambda body: [dropped(body)], {"cause annotator"}),
        (Topic.SELECTIONS, setting("stratum", to="urgent"), {"selection stratum"}),
    ],
)
def test_an_annotator_or_a_stratum_of_a_manifest_that_is_not_the_closes_is_named(
    topic: Topic, change: Change, what: set[str]
) -> None:
    close = Close(cause="request", request_id="r", annotator="ann")
    registered = Items(items=["a"], status="registered", stratum="quoted")
    partition = lived(
        [arrival(Topic.CONTROL, BIRDS, event) for event in (project(), registered, close)]
    )
    assert found(partition) == set()
    change_said(partition, topic, change)
    assert found(partition) == what


def dropped(body: dict[str, Any]) -> dict[str, Any]:
    """Leave the annotator out of a cause."""
    return body | {"cause": {"request_id": body["cause"]["request_id"]}}


def test_windows_before_and_after_a_rename_audit() -> None:
    first = project()
    second = project(classes=("feline", "dog"), aliases={"cat": "feline"})
    partition = one_window(ANSWERS, first)
    late = [
        arrival(Topic.CONTROL, BIRDS, second),
        arrival(Topic.ANNOTATIONS, BIRDS, Annotation(item="a", annotator="cyd", label="feline")),
        arrival(Topic.ANNOTATIONS, BIRDS, Annotation(item="a", annotator="dan", label="cat")),
        Delivery(Topic.CONTROL, 1),
        Delivery(Topic.ANNOTATIONS, 2),
        arrival(Topic.CONTROL, BIRDS, request("s")),
    ]
    asyncio.run(partition.live(late))
    reports = list(audit_history(partition.history(BIRDS)))
    assert said(reports) == []
    assert [report.window.counts.labels for report in reports] == [3, 5]
    assert [report.window.settings for report in reports] == [first, second]


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
        (setting("rule_version", to="0"), "of rule version 0, not 4"),
        (setting("type", to="forgery"), "what no worker says, at offset 0"),
    ],
)
def test_what_is_of_other_rules_is_refused(change: Change, sentence: str) -> None:
    with pytest.raises(AuditRefused, match=sentence):
        found(forged(Topic.WINDOWS, change))
