"""Folding: what wins, what is stale, what is rejected, and what is said of it."""

import orjson
import pytest
from memory_ports import Sent, Stage
from remembered import said_of

from schemas import (
    Annotation,
    Annotations,
    AnnotatorTrust,
    Answer,
    Close,
    Items,
    ItemScore,
    Predictions,
    ProjectSettings,
    Tombstone,
    Topic,
    Window,
    parse_dead_letter,
    parse_output,
)
from stream_app.ports import Message

P = "p"
SETTINGS = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)


def scores(said: list[tuple[str, Message]]) -> dict[str, ItemScore | None]:
    found: dict[str, ItemScore | None] = {}
    for topic, message in said:
        if topic == Topic.ITEM_SCORES:
            match parse_output(topic, message.key, message.value):
                case ItemScore() as score:
                    found[score.item] = score
                case Tombstone(name=item):
                    found[item] = None
    return found


def metric(stage: Stage, name: str, **labels: str) -> float:
    value = stage.step.telemetry.registry.get_sample_value(name, labels)
    assert value is not None
    return value


async def stage_with_project() -> Stage:
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, SETTINGS)
    return stage


async def test_only_touched_items_and_acting_annotators_are_said_anew() -> None:
    stage = await stage_with_project()
    rows = (
        Answer(item="a", annotator="x", label="cat"),
        Answer(item="b", annotator="y", label="dog"),
    )
    await stage.publish(Topic.ANNOTATIONS, P, Annotations(rows=rows))
    said = await stage.publish(
        Topic.ANNOTATIONS, P, Annotation(item="a", annotator="z", label="dog")
    )
    assert scores(said).keys() == {"a"}
    trust = [
        parse_output(topic, m.key, m.value) for topic, m in said if topic == Topic.ANNOTATOR_TRUST
    ]
    assert [t.annotator for t in trust if isinstance(t, AnnotatorTrust)] == ["z"]
    (score,) = scores(said).values()
    assert score is not None
    assert (score.num_annotations, score.provisional) == (2, True)


async def test_an_annotators_labels_and_an_items_are_judged_by_how_many_there_are() -> None:
    stage = await stage_with_project()
    rows = tuple(
        Answer(item=f"i{item}", annotator=who, label="dog" if who == "eve" else "cat")
        for item in range(20)
        for who in ("ann", "bob", "eve")
    )
    said = await stage.publish(Topic.ANNOTATIONS, P, Annotations(rows=rows))
    few = Annotation(item="i0", annotator="dan", label="cat")
    said += await stage.publish(Topic.ANNOTATIONS, P, few)
    trust = {
        one.annotator: one
        for topic, m in said
        if topic == Topic.ANNOTATOR_TRUST
        and isinstance(one := parse_output(topic, m.key, m.value), AnnotatorTrust)
    }
    assert (trust["eve"].flag, trust["dan"].flag) == ("worse than chance", "too few")
    assert (trust["eve"].num_overlapping, trust["eve"].num_compared) == (20, 40)
    assert trust["eve"].agreement_high < 0.5 < trust["dan"].agreement_high
    everyone = [score for score in scores(said).values() if score is not None]
    assert {score.progress for score in everyone} == {"done"}


async def test_a_duplicate_changes_nothing_and_is_counted_as_stale() -> None:
    stage = await stage_with_project()
    label = Annotation(item="a", annotator="x", label="cat", time="2026-01-01T00:00:00Z")
    await stage.publish(Topic.ANNOTATIONS, P, label)
    table = dict(stage.memory.table)
    said = await stage.publish(Topic.ANNOTATIONS, P, label)
    assert said == []
    changed = {k for k, v in stage.memory.table.items() if table.get(k) != v}
    assert changed == {b"a"}  # only how far it has come
    assert metric(stage, "activelab_events_total", type="label", outcome="stale") == 1
    assert metric(stage, "activelab_events_total", type="label", outcome="won") == 1


async def test_what_is_said_is_the_same_whatever_the_order_of_arrival() -> None:
    first = Annotation(item="a", annotator="x", label="cat", time="2026-01-01T00:00:00Z")
    second = Annotation(item="a", annotator="x", label="dog", time="2026-01-01T00:00:01Z")
    tables = []
    for order in ((first, second), (second, first)):
        stage = await stage_with_project()
        await stage.publish(Topic.ANNOTATIONS, P, *order)
        stage.memory.table.pop(b"a")
        tables.append(stage.memory.table)
    assert tables[0] == tables[1]


async def test_a_restarted_partition_is_the_one_that_was_there() -> None:
    stage = await stage_with_project()
    await stage.publish(Topic.CONTROL, P, Items(items=("r",), status="registered"))
    await stage.publish(
        Topic.PREDICTIONS,
        P,
        Predictions(
            model="m", classes=("dog", "cat"), items=("a", "b"), pred_probs=((0.1, 0.9), (0.6, 0.4))
        ),
    )
    rows = [
        Answer(item=item, annotator=who, label=label)
        for item, who, label in (("a", "x", "cat"), ("a", "y", "dog"), ("b", "x", "dog"))
    ]
    await stage.publish(Topic.ANNOTATIONS, P, Annotations(rows=tuple(rows)))
    before = stage.step.partitions[0].projects[P]
    stage.restart()
    after = stage.step.partitions[0].projects[P]
    assert after.settings == before.settings
    assert said_of(after) == said_of(before) != {}
    assert after.leases == before.leases
    ours, theirs = after.pool.refresh().scores, before.pool.refresh().scores
    as_dict = dict(zip(ours.item_ids, ours.activelab_score.tolist(), strict=True))
    assert as_dict == dict(zip(theirs.item_ids, theirs.activelab_score.tolist(), strict=True))


async def test_a_model_with_its_classes_in_another_order_says_the_same() -> None:
    found = []
    for classes, row in ((("cat", "dog"), (0.9, 0.1)), (("dog", "cat"), (0.1, 0.9))):
        stage = await stage_with_project()
        batch = Predictions(model="m", classes=classes, items=("a",), pred_probs=(row,))
        found.append(scores(await stage.publish(Topic.PREDICTIONS, P, batch)))
    assert found[0] == found[1]
    assert found[0]["a"] is not None
    assert found[0]["a"].consensus_label == "cat"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "not_json"),
        (None, "empty_value"),
        (b'{"type":"x","schema_version":1}', "unknown_type"),
    ],
)
async def test_a_bad_record_is_one_dead_letter_with_its_bytes_and_nothing_else(
    value: bytes | None, reason: str
) -> None:
    stage = await stage_with_project()
    said = len(stage.memory.said)
    await stage.step.take(stage.run(Topic.ANNOTATIONS, [Sent(0, stage.now, b"p", value)]))
    ((topic, message),) = stage.memory.said[said:]
    letter = parse_dead_letter(message.key, message.value, message.headers)
    assert topic == Topic.DEAD_LETTERS
    assert (letter.key, letter.value, letter.reason) == (b"p", value, reason)
    assert (letter.topic, letter.partition, letter.offset) == (Topic.ANNOTATIONS, 0, 0)
    assert metric(stage, "activelab_dead_letters_total", reason=reason) == 1


async def test_good_rows_of_a_batch_count_and_bad_ones_are_listed() -> None:
    stage = await stage_with_project()
    body = {
        "type": "annotations",
        "schema_version": 1,
        "rows": [
            {"item": "a", "annotator": "x", "label": "cat"},
            {"item": "", "annotator": "x", "label": "cat"},
            {"item": "b", "annotator": "x", "label": 7},
        ],
    }
    sent = Sent(0, stage.now, b"p", orjson.dumps(body))
    before = len(stage.memory.said)
    await stage.step.take(stage.run(Topic.ANNOTATIONS, [sent]))
    said = stage.memory.said[before:]
    assert scores(said).keys() == {"a"}
    (letter,) = [
        parse_dead_letter(m.key, m.value, m.headers)
        for topic, m in said
        if topic == Topic.DEAD_LETTERS
    ]
    assert (letter.reason, letter.rows) == (None, ((1, "empty_id"), (2, "wrong_type")))


async def test_a_run_is_cut_at_closes_so_that_a_window_knows_what_precedes_it_only() -> None:
    stage = await stage_with_project()
    early = Annotation(item="a", annotator="x", label="cat")
    late = Annotation(item="b", annotator="x", label="cat")
    close = Close(cause="request", request_id="r", budget=0)
    said = await stage.publish(Topic.ANNOTATIONS, P, early, close, late)
    (window,) = [
        one
        for topic, m in said
        if topic == Topic.WINDOWS and isinstance(one := parse_output(topic, m.key, m.value), Window)
    ]
    assert window.counts.items == 1
    assert window.cut[Topic.ANNOTATIONS] == 2


async def test_excluding_an_item_says_so_with_a_tombstone_and_it_comes_back() -> None:
    stage = await stage_with_project()
    await stage.publish(Topic.ANNOTATIONS, P, Annotation(item="a", annotator="x", label="cat"))
    out = Items(items=("a",), status="excluded")
    assert scores(await stage.publish(Topic.CONTROL, P, out)) == {"a": None}
    stage.now += 1
    back = Items(items=("a",), status="registered")
    assert scores(await stage.publish(Topic.CONTROL, P, back))["a"] is not None
