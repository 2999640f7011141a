"""Judge an input by its model: what is accepted, which rows are not, and for what reason.

The model is the contract. This asks it, and asks again without the rows that it found bad; the
first error of the record, or of a row, in the order of the model's fields is the reason.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.events import Event
from schemas.reasons import BadRows, Reason

E = TypeVar("E", bound=Event)

_REASONS = {reason.value: reason for reason in Reason}
_VALUE_ERRORS = frozenset(
    ("greater_than_equal", "less_than", "less_than_equal", "literal_error", "too_short")
)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[E]):
    """An event without its bad rows, or the reason why there is none."""

    event: E | None
    reason: Reason | None
    rows: BadRows = ()


def judge(model: type[E], body: dict[str, Any], arrival: int) -> Verdict[E]:
    """Judge a record's parsed ``body``, which came in at ``arrival`` (microseconds).

    Fields that the model does not know are ignored. An error outside of rows rejects the record.
    """
    numbers: list[int] | None = None
    bad: dict[int, Reason] = {}
    while True:
        try:
            event = model.model_validate(body, extra="ignore", context=arrival)
        except ValidationError as error:
            found: dict[int, Reason] = {}
            for fault in error.errors(include_url=False, include_context=False):
                reason = _reason(model, fault)
                match fault["loc"]:
                    case [str(name), int(row), *_] if name in model.ROWS:
                        found.setdefault(row, reason)
                    case _:
                        return Verdict(None, reason)
        else:
            return Verdict(event, None, tuple(sorted(bad.items())))
        if numbers is None:
            numbers = list(range(len(body[model.ROWS[0]])))
        bad |= {numbers[row]: reason for row, reason in found.items()}
        numbers = [number for row, number in enumerate(numbers) if row not in found]
        body = body | {
            name: [value for row, value in enumerate(body[name]) if row not in found]
            for name in model.ROWS
        }


def _reason(model: type[Event], fault: ErrorDetails) -> Reason:
    """Translate an error of pydantic, or one of ours."""
    kind = fault["type"]
    if kind in _REASONS:
        return _REASONS[kind]
    if kind == "missing":
        return Reason.MISSING_FIELD
    if kind in _VALUE_ERRORS and not (kind == "literal_error" and type(fault["input"]) is not str):
        return model.VALUE_REASON
    return Reason.WRONG_TYPE
