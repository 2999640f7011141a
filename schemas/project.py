"""A project's settings: the ``project`` record of control.v1, the last of which counts."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, Strict, model_validator

from schemas.events import Budget, Event
from schemas.fields import Aliases, Classes, Flag, Share, Strata, Wire
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


def _from_zero() -> Any:
    """Declare a number that is left out of the record where it is 0."""
    return Field(default=0, exclude_if=lambda number: not number)


class Stratum(Wire):
    """What items of a stratum have before others."""

    priority: Annotated[int, Strict(), Field(ge=-1000, le=1000)] = _from_zero()
    """Larger: sooner, whatever the scores say. Items of no stratum, or of another, have 0."""
    quota: Annotated[int, Strict(), Field(ge=0, le=100)] = _from_zero()
    """Percent of a window's selections that are theirs, as long as there are such items."""


class ProjectSettings(Event):
    """All settings of a project.

    ``activelab`` is for exactly one model, ``activelab_ensemble`` for at least two.
    """

    VALUE_REASON: ClassVar[Reason] = Reason.BAD_SETTINGS

    type: Literal["project"] = "project"
    classes: Annotated[Classes, Field(min_length=2)]
    """Names of the classes, in the project's order."""
    aliases: Aliases = Field(default={})
    """Other names of classes: what they say counts as if the class's name did."""
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
    quality_target: Annotated[Share, Field(ge=0.5)] | None = None
    """Consensus quality from which on a labelled item is done, and not selected again; None: items
    that are done may be selected all the same."""
    strata: Strata[Stratum] = Field(default={})
    """Priorities and quotas by stratum."""
    state: Literal["active", "paused", "closed"] = "active"
    seed: Annotated[str, Strict()] = ""
    """Keys the random orders."""

    @model_validator(mode="after")
    def _check_aliases(self) -> Self:
        if not self.aliases.keys().isdisjoint(self.classes):
            raise fault(Reason.BAD_SETTINGS, "An alias that is a class")
        if not set(self.aliases.values()).issubset(self.classes):
            raise fault(Reason.BAD_SETTINGS, "An alias of what is no class")
        return self

    @model_validator(mode="after")
    def _check_quotas(self) -> Self:
        if sum(stratum.quota for stratum in self.strata.values()) > 100:
            raise fault(Reason.BAD_SETTINGS, "Quotas of more than 100 percent together")
        return self

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        wrong = (self.method == "activelab" and len(self.models) > 1) or (
            self.method == "activelab_ensemble" and len(self.models) == 1
        )
        if wrong:
            why = "activelab is for one model, activelab_ensemble for several"
            raise fault(Reason.BAD_SETTINGS, why)
        return self
