"""A project's settings: the ``project`` record of control.v1, the last of which counts."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, Strict, model_validator

from schemas.events import Budget, Event
from schemas.fields import Classes, Flag
from schemas.reasons import Reason, fault
from schemas.topics import MAX_ANSWERS, MAX_COUNT

MethodName = Literal[
    "activelab",
    "activelab_ensemble",
    "random",
    "good_random",
    "entropy",
    "uncertainty",
    "active_label_cleaning",
    "disagreement",
]
Positive = Annotated[int, Strict(), Field(ge=1, le=MAX_COUNT)]


class ProjectSettings(Event):
    """All settings of a project.

    ``activelab`` is for exactly one model, ``activelab_ensemble`` for at least two.
    """

    VALUE_REASON: ClassVar[Reason] = Reason.BAD_SETTINGS

    type: Literal["project"] = "project"
    classes: Annotated[Classes, Field(min_length=2)]
    """Names of the classes, in the project's order."""
    models: Annotated[Classes, Field(min_length=1)]
    """Ids of the models, in the project's order."""
    method: MethodName = "activelab"
    mode: Literal["robust", "strict"] = "robust"
    """How ActiveLab's parameters are fitted: so that little evidence changes little, or to the
    letter."""
    budget: Budget
    """Selections between two boundaries, at most."""
    window_seconds: Positive | None = None
    """Length of a budget window; None: no clock, and the budget anew at every request."""
    on_request_only: Flag = False
    """Whether clock closes only renew the budget."""
    lease_seconds: Positive = 3600
    max_answers: Annotated[int, Strict(), Field(ge=1, le=MAX_ANSWERS)] = 10
    """Labels and abstentions of an item, after which it is not selected again."""
    state: Literal["active", "paused", "closed"] = "active"
    seed: Annotated[str, Strict()] = ""
    """Keys the random orders."""

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        wrong = (self.method == "activelab" and len(self.models) > 1) or (
            self.method == "activelab_ensemble" and len(self.models) == 1
        )
        if wrong:
            why = "activelab is for one model, activelab_ensemble for several"
            raise fault(Reason.BAD_SETTINGS, why)
        return self
