"""Pool: the current facts of a project, and what follows from them at once.

A pool holds the newest facts only; who decides which fact is newer stands outside. Facts come in
columns, and a call costs what it touches, not what the pool holds.

State, by item: answers, one prediction a model, a status. Its rules:

- an item exists while it is registered, or has an answer or a prediction;
- an excluded item stays known, but leaves every statistic, and every list that is given out;
- the label counts are those of the items that count, after every call;
- the epoch is that of the last fit; items and annotators are scored under it until the next.

``refresh`` is the batch function on the pool's columns: there is no second implementation, so a
refreshed pool says what a batch run on the same facts says, to the bit.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple, TypeGuard, cast

import numpy as np

from activelab.columns import NOTHING, Columns, check_labels, sorted_answers
from activelab.epoch import Epoch
from activelab.errors import InvalidInput
from activelab.fit import Mode, fit, fitted
from activelab.identity import Ids
from activelab.pools import Pools
from activelab.rows import Bools, Ints, Probs, distinct
from activelab.score import ItemScores, score
from activelab.trust import Trust


class Refresh(NamedTuple):
    """A new epoch, all items under it, and what both follow from."""

    epoch: Epoch
    scores: ItemScores
    columns: Columns


class Pool:
    """The current facts of a project with ``num_classes`` classes and the given models.

    ``mode`` is that of the fits to come. Pools with as many classes and models may share columns,
    ``pools``: who has many small ones then takes the facts of all of them in one call there.

    >>> pool = Pool(num_classes=2, models=("m",))
    >>> pool.set_labels(["cat", "cat", "dog"], ["ann", "bob", "ann"], [0, 1, 1])
    >>> pool.set_labels(["cat"], ["bob"], [0])  # corrected
    >>> pool.num_labels, pool.answers(["cat", "dog"])
    (3, [['ann', 'bob'], ['ann']])
    >>> pool.refresh().scores.consensus_label.tolist()
    [0, 1]
    """

    def __init__(
        self,
        num_classes: int,
        models: Sequence[str],
        *,
        mode: Mode = Mode.STRICT,
        pools: Pools | None = None,
    ) -> None:
        self.num_classes = num_classes
        self.mode = mode
        self.models = tuple(models)
        self.pools = pools or Pools(num_classes, len(self.models))
        """The columns that it shares; its own where none are given."""
        if (self.pools.num_classes, self.pools.num_models) != (num_classes, len(self.models)):
            message = (
                f"{num_classes} classes and {len(self.models)} models are not its pools' shape"
            )
            raise InvalidInput(message)
        self.number = self.pools.join()
        """Its number among those."""
        self.epoch = fit(self.columns(), mode=self.mode)

    @property
    def epoch(self) -> Epoch:
        """The parameters of the last fit."""
        return self.pools.epoch(self.number)

    @epoch.setter
    def epoch(self, epoch: Epoch) -> None:
        self.pools.set_epoch(self.number, epoch)

    # Facts

    def set_labels(
        self,
        items: Sequence[str] | Ints,
        annotators: Sequence[str],
        labels: Sequence[int] | Ints,
    ) -> None:
        """Set, correct or take back answers; of several of one pair the last counts.

        A label is a class, ``ABSTENTION`` or ``NOTHING``.
        """
        label = np.asarray(labels, dtype=np.int64)
        check_labels(label, self.num_classes, lowest=NOTHING)
        _check_lengths(items, annotators, label)
        annotator = self.pools.annotator_places(repeat(self._annotators), annotators)
        self.pools.set_labels(self.places(items), annotator, label)

    def set_predictions(self, items: Sequence[str] | Ints, model: str, pred_probs: Probs) -> None:
        """Set a model's class probabilities ``(n, K)``; of several of one item the last counts."""
        if np.shape(pred_probs) != (len(items), self.num_classes):
            message = f"pred_probs is {np.shape(pred_probs)}, not {(len(items), self.num_classes)}"
            raise InvalidInput(message)
        which = self._model(model)
        self.pools.set_predictions(self.places(items), which, pred_probs)

    def drop_predictions(self, items: Sequence[str] | Ints, model: str) -> None:
        """Take a model's predictions back."""
        which = self._model(model)
        self.pools.drop_predictions(self.places(items), which)

    def set_status(self, items: Sequence[str] | Ints, status: Sequence[int] | Ints) -> None:
        """Set items ``REGISTERED`` (1), ``EXCLUDED`` (-1) or neither (0); the last one counts."""
        _check_lengths(items, status)
        self.pools.set_status(self.places(items), np.asarray(status, dtype=np.int64))

    def _model(self, model: str) -> int:
        if model not in self.models:
            message = f"{model!r} is none of the models {self.models}"
            raise InvalidInput(message)
        return self.models.index(model)

    # What is known

    @property
    def num_items(self) -> int:
        """Items that exist and are not excluded."""
        return int(np.count_nonzero(self.pools.alive(self.own())))

    @property
    def num_cells(self) -> int:
        """Numbers that a refresh computes: those items by classes, once a model."""
        return self.num_items * self.num_classes * max(1, len(self.models))

    @property
    def num_labels(self) -> int:
        """Labels of those items."""
        return int(self.pools.num_labels(self._only).sum())

    @property
    def num_labelled(self) -> int:
        """Those of the items with at least one label."""
        return int(self.pools.num_labelled(self._only).sum())

    @property
    def num_overlapping(self) -> int:
        """Those of the items with two labels or more."""
        return int(self.pools.num_labelled(self._only)[:, 1].sum())

    @property
    def _only(self) -> Ints:
        return np.array([self.number])

    @property
    def _items(self) -> Ids:
        return self.pools.items[self.number]

    @property
    def _annotators(self) -> Ids:
        return self.pools.annotators[self.number]

    def items(self) -> list[str]:
        """Return the ids of the items that exist and are not excluded, as ``columns`` has them."""
        return self.named(self.standing())

    def places(self, items: Sequence[str] | Ints) -> Ints:
        """Return a number for each item, its own as long as the pool lives; new ones get the next.

        So who keeps more about items than the pool does can keep it in columns, too. Wherever
        items are asked for, their places may be given instead.
        """
        if _are_places(items):
            return items
        return self.pools.places(repeat(self._items), cast("Sequence[str]", items))

    def known(self, items: Sequence[str] | Ints) -> Ints:
        """Return the places of items, of which none is new: that is an `UnknownId`."""
        if _are_places(items):
            return items
        return np.array(self._items.known(cast("Sequence[str]", items)), dtype=np.int64)

    def named(self, places: Ints) -> list[str]:
        """Return the ids of the items that have these places."""
        return self.pools.named(places)

    def own(self) -> Ints:
        """Return the places of all items that it has ever known, ascending."""
        return self.pools.own(self.number)

    def standing(self) -> Ints:
        """Return the places of the items that exist and are not excluded, as ``columns``."""
        return self.pools.standing(self.number)

    def alive(self, items: Sequence[str] | Ints) -> Bools:
        """Tell which items, or places, exist and are not excluded."""
        return self.pools.alive(self.known(items))

    def annotators(self) -> list[str]:
        """Return the ids of the annotators whose labels count, ascending."""
        return sorted(self.pools.named_annotators(self.labellers()))

    def labellers(self) -> Ints:
        """Return the places of the annotators whose labels count; `Pools` knows them so."""
        known = self._annotators.places()
        return known[self.pools.num_labels_by(known) > 0]

    def answers(self, items: Sequence[str]) -> list[list[str]]:
        """Return, for each item, the ids of all who labelled it or abstained, ascending."""
        which, annotator, _ = self.pools.answers(self.known(items))
        names, rank = self._ranked(annotator)
        order = np.lexsort((rank, which))
        said = [names[place] for place in rank[order].tolist()]
        ends = np.cumsum(np.bincount(which, minlength=len(items))).tolist()
        return [said[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def trust(self, annotators: Sequence[str]) -> Trust:
        """Tell how far to trust annotators: agreement now, weight at the last fit."""
        return self.pools.trust(np.array(self._annotators.known(annotators), dtype=np.int64))

    # Fits and scores

    def due(self) -> bool:
        """Tell whether labels have grown by a tenth since the fit, or the regime has changed."""
        return bool(self.pools.due(self._only))

    def fit(self) -> Epoch:
        """Renew the epoch."""
        self.epoch = fit(self.columns(), mode=self.mode)
        return self.epoch

    def score(self, items: Sequence[str] | Ints) -> ItemScores:
        """Score items, or those at some places, in their order, also excluded ones.

        The epoch is the current one.
        """
        places = self.known(items)
        return self.pools.scored(places, [self.epoch], np.zeros(len(places), np.int64))

    def refresh(self) -> Refresh:
        """Renew the epoch and score all items under it: the batch function on ``columns``."""
        columns = self.columns()
        by = fitted(columns, mode=self.mode)
        self.epoch = by.epoch
        return Refresh(self.epoch, score(columns, self.epoch, by), columns)

    def columns(self, items: Sequence[str] | Ints | None = None) -> Columns:
        """Return the facts of items, or places, or of all that exist and are not excluded.

        Arrays may be views of the pool's own: use them before facts change.
        """
        place = self.standing() if items is None else self.known(items)
        names = self.named(place)
        which, annotator, label = self.pools.answers(place)
        annotators, rank = self._ranked(annotator)
        answers = sorted_answers(len(names), self.num_classes, which, rank, label)
        is_all = items is None and len(place) == self.pools.num_places
        rows = slice(None) if is_all else place
        return self.pools.columns(rows, names, self.models, annotators, answers)

    def _ranked(self, annotator: Ints) -> tuple[list[str], Ints]:
        """Sort the annotators that occur by id; return their ids, and the rank in each row."""
        known = distinct(annotator)
        names = self.pools.named_annotators(known)
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(int(known.max(initial=-1)) + 1, dtype=np.int64)
        rank[known[order]] = np.arange(len(names))
        return [names[at] for at in order], rank[annotator]


def _are_places(items: Sequence[str] | Ints) -> TypeGuard[Ints]:
    return isinstance(items, np.ndarray) and items.dtype.kind == "i"


def _check_lengths(*columns: Sequence[object] | Ints) -> None:
    """Refuse columns that don't go together."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        message = f"columns have different lengths: {lengths}"
        raise InvalidInput(message)
