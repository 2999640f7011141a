"""The wire for those who don't read Python: a JSON Schema a record type, made from its model.

A schema says what each field may hold. It does not say how fields go together, what a column's
length or a sum of probabilities must be, or how many bytes an id has: `Reason` lists all of it, and
`decode` alone judges. Inputs may have fields that a schema doesn't name, and they are ignored;
outputs may have such fields one day.
"""

import ast
import inspect
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from schemas.decoding import MODELS
from schemas.events import Event
from schemas.fields import Record, Wire
from schemas.outputs import OUTPUTS
from schemas.topics import Topic

RECORDS: Mapping[Topic, Mapping[str, type[Record]]] = {
    Topic(topic): models for topic, models in (*MODELS.items(), *OUTPUTS.items())
}
"""What is on a topic, by type; but for dead letters, which repeat whatever was sent."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every type of record, each complete in itself."""
    return {
        name: {"$schema": DIALECT, "title": name, **json_schema(model)}
        for models in RECORDS.values()
        for name, model in models.items()
    }


def json_schema(
    model: type[BaseModel], *, definitions: str = "#/$defs/", taken: bool | None = None
) -> dict[str, Any]:
    """Return a model's JSON Schema, with the models inside of it in ``$defs``.

    ``definitions`` is where references look for them. It is that of what is ``taken``, as events
    are, or of what is said, as all others are.
    """
    taken = issubclass(model, Event) if taken is None else taken
    return model.model_json_schema(
        ref_template=definitions + "{model}",
        schema_generator=_Contract,
        mode="validation" if taken else "serialization",
    )


class _Contract(GenerateJsonSchema):
    """Writes what fields mean and which are always there, and forbids no others."""

    def generate(
        self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation"
    ) -> JsonSchemaValue:
        written: JsonSchemaValue = _list_lengths(super().generate(schema, mode))
        return written

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        written = super().model_schema(schema)
        del written["additionalProperties"], written["title"]
        written["description"] = _as_json(written["description"])
        model: type[Wire] = schema["cls"]
        for name, note in _notes(model).items():
            written["properties"][name]["description"] = note
        return written

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization":
            return "serialization_exclude_if" not in field
        return super().field_is_required(field, total) or _is_head(field["schema"])


def _is_head(schema: core_schema.CoreSchema) -> bool:
    """Whether a field is ``type`` or ``schema_version``: a literal of one word, and its default."""
    match schema:
        case {"type": "default", "schema": {"type": "literal", "expected": [_]}}:
            return True
    return False


def _list_lengths(schema: Any) -> Any:
    """Return a schema in which lists have numbers of items, where pydantic wrote of characters."""
    if isinstance(schema, list):
        return [_list_lengths(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {"minLength": "minItems"} if schema.get("type") == "array" else {}
    return {renamed.get(name, name): _list_lengths(part) for name, part in schema.items()}


@cache
def _notes(model: type[Wire]) -> dict[str, str]:
    """Return what the source of a model, and of its bases, says below each field."""
    notes: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Wire):
            (written,) = ast.parse(inspect.getsource(base)).body
            assert isinstance(written, ast.ClassDef)
            for declared, note in pairwise(written.body):
                match declared, note:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                        notes[name] = _as_json(text)
    return {name: note for name, note in notes.items() if name in model.model_fields}


def _as_json(note: str) -> str:
    """Return a docstring as those read it who have JSON: Markdown, and no None."""
    words = inspect.cleandoc(note).replace("``", "`")
    return re.sub(r"\bNone\b", "null", re.sub(r"(?<=\S)\n(?=\S)", " ", words))
