"""The documents of the wire: checked in as they are made, valid, and true of what is decoded."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hostile import mutated
from hypothesis import assume, given, settings
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.validators import extend
from typer.testing import CliRunner
from wire_builders import Record, pieces

from schemas import Control, ProjectSettings, Reason, Topic
from schemas.export import RECORDS, record_schemas
from stream_app.cli import main
from stream_app.contracts import asyncapi, documents
from stream_app.settings import Settings
from stream_app.topics import planned_topics
from stream_app.topology import SOURCES, changelog

ROOT = Path(__file__).parents[2]
CHECKED_IN = ROOT / "docs" / "schemas"
DEFAULTS = Settings.model_construct()
OFFICIAL = json.loads(
    gzip.decompress(Path(__file__).with_name("asyncapi-3.0.0.json.gz").read_bytes())
)
"""AsyncAPI's own schema of 3.0.0, as the npm package @asyncapi/specs 6.11.1 has it (Apache-2.0)."""
EXACT = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: type(value) is int
    ),
)
"""JSON Schema takes 1.0 for an integer, the decoder does not."""
VALIDATORS = {name: EXACT(schema) for name, schema in record_schemas().items()}
EXAMPLES = [
    json.loads(text)
    for text in re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
]
BEYOND_SCHEMAS = {
    *(Reason.NOT_JSON, Reason.NOT_UTF8, Reason.TOO_LARGE),  # bytes
    *(Reason.BAD_PROBABILITIES, Reason.WRONG_LENGTH),  # columns and sums
    *(Reason.BAD_TIME, Reason.TIME_WITHOUT_ZONE, Reason.TIME_IN_FUTURE),
    *(Reason.BAD_SETTINGS, Reason.BAD_VALUE, Reason.MISSING_FIELD),  # fields that go together
    Reason.TYPE_NOT_ALLOWED,  # a close that spends budget where it must not
}


def faults(document: dict[str, Any]) -> list[str]:
    """Return where a document is no AsyncAPI."""
    return [error.json_path for error in Draft7Validator(OFFICIAL).iter_errors(document)]


def reasons(body: Any, topic: Topic) -> set[Reason | None]:
    """Return what the decoder has against a record and its rows."""
    (piece,) = pieces([Record(json.dumps(body).encode())], topic)
    if isinstance(piece, Control):
        return set()
    return {
        reason
        for rejection in piece.rejections
        for reason in ([rejection.reason] if rejection.reason else dict(rejection.rows).values())
    }


def test_what_is_checked_in_is_what_is_made() -> None:
    """After a change of the wire: `make contracts`."""
    written = {path.name: json.loads(path.read_text()) for path in CHECKED_IN.iterdir()}
    assert written == json.loads(json.dumps(documents(DEFAULTS)))


def test_the_document_is_asyncapi() -> None:
    assert faults(asyncapi(DEFAULTS)) == []


def test_what_is_no_asyncapi_is_found() -> None:
    document = asyncapi(DEFAULTS)
    document["operations"]["windows.v1"]["action"] = "publish"
    del document["info"]["version"]
    assert sorted(faults(document)) == ["$.info", "$.operations['windows.v1']"]


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi(DEFAULTS)
    references = set(re.findall(r'"\$ref": "(.*?)"', json.dumps(document)))
    assert references
    for reference in references:
        part: Any = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_what_is_compacted_may_be_a_tombstone_and_nothing_else() -> None:
    messages = asyncapi(DEFAULTS)["components"]["messages"]
    nullable = {name for name, one in messages.items() if "anyOf" in one["payload"]}
    assert nullable == {"item_score", "annotator_trust"}


def test_a_deployment_exports_its_own_names(tmp_path: Path) -> None:
    arguments = ["--topic-prefix", "blue.", "--app-id", "blue", "--partitions", "3"]
    done = CliRunner().invoke(main, ["schemas", "export", str(tmp_path / "new"), *arguments])
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "new" / "asyncapi.json").read_text())
    channels = written["channels"].values()
    deployment = DEFAULTS.model_copy(update={"topic_prefix": "blue.", "app_id": "blue"})
    public = planned_topics(deployment).keys() - {changelog("blue")}
    assert {channel["address"] for channel in channels} == public
    assert {channel["bindings"]["kafka"]["partitions"] for channel in channels} == {3}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["type"])
def test_the_readmes_examples_are_valid(example: dict[str, Any]) -> None:
    if example["type"] == "window":
        # The README shortens the settings to what was set.
        example = example | {
            "settings": ProjectSettings(**example["settings"]).model_dump(mode="json")
        }
    VALIDATORS[example["type"]].validate(example)


@settings(max_examples=400)
@given(mutated())
def test_a_schema_and_the_decoder_agree_but_for_what_a_schema_cannot_say(body: Any) -> None:
    assume(isinstance(body, dict))
    for topic, models in RECORDS.items():
        if topic in SOURCES and body.get("type") in [*models]:  # a type may be anything
            against = reasons(body, topic)
            if VALIDATORS[body["type"]].is_valid(body):
                assert against <= BEYOND_SCHEMAS
            else:
                assert against
