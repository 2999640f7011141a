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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import NamedTuple, cast

import numpy as np

from activelab.answers import AnswerTable
from activelab.columns import NOTHING, Columns, check_labels, sorted_answers
from activelab.epoch import Epoch, Regime
from activelab.errors import InvalidInput
from activelab.fit import Mode, fit, fitted
from activelab.growing import Column
from activelab.identity import Ids, id_hashes
from activelab.rows import Bools, Ints, Probs, distinct, last_of_each, runs
from activelab.score import ItemScores, score
from activelab.statistics import LabelCounts, ratio
from activelab.trust import Trust
from activelab.votes import Votes

EXCLUDED, REGISTERED = -1, 1
"""Statuses of an item; 0 is neither."""


class Refresh(NamedTuple):
    """A new epoch, all items under it, and what both follow from."""

    epoch: Epoch
    scores: ItemScores
    columns: Columns


class Pool:
    """The current facts of a project with ``num_classes`` classes and the given models.

    ``mode`` is that of the fits to come.

    >>> pool = Pool(num_classes=2, models=("m",))
    >>> pool.set_labels(["cat", "cat", "dog"], ["ann", "bob", "ann"], [0, 1, 1])
    >>> pool.set_labels(["cat"], ["bob"], [0])  # corrected
    >>> pool.num_labels, pool.answers(["cat", "dog"])
    (3, [['ann', 'bob'], ['ann']])
    >>> pool.refresh().scores.consensus_label.tolist()
    [0, 1]
    """

    def __init__(
        self, num_classes: int, models: Sequence[str], *, mode: Mode = Mode.STRICT
    ) -> None:
        self.num_classes = num_classes
        self.mode = mode
        self.models = tuple(models)
        self._items = Ids()
        self._annotators = Ids()
        self._hash = Column(np.uint64)
        self._status = Column(np.int8)
        self._alive = Column(np.bool_)
        self._has_prediction = [Column(np.bool_) for _ in models]
        self._pred_probs = [Column(np.float32, width=num_classes) for _ in models]
        self._answers = AnswerTable(num_classes)
        self._counts = LabelCounts()
        self.epoch = fit(self.columns(), mode=self.mode)

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
        place, annotator = self.places(items), np.array(self._annotators.add(annotators), np.int64)
        last = last_of_each(place << 32 | annotator)
        place = place[last]
        touched, which = runs(place)
        with self._changing(touched):
            self._answers.put(touched, which, annotator[last], label[last])

    def set_predictions(self, items: Sequence[str] | Ints, model: str, pred_probs: Probs) -> None:
        """Set a model's class probabilities ``(n, K)``; of several of one item the last counts."""
        if np.shape(pred_probs) != (len(items), self.num_classes):
            message = f"pred_probs is {np.shape(pred_probs)}, not {(len(items), self.num_classes)}"
            raise InvalidInput(message)
        which = self._model(model)
        touched = self.places(items)
        self._pred_probs[which].rows[touched] = pred_probs
        self._has_prediction[which].rows[touched] = True
        self._settle(touched)

    def drop_predictions(self, items: Sequence[str] | Ints, model: str) -> None:
        """Take a model's predictions back."""
        touched = self.places(items)
        self._has_prediction[self._model(model)].rows[touched] = False
        self._settle(touched)

    def set_status(self, items: Sequence[str] | Ints, status: Sequence[int] | Ints) -> None:
        """Set items ``REGISTERED`` (1), ``EXCLUDED`` (-1) or neither (0); the last one counts."""
        _check_lengths(items, status)
        place = self.places(items)
        last = last_of_each(place)
        touched = place[last]
        with self._changing(touched):
            self._status.rows[touched] = np.asarray(status)[last]

    def _known(self, items: Sequence[str]) -> list[int]:
        """Look up items, making room for new ones."""
        places = self._items.add(items)
        size, before = len(self._items), len(self._hash)
        if size > before:
            for column in (self._hash, self._status, self._alive):
                column.extend(size)
            for column in (*self._has_prediction, *self._pred_probs):
                column.extend(size)
            self._answers.extend(size)
            self._hash.rows[before:] = id_hashes(self._items.names[before:])
        return places

    def _model(self, model: str) -> int:
        if model not in self.models:
            message = f"{model!r} is none of the models {self.models}"
            raise InvalidInput(message)
        return self.models.index(model)

    @contextmanager
    def _changing(self, items: Ints) -> Iterator[None]:
        """Keep what is counted true while facts of distinct ``items`` change."""
        before = self._labels(items)
        yield
        self._counts.replace(before, self._labels(items))
        self._settle(items)

    def _labels(self, items: Ints) -> Votes:
        """Gather the labels of ``items`` that count."""
        items = items[self._status.rows[items] != EXCLUDED]
        which, annotator, label = self._answers.take(items)
        voted = label >= 0
        rows = (which[voted], annotator[voted], label[voted])
        return Votes.of(len(items), self.num_classes, rows)

    def _settle(self, items: Ints) -> None:
        """Tell anew which of ``items`` exist and are not excluded."""
        status = self._status.rows[items]
        exists = status == REGISTERED
        exists |= self._answers.number(items) > 0
        for has_prediction in self._has_prediction:
            exists |= has_prediction.rows[items]
        self._alive.rows[items] = exists & (status != EXCLUDED)

    # What is known

    @property
    def num_items(self) -> int:
        """Items that exist and are not excluded."""
        return int(np.count_nonzero(self._alive.rows))

    @property
    def num_cells(self) -> int:
        """Numbers that a refresh computes: those items by classes, once a model."""
        return self.num_items * self.num_classes * max(1, len(self.models))

    @property
    def num_labels(self) -> int:
        """Labels of those items."""
        return int(self._counts.classes.read(self.num_classes).sum())

    @property
    def num_labelled(self) -> int:
        """Those of the items with at least one label."""
        return int(self._counts.items.read(3).sum())

    @property
    def num_overlapping(self) -> int:
        """Those of the items with two labels or more."""
        return int(self._counts.items.read(3)[2])

    def items(self) -> list[str]:
        """Return the ids of the items that exist and are not excluded, as ``columns`` has them."""
        return list(compress(self._items.names, self._alive.rows.tolist()))

    def places(self, items: Sequence[str] | Ints) -> Ints:
        """Return a number for each item, its own as long as the pool lives; new ones get the next.

        So who keeps more about items than the pool does can keep it in columns, too. Wherever
        items are asked for, their places may be given instead.
        """
        return _placed(items, self._known)

    def named(self, places: Ints) -> list[str]:
        """Return the ids of the items that have these places."""
        return [self._items.names[place] for place in places.tolist()]

    def standing(self) -> Ints:
        """Return the places of the items that exist and are not excluded, as ``columns``."""
        return np.flatnonzero(self._alive.rows)

    def alive(self, items: Sequence[str] | Ints) -> Bools:
        """Tell which items, or places, exist and are not excluded."""
        alive: Bools = self._alive.rows[_placed(items, self._items.places)]
        return alive

    def annotators(self) -> list[str]:
        """Return the ids of the annotators whose labels count, ascending."""
        labels = self._counts.labels.read(len(self._annotators))
        return sorted(compress(self._annotators.names, (labels > 0).tolist()))

    def answers(self, items: Sequence[str]) -> list[list[str]]:
        """Return, for each item, the ids of all who labelled it or abstained, ascending."""
        which, annotator, _ = self._answers.take(np.array(self._items.places(items), np.int64))
        used, rank = self._ranked(annotator)
        names = [self._annotators.names[place] for place in used]
        order = np.lexsort((rank, which))
        said = [names[place] for place in rank[order].tolist()]
        ends = np.cumsum(np.bincount(which, minlength=len(items))).tolist()
        return [said[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def trust(self, annotators: Sequence[str]) -> Trust:
        """Tell how far to trust annotators: agreement now, weight at the last fit."""
        place = np.array(self._annotators.places(annotators), dtype=np.int64)
        compared = self._counts.compared.at(place)
        epoch, known = self.epoch, self.epoch.places(annotators)
        return Trust(
            annotators=annotators,
            annotator_agreement=ratio(
                self._counts.agreeing.at(place), compared, undefined=float(epoch.agreement[-1])
            ),
            annotator_weight=epoch.consensus_stage.annotator_weight[known],
            num_compared=compared,
            num_overlapping=self._counts.overlapping.at(place),
            num_annotations=self._counts.labels.at(place),
            imputed=compared == 0,
        )

    # Fits and scores

    def due(self) -> bool:
        """Tell whether labels have grown by a tenth since the fit, or the regime has changed."""
        fitted, labels = self.epoch.num_labels, self.num_labels
        grown = labels > fitted and 10 * labels >= 11 * fitted
        return grown or Regime.of(self._counts) is not self.epoch.regime

    def fit(self) -> Epoch:
        """Renew the epoch."""
        self.epoch = fit(self.columns(), mode=self.mode)
        return self.epoch

    def score(self, items: Sequence[str] | Ints) -> ItemScores:
        """Score items, or those at some places, in their order, also excluded ones.

        The epoch is the current one.
        """
        return score(self.columns(items), self.epoch)

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
        rows: slice | Ints
        if items is None:
            place, names = self.standing(), self.items()
            rows = slice(None) if len(place) == len(self._items) else place
        else:
            rows = place = _placed(items, self._items.places)
            names = self.named(place)
        which, annotator, label = self._answers.take(place)
        used, rank = self._ranked(annotator)
        return Columns(
            self.num_classes,
            self.models,
            names,
            self._hash.rows[rows],
            [self._annotators.names[place] for place in used],
            sorted_answers(len(names), self.num_classes, which, rank, label),
            tuple(pred_probs.rows[rows] for pred_probs in self._pred_probs),
            np.array([has.rows[rows] for has in self._has_prediction]),
        )

    def _ranked(self, annotator: Ints) -> tuple[list[int], Ints]:
        """Sort the annotators that occur by id; return their places, and each row's rank."""
        known = distinct(annotator).tolist()
        used = sorted(known, key=self._annotators.names.__getitem__)
        rank = np.empty(len(self._annotators), dtype=np.int64)
        rank[used] = np.arange(len(used))
        return used, rank[annotator]


def _placed(items: Sequence[str] | Ints, find: Callable[[Sequence[str]], list[int]]) -> Ints:
    """Find the places of items; places are what they are."""
    if isinstance(items, np.ndarray) and items.dtype.kind == "i":
        return items
    return np.array(find(cast("Sequence[str]", items)), dtype=np.int64)


def _check_lengths(*columns: Sequence[object] | Ints) -> None:
    """Refuse columns that don't go together."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        message = f"columns have different lengths: {lengths}"
        raise InvalidInput(message)
