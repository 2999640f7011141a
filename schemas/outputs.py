"""The records of the output topics: strict, finite, and null where nothing is known.

Keys are the project's id, or for item scores and annotator trust `schemas.keys.pair_key`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import orjson
from pydantic import Field, Strict, StringConstraints

from schemas.fields import (
    READ,
    Count,
    Flag,
    Name,
    Number,
    Record,
    Share,
    Time,
    Wire,
    model_of,
    optional,
)
from schemas.keys import parse_pair_key
from schemas.project import ProjectSettings
from schemas.reasons import Reason
from schemas.topics import Topic

Rank = Annotated[int, Strict(), Field(ge=1)]
Text = Annotated[str, Strict()]


class Output(Record):
    """The base of every output record."""

    project: Name


class ItemScore(Output):
    """What is known of an item; a tombstone when it no longer exists or is excluded."""

    type: Literal["item_score"] = "item_score"
    item: Name
    activelab_score: Number
    """Lower: sooner."""
    consensus_label: Name | None
    """The name of a class."""
    consensus_quality: Number | None
    num_annotations: Count
    """Labels."""
    num_answers: Count
    """Labels and abstentions."""
    has_prediction: Flag
    progress: Literal["open", "contested", "done"]
    """Whether it needs more labels; contested: labels do not settle it."""
    epoch: Count
    """The fit of the parameters under which the item was scored."""
    provisional: Flag
    """Scored between two closes."""


class AnnotatorTrust(Output):
    """How far an annotator is trusted."""

    type: Literal["annotator_trust"] = "annotator_trust"
    annotator: Name
    annotator_agreement: Number | None
    agreement_low: Share
    agreement_high: Share
    """The ends of the agreement's 95 % credible interval."""
    flag: Literal["too few", "fine", "below the model", "worse than chance"]
    annotator_weight: Number | None
    num_compared: Count
    """Others' labels that the annotator's were compared with."""
    num_overlapping: Count
    """Labels that were compared."""
    num_annotations: Count
    imputed: Flag
    """Whether the agreement is the mean of the others', because nothing was compared."""
    epoch: Count


class Selection(Output):
    """An item that one more label would help the model, in its window's order."""

    type: Literal["selection"] = "selection"
    window: Count
    rank: Rank
    of: Rank
    """Selections of the window."""
    item: Name
    score: Number
    """The method's; lower: sooner."""
    reason: Literal["first_label", "relabel"]
    until: Time
    """The end of the lease."""
    answered_by: tuple[Name, ...]
    """Annotators with a label or an abstention."""
    stratum: Name | None = optional()
    """What the item belongs to."""


class BoundaryCause(Wire):
    """A close of the clock."""

    boundary: Time


class RequestCause(Wire):
    """A close on request."""

    request_id: Name
    annotator: Name | None = optional()
    """Whom the selections are for."""


Cause = BoundaryCause | RequestCause
Cut = dict[Text, Count]
"""Topic, without the deployment's prefix, to next position."""


class ModelParameters(Wire):
    """What was fitted for one model."""

    temperature: Number
    model_weight: Number


class Parameters(Wire):
    """What was fitted on the labels of the cut."""

    regime: Text
    models: dict[Name, ModelParameters]
    consensus_likelihood: Number | None
    majority_class_error: Number | None
    mean_annotator_weight: Number | None


class Counts(Wire):
    """How many of what there were at the cut."""

    items: Count
    labels: Count
    annotators: Count
    dormant: dict[Text, Count]
    """Facts that do not count yet, by ``labels:<class>`` or ``models:<model>``."""
    leased: Count
    eligible: Count
    selected: Count
    budget_left: Count


class Outlook(Wire):
    """How far the items are, and what more labels would help; null where nothing is known of it."""

    open: Count
    contested: Count
    done: Count
    wrong_labelled: Number | None
    """Expected number of wrong consensus labels, of items with a label."""
    wrong_unlabelled: Number | None
    """The same of items without."""
    gain_per_label: Number | None
    """How many of these a label of a selected item is expected to put right."""


class Window(Output):
    """The manifest of a window: what it knew, and what it selected."""

    type: Literal["window"] = "window"
    window: Count
    cause: Cause
    now: Time
    cut: Cut
    settings: ProjectSettings
    """All settings in force, as a ``project`` record."""
    rule_version: Text
    epoch: Count
    parameters: Parameters
    counts: Counts
    outlook: Outlook
    digest: Annotated[str, Strict(), StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the ordered list."""


class RefusalReason(StrEnum):
    """Say in one word why a close is refused."""

    CLOSED = "closed"
    NO_PROJECT = "no_project"
    NO_SUCH_BOUNDARY = "no_such_boundary"
    """The project has no window length, or the time is no multiple of it."""
    REPEATED_REQUEST = "repeated_request"
    """A request id that has been answered; the refusal names its window."""


class Refusal(Output):
    """The answer to a close that makes no window."""

    type: Literal["refusal"] = "refusal"
    cause: Cause
    reason: RefusalReason
    window: Count | None = None
    """The window that the request had, where it is repeated."""
    now: Time
    cut: Cut


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an item's score or an annotator's trust."""

    project: str
    name: str


OUTPUTS: Mapping[str, Mapping[str, type[Output]]] = {
    Topic.SELECTIONS: {"selection": Selection},
    Topic.WINDOWS: {"window": Window, "refusal": Refusal},
    Topic.ITEM_SCORES: {"item_score": ItemScore},
    Topic.ANNOTATOR_TRUST: {"annotator_trust": AnnotatorTrust},
}
"""What is on an output topic, by type."""


def parse_output(topic: str, key: bytes | None, value: bytes | None) -> Output | Tombstone:
    """Read a record of an output topic (named without prefix).

    Raises ValueError, of which pydantic's ValidationError is one, on any other record.
    """
    if key is None:
        msg = f"A record of {topic} without key"
        raise ValueError(msg)
    compacted = topic in (Topic.ITEM_SCORES, Topic.ANNOTATOR_TRUST)
    name: str | None
    project, name = parse_pair_key(key) if compacted else (key.decode(), None)
    if value is None and name is not None:
        return Tombstone(project, name)
    body = orjson.loads(value or b"")
    model = model_of(body, OUTPUTS[topic])
    if isinstance(model, Reason):
        msg = f"A record of {topic} that is none: {model}"
        raise ValueError(msg)  # noqa: TRY004  # of the record, not of an argument
    output = model.model_validate(body, context=READ)
    match output:
        case ItemScore(item=said) | AnnotatorTrust(annotator=said):
            right = (output.project, said) == (project, name)
        case _:
            right = output.project == project
    if not right:
        msg = f"A record of {topic} under another's key: {key!r}"
        raise ValueError(msg)
    return output
