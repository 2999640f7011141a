"""Progress is told by labels and quality; what is wrong yet, by sources that err independently."""

from dataclasses import astuple, dataclass, replace

import numpy as np
import pytest
from crowds import Floats, Ints, simulated

from activelab import (
    PROGRESS,
    Columns,
    Epoch,
    ItemScores,
    Mode,
    activelab,
    columns,
    fit,
    outlook,
    progress,
    score,
)
from activelab import stopping as module

MODES = pytest.mark.parametrize("mode", list(Mode))
NOBODY = np.array([], dtype=np.int64)
Rows = list[tuple[str, str, int]]
"""Labels: item, annotator, class."""


def scores(number: list[int], quality: list[float]) -> ItemScores:
    count, zeros = np.array(number), np.zeros(len(number), dtype=np.int64)
    ids = [f"i{at}" for at in range(len(number))]
    return ItemScores(ids, np.zeros(len(ids)), zeros, np.array(quality), count, count, zeros)


def labels_of_two(*items: str) -> Columns:
    """Let two annotators label items: "01" is one of which they say classes 0 and 1."""
    ids = [f"i{at}" for at in range(len(items))]
    rows = [
        (i, f"w{j}", int(c)) for i, said in zip(ids, items, strict=True) for j, c in enumerate(said)
    ]
    who, label = [row[1] for row in rows], [row[2] for row in rows]
    return columns(2, ids, ([row[0] for row in rows], who, label), {})


def equally_right(known: Columns, accuracy: float) -> Epoch:
    """Build an epoch in which every annotator is right equally often."""
    agreement = accuracy**2 + (1 - accuracy) ** 2
    return replace(fit(known), agreement=np.full(len(known.annotators) + 1, agreement))


def test_progress_goes_by_the_number_of_labels_and_the_quality() -> None:
    said = scores(
        [0, 0, 1, 1, 1, 2, 2, 2, 2, 6, 6],
        [0.2, 0.99, 0.1, 0.79, 0.8, 0.49, 0.5, 0.64, 0.65, 0.549, 0.55],
    )
    open_, contested, done = "open", "contested", "done"
    assert [PROGRESS[so_far] for so_far in progress(said)] == [
        *(open_, open_, open_, open_, done),
        *(contested, open_, open_, done, open_, done),
    ]
    assert progress(scores([], [])).tolist() == []


def test_what_is_wrong_yet_can_be_computed_by_hand() -> None:
    known = labels_of_two("00", "01", "1")
    epoch = equally_right(known, 0.8)
    ahead = outlook(known, epoch, score(known, epoch), np.array([0, 1]))
    agreed, divided, single = 0.04 / 0.68, 0.5, 0.2
    assert ahead.wrong_labelled == pytest.approx(agreed + divided + single)
    # A third label turns no agreement, but settles the division: from .5 right to .8.
    assert ahead.gain_per_label == pytest.approx((0 + 0.3) / 2)


def test_an_item_of_which_nothing_is_known_is_wrong_but_by_chance() -> None:
    known = labels_of_two("00", "11", "")
    epoch = equally_right(known, 0.8)
    ahead = outlook(known, epoch, score(known, epoch), np.array([2]))
    assert ahead.wrong_unlabelled == pytest.approx(0.5)
    assert ahead.gain_per_label == pytest.approx(0.3)
    assert (ahead.open, ahead.contested, ahead.done) == (1, 0, 2)


@pytest.mark.parametrize("items", [(), ("",), ("0", "1")])
@MODES
def test_nothing_is_expected_where_no_labels_can_be_compared(
    mode: Mode, items: tuple[str, ...]
) -> None:
    known = labels_of_two(*items)
    epoch = fit(known, mode=mode)
    ahead = outlook(known, epoch, score(known, epoch), NOBODY)
    assert (ahead.wrong_labelled, ahead.wrong_unlabelled, ahead.gain_per_label) == (None,) * 3
    assert ahead.open + ahead.contested + ahead.done == len(items)


def test_nothing_is_expected_of_annotators_who_are_no_better_than_chance() -> None:
    known = labels_of_two("01", "10", "01", "11")
    epoch = fit(known)
    assert outlook(known, epoch, score(known, epoch), NOBODY).wrong_labelled is None


@pytest.mark.parametrize("models", [0, 1, 2])
@MODES
def test_order_changes_no_bit(mode: Mode, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 30)
    crowd = simulated(3, models=models)
    known = crowd.columns()
    order = np.random.default_rng(0).permutation(crowd.num_items)
    rank = np.argsort(order)
    shuffled = replace(
        crowd, item=rank[crowd.item], pred_probs=tuple(p[order] for p in crowd.pred_probs)
    ).columns()
    shuffled = replace(
        shuffled,
        items=[known.items[row] for row in order],
        item_hashes=known.item_hashes[order],
    )
    first, second = fit(known, mode=mode), fit(shuffled, mode=mode)
    chosen = np.arange(0, crowd.num_items, 7)
    ahead = outlook(known, first, score(known, first), chosen)
    same = outlook(shuffled, second, score(shuffled, second), rank[chosen])
    assert astuple(same) == astuple(ahead)


@dataclass(frozen=True)
class World:
    """A truth, annotators who err at random, and a model that is as sure as it is right."""

    truth: Ints
    accuracy: Floats
    probs: Floats

    @classmethod
    def drawn(cls, rng: np.random.Generator, number: int = 1500) -> "World":
        truth = rng.integers(4, size=number)
        probs = rng.dirichlet(np.full(4, 0.4), number)
        # A class is drawn with its probability, and made the true one.
        meant = (probs.cumsum(axis=1) < rng.random(number)[:, None]).sum(axis=1)
        rows, swapped = np.arange(number), probs.copy()
        swapped[rows, truth], swapped[rows, meant] = probs[rows, meant], probs[rows, truth]
        return cls(truth, rng.uniform(0.6, 0.95, 20), swapped)

    def asked(self, rng: np.random.Generator, items: Ints) -> Rows:
        """Let annotators label items, each once."""
        annotator = rng.integers(20, size=len(items))
        right = rng.random(len(items)) < self.accuracy[annotator]
        wrong = (self.truth[items] + rng.integers(1, 4, len(items))) % 4
        label = np.where(right, self.truth[items], wrong)
        return [(f"i{i}", f"w{a}", c) for i, a, c in zip(items, annotator, label, strict=True)]

    def known(self, rows: Rows) -> Columns:
        ids = [f"i{at}" for at in range(len(self.truth))]
        last = {row[:2]: row[2] for row in rows}
        item, annotator = zip(*last, strict=True)
        return columns(4, ids, (item, annotator, list(last.values())), {"m": (ids, self.probs)})

    def first(self, rng: np.random.Generator) -> Rows:
        """Label some items once, some of these more often."""
        labelled = np.flatnonzero(rng.random(len(self.truth)) < 0.7)
        return self.asked(rng, np.repeat(labelled, 1 + rng.poisson(0.5, len(labelled))))


@MODES
def test_where_sources_err_independently_the_expectation_is_right(mode: Mode) -> None:
    expected, happened = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        world = World.drawn(rng)
        known = world.known(world.first(rng))
        epoch = fit(known, mode=mode)
        said = score(known, epoch)
        ahead = outlook(known, epoch, said, NOBODY)
        wrong, labelled = said.consensus_label != world.truth, said.num_annotations > 0
        expected.append([ahead.wrong_labelled or 0, ahead.wrong_unlabelled or 0])
        happened.append([wrong[labelled].sum(), wrong[~labelled].sum()])
    assert np.sum(expected, axis=0) == pytest.approx(np.sum(happened, axis=0), rel=0.15)


@MODES
def test_labels_gain_what_was_expected_of_them(mode: Mode) -> None:
    expected, happened = 0.0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        world = World.drawn(rng)
        rows = world.first(rng)
        known = world.known(rows)
        epoch = fit(known, mode=mode)
        before = score(known, epoch)
        chosen = np.argsort(before.activelab_score)[:300]
        expected += 300 * (outlook(known, epoch, before, chosen).gain_per_label or 0)
        after = activelab(world.known(rows + world.asked(rng, chosen)), mode=mode)
        for scored, sign in ((before, 1), (after, -1)):
            happened += sign * int(np.sum(scored.consensus_label != world.truth))
    assert expected == pytest.approx(happened, rel=0.25)
