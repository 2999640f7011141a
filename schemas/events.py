"""The records of the input topics.

A record's key is its project's id in UTF-8, its partition the project's home. Rows of the batch
forms are events of their own: `schemas.judge` judges them one by one.
"""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    FailFast,
    Field,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from schemas.fields import (
    Classes,
    EventTime,
    Name,
    Number,
    Record,
    Rows,
    Shares,
    Time,
    Wire,
    optional,
)
from schemas.probabilities import canonical
from schemas.reasons import Reason, fault
from schemas.topics import MAX_COUNT, MAX_RECORD_BYTES


class Event(Record):
    """The base of every input record."""

    ROWS: ClassVar[tuple[str, ...]] = ()
    """The parallel lists of a batch: an error inside one of them is its row's alone."""
    VALUE_REASON: ClassVar[Reason] = Reason.BAD_VALUE
    """What is wrong with a value of the right type that is not allowed."""

    def to_bytes(self) -> bytes:
        """Encode the record's value; raises ValueError where it is over 1 MiB: split it."""
        value = super().to_bytes()
        if len(value) > MAX_RECORD_BYTES:
            msg = f"{len(value)} bytes are more than a record may have ({MAX_RECORD_BYTES})"
            raise ValueError(msg)
        return value


class Answer(Wire):
    """What an annotator said about an item; a row of `Annotations`."""

    item: Name
    annotator: Name
    label: Name | None
    """The name of a class; None is an abstention."""
    time: EventTime | None = optional()
    """None: the default of the batch, else the broker's."""


class Annotation(Answer, Event):
    """One answer."""

    type: Literal["annotation"] = "annotation"


class Annotations(Event):
    """Answers in rows."""

    ROWS = ("rows",)
    type: Literal["annotations"] = "annotations"
    rows: Rows[Answer]
    time: EventTime | None = optional()
    """The time of rows without one."""


class Retraction(Event):
    """Take back the answer that an annotator gave at ``time`` or before."""

    type: Literal["retraction"] = "retraction"
    item: Name
    annotator: Name
    time: EventTime | None = optional()


Version = Annotated[int, Strict(), Field(ge=0, lt=1 << 63)]
"""The larger one is the newer one."""


class Prediction(Event):
    """What a model says about one item."""

    type: Literal["prediction"] = "prediction"
    item: Name
    model: Name
    version: Version | None = optional()
    """None: the broker's timestamp in milliseconds."""
    pred_probs: Shares
    """Class name to probability."""

    @field_validator("pred_probs")
    @classmethod
    def _check_probabilities(cls, shares: dict[str, float]) -> dict[str, float]:
        if not shares or not canonical(tuple(shares), np.array([[*shares.values()]]))[2].all():
            raise _BAD_PROBABILITIES
        return shares


class Predictions(Event):
    """What a model says about many items: a row of ``pred_probs`` an item, a column a class."""

    ROWS = ("items", "pred_probs")
    type: Literal["predictions"] = "predictions"
    model: Name
    version: Version | None = optional()
    classes: Annotated[Classes, Field(min_length=1)]
    items: Rows[Name]
    pred_probs: Rows[Annotated[tuple[Number, ...], FailFast()]]

    @model_validator(mode="before")
    @classmethod
    def _check_lengths(cls, body: object) -> object:
        given = body if isinstance(body, dict) else {}
        columns = (given.get(name) for name in cls.ROWS)
        lengths = {len(column) for column in columns if isinstance(column, list | tuple)}
        if len(lengths) > 1:
            raise fault(Reason.WRONG_LENGTH, "Not as many rows as items")
        return body

    @field_validator("pred_probs")
    @classmethod
    def _check_probabilities(
        cls, rows: tuple[tuple[float, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[float, ...], ...]:
        classes = info.data.get("classes")
        if classes is None:
            return rows  # the record is rejected for its classes
        faults = {at: _WRONG_LENGTH for at, row in enumerate(rows) if len(row) != len(classes)}
        whole = [at for at in range(len(rows)) if at not in faults]
        matrix = np.array([rows[at] for at in whole], np.float64).reshape(-1, len(classes))
        good = canonical(classes, matrix)[2]
        faults |= {at: _BAD_PROBABILITIES for at, ok in zip(whole, good, strict=True) if not ok}
        if faults:
            details = [
                InitErrorDetails(type=error, loc=(at,), input=rows[at])
                for at, error in faults.items()
            ]
            raise ValidationError.from_exception_data(cls.__name__, details)
        return rows


_WRONG_LENGTH = fault(Reason.WRONG_LENGTH, "Not as many numbers as classes")
_BAD_PROBABILITIES = fault(
    Reason.BAD_PROBABILITIES, "Negative, not finite, or a sum further than 1e-3 from 1"
)


class Items(Event):
    """Register items before any prediction, or exclude broken ones."""

    ROWS = ("items",)
    type: Literal["items"] = "items"
    items: Rows[Name]
    status: Literal["registered", "excluded"]
    stratum: Name | None = optional()
    """What the items belong to from now on; None: what they did before."""
    time: EventTime | None = optional()


Budget = Annotated[int, Strict(), Field(ge=0, le=MAX_COUNT)]


class Close(Event):
    """Close the window: at a boundary of the clock, or on request.

    A boundary is the clock's, a request has its id; neither has the other's fields.
    """

    type: Literal["close"] = "close"
    cause: Literal["boundary", "request"]
    boundary: Time | None = optional()
    request_id: Name | None = optional()
    budget: Budget | None = optional()
    """Of a request: selections, at most; None: all that is left."""
    annotator: Name | None = optional()
    """Of a request: whom the selections are for; never an item that they have answered."""

    @model_validator(mode="after")
    def _check_cause(self) -> Self:
        fields = {"boundary": self.boundary, "request": self.request_id}
        if fields.pop(self.cause) is None:
            raise fault(Reason.MISSING_FIELD, "A boundary or a request_id, as its cause says")
        if self.cause == "boundary":
            fields |= {"budget": self.budget, "annotator": self.annotator}
        if any(field is not None for field in fields.values()):
            raise fault(Reason.BAD_VALUE, "A field of the other cause")
        return self
