"""Input records: what is accepted, what is read of it, and why anything else is not."""

from typing import Any

import orjson
import pytest
from wire_builders import (
    ARRIVAL,
    HOME,
    MICROS,
    PARTITIONS,
    PROJECT,
    Record,
    annotation,
    bad_rows,
    body,
    control,
    facts,
    pieces,
    prediction,
    predictions,
    project,
    reason,
)

from schemas import (
    ABSTENTION,
    LABEL,
    RETRACTION,
    Close,
    Facts,
    ProjectSettings,
    Reason,
    Topic,
    home,
    parse_time,
)

NOON = "2025-11-24T12:00:00Z"
AHEAD = "2025-11-24T16:05:00.000001Z"
STRANGER = next(name for name in "abcdefgh" if home(name, PARTITIONS) != HOME)


def answers(event: dict[str, Any]) -> list[tuple[str, str, str | None, int, int]]:
    columns = facts(event, Topic.ANNOTATIONS).annotations
    assert set(columns.project) <= {PROJECT}
    return list(
        zip(
            columns.item,
            columns.annotator,
            columns.label,
            columns.kind,
            columns.time,
            strict=True,
        )
    )


# What is read.


def test_an_annotation_says_a_label_at_a_time() -> None:
    assert answers(annotation(time=NOON)) == [("i", "a", "cat", LABEL, parse_time(NOON))]


def test_an_annotation_without_time_has_the_brokers() -> None:
    assert answers(annotation()) == [("i", "a", "cat", LABEL, MICROS)]
    assert answers(annotation(time=None)) == [("i", "a", "cat", LABEL, MICROS)]


def test_a_null_label_is_an_abstention() -> None:
    assert answers(annotation(label=None)) == [("i", "a", None, ABSTENTION, MICROS)]


def test_a_retraction_takes_back_an_answer() -> None:
    event = body("retraction", item="i", annotator="a", time=NOON)
    assert answers(event) == [("i", "a", None, RETRACTION, parse_time(NOON))]
    del event["time"]
    assert answers(event) == [("i", "a", None, RETRACTION, MICROS)]


def test_rows_take_their_own_time_then_that_of_the_batch_then_the_brokers() -> None:
    rows = [
        {"item": "i", "annotator": "a", "label": "cat", "time": NOON},
        {"item": "j", "annotator": "b", "label": None},
    ]
    one = "2025-11-24T13:00:00+00:00"
    assert answers(body("annotations", rows=rows, time=one)) == [
        ("i", "a", "cat", LABEL, parse_time(NOON)),
        ("j", "b", None, ABSTENTION, parse_time(one)),
    ]
    assert answers(body("annotations", rows=rows))[1][-1] == MICROS


def test_items_are_registered_or_excluded() -> None:
    event = body("items", items=["i", "j"], status="excluded", time=NOON)
    statuses = facts(event, Topic.CONTROL).statuses
    assert statuses.project == [PROJECT, PROJECT]
    assert statuses.item == ["i", "j"]
    assert statuses.excluded == [True, True]
    assert statuses.time == [parse_time(NOON)] * 2
    assert statuses.stratum == [None, None]
    event = body("items", items=["i"], status="registered", stratum="s")
    assert facts(event, Topic.CONTROL).statuses.stratum == ["s"]
    assert facts(event, Topic.CONTROL).statuses.excluded == [False]
    assert facts(event, Topic.CONTROL).statuses.time == [MICROS]


@pytest.mark.parametrize("name", [" i ", "I", "\u00e9", "e\u0301", "\u0000", "\U0001f600" * 256])
def test_ids_and_names_are_taken_as_they_are(name: str) -> None:
    assert answers(annotation(item=name, annotator=name, label=name)) == [
        (name, name, name, LABEL, MICROS)
    ]


def test_unknown_fields_are_ignored_everywhere() -> None:
    rows = [{"item": "i", "annotator": "a", "label": "cat", "colour": 1}]
    assert answers(annotation(colour="red")) == answers(annotation())
    assert answers(body("annotations", rows=rows, colour=[])) == answers(annotation())
    close = body("close", cause="request", request_id="r", colour={})
    assert control(close, Topic.CONTROL).event == Close(cause="request", request_id="r")


def test_of_a_key_twice_the_last_one_counts() -> None:
    value = orjson.dumps(annotation())[:-1] + b',"label":"dog"}'
    (piece,) = pieces([Record(value)], Topic.ANNOTATIONS)
    assert isinstance(piece, Facts)
    assert piece.annotations.label == ["dog"]


def test_a_project_record_is_a_control_with_all_settings() -> None:
    piece = control(project(window_seconds=60), Topic.CONTROL)
    assert piece.project == PROJECT
    assert piece.timestamp == piece.now == ARRIVAL
    assert piece.event == ProjectSettings(
        classes=("cat", "dog"), models=("m",), budget=5, window_seconds=60
    )


def test_a_close_names_its_boundary_or_its_request() -> None:
    at = control(body("close", cause="boundary", boundary=NOON), Topic.CONTROL).event
    assert at == Close(cause="boundary", boundary=parse_time(NOON))
    asked = control(body("close", cause="request", request_id="r", budget=3), Topic.CONTROL).event
    assert asked == Close(cause="request", request_id="r", budget=3)


# Why it is not accepted: the record.


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (None, Reason.WRONG_KEY),
        (b"", Reason.WRONG_KEY),
        (b"\xff", Reason.WRONG_KEY),
        (b"k" * 1025, Reason.TOO_LARGE),
        (STRANGER.encode(), Reason.WRONG_PARTITION),
    ],
)
def test_a_record_belongs_to_a_project_at_home(key: bytes | None, why: Reason) -> None:
    for value in (orjson.dumps(annotation()), b"", b"not JSON"):
        (piece,) = pieces([Record(value, key=key)], Topic.ANNOTATIONS)
        assert isinstance(piece, Facts)
        (rejection,) = piece.rejections
        assert rejection.reason == why
        right = home(STRANGER, PARTITIONS) if why == Reason.WRONG_PARTITION else None
        assert rejection.home == right


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, Reason.EMPTY_VALUE),
        (b"", Reason.EMPTY_VALUE),
        (b" " * (1 << 20) + b"1", Reason.TOO_LARGE),
        (b" " * (1 << 20), Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b'{"a":NaN}', Reason.NOT_JSON),
        (b'{"a":-Infinity}', Reason.NOT_JSON),
        (b'{"a":1e400}', Reason.NOT_JSON),
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b'"\\ud800"', Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b'{"a":"\xff"}', Reason.NOT_UTF8),
        (b'"\xed\xa0\x80"', Reason.NOT_UTF8),
        (b"[]", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b"7" * 300, Reason.WRONG_TYPE),
        (b"{}", Reason.MISSING_FIELD),
        (b'{"type":"annotation"}', Reason.MISSING_FIELD),
        (b'{"schema_version":1}', Reason.MISSING_FIELD),
        (b'{"type":7,"schema_version":1}', Reason.WRONG_TYPE),
        (b'{"type":["annotation"],"schema_version":1}', Reason.WRONG_TYPE),
        (b'{"type":"annotation","schema_version":true}', Reason.WRONG_TYPE),
        (b'{"type":"annotation","schema_version":1.0}', Reason.WRONG_TYPE),
        (b'{"type":"annotation","schema_version":"1"}', Reason.WRONG_TYPE),
        (b'{"type":"annotation","schema_version":2}', Reason.UNKNOWN_SCHEMA_VERSION),
        (b'{"type":"opinion","schema_version":1}', Reason.UNKNOWN_TYPE),
        (b'{"type":"selection","schema_version":1}', Reason.UNKNOWN_TYPE),
        (b'{"type":"items","schema_version":1}', Reason.TYPE_NOT_ALLOWED),
        (b'{"type":"project","schema_version":1}', Reason.TYPE_NOT_ALLOWED),
        (b'{"type":"prediction","schema_version":1}', Reason.TYPE_NOT_ALLOWED),
        (b'{"type":"annotation","schema_version":1}', Reason.MISSING_FIELD),
    ],
)
def test_a_value_is_an_object_of_a_known_type(value: bytes | None, why: Reason) -> None:
    assert reason(value, Topic.ANNOTATIONS) == why


def test_a_record_of_a_whole_mebibyte_works() -> None:
    value = orjson.dumps(annotation())
    padded = value + b" " * ((1 << 20) - len(value))
    (piece,) = pieces([Record(padded)], Topic.ANNOTATIONS)
    assert isinstance(piece, Facts)
    assert piece.num_rows == 1


def test_deep_nesting_in_a_field_is_a_wrong_type() -> None:
    nested = b"[" * 1000 + b"]" * 1000
    for field, why in (("item", Reason.WRONG_TYPE), ("unknown", None)):
        value = orjson.dumps(annotation(**{field: "HERE"})).replace(b'"HERE"', nested)
        assert reason(value, Topic.ANNOTATIONS) == why


@pytest.mark.parametrize("field", ["item", "annotator", "label"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7, Reason.WRONG_TYPE),
        (10**30, Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
        (1.5, Reason.WRONG_TYPE),
        (["x"], Reason.WRONG_TYPE),
        ({"x": "y"}, Reason.WRONG_TYPE),
        ("", Reason.EMPTY_ID),
        ("é" * 513, Reason.TOO_LARGE),
        ("é" * 512, None),
    ],
)
def test_names_are_strings_of_1_to_1024_bytes(field: str, value: Any, why: Reason | None) -> None:
    text = orjson.dumps(annotation(**{field: "VALUE"})).replace(b'"VALUE"', _json(value))
    assert reason(text, Topic.ANNOTATIONS) == why


def _json(value: Any) -> bytes:
    return str(value).encode() if type(value) is int else orjson.dumps(value)


@pytest.mark.parametrize("field", ["item", "annotator"])
def test_a_null_is_no_id(field: str) -> None:
    assert reason(annotation(**{field: None}), Topic.ANNOTATIONS) == Reason.WRONG_TYPE
    event = body("retraction", **{"item": "i", "annotator": "a", field: None})
    assert reason(event, Topic.ANNOTATIONS) == Reason.WRONG_TYPE


def test_a_missing_label_is_no_abstention() -> None:
    event = annotation()
    del event["label"]
    assert reason(event, Topic.ANNOTATIONS) == Reason.MISSING_FIELD


@pytest.mark.parametrize(
    ("time", "why"),
    [
        (AHEAD, Reason.TIME_IN_FUTURE),
        ("2025-11-24T16:05:00Z", None),
        ("2025-11-24T16:00:00", Reason.TIME_WITHOUT_ZONE),
        ("2025-11-24", Reason.TIME_WITHOUT_ZONE),
        ("now", Reason.BAD_TIME),
        ("0001-01-01T00:00:00+12:00", Reason.BAD_TIME),
        ("", Reason.BAD_TIME),
        (1_764_000_000, Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
    ],
)
def test_times_are_aware_and_not_in_the_future(time: Any, why: Reason | None) -> None:
    rows = [{"item": "i", "annotator": "a", "label": "cat"}]
    retraction = body("retraction", item="i", annotator="a", time=time)
    assert reason(annotation(time=time), Topic.ANNOTATIONS) == why
    assert reason(retraction, Topic.ANNOTATIONS) == why
    assert reason(body("annotations", rows=rows, time=time), Topic.ANNOTATIONS) == why
    items = body("items", items=["i"], status="registered", time=time)
    assert reason(items, Topic.CONTROL) == why


def test_the_first_error_in_the_order_of_the_fields_is_the_reason() -> None:
    event = annotation(item=7, annotator="", time="now")
    assert reason(event, Topic.ANNOTATIONS) == Reason.WRONG_TYPE
    assert reason(event | {"item": "i"}, Topic.ANNOTATIONS) == Reason.EMPTY_ID
    assert reason(event | {"item": "i", "annotator": "a"}, Topic.ANNOTATIONS) == Reason.BAD_TIME


# Why it is not accepted: rows.


def test_rows_are_judged_one_by_one() -> None:
    good = {"item": "i", "annotator": "a", "label": "cat"}
    rows = [
        good,
        good | {"label": 7},
        good | {"time": AHEAD},
        good | {"item": ""},
        {"item": "i"},
        "row",
        good | {"item": "j" * 1025},
        good | {"time": NOON},
    ]
    event = body("annotations", rows=rows)
    assert answers(event) == [
        ("i", "a", "cat", LABEL, MICROS),
        ("i", "a", "cat", LABEL, parse_time(NOON)),
    ]
    assert bad_rows(event, Topic.ANNOTATIONS) == {
        1: Reason.WRONG_TYPE,
        2: Reason.TIME_IN_FUTURE,
        3: Reason.EMPTY_ID,
        4: Reason.MISSING_FIELD,
        5: Reason.WRONG_TYPE,
        6: Reason.TOO_LARGE,
    }


def test_bad_items_of_a_list_are_its_rows() -> None:
    event = body("items", items=["i", "", 7, "j"], status="registered")
    assert facts(event, Topic.CONTROL).statuses.item == ["i", "j"]
    assert bad_rows(event, Topic.CONTROL) == {1: Reason.EMPTY_ID, 2: Reason.WRONG_TYPE}


def test_an_error_outside_of_rows_rejects_the_record() -> None:
    event = body("annotations", rows=[7], time=AHEAD)
    assert reason(event, Topic.ANNOTATIONS) == Reason.TIME_IN_FUTURE
    assert reason(body("annotations", rows={}), Topic.ANNOTATIONS) == Reason.WRONG_TYPE
    assert reason(body("annotations"), Topic.ANNOTATIONS) == Reason.MISSING_FIELD
    assert reason(predictions([[1, 0]], model=""), Topic.PREDICTIONS) == Reason.EMPTY_ID
    assert reason(predictions([[1, 0]], classes="ab"), Topic.PREDICTIONS) == Reason.WRONG_TYPE
    event = body("items", items=["i"], status="gone")
    assert reason(event, Topic.CONTROL) == Reason.BAD_VALUE
    assert reason(event | {"status": 7}, Topic.CONTROL) == Reason.WRONG_TYPE


def test_ten_thousand_rows_work_and_one_more_does_not() -> None:
    items = [str(at) for at in range(10_000)]
    event = body("items", items=items, status="registered")
    assert facts(event, Topic.CONTROL).num_rows == 10_000
    for rows in ([*items, "more"], [7] * 400_000):
        event = body("items", items=rows, status="registered")
        assert reason(event, Topic.CONTROL) == Reason.TOO_LARGE
    many = body("annotations", rows=[{}] * 10_001)
    assert reason(many, Topic.ANNOTATIONS) == Reason.TOO_LARGE
    rows = [[1]] * 10_001
    assert reason(predictions(rows, classes=["a"]), Topic.PREDICTIONS) == Reason.TOO_LARGE


# Closes and projects.


@pytest.mark.parametrize(
    ("topic", "budget", "why"),
    [
        (Topic.CONTROL, None, None),
        (Topic.CONTROL, 5, None),
        (Topic.PREDICTIONS, None, None),
        (Topic.PREDICTIONS, 5, None),
        (Topic.ANNOTATIONS, 0, None),
        (Topic.ANNOTATIONS, 1, Reason.TYPE_NOT_ALLOWED),
        (Topic.ANNOTATIONS, None, Reason.TYPE_NOT_ALLOWED),
    ],
)
def test_requests_that_spend_budget_do_not_belong_on_annotations(
    topic: Topic, budget: int | None, why: Reason | None
) -> None:
    close = body("close", cause="request", request_id="r", budget=budget)
    assert reason(close, topic) == why


@pytest.mark.parametrize("topic", [Topic.ANNOTATIONS, Topic.PREDICTIONS])
def test_a_boundary_belongs_on_control_alone(topic: Topic) -> None:
    close = body("close", cause="boundary", boundary=NOON)
    assert reason(close, topic) == Reason.TYPE_NOT_ALLOWED
    assert reason(close, Topic.CONTROL) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, Reason.MISSING_FIELD),
        ({"cause": "whim"}, Reason.BAD_VALUE),
        ({"cause": 7}, Reason.WRONG_TYPE),
        ({"cause": "boundary"}, Reason.MISSING_FIELD),
        ({"cause": "boundary", "boundary": "now"}, Reason.BAD_TIME),
        ({"cause": "boundary", "boundary": 7}, Reason.WRONG_TYPE),
        ({"cause": "boundary", "boundary": "9999-01-01T00:00:00Z"}, None),
        ({"cause": "boundary", "boundary": NOON, "budget": 1}, Reason.BAD_VALUE),
        ({"cause": "boundary", "boundary": NOON, "request_id": "r"}, Reason.BAD_VALUE),
        ({"cause": "request"}, Reason.MISSING_FIELD),
        ({"cause": "request", "request_id": ""}, Reason.EMPTY_ID),
        ({"cause": "request", "request_id": 7}, Reason.WRONG_TYPE),
        ({"cause": "request", "request_id": "r", "boundary": NOON}, Reason.BAD_VALUE),
        ({"cause": "request", "request_id": "r", "budget": -1}, Reason.BAD_VALUE),
        ({"cause": "request", "request_id": "r", "budget": 10**9 + 1}, Reason.BAD_VALUE),
        ({"cause": "request", "request_id": "r", "budget": True}, Reason.WRONG_TYPE),
        ({"cause": "request", "request_id": "r", "annotator": "ann"}, None),
        ({"cause": "request", "request_id": "r", "annotator": ""}, Reason.EMPTY_ID),
        ({"cause": "request", "request_id": "r", "annotator": 7}, Reason.WRONG_TYPE),
        ({"cause": "boundary", "boundary": NOON, "annotator": "ann"}, Reason.BAD_VALUE),
    ],
)
def test_a_close_has_a_boundary_or_a_request(fields: dict[str, Any], why: Reason | None) -> None:
    assert reason(body("close", **fields), Topic.CONTROL) == why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"method": "activelab_ensemble", "models": ["m", "n"]}, None),
        ({"method": "activelab_ensemble"}, Reason.BAD_SETTINGS),
        ({"method": "activelab", "models": ["m", "n"]}, Reason.BAD_SETTINGS),
        ({"method": "entropy", "models": ["m", "n"]}, None),
        ({"method": "entropy"}, None),
        ({"method": "best"}, Reason.BAD_SETTINGS),
        ({"method": 7}, Reason.WRONG_TYPE),
        ({"mode": "robust"}, None),
        ({"mode": "strict"}, None),
        ({"mode": "loose"}, Reason.BAD_SETTINGS),
        ({"models": []}, Reason.BAD_SETTINGS),
        ({"models": ["m", "m"], "method": "random"}, Reason.DUPLICATE_NAME),
        ({"models": [""]}, Reason.EMPTY_ID),
        ({"classes": ["a"]}, Reason.BAD_SETTINGS),
        ({"classes": ["a", "a"]}, Reason.DUPLICATE_NAME),
        ({"classes": ["a", 7]}, Reason.WRONG_TYPE),
        ({"classes": "ab"}, Reason.WRONG_TYPE),
        ({"classes": [str(at) for at in range(10_000)]}, None),
        ({"classes": [str(at) for at in range(10_001)]}, Reason.TOO_LARGE),
        ({"budget": 0}, None),
        ({"budget": -1}, Reason.BAD_SETTINGS),
        ({"budget": 1.0}, Reason.WRONG_TYPE),
        ({"budget": 10**9 + 1}, Reason.BAD_SETTINGS),
        ({"window_seconds": None}, None),
        ({"window_seconds": 0}, Reason.BAD_SETTINGS),
        ({"window_seconds": 10**9 + 1}, Reason.BAD_SETTINGS),
        ({"lease_seconds": 0}, Reason.BAD_SETTINGS),
        ({"lease_seconds": None}, Reason.WRONG_TYPE),
        ({"max_answers": 0}, Reason.BAD_SETTINGS),
        ({"max_answers": 300}, None),
        ({"max_answers": 301}, Reason.BAD_SETTINGS),
        ({"on_request_only": 1}, Reason.WRONG_TYPE),
        ({"aliases": {}}, None),
        ({"aliases": {"kitty": "cat", "hound": "dog"}}, None),
        ({"aliases": {"cat": "cat"}}, Reason.BAD_SETTINGS),
        ({"aliases": {"kitty": "eel"}}, Reason.BAD_SETTINGS),
        ({"aliases": {"": "cat"}}, Reason.EMPTY_ID),
        ({"aliases": {"kitty": 7}}, Reason.WRONG_TYPE),
        ({"aliases": [["kitty", "cat"]]}, Reason.WRONG_TYPE),
        ({"aliases": {str(at): "cat" for at in range(10_001)}}, Reason.TOO_LARGE),
        ({"quality_target": 0.5}, None),
        ({"quality_target": 1}, None),
        ({"quality_target": None}, None),
        ({"quality_target": 0.49}, Reason.BAD_SETTINGS),
        ({"quality_target": 1.01}, Reason.BAD_SETTINGS),
        ({"quality_target": "0.9"}, Reason.WRONG_TYPE),
        ({"strata": {"x": {}, "y": {"quota": 100, "priority": -1000}}}, None),
        ({"strata": {"x": {"quota": 60}, "y": {"quota": 41}}}, Reason.BAD_SETTINGS),
        ({"strata": {"x": {"quota": 101}}}, Reason.BAD_SETTINGS),
        ({"strata": {"x": {"quota": -1}}}, Reason.BAD_SETTINGS),
        ({"strata": {"x": {"quota": 0.3}}}, Reason.WRONG_TYPE),
        ({"strata": {"x": {"priority": 1001}}}, Reason.BAD_SETTINGS),
        ({"strata": {"x": 3}}, Reason.WRONG_TYPE),
        ({"strata": {"x": {"colour": 3}}}, None),
        ({"strata": {"": {}}}, Reason.EMPTY_ID),
        ({"strata": {str(at): {} for at in range(101)}}, Reason.TOO_LARGE),
        ({"state": "paused"}, None),
        ({"state": "gone"}, Reason.BAD_SETTINGS),
        ({"seed": 7}, Reason.WRONG_TYPE),
    ],
)
def test_settings_have_their_types_and_limits(fields: dict[str, Any], why: Reason | None) -> None:
    assert reason(project(**fields), Topic.CONTROL) == why


@pytest.mark.parametrize("field", ["classes", "models", "budget"])
def test_classes_models_and_budget_have_no_default(field: str) -> None:
    event = project()
    del event[field]
    assert reason(event, Topic.CONTROL) == Reason.MISSING_FIELD


@pytest.mark.parametrize("event", [prediction(), predictions([[1, 0]])])
def test_a_prediction_names_item_and_model(event: dict[str, Any]) -> None:
    for field in event.keys() - {"schema_version", "type"}:
        without = {name: value for name, value in event.items() if name != field}
        assert reason(without, Topic.PREDICTIONS) == Reason.MISSING_FIELD
