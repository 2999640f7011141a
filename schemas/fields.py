"""What the models of the wire are made of: their base, and the types of their fields.

A model forbids what it does not know. Only `schemas.judge`, which reads inputs, ignores it: so
reading is tolerant, and building a record or reading an output is strict. Nothing is coerced,
and ids and names are taken as they are: no trimming, no Unicode normalisation.

A validation's context is None when a record is built, and its arrival when it is read.
"""

from collections.abc import Mapping, Sized
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas.compact import dumps
from schemas.reasons import Reason, fault
from schemas.times import EPOCH, MAX_AHEAD, format_time, parse_time, to_micros
from schemas.topics import MAX_CLASSES, MAX_ID_BYTES, MAX_ROWS, MAX_STRATA

T = TypeVar("T")


class Wire(BaseModel):
    """The base of every model: frozen, and strict about fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Wire):
    """The base of every record; these two fields open it."""

    type: str
    schema_version: Literal[1] = 1

    def to_bytes(self) -> bytes:
        """Encode the record's value."""
        return dumps(self.model_dump(mode="json"))


M = TypeVar("M", bound=Record)


def model_of(body: object, models: Mapping[str, type[M] | Reason]) -> type[M] | Reason:
    """Return what ``models`` has for a record's ``type``, or what is wrong with its head."""
    if type(body) is not dict:
        return Reason.WRONG_TYPE
    try:
        name, version = body["type"], body["schema_version"]
    except KeyError:
        return Reason.MISSING_FIELD
    if type(name) is not str or type(version) is not int:  # true is an int to isinstance
        return Reason.WRONG_TYPE
    if version != 1:
        return Reason.UNKNOWN_SCHEMA_VERSION
    return models.get(name, Reason.UNKNOWN_TYPE)


def _name(text: str) -> str:
    if not text:
        raise fault(Reason.EMPTY_ID, "Empty")
    if len(text.encode()) > MAX_ID_BYTES:
        raise fault(Reason.TOO_LARGE, f"More than {MAX_ID_BYTES} UTF-8 bytes")
    return text


def _at_most(limit: int, *containers: type[Sized]) -> BeforeValidator:
    """Refuse another container, or one with too many elements before it looks at any of them."""

    def check(value: object) -> object:
        if not isinstance(value, containers):
            raise fault(Reason.WRONG_TYPE, "Not a list, or not an object")
        if len(value) > limit:
            raise fault(Reason.TOO_LARGE, f"More than {limit}")
        return value

    return BeforeValidator(check)


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise fault(Reason.DUPLICATE_NAME, "Names something twice")
    return names


READ = 0
"""The context of a validation that reads a record whose arrival does not matter."""


def _time(value: object, info: ValidationInfo) -> int:
    try:
        if isinstance(value, str):
            return parse_time(value)
        if isinstance(value, datetime):
            return to_micros(value)
        if type(value) is int and info.context is None:
            return to_micros(EPOCH + timedelta(microseconds=value))
    except TypeError as error:
        raise fault(Reason.TIME_WITHOUT_ZONE, "Has no zone") from error
    except (ValueError, OverflowError) as error:
        raise fault(Reason.BAD_TIME, "Not ISO 8601 in the years 1 to 9999 UTC") from error
    raise fault(Reason.WRONG_TYPE, "Not a string")


def _event_time(value: object, info: ValidationInfo) -> int:
    micros = _time(value, info)
    if info.context is not None and micros > info.context + MAX_AHEAD:
        raise fault(Reason.TIME_IN_FUTURE, "More than 5 minutes ahead of the broker's time")
    return micros


class _Says:
    """Says in a field's JSON Schema what its validator, a function, demands."""

    def __init__(self, **said: object) -> None:
        self._said = said

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), **self._said}


_as_time = PlainSerializer(format_time, return_type=str, when_used="json")
_is_time = _Says(format="date-time")

Name = Annotated[str, Strict(), AfterValidator(_name), _Says(minLength=1, maxLength=MAX_ID_BYTES)]
"""An id or the name of a class: 1 to 1024 UTF-8 bytes."""
Count = Annotated[int, Strict(), Field(ge=0)]
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Classes = Annotated[
    tuple[Name, ...],
    _at_most(MAX_CLASSES, list, tuple),
    AfterValidator(_unique),
    _Says(maxItems=MAX_CLASSES, uniqueItems=True),
]
Shares = Annotated[
    dict[Name, Number],
    _at_most(MAX_CLASSES, dict),
    _Says(minProperties=1, maxProperties=MAX_CLASSES),
]
Aliases = Annotated[dict[Name, Name], _at_most(MAX_CLASSES, dict), _Says(maxProperties=MAX_CLASSES)]
Strata = Annotated[dict[Name, T], _at_most(MAX_STRATA, dict), _Says(maxProperties=MAX_STRATA)]
Rows = Annotated[tuple[T, ...], _at_most(MAX_ROWS, list, tuple), _Says(maxItems=MAX_ROWS)]
Time = Annotated[int, PlainValidator(_time, json_schema_input_type=str), _as_time, _is_time]
"""Microseconds inside, ISO 8601 on the wire; built from either or from an aware datetime."""
EventTime = Annotated[
    int, PlainValidator(_event_time, json_schema_input_type=str), _as_time, _is_time
]
"""A `Time` that may not be ahead of the broker's."""


def optional() -> Any:
    """Declare a field that is left out of the record where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None)
