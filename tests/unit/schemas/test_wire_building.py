"""Building inputs is strict: what is built is accepted by `decode`, anything else raises."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from wire_builders import MICROS, Record, pieces

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Control,
    Event,
    Items,
    Prediction,
    Predictions,
    ProjectSettings,
    Retraction,
    Topic,
)

NOON = "2025-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("event", "topic", "fields"),
    [
        (
            Annotation(item="i", annotator="a", label=None, time=NOON),
            Topic.ANNOTATIONS,
            {"type": "annotation", "item": "i", "annotator": "a", "label": None, "time": NOON},
        ),
        (
            Annotations(rows=[Answer(item="i", annotator="a", label="cat")]),
            Topic.ANNOTATIONS,
            {
                "type": "annotations",
                "rows": [{"item": "i", "annotator": "a", "label": "cat"}],
            },
        ),
        (
            Retraction(item="i", annotator="a"),
            Topic.ANNOTATIONS,
            {"type": "retraction", "item": "i", "annotator": "a"},
        ),
        (
            Prediction(item="i", model="m", version=1, pred_probs={"cat": 1}),
            Topic.PREDICTIONS,
            {
                "type": "prediction",
                "item": "i",
                "model": "m",
                "version": 1,
                "pred_probs": {"cat": 1.0},
            },
        ),
        (
            Predictions(model="m", classes=("a", "b"), items=("i",), pred_probs=[(0.5, 0.5)]),
            Topic.PREDICTIONS,
            {
                "type": "predictions",
                "model": "m",
                "classes": ["a", "b"],
                "items": ["i"],
                "pred_probs": [[0.5, 0.5]],
            },
        ),
        (
            Items(items=["i"], status="excluded"),
            Topic.CONTROL,
            {"type": "items", "items": ["i"], "status": "excluded"},
        ),
        (
            Close(cause="boundary", boundary=NOON),
            Topic.CONTROL,
            {"type": "close", "cause": "boundary", "boundary": NOON},
        ),
        (
            Close(cause="request", request_id="r", budget=0),
            Topic.ANNOTATIONS,
            {"type": "close", "cause": "request", "request_id": "r", "budget": 0},
        ),
        (
            ProjectSettings(classes=["a", "b"], models=["m"], budget=3),
            Topic.CONTROL,
            {
                "type": "project",
                "classes": ["a", "b"],
                "aliases": {},
                "models": ["m"],
                "method": "activelab",
                "mode": "robust",
                "budget": 3,
                "window_seconds": None,
                "on_request_only": False,
                "lease_seconds": 3600,
                "max_answers": 10,
                "quality_target": None,
                "strata": {},
                "state": "active",
                "seed": "",
            },
        ),
    ],
)
def test_a_built_record_says_what_it_was_built_of_and_is_accepted(
    event: Event, topic: Topic, fields: dict[str, Any]
) -> None:
    value = event.to_bytes()
    assert orjson.loads(value) == fields | {"schema_version": 1}
    (piece,) = pieces([Record(value)], topic)
    if isinstance(piece, Control):
        assert piece.event == event
    else:
        assert piece.num_rows == 1
        assert not piece.rejections


def test_a_time_is_built_from_text_an_aware_datetime_or_microseconds() -> None:
    moment = datetime.fromtimestamp(MICROS / 1e6, UTC)
    for time in (MICROS, moment, moment.isoformat()):
        built = Retraction(item="i", annotator="a", time=time)
        assert built.time == MICROS
        assert orjson.loads(built.to_bytes())["time"] == "2025-11-24T16:00:00Z"


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Annotation, {"item": "i", "annotator": "a"}),
        (Annotation, {"item": "i", "annotator": "a", "label": 7}),
        (Annotation, {"item": "", "annotator": "a", "label": "cat"}),
        (Annotation, {"item": "i", "annotator": "a", "label": "cat", "tiem": NOON}),
        (Annotation, {"item": "i", "annotator": "a", "label": "cat", "time": 1.5}),
        (Annotation, {"item": "i", "annotator": "a", "label": "cat", "time": True}),
        (Annotation, {"item": "\ud800", "annotator": "a", "label": "cat"}),
        (
            Annotation,
            {
                "item": "i",
                "annotator": "a",
                "label": "cat",
                "time": datetime.fromisoformat("2025-01-01"),
            },
        ),
        (Annotation, {"item": "i", "annotator": "a", "label": "cat", "time": 10**30}),
        (Annotations, {"rows": [{"item": "i", "annotator": "a"}]}),
        (Items, {"items": {"i"}, "status": "excluded"}),
        (Prediction, {"item": "i", "model": "m", "pred_probs": {"cat": 0.5}}),
        (Prediction, {"item": "i", "model": "m", "pred_probs": {"cat": float("nan")}}),
        (Predictions, {"model": "m", "classes": ["a"], "items": ("i",), "pred_probs": ()}),
        (Predictions, {"model": "m", "classes": ["a"], "items": ["i"], "pred_probs": [[0.5]]}),
        (ProjectSettings, {"classes": ["a", "b"], "models": ["m"], "budget": 1, "colour": "red"}),
    ],
)
def test_what_decode_would_reject_or_not_read_can_not_be_built(
    model: type[Event], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        model(**fields)


def test_a_record_over_a_mebibyte_can_not_be_encoded() -> None:
    fits = Items(items=[f"{at:0100}" for at in range(10_000)], status="registered")
    assert len(fits.to_bytes()) < 1 << 20
    more = Items(items=[f"{at:0110}" for at in range(10_000)], status="registered")
    with pytest.raises(ValueError, match="more than a record may have"):
        more.to_bytes()


def test_models_are_frozen() -> None:
    settings = ProjectSettings(classes=["a", "b"], models=["m"], budget=3)
    with pytest.raises(ValidationError):
        settings.budget = 4
    assert ProjectSettings.model_validate(settings.model_dump(mode="json")) == settings
