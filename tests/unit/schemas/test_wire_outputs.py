"""Outputs are strict, and what the fast encoders write is what the models accept and dump."""

from typing import Any, get_args

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from schemas import (
    AnnotatorTrust,
    BoundaryCause,
    Counts,
    ItemScore,
    ModelParameters,
    Outlook,
    Output,
    Parameters,
    ProjectSettings,
    Refusal,
    RefusalReason,
    RequestCause,
    Selection,
    Tombstone,
    Topic,
    Window,
    encode_annotator_trust,
    encode_item_scores,
    encode_selections,
    pair_key,
    parse_output,
    project_key,
)

NAMES = st.text(
    st.characters(codec="utf-8") | st.sampled_from('",\\%\n[]{}: '), min_size=1, max_size=20
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SHARE = st.floats(0, 1)
PROGRESS = st.sampled_from(["open", "contested", "done"])
FLAGS = st.sampled_from(["too few", "fine", "below the model", "worse than chance"])
MICROS = 1_764_000_000_000_000


def columns(num: int, elements: st.SearchStrategy[Any], dtype: Any) -> Any:
    return hnp.arrays(dtype, num, elements=elements)


@given(st.integers(0, 4), st.data())
def test_encoded_item_scores_are_what_the_model_dumps(num: int, data: st.DataObject) -> None:
    projects = data.draw(st.lists(NAMES, min_size=num, max_size=num))
    epochs = data.draw(st.lists(st.integers(0, 2**40), min_size=num, max_size=num))
    counts = columns(num, st.integers(0, 2**31 - 1), np.int32)
    items = data.draw(st.lists(NAMES, min_size=num, max_size=num))
    labels = data.draw(st.lists(st.none() | NAMES, min_size=num, max_size=num))
    quality = data.draw(columns(num, FINITE | st.just(np.nan), np.float64))
    score = data.draw(columns(num, FINITE, np.float64))
    encoded = encode_item_scores(
        projects,
        items=items,
        activelab_score=score,
        consensus_label=labels,
        consensus_quality=quality,
        num_annotations=data.draw(counts),
        num_answers=data.draw(counts),
        has_prediction=data.draw(columns(num, st.booleans(), np.bool_)),
        progress=data.draw(st.lists(PROGRESS, min_size=num, max_size=num)),
        epoch=epochs,
        provisional=True,
    )
    for at, (key, value) in zip(range(num), zip(*encoded, strict=True), strict=True):
        said = parse_output(Topic.ITEM_SCORES, key, value)
        assert isinstance(said, ItemScore)
        assert said.to_bytes() == value
        assert (said.item, said.consensus_label) == (items[at], labels[at])
        assert (said.project, said.epoch) == (projects[at], epochs[at])
        assert said.activelab_score == score[at]
        expected = None if np.isnan(quality[at]) else quality[at]
        assert said.consensus_quality == expected


@given(st.integers(0, 4), st.data())
def test_encoded_trust_is_what_the_model_dumps(num: int, data: st.DataObject) -> None:
    projects = data.draw(st.lists(NAMES, min_size=num, max_size=num))
    epochs = data.draw(st.lists(st.integers(0, 2**40), min_size=num, max_size=num))
    counts = columns(num, st.integers(0, 2**31 - 1), np.int32)
    floats = columns(num, FINITE | st.just(np.nan), np.float64)
    agreement = data.draw(floats)
    encoded = encode_annotator_trust(
        projects,
        annotators=data.draw(st.lists(NAMES, min_size=num, max_size=num)),
        annotator_agreement=agreement,
        agreement_low=data.draw(columns(num, SHARE, np.float64)),
        agreement_high=data.draw(columns(num, SHARE, np.float64)),
        flag=data.draw(st.lists(FLAGS, min_size=num, max_size=num)),
        annotator_weight=data.draw(floats),
        num_compared=data.draw(counts),
        num_overlapping=data.draw(counts),
        num_annotations=data.draw(counts),
        imputed=data.draw(columns(num, st.booleans(), np.bool_)),
        epoch=epochs,
    )
    for at, (key, value) in zip(range(num), zip(*encoded, strict=True), strict=True):
        said = parse_output(Topic.ANNOTATOR_TRUST, key, value)
        assert isinstance(said, AnnotatorTrust)
        assert said.to_bytes() == value
        assert (said.annotator_agreement is None) == np.isnan(agreement[at])
        assert (said.project, said.epoch) == (projects[at], epochs[at])


@given(NAMES, st.integers(0, 4), st.data())
def test_encoded_selections_are_what_the_model_dumps(
    project: str, num: int, data: st.DataObject
) -> None:
    answered_by = data.draw(st.lists(st.lists(NAMES), min_size=num, max_size=num))
    relabel = data.draw(columns(num, st.booleans(), np.bool_))
    stratum = data.draw(st.lists(st.none() | NAMES, min_size=num, max_size=num))
    encoded = encode_selections(
        project,
        window=3,
        until=MICROS,
        items=data.draw(st.lists(NAMES, min_size=num, max_size=num)),
        score=data.draw(columns(num, FINITE, np.float64)),
        answered_by=answered_by,
        relabel=relabel,
        stratum=stratum,
    )
    assert len(encoded) == num
    for at, value in enumerate(encoded):
        said = parse_output(Topic.SELECTIONS, project.encode(), value)
        assert isinstance(said, Selection)
        assert said.to_bytes() == value
        assert (said.rank, said.of, said.until) == (at + 1, num, MICROS)
        assert said.answered_by == tuple(answered_by[at])
        assert said.stratum == stratum[at]
        assert (said.reason == "relabel") == relabel[at]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_never_leaves(score: float) -> None:
    with pytest.raises(ValueError, match="Not finite"):
        encode_selections(
            "p",
            window=1,
            until=0,
            items=["i"],
            score=np.array([score]),
            answered_by=[[]],
            relabel=np.array([False]),
            stratum=[None],
        )


def window(**fields: Any) -> Window:
    return Window(
        **{
            "project": "digits",
            "window": 1,
            "cause": BoundaryCause(boundary=MICROS),
            "now": MICROS,
            "cut": {"annotations.v1": 3, "predictions.v1": 0, "control.v1": 1},
            "settings": ProjectSettings(classes=["a", "b"], models=["m"], budget=3),
            "rule_version": "1",
            "epoch": 2,
            "parameters": Parameters(
                regime="overlaps",
                models={"m": ModelParameters(temperature=1.0, model_weight=0.5)},
                consensus_likelihood=0.9,
                majority_class_error=None,
                mean_annotator_weight=1.0,
            ),
            "counts": Counts(
                items=5,
                labels=3,
                annotators=2,
                dormant={"labels:bird": 1},
                leased=0,
                eligible=4,
                selected=3,
                budget_left=0,
            ),
            "outlook": Outlook(
                open=4,
                contested=0,
                done=1,
                wrong_labelled=0.25,
                wrong_unlabelled=1.5,
                gain_per_label=None,
            ),
            "digest": "0" * 64,
            **fields,
        }
    )


def refusal() -> Refusal:
    return Refusal(
        project="digits",
        cause=RequestCause(request_id="r"),
        reason=RefusalReason.NO_PROJECT,
        now=MICROS,
        cut={},
    )


@pytest.mark.parametrize("said", [window(), refusal()])
def test_a_manifest_and_a_refusal_are_read_as_they_were_written(said: Output) -> None:
    assert parse_output(Topic.WINDOWS, project_key("digits"), said.to_bytes()) == said
    written = orjson.loads(said.to_bytes())
    assert written["now"] == "2025-11-24T16:00:00Z"
    assert (written["type"], written["schema_version"]) == (said.type, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"cause": {"boundary": "2025-11-24T16:00:00Z", "request_id": "r"}},
        {"cause": {}},
        {"settings": {"colour": "red"}},
        {"counts": {}},
        {"digest": "0"},
        {"epoch": True},
        {"now": MICROS},
        {"now": "2025-11-24T16:00:00"},
        {"schema_version": 2},
        {"schema_version": True},
        {"type": "selection"},
        {"project": "other"},
    ],
)
def test_any_other_record_is_an_error_to_its_readers(change: dict[str, Any]) -> None:
    body = orjson.loads(window().to_bytes())
    if change.get("settings"):
        change = {"settings": body["settings"] | change["settings"]}
    with pytest.raises(ValueError):
        parse_output(Topic.WINDOWS, b"digits", orjson.dumps(body | change))


@pytest.mark.parametrize("field", ["type", "schema_version", "epoch", "project"])
def test_no_field_of_an_output_may_be_missing(field: str) -> None:
    body = orjson.loads(window().to_bytes())
    del body[field]
    with pytest.raises(ValueError):
        parse_output(Topic.WINDOWS, b"digits", orjson.dumps(body))


def test_a_tombstone_says_whose_it_is() -> None:
    key = pair_key("digits", "i")
    for topic in (Topic.ITEM_SCORES, Topic.ANNOTATOR_TRUST):
        assert parse_output(topic, key, None) == Tombstone("digits", "i")


@pytest.mark.parametrize(
    ("topic", "key", "value"),
    [
        (Topic.SELECTIONS, b"digits", None),
        (Topic.WINDOWS, None, b"{}"),
        (Topic.WINDOWS, b"\xff", b"{}"),
        (Topic.WINDOWS, b"digits", b"{"),
        (Topic.ITEM_SCORES, b"digits", None),
        (Topic.ITEM_SCORES, None, None),
    ],
)
def test_outputs_have_a_key_and_all_but_two_topics_a_value(
    topic: Topic, key: bytes | None, value: bytes | None
) -> None:
    with pytest.raises(ValueError):
        parse_output(topic, key, value)


def test_a_score_under_another_items_key_is_an_error() -> None:
    _, (value,) = encode_item_scores(
        ["digits"],
        items=["i"],
        activelab_score=np.array([0.5]),
        consensus_label=[None],
        consensus_quality=np.array([np.nan]),
        num_annotations=np.array([0]),
        num_answers=np.array([0]),
        has_prediction=np.array([True]),
        progress=["open"],
        epoch=[1],
        provisional=False,
    )
    with pytest.raises(ValueError, match="another's key"):
        parse_output(Topic.ITEM_SCORES, pair_key("digits", "j"), value)


def test_every_reason_of_a_selection_can_be_written() -> None:
    assert set(get_args(Selection.model_fields["reason"].annotation)) == {
        "first_label",
        "relabel",
    }
