"""What the API takes and says: one model a question, a body and an answer.

Ids are query parameters and never parts of a path: an id may be any text, also ``..`` or one with
slashes, which browsers and proxies would take for the path's own.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    Strict,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas import ProjectSettings, RequestCause, Selection, Window
from schemas.compact import dumps
from schemas.events import Budget
from schemas.fields import Count, Name, Number, Share, Time, Wire
from schemas.outputs import AnnotatorTrust, Outlook, RefusalReason
from schemas.topics import MAX_ROWS
from stream_app.audit.explain import GivenAnswer, GivenPrediction, Standing

MAX_ROWS_SAID = 500
"""Rows of an answer: only top lists leave a worker."""


def dumped(answer: BaseModel) -> bytes:
    """Encode an answer."""
    return dumps(answer.model_dump(mode="json"))


Limit = Annotated[int, Field(ge=1, le=MAX_ROWS_SAID)]


# ---------------------------------------------------------------------- questions


class Everything(Wire):
    """A question about the deployment."""


class OfProjects(Wire):
    """Which projects."""

    after: str = ""
    """Those whose id comes behind this one."""
    limit: Limit = 100
    here: bool = False
    """Only those of the worker that is asked."""


class OfProject(Wire):
    """Which project."""

    project: Name


class OfRanking(OfProject):
    """How much of a project's ranking."""

    limit: Limit = 100


class OfItem(OfProject):
    """Which item."""

    item: Name


class OfAnnotators(OfProject):
    """Which annotators of a project come first."""

    order: Literal["doubtful", "trusted", "busy"] = "doubtful"
    """By flag and agreement, by weight, or by labels."""
    limit: Limit = 100


class OfWindows(OfProject):
    """How many of a project's last windows."""

    limit: Limit = 100


class OfDeadLetters(Wire):
    """How many of the last dead letters, and whether only those under a project's key."""

    project: Name | None = None
    limit: Limit = 50


class OfEvents(Wire):
    """What to follow: a project, or all of them."""

    project: Name | None = None


# ---------------------------------------------------------------------- answers


class ProjectSummary(Wire):
    """How a project is, now."""

    project: Name
    now: Time
    """The worker's clock, against which ``next_boundary`` counts down."""
    state: Literal["active", "paused", "closed"]
    method: str
    mode: str
    budget: Count
    budget_left: Count
    window_seconds: int | None
    next_boundary: Time | None
    """When the clock closes the open window; None: no clock, or it stands still."""
    windows: Count
    """Closed so far."""
    closed_at: Time | None
    items: Count
    labels: Count
    labelled: Count
    overlapping: Count
    """Items with two labels or more."""
    leases: Count
    first_labels: Count
    """Selections so far of items without a label."""
    relabels: Count
    dormant: dict[str, int]
    """Facts that do not count yet, the most frequent names."""
    quality: Share | None
    """Mean consensus quality of the labelled items, at the last window."""
    outlook: Outlook | None
    """That of the last window."""
    waiting: Count
    """Records of its partition that are not applied yet."""


class Projects(Wire):
    """The projects of the deployment, by id."""

    projects: list[ProjectSummary]
    silent: list[int]
    """Partitions for which no worker has answered: their projects are not listed."""
    more: bool
    """Whether there are others behind the last one."""


class ProjectState(Wire):
    """A project with all its settings."""

    summary: ProjectSummary
    settings: ProjectSettings
    """The ``project`` record that counts."""


class Ranked(Wire):
    """An item that a window would select now."""

    rank: Count
    item: Name
    score: Number
    """The method's; lower: sooner."""
    reason: Literal["first_label", "relabel"]
    consensus_label: Name | None
    consensus_quality: Number
    num_annotations: Count
    num_answers: Count
    stratum: Name | None


class Ranking(Wire):
    """The items that come next, as a window would rank them under the last fit's parameters."""

    project: Name
    walked_at: Time
    """When all items were looked at; the listed ones were scored again after that."""
    eligible: Count
    leased: Count
    ranked: list[Ranked]


class Outcome(Wire):
    """What an item would come to if an average annotator gave it one more label."""

    label: Name
    probability: Share
    """Of the class, by the posterior."""
    consensus_label: Name
    consensus_quality: Number
    activelab_score: Number


class ItemState(Wire):
    """All that decides about an item."""

    project: Name
    item: Name
    now: Time
    method: str
    state: Literal["open", "on lease", "answered", "done", "excluded", "unknown"]
    stratum: Name | None
    num_answers: Count
    max_answers: Count
    leased_until: Time | None
    standing: Standing | None
    """None where the item is excluded, or does not exist."""
    answers: list[GivenAnswer]
    predictions: list[GivenPrediction]
    one_more: list[Outcome]
    """By label, the likeliest first."""


class Selections(Wire):
    """The windows that have selected an item, the last one first."""

    project: Name
    item: Name
    selections: list[Selection]
    looked_at: Count
    """Selections of the project's partition that were looked through, from the last one back."""


class Annotators(Wire):
    """Annotators whose labels count."""

    project: Name
    number: Count
    """All of them."""
    annotators: list[AnnotatorTrust]


class WindowRow(Wire):
    """A window, for lists and charts."""

    window: Count
    now: Time
    cause: Literal["boundary", "request"]
    annotator: Name | None
    budget: Count
    budget_left: Count
    items: Count
    labels: Count
    annotators: Count
    eligible: Count
    leased: Count
    selected: Count
    outlook: Outlook

    @classmethod
    def of(cls, window: Window) -> Self:
        """Return what a manifest comes to."""
        counts, cause = window.counts, window.cause
        return cls(
            window=window.window,
            now=window.now,
            cause="request" if isinstance(cause, RequestCause) else "boundary",
            annotator=cause.annotator if isinstance(cause, RequestCause) else None,
            budget=window.settings.budget,
            budget_left=counts.budget_left,
            items=counts.items,
            labels=counts.labels,
            annotators=counts.annotators,
            eligible=counts.eligible,
            leased=counts.leased,
            selected=counts.selected,
            outlook=window.outlook,
        )


class Windows(Wire):
    """A project's last windows, the oldest first."""

    project: Name
    windows: list[WindowRow]


class Letter(Wire):
    """A dead letter: where the record is, what is wrong with it, how it begins."""

    time: Time
    topic: str
    partition: Count
    offset: Count
    reason: str | None
    """None where only rows of a batch are bad."""
    rows: Count
    """Rows that are bad."""
    first_row: Count | None
    first_reason: str | None
    home: Count | None
    """The partition where the record belongs, if it was at a wrong one."""
    key: str | None
    begins: str
    """Bytes that are no UTF-8 are written as escapes."""
    size: Count


class DeadLetters(Wire):
    """The last dead letters, the newest first."""

    letters: list[Letter]


# ---------------------------------------------------------------------- controls


class Nothing(Wire):
    """A body with nothing in it."""


class Rename(Wire):
    """Another name of a class."""

    old: Name
    new: Name


class CloseNow(Wire):
    """A close on request."""

    budget: Budget | None = None
    """Selections, at most; None: all that is left."""
    request_id: Name | None = None
    """A second request of the same id is refused with the first one's window."""


class NextFor(Wire):
    """The next items for an annotator."""

    annotator: Name
    number: Annotated[int, Strict(), Field(ge=1, le=MAX_ROWS_SAID)] = 1
    request_id: Name | None = None
    """A second request of the same id gets the first one's selections again."""


class ItemsChange(Wire):
    """Items to register, or to exclude."""

    items: Annotated[list[Name], Field(min_length=1, max_length=MAX_ROWS)]
    status: Literal["registered", "excluded"] = "registered"
    stratum: Name | None = None


class Answered(Wire):
    """What came of a close."""

    project: Name
    request_id: Name
    window: WindowRow | None
    refusal: RefusalReason | None
    earlier: Count | None
    """The window of the same request id before."""
    selections: list[Selection]
    """In rank order, the first ones."""


class Registered(Wire):
    """What became of items."""

    project: Name
    items: Count
    status: Literal["registered", "excluded"]


SETTINGS = frozenset(ProjectSettings.model_fields) - {"type", "schema_version"}


class SettingsChange(RootModel[dict[str, Any]]):
    """Settings by name, as a `project` record has them; those that are absent stay."""

    @field_validator("root")
    @classmethod
    def _check_names(cls, changes: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(changes.keys() - SETTINGS)
        if unknown:
            message = f"There is no setting {unknown[0]!r}"
            raise ValueError(message)
        return changes

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        settings = handler.resolve_ref_schema(handler(ProjectSettings.__pydantic_core_schema__))
        settings["properties"] = {
            name: of for name, of in settings["properties"].items() if name in SETTINGS
        }
        settings.pop("required", None)
        return {**settings, "description": cls.__doc__}
