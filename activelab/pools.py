"""Pools: the facts of several pools side by side, in one set of columns.

Pools of one shape, which have as many classes and as many models, share columns by item and by
annotator; items and annotators are known by their *places* there, and each belongs to one pool. A
call on places costs what it touches, however many pools that belongs to: the items of a hundred
small pools are counted and scored in one pass, as those of a large one are, each under the epoch of
its own pool.

What a fact is, and what it does, says `activelab.pool`: a ``Pool`` is one of these.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import getitem

import numpy as np

from activelab.answers import AnswerTable
from activelab.columns import NOTHING, Columns, check_labels
from activelab.epoch import Epoch, Regime
from activelab.growing import Column
from activelab.identity import Ids, Names, id_hashes
from activelab.joint import Epochs, Voters
from activelab.rows import Bools, Floats, Ints, Probs, distinct, last_of_each, runs
from activelab.score import ItemScores, score
from activelab.statistics import LabelCounts, ratio
from activelab.trust import Appraisal, Trust, appraised, model_agreement
from activelab.votes import Votes

EXCLUDED, REGISTERED = -1, 1
"""Statuses of an item; 0 is neither."""


class Pools:
    """The current facts of pools with ``num_classes`` classes and ``num_models`` models each."""

    def __init__(self, num_classes: int, num_models: int) -> None:
        self.num_classes = num_classes
        self.num_models = num_models
        # by pool
        self.items: list[Ids] = []
        self.annotators: list[Ids] = []
        self._epochs: dict[int, Epoch] = {}
        self._own: dict[int, Ints] = {}
        """Where they are known: the places of all its items, ascending."""
        self._counts = LabelCounts()
        # by item
        self._item_names = Names()
        self._pool = Column(np.int32)
        self._hash = Column(np.uint64)
        self._status = Column(np.int8)
        self._alive = Column(np.bool_)
        self._has_prediction = [Column(np.bool_) for _ in range(num_models)]
        self._pred_probs = [Column(np.float32, width=num_classes) for _ in range(num_models)]
        self._answers = AnswerTable(num_classes)
        # by annotator
        self._annotator_names = Names()
        self._pool_of_annotator = Column(np.int32)
        self._rank = Column(np.int32)
        """Among the annotators of the pool, in the order of their ids."""
        self._unranked: set[int] = set()
        self._voters = [Column(np.float64) for _ in Voters._fields]

    # Pools

    def join(self) -> int:
        """Add a pool, and return its number; it has no epoch yet."""
        number = len(self.items)
        self.items.append(Ids(self._item_names, number))
        self.annotators.append(Ids(self._annotator_names, number))
        return number

    def leave(self, pool: int) -> None:
        """Forget all facts of a pool, for good; its places are given away anew, its number not."""
        own = self.own(pool)
        which, annotator, _ = self._answers.take(own)
        self.set_labels(own[which], annotator, np.full(len(which), NOTHING))
        for has_prediction in self._has_prediction:
            has_prediction.rows[own] = False
        self.set_status(own, np.zeros(len(own), np.int64))
        self._item_names.take_back(own.tolist())
        self._annotator_names.take_back(self.annotators[pool].values())
        self.items[pool].clear()
        self.annotators[pool].clear()
        self._own.pop(pool)
        self._epochs.pop(pool)
        self._unranked.discard(pool)

    def own(self, pool: int) -> Ints:
        """Return the places of all items that a pool has ever known, ascending."""
        if pool not in self._own:
            self._own[pool] = np.sort(self.items[pool].places())
        return self._own[pool]

    def epoch(self, pool: int) -> Epoch:
        """Return the epoch of a pool."""
        return self._epochs[pool]

    def set_epoch(self, pool: int, epoch: Epoch) -> None:
        """Let an epoch hold for a pool."""
        self._epochs[pool] = epoch
        annotators = self.annotators[pool]
        places, known = annotators.places(), epoch.places(list(annotators))
        for column, said in zip(self._voters, _voters(epoch), strict=True):
            column.rows[places] = said[known]

    # Places

    @property
    def num_places(self) -> int:
        """Items that any pool has ever known, and places that wait for one."""
        return len(self._item_names)

    def places(self, pools: Iterable[Ids], items: Sequence[str]) -> Ints:
        """Look up items, each among those of its pool; new ones get a place: ``(n,)``."""
        places = np.fromiter(map(getitem, pools, items), np.int64, len(items))
        if self._item_names.fresh:
            self._admit_items()
        return places

    def annotator_places(self, pools: Iterable[Ids], annotators: Sequence[str]) -> Ints:
        """Look up annotators, each among those of its pool; new ones get a place: ``(n,)``."""
        places = np.fromiter(map(getitem, pools, annotators), np.int64, len(annotators))
        if self._annotator_names.fresh:
            self._admit_annotators()
        return places

    def of_items(self, items: Ints) -> Ints:
        """Return the pools that items belong to: ``(n,)``."""
        return self._pool.rows[items]

    def of_annotators(self, annotators: Ints) -> Ints:
        """Return the pools that annotators belong to: ``(n,)``."""
        return self._pool_of_annotator.rows[annotators]

    def named(self, items: Ints) -> list[str]:
        """Return the ids of the items at some places."""
        return list(map(self._item_names.names.__getitem__, items.tolist()))

    def named_annotators(self, annotators: Ints) -> list[str]:
        """Return the ids of the annotators at some places."""
        return list(map(self._annotator_names.names.__getitem__, annotators.tolist()))

    def _admit_items(self) -> None:
        """Make room for items that have just been given a place."""
        pool, place = np.array(self._item_names.fresh, dtype=np.int64).reshape(-1, 2).T
        self._item_names.fresh.clear()
        size = len(self._item_names)
        for column in (self._pool, self._hash, self._status, self._alive):
            column.extend(size)
        for column in (*self._has_prediction, *self._pred_probs):
            column.extend(size)
        self._answers.extend(size)
        self._pool.rows[place] = pool
        self._hash.rows[place] = id_hashes(self.named(place))
        for number in distinct(pool).tolist():
            self._own.pop(number, None)

    def _admit_annotators(self) -> None:
        """Make room for annotators that have just been given a place; no epoch knows them."""
        pool, place = np.array(self._annotator_names.fresh, dtype=np.int64).reshape(-1, 2).T
        self._annotator_names.fresh.clear()
        for column in (self._pool_of_annotator, self._rank, *self._voters):
            column.extend(len(self._annotator_names))
        self._pool_of_annotator.rows[place] = pool
        for number in distinct(pool).tolist():
            self._unranked.add(number)
            for column, said in zip(self._voters, _voters(self._epochs[number]), strict=True):
                column.rows[place[pool == number]] = said[-1]

    # Facts

    def set_labels(self, items: Ints, annotators: Ints, labels: Ints) -> None:
        """Set, correct or take back answers; of several of one pair the last counts."""
        check_labels(labels, self.num_classes, lowest=NOTHING)
        last = last_of_each(items << 32 | annotators)
        touched, which = runs(items[last])
        with self._changing(touched):
            self._answers.put(touched, which, annotators[last], labels[last])

    def set_predictions(self, items: Ints, model: int, pred_probs: Probs) -> None:
        """Set a model's class probabilities ``(n, K)``; of several of one item the last counts."""
        self._pred_probs[model].rows[items] = pred_probs
        self._has_prediction[model].rows[items] = True
        self._settle(items)

    def drop_predictions(self, items: Ints, model: int) -> None:
        """Take a model's predictions back."""
        self._has_prediction[model].rows[items] = False
        self._settle(items)

    def set_status(self, items: Ints, status: Ints) -> None:
        """Set items ``REGISTERED`` (1), ``EXCLUDED`` (-1) or neither (0); the last one counts."""
        last = last_of_each(items)
        touched = items[last]
        with self._changing(touched):
            self._status.rows[touched] = status[last]

    @contextmanager
    def _changing(self, items: Ints) -> Iterator[None]:
        """Keep what is counted true while facts of distinct ``items`` change."""
        before = self._labels(items)
        yield
        self._counts.replace(before, self._labels(items), self.of_items(items))
        self._settle(items)

    def _labels(self, items: Ints) -> Votes:
        """Gather the labels of ``items`` that count: none of those that are excluded."""
        which, annotator, label = self._answers.take(items)
        voted = label >= 0
        voted &= (self._status.rows[items] != EXCLUDED)[which]
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

    def alive(self, items: Ints) -> Bools:
        """Tell which items exist and are not excluded: ``(n,)``."""
        alive: Bools = self._alive.rows[items]
        return alive

    def standing(self, pool: int) -> Ints:
        """Return the places of a pool's items that exist and are not excluded, ascending."""
        own = self.own(pool)
        return own[self._alive.rows[own]]

    def num_labels(self, pools: Ints) -> Ints:
        """Return the labels of the items of each pool that count: ``(n,)``."""
        return self._counts.labels_of(pools, self.num_classes)

    def num_labelled(self, pools: Ints) -> Ints:
        """Return how many of these items have one label, and how many have more: ``(n, 2)``."""
        return self._counts.items_of(pools)

    def num_labels_by(self, annotators: Ints) -> Ints:
        """Return the labels of annotators that count: ``(n,)``."""
        return self._counts.labels.at(annotators)

    def answers(self, items: Ints) -> tuple[Ints, Ints, Ints]:
        """Gather the answers of ``items``: position in ``items``, annotator, label, by position."""
        return self._answers.take(items)

    def due(self, pools: Ints) -> list[int]:
        """Return the pools that `Pool.due` is true of."""
        labels, items = self.num_labels(pools).tolist(), self.num_labelled(pools).tolist()
        due = []
        for pool, now, numbers in zip(pools.tolist(), labels, items, strict=True):
            epoch = self._epochs[pool]
            grown = now > epoch.num_labels and 10 * now >= 11 * epoch.num_labels
            if grown or Regime.of(*numbers) is not epoch.regime:
                due.append(pool)
        return due

    def columns(
        self,
        items: Ints | slice,
        names: Sequence[str],
        models: Sequence[str],
        annotators: Sequence[str],
        answers: Votes,
    ) -> Columns:
        """Return the facts of items beside their ``answers``: views where they may be."""
        return Columns(
            self.num_classes,
            models,
            names,
            self._hash.rows[items],
            annotators,
            answers,
            tuple(pred_probs.rows[items] for pred_probs in self._pred_probs),
            np.array([has.rows[items] for has in self._has_prediction]),
        )

    # Scores and trust

    def scores(self, items: Ints) -> Iterator[tuple[Ints, ItemScores]]:
        """Score items, also excluded ones: parts of them, each of epochs that score alike."""
        pools, which = self._numbered(self.of_items(items))
        epochs = [self._epochs[pool] for pool in pools.tolist()]
        kind = np.array([2 * epoch.weighted + epoch.calibrated for epoch in epochs], dtype=np.int64)
        for one in distinct(kind).tolist():
            alike = kind == one
            chosen = alike[which]
            among = np.cumsum(alike) - 1
            some = [epoch for epoch, like in zip(epochs, alike.tolist(), strict=True) if like]
            yield items[chosen], self.scored(items[chosen], some, among[which[chosen]])

    def scored(self, items: Ints, epochs: Sequence[Epoch], which: Ints) -> ItemScores:
        """Score items in their order, ``which`` of the epochs being that of each: ``(n,)``."""
        self._rank_anew()
        at, annotator, label = self._answers.take(items)
        order = np.argsort(at << 32 | self._rank.rows[annotator])
        rows = (at[order], annotator[order], label[order])
        answers = Votes.of(len(items), self.num_classes, rows)
        columns = self.columns(
            items, self.named(items), [""] * self.num_models, self._annotator_names.names, answers
        )
        voters = Voters(*(column.rows for column in self._voters))
        return score(columns, Epochs(epochs, which, voters))

    def _rank_anew(self) -> None:
        """Rank the annotators of the pools that have new ones."""
        for pool in self._unranked:
            annotators = self.annotators[pool]
            in_order = np.array([annotators[name] for name in sorted(annotators)], dtype=np.int64)
            self._rank.rows[in_order] = np.arange(len(in_order))
        self._unranked.clear()

    def trust(self, annotators: Ints) -> Trust:
        """Tell how far to trust annotators: agreement now, weight at their pools' last fits."""
        compared = self._counts.compared.at(annotators)
        imputed = self._by_pool(annotators, lambda epoch: float(epoch.agreement[-1]))
        return Trust(
            annotators=self.named_annotators(annotators),
            annotator_agreement=ratio(
                self._counts.agreeing.at(annotators), compared, undefined=imputed
            ),
            annotator_weight=self._voters[Voters._fields.index("consensus_weight")].rows[
                annotators
            ],
            num_compared=compared,
            num_overlapping=self._counts.overlapping.at(annotators),
            num_annotations=self._counts.labels.at(annotators),
            imputed=compared == 0,
        )

    def appraise(self, annotators: Ints, trust: Trust) -> Appraisal:
        """Appraise annotators as `activelab.appraise` does, each by the epoch of the own pool."""
        bar = self._by_pool(annotators, lambda epoch: model_agreement(epoch) or 0)
        return appraised(trust, self.num_classes, bar)

    def _by_pool(self, annotators: Ints, said: Callable[[Epoch], float]) -> Floats:
        """Return what epochs say, by annotator: ``(n,)``."""
        pools, which = self._numbered(self.of_annotators(annotators))
        return np.array([said(self._epochs[pool]) for pool in pools.tolist()], np.float64)[which]

    def _numbered(self, pools: Ints) -> tuple[Ints, Ints]:
        """Return the distinct ``pools``, ascending, and which of them each row has."""
        present = np.zeros(len(self.items), dtype=np.bool_)
        present[pools] = True
        return np.flatnonzero(present), (np.cumsum(present) - 1)[pools]


def _voters(epoch: Epoch) -> Voters:
    """Return what an epoch says of its annotators, at last of one who is unknown."""
    return Voters(
        epoch.majority_stage.annotator_weight,
        epoch.consensus_stage.annotator_weight,
        epoch.label_ties.agreement,
    )
