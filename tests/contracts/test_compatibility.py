"""What was promised by a release is kept, and a broken promise is found.

``frozen`` has the AsyncAPI document of each release under its version; freezing is a copy of
docs/schemas/asyncapi.json, and a frozen one is never changed again.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compatibility import broken_promises

from stream_app.contracts import asyncapi
from stream_app.settings import Settings

FROZEN = sorted(Path(__file__).with_name("frozen").glob("*.json"))
Document = dict[str, Any]


WRITTEN = json.dumps(asyncapi(Settings.model_construct()))
"""The document of the defaults."""


def today() -> Document:
    """Return the document of the defaults, to be changed at will."""
    document: Document = json.loads(WRITTEN)
    return document


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.stem)
def test_a_program_written_for_a_release_goes_on_working(frozen: Path) -> None:
    assert broken_promises(json.loads(frozen.read_text()), today()) == []


def test_a_release_is_frozen() -> None:
    assert FROZEN


def fields(document: Document, record: str) -> Document:
    """Return the fields of a record."""
    schema: Document = document["components"]["schemas"][record]["properties"]
    return schema


def drop_topic(document: Document) -> None:
    del document["channels"]["windows.v1"], document["operations"]["windows.v1"]


def move_topic(document: Document) -> None:
    document["channels"]["selections.v1"]["address"] = "selections.v2"


def turn_topic(document: Document) -> None:
    document["operations"]["predictions.v1"]["action"] = "send"


def drop_type(document: Document) -> None:
    del document["channels"]["annotations.v1"]["messages"]["retraction"]


def change_key(document: Document) -> None:
    key = document["components"]["messages"]["item_score"]["bindings"]["kafka"]["key"]
    key["type"] = "object"


def demand_field(document: Document) -> None:
    document["components"]["schemas"]["annotation"]["required"].append("time")


def ignore_field(document: Document) -> None:
    del fields(document, "prediction")["version"]


def demand_within_rows(document: Document) -> None:
    document["components"]["schemas"]["Answer"]["required"].append("time")


def change_default(document: Document) -> None:
    fields(document, "project")["lease_seconds"]["default"] = 60


def change_type(document: Document) -> None:
    fields(document, "annotation")["item"] = {"type": "integer"}


def forget_null(document: Document) -> None:
    fields(document, "annotation")["label"] = {"type": "string"}


def fewer_rows(document: Document) -> None:
    fields(document, "annotations")["rows"]["maxItems"] = 100


def more_classes(document: Document) -> None:
    fields(document, "project")["classes"]["minItems"] = 3


def forget_method(document: Document) -> None:
    fields(document, "project")["method"]["enum"].remove("entropy")


def new_version(document: Document) -> None:
    fields(document, "close")["schema_version"]["const"] = 2


def rename_output(document: Document) -> None:
    selection = fields(document, "selection")
    selection["position"] = selection.pop("rank")
    document["components"]["schemas"]["selection"]["required"].remove("rank")


def maybe_output(document: Document) -> None:
    document["components"]["schemas"]["item_score"]["required"].remove("epoch")


def null_output(document: Document) -> None:
    fields(document, "selection")["score"] = {"anyOf": [{"type": "number"}, {"type": "null"}]}


def text_output(document: Document) -> None:
    fields(document, "annotator_trust")["num_compared"] = {"type": "string"}


def wider_output(document: Document) -> None:
    fields(document, "annotator_trust")["agreement_low"] = {"type": "number"}


def other_time(document: Document) -> None:
    del fields(document, "selection")["until"]["format"]


def drop_inside(document: Document) -> None:
    del fields(document, "Outlook")["wrong_labelled"]


def drop_header(document: Document) -> None:
    del document["components"]["messages"]["dead_letter"]["headers"]["properties"]["home"]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (drop_topic, "windows.v1 is gone"),
        (move_topic, "selections.v1 is elsewhere: selections.v2"),
        (turn_topic, "predictions.v1 flows the other way"),
        (drop_type, "annotations.v1 has no retraction any more"),
        (change_key, "the key of item_score is object where string is understood"),
        (demand_field, "annotation.payload.time must be there"),
        (ignore_field, "prediction.payload.version is gone"),
        (demand_within_rows, "annotations.payload.rows[].time must be there"),
        (change_default, "project.payload.lease_seconds was 3600 where it was not said"),
        (change_type, "annotation.payload.item is string where integer is understood"),
        (forget_null, "annotation.payload.label is null where string is understood"),
        (fewer_rows, "annotations.payload.rows may be above maxItems 100"),
        (more_classes, "project.payload.classes may be below minItems 3"),
        (forget_method, "project.payload.method may be 'entropy', which is not understood"),
        (new_version, "close.payload.schema_version may be 1, which is not understood"),
        (rename_output, "selection.payload.rank may be absent"),
        (maybe_output, "item_score.payload.epoch may be absent"),
        (null_output, "selection.payload.score is null where number is understood"),
        (text_output, "annotator_trust.payload.num_compared is string where integer is understood"),
        (wider_output, "annotator_trust.payload.agreement_low may be below minimum 0"),
        (other_time, "selection.payload.until may be without format date-time"),
        (drop_inside, "window.payload.outlook.wrong_labelled is gone"),
        (drop_header, "dead_letter.headers.home is gone"),
    ],
)
def test_a_broken_promise_is_found(broken: Callable[[Document], None], sentence: str) -> None:
    document = today()
    broken(document)
    assert sentence in broken_promises(today(), document)


def new_topic(document: Document) -> None:
    document["channels"]["more.v1"] = document["channels"]["windows.v1"]
    document["operations"]["more.v1"] = document["operations"]["windows.v1"]


def new_setting(document: Document) -> None:
    fields(document, "project")["colour"] = {"type": "string", "default": ""}
    fields(document, "ProjectSettings")["colour"] = {"type": "string", "default": ""}


def more_rows(document: Document) -> None:
    fields(document, "annotations")["rows"]["maxItems"] = 20_000


def maybe_null(document: Document) -> None:
    name = fields(document, "annotation")["item"]
    fields(document, "annotation")["item"] = {"anyOf": [name, {"type": "null"}]}


def new_words(document: Document) -> None:
    fields(document, "project")["method"]["enum"].append("newest")
    fields(document, "ProjectSettings")["method"]["enum"].append("newest")
    fields(document, "selection")["reason"]["enum"].append("third_label")


def new_output_field(document: Document) -> None:
    fields(document, "selection")["colour"] = {"type": "string"}
    document["components"]["schemas"]["selection"]["required"].append("colour")


def never_null(document: Document) -> None:
    fields(document, "item_score")["consensus_quality"] = {"type": "number"}


@pytest.mark.parametrize(
    "grown",
    [new_topic, new_setting, more_rows, maybe_null, new_words, new_output_field, never_null],
)
def test_growth_breaks_no_promise(grown: Callable[[Document], None]) -> None:
    document = today()
    grown(document)
    assert document != today()
    assert broken_promises(today(), document) == []


def test_a_vocabulary_that_it_does_not_know_is_no_silent_yes() -> None:
    document = today()
    fields(document, "annotation")["item"]["not"] = {"const": "x"}
    with pytest.raises(NotImplementedError, match="not"):
        broken_promises(today(), document)
