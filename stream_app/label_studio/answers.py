"""What tasks and annotations of Label Studio say, in the words of annotations.v1. Pure.

An annotation is the answer of the user who completed it, at the time of its last change:

- the one choice of the control is the label;
- skipped, without a choice, or with several, it is an abstention: the user has seen the item;
- an item's id or a choice that is too long for the wire is none;
- a draft is no annotation. Label Studio keeps them apart, and so they never come here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas import MAX_ID_BYTES, parse_time

Body = Mapping[str, Any]
"""A JSON object of Label Studio's."""
Pair = tuple[str, str]
"""Item and annotator: who answers to what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an annotation says."""

    annotation: int
    task: int
    item: str
    annotator: str
    label: str | None
    """The name of a class; None is an abstention."""
    time: int
    """Microseconds since the Unix epoch."""

    @property
    def pair(self) -> Pair:
        """Return who answers to what."""
        return self.item, self.annotator


@dataclass(frozen=True, slots=True)
class Wording:
    """How items, annotators and labels are found in Label Studio's objects."""

    name: str
    """Of this Label Studio; its user 7 is annotator ``name-7``."""
    item_field: str
    """The field of a task's data that has the item's id."""
    control: str
    """The name of the ``Choices`` whose choice is the label."""

    def item(self, task: Body) -> str | None:
        """Return the item that a task is for; None: it is for none of ours.

        >>> Wording("studio", "item", "label").item({"data": {"item": "img-17"}})
        'img-17'
        """
        match task["data"].get(self.item_field):
            case str(item) if _is_name(item):
                return item
            case int(number) if not isinstance(number, bool):
                return str(number)
        return None

    def answer(self, task: Body, annotation: Body) -> Answer | None:
        """Return what an annotation of a task says; None: the item or who said it is unknown."""
        item, user = self.item(task), user_of(annotation)
        if item is None or user is None:
            return None
        return Answer(
            annotation=annotation["id"],
            task=task["id"],
            item=item,
            annotator=f"{self.name}-{user}",
            label=self._label(annotation),
            time=parse_time(annotation["updated_at"]),
        )

    def _label(self, annotation: Body) -> str | None:
        if annotation["was_cancelled"]:
            return None
        choices = [
            choice
            for region in annotation["result"] or ()
            if region.get("from_name") == self.control and region.get("type") == "choices"
            for choice in region["value"]["choices"]
        ]
        return choices[0] if len(choices) == 1 and _is_name(choices[0]) else None


def _is_name(text: str) -> bool:
    """Say whether the wire takes an id."""
    return 0 < len(text.encode()) <= MAX_ID_BYTES


def user_of(annotation: Body) -> int | None:
    """Return who completed an annotation; some of Label Studio's answers have the whole user."""
    match annotation["completed_by"]:
        case int(user) | {"id": int(user)}:
            return user
    return None
