"""Turns: selected items in the order in which Label Studio is to show their tasks. Pure.

Label Studio's stream of a project goes by task id, at random or by a model's score, random again
with two annotators. A tab of the data manager has an order of its own, and "Label Tasks As
Displayed" keeps it. So a task has its turn in a field of its data, by which a tab sorts: window
and rank, an older window first. And it is open for one annotator more than have answered:
else Label Studio shows nobody what has its labels already.

An item's turn ends with its lease: by an answer of somebody new, or at its time.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas import Selection
from stream_app.label_studio.answers import Body, user_of
from stream_app.label_studio.mirror import Mirror

TURN_FIELD: Final = "activelab_turn"
TAB_TITLE: Final = "ActiveLab"
HIDDEN: Final = [
    f"tasks:{column}"
    for column in (
        *("inner_id", "completed_at", "cancelled_annotations", "total_predictions"),
        *("annotations_results", "annotations_ids", "predictions_results", "predictions_score"),
        *("predictions_model_versions", "file_upload", "storage_filename", "draft_exists"),
        *("created_at", "updated_at", "updated_by", "avg_lead_time"),
    )
]
"""Columns of the tab that say nothing about turns."""
TAB: Final[dict[str, Any]] = {
    "type": "list",
    "target": "tasks",
    "hiddenColumns": {"explore": HIDDEN, "labeling": HIDDEN},
    "ordering": [f"tasks:data.{TURN_FIELD}"],
    "filters": {
        "conjunction": "and",
        "items": [
            {
                "filter": f"filter:tasks:data.{TURN_FIELD}",
                "operator": "empty",
                "type": "String",
                "value": False,
            }
        ],
    },
}
"""The tab's content: what has a turn, in order."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is in Label Studio, and the turn that its task shows."""

    task: int
    turn: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """A turn that a task is to show; None: none."""

    item: str
    task: int
    turn: str | None


@dataclass(slots=True)
class Turns:
    """What is selected, and which turns Label Studio shows."""

    selected: dict[str, Selection] = field(default_factory=dict)
    """The last selection of each item, until its lease is over."""
    places: dict[str, Place] = field(default_factory=dict)
    _showing: set[str] = field(default_factory=set)
    """Items whose tasks show a turn."""

    def select(self, selection: Selection) -> None:
        """Take a selection, in the order of the topic."""
        self.selected[selection.item] = selection

    def show(self, item: str, task: Body) -> None:
        """Take what a page shows of an item's task; of several tasks the first one counts."""
        known = self.places.get(item)
        if known is None or task["id"] <= known.task:
            self.moved(Move(item, task["id"], task["data"].get(TURN_FIELD)))

    def keep(self, tasks: Container[int]) -> None:
        """Take that there are no tasks but these."""
        for item in [item for item, place in self.places.items() if place.task not in tasks]:
            self.lost(item)

    def lost(self, item: str) -> None:
        """Take that an item's task is no more."""
        self.places.pop(item, None)
        self._showing.discard(item)

    def moved(self, move: Move) -> None:
        """Take that a task shows a turn now."""
        self.places[move.item] = Place(move.task, move.turn)
        if move.turn is None:
            self._showing.discard(move.item)
        else:
            self._showing.add(move.item)

    def moves(self, mirror: Mirror, now: int) -> Iterator[Move]:
        """Return what tasks do not show as it should be, in the order of the turns."""
        for item in [item for item, one in self.selected.items() if one.until <= now]:
            del self.selected[item]
        found = []
        for item in self.selected.keys() | self._showing:
            place = self.places.get(item)
            if place is not None:
                turn = self._turn(item, place, mirror)
                if turn != place.turn:
                    found.append(Move(item, place.task, turn))
        yield from sorted(found, key=lambda move: (move.turn or "", move.item))

    def without_task(self) -> int:
        """Return how many selected items have no task."""
        return sum(item not in self.places for item in self.selected)

    def _turn(self, item: str, place: Place, mirror: Mirror) -> str | None:
        selection = self.selected.get(item)
        if selection is None:
            return None
        if mirror.annotators(item, place.task) - set(selection.answered_by):
            return None
        return f"{selection.window:08d}.{selection.rank:08d}"


def change(task: Body, turn: str | None, overlap: int) -> dict[str, Any]:
    """Return how a task, shown whole, is to be changed; ``overlap``: annotations by default."""
    data = {name: value for name, value in task["data"].items() if name != TURN_FIELD}
    answered = {
        user_of(annotation) for annotation in task["annotations"] if not annotation["was_cancelled"]
    }
    wanted = max(overlap, len(answered) + (turn is not None))
    return {
        "data": data if turn is None else {**data, TURN_FIELD: turn},
        "overlap": wanted,
        "is_labeled": len(answered) >= wanted,
    }
