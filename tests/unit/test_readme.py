"""The README's examples are records, and its tables of defaults are the defaults."""

import re
from pathlib import Path

import orjson
import pytest

from schemas import (
    ProjectSettings,
    Selection,
    Topic,
    decode,
    home,
    pair_key,
    parse_output,
)
from stream_app.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = [orjson.loads(text) for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
INPUTS = {
    "annotation": Topic.ANNOTATIONS,
    "annotations": Topic.ANNOTATIONS,
    "retraction": Topic.ANNOTATIONS,
    "prediction": Topic.PREDICTIONS,
    "predictions": Topic.PREDICTIONS,
    "project": Topic.CONTROL,
    "items": Topic.CONTROL,
    "close": Topic.CONTROL,
}
OUTPUTS = {
    "selection": Topic.SELECTIONS,
    "window": Topic.WINDOWS,
    "refusal": Topic.WINDOWS,
    "item_score": Topic.ITEM_SCORES,
    "annotator_trust": Topic.ANNOTATOR_TRUST,
}
NOON = 1_795_608_000_000


class Sent:
    """A record at its project's home, a minute after the examples' noon."""

    offset, timestamp, key = 0, NOON + 60_000, b"animals"

    def __init__(self, body: object) -> None:
        self.value = orjson.dumps(body)


def test_every_type_of_record_has_an_example() -> None:
    assert {example["type"] for example in EXAMPLES} == INPUTS.keys() | OUTPUTS.keys()


@pytest.mark.parametrize("body", [e for e in EXAMPLES if e["type"] in INPUTS], ids=str)
def test_an_input_example_is_accepted_whole(body: dict[str, object]) -> None:
    pieces = decode(
        [Sent(body)],
        topic=INPUTS[str(body["type"])],
        partition=home("animals", 8),
        partitions=8,
        begin=0,
        end=1,
        max_rows=10,
        max_bytes=10_000,
    )
    (piece,) = pieces
    assert not getattr(piece, "rejections", [])


@pytest.mark.parametrize("body", [e for e in EXAMPLES if e["type"] in OUTPUTS], ids=str)
def test_an_output_example_is_what_readers_accept(body: dict[str, str]) -> None:
    name = body.get("item") if body["type"] == "item_score" else body.get("annotator")
    compacted = body["type"] in ("item_score", "annotator_trust")
    key = pair_key("animals", str(name)) if compacted else b"animals"
    said = parse_output(OUTPUTS[body["type"]], key, orjson.dumps(body))
    assert said.project == "animals"
    if isinstance(said, Selection):
        assert said.rank == 1


def documented_defaults(heading: str) -> dict[str, str]:
    """Return name to default of the table under a heading."""
    section = re.split(r"\n##", README.split(f"{heading}\n", 1)[1])[0]
    return dict(re.findall(r"^\| `([A-Za-z_]+)` \| ([^|]*?) \|", section, re.MULTILINE))


def shown(default: object) -> str:
    if default is None or default in ("", {}):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_the_workers_settings_are_documented_with_their_defaults() -> None:
    expected = {
        f"STREAM_APP_{name.upper()}": shown(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert documented_defaults("### A worker's settings") == expected


def test_a_projects_settings_are_documented_with_their_defaults() -> None:
    expected = {
        name: "required" if field.is_required() else shown(field.default)
        for name, field in ProjectSettings.model_fields.items()
        if name not in ("type", "schema_version")
    }
    assert documented_defaults("### A project's settings") == expected
