"""Whatever is said to a pool, in whatever order, its word is the batch function's on what is true.

The model of a pool is three dicts of the newest facts. The batch side gets columns built from
those dicts, items in another order; so it shares nothing with the pool but ``fit`` and ``score``.
"""

from collections import Counter
from dataclasses import dataclass, field, fields
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from activelab import (
    ABSTENTION,
    EXCLUDED,
    NOTHING,
    Columns,
    Epoch,
    ItemScores,
    Mode,
    Pool,
    Pools,
    activelab,
    appraise,
    columns,
    fit,
    score,
    top,
)

NUM_CLASSES = 3
MODELS = ("m", "n")
ITEMS = [f"item {n}" for n in range(8)]
ANNOTATORS = ["ann", "bob", "cyd", "dan", "eve"]

items = st.sampled_from(ITEMS)
answer = st.tuples(items, st.sampled_from(ANNOTATORS), st.integers(NOTHING, NUM_CLASSES - 1))
prediction = st.tuples(
    items,
    st.sampled_from(MODELS),
    st.none() | st.sampled_from([(1, 0, 0), (2, 1, 1), (1, 2, 5), (1, 1, 1), (0, 3, 2), (4, 3, 3)]),
)
status = st.tuples(items, st.integers(EXCLUDED, 1))
RESIDENT = st.integers(0, 2)
"""One of three pools that share columns."""


@dataclass
class Truth:
    """The newest facts, as dicts."""

    labels: dict[tuple[str, str], int] = field(default_factory=dict)
    predictions: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)

    def columns(self) -> Columns:
        answers = {pair: label for pair, label in self.labels.items() if label != NOTHING}
        known = {item for item, _ in (*answers, *self.predictions)}
        known |= {item for item, value in self.statuses.items() if value > 0}
        alive = sorted(item for item in known if self.statuses.get(item) != EXCLUDED)
        counted = [(item, who, label) for (item, who), label in answers.items() if item in alive]
        predictions = {}
        for model in MODELS:
            rows = [item for item in alive if (item, model) in self.predictions]
            probs = [normal(self.predictions[item, model]) for item in rows]
            predictions[model] = (rows, np.array(probs, np.float32).reshape(-1, NUM_CLASSES))
        by_column = tuple([row[at] for row in counted] for at in range(3))
        return columns(NUM_CLASSES, alive, by_column, predictions)


def normal(weights: tuple[int, ...]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


class Said:
    """A pool and the truth, told the same."""

    def __init__(self, mode: Mode, pools: Pools | None = None) -> None:
        self.pool = Pool(NUM_CLASSES, MODELS, mode=mode, pools=pools)
        self.truth = Truth()

    def answers(self, rows: list[tuple[str, str, int]]) -> None:
        self.pool.set_labels(*([row[at] for row in rows] for at in range(3)))
        self.truth.labels.update({(item, who): label for item, who, label in rows})

    def prediction(self, item: str, model: str, weights: tuple[int, ...] | None) -> None:
        if weights is None:
            self.pool.drop_predictions([item], model)
            self.truth.predictions.pop((item, model), None)
        else:
            self.pool.set_predictions([item], model, np.array([normal(weights)]))
            self.truth.predictions[item, model] = weights

    def statuses(self, rows: list[tuple[str, int]]) -> None:
        self.pool.set_status(*([row[at] for row in rows] for at in range(2)))
        self.truth.statuses.update(dict(rows))


def state(scores: ItemScores) -> dict[str, tuple[float | int, ...]]:
    """Key everything that is said of items by item."""
    return dict(
        zip(
            scores.item_ids,
            zip(
                scores.activelab_score.tolist(),
                scores.consensus_label.tolist(),
                scores.consensus_quality.tolist(),
                scores.num_annotations.tolist(),
                scores.num_answers.tolist(),
                scores.num_predictions.tolist(),
                strict=True,
            ),
            strict=True,
        )
    )


def order(scores: ItemScores) -> list[str]:
    everything = np.ones(len(scores.item_ids), dtype=np.bool_)
    ranked = top(scores.activelab_score, scores.item_ids, everything, len(scores.item_ids))
    return [scores.item_ids[at] for at in ranked]


def parameters(epoch: Epoch) -> list[object]:
    """Spell out everything that an epoch says."""
    said = [epoch.models, epoch.annotators, epoch.regime, epoch.num_labels, epoch.class_counts]
    said += [epoch.temperature, epoch.agreement]
    for part in (epoch.majority_stage, epoch.consensus_stage, epoch.label_ties, epoch.model_ties):
        said += [getattr(part, spec.name) for spec in fields(part)]
    return [np.asarray(value).tolist() for value in said]


class PoolIsBatch(RuleBasedStateMachine):
    """After every prefix of facts the refreshed pool equals the batch, to the bit and in order."""

    mode = Mode.STRICT

    def __init__(self) -> None:
        super().__init__()
        self.said = Said(self.mode)

    @rule(rows=st.lists(answer, min_size=1, max_size=12))
    def annotators_answer(self, rows: list[tuple[str, str, int]]) -> None:
        self.said.answers(rows)

    @rule(row=prediction)
    def model_predicts(self, row: tuple[str, str, tuple[int, ...] | None]) -> None:
        self.said.prediction(*row)

    @rule(rows=st.lists(status, max_size=3))
    def items_are_registered_or_excluded(self, rows: list[tuple[str, int]]) -> None:
        self.said.statuses(rows)

    @rule()
    def the_epoch_is_renewed(self) -> None:
        self.said.pool.fit()
        assert not self.said.pool.due()

    @invariant()
    def refreshed_it_is_the_batch(self) -> None:
        pool, truth = self.said.pool, self.said.truth.columns()
        before = pool.epoch
        batch, refreshed = activelab(truth, mode=self.mode), pool.refresh().scores
        pool.epoch = before
        assert state(refreshed) == state(batch)
        assert order(refreshed) == order(batch)

    @invariant()
    def its_counts_are_those_of_the_truth(self) -> None:
        pool, truth = self.said.pool, self.said.truth.columns()
        assert sorted(pool.items()) == list(truth.items)
        assert pool.num_items == len(truth.items)
        assert pool.num_labels == len(truth.labels().label)
        assert pool.num_labelled == np.count_nonzero(truth.labels().per_item())

    @invariant()
    def items_scored_by_themselves_are_scored_as_among_all(self) -> None:
        pool = self.said.pool
        pool.fit()
        whole = state(pool.refresh().scores)
        assert state(pool.score(pool.items()[::-1])) == whole
        for item in pool.items():
            assert state(pool.score([item])) == {item: whole[item]}

    @invariant()
    def agreement_of_now_is_that_of_a_fit(self) -> None:
        pool = self.said.pool
        epoch = pool.fit()
        trust = pool.trust(pool.annotators())
        agreement = epoch.agreement[epoch.places(pool.annotators())]
        assert trust.annotator_agreement.tolist() == agreement.tolist()
        columns = pool.columns()
        labels = columns.labels()
        who = labels.voter[labels.per_item()[labels.item] > 1].tolist()
        overlapping = Counter(columns.annotators[voter] for voter in who)
        assert trust.num_overlapping.tolist() == [overlapping[one] for one in trust.annotators]


class RobustPoolIsBatch(PoolIsBatch):
    mode = Mode.ROBUST


class PoolsAreEachAsAlone(RuleBasedStateMachine):
    """Pools that share columns know what each knows by itself, to the bit; so do new ones."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = Pools(NUM_CLASSES, len(MODELS))
        self.said = [Said(mode, self.pools) for mode in (*Mode, Mode.ROBUST)]

    @rule(rows=st.lists(st.tuples(RESIDENT, answer), min_size=1, max_size=20))
    def annotators_answer_at_once(self, rows: list[tuple[int, tuple[str, str, int]]]) -> None:
        numbers = [self.said[at].pool.number for at, _ in rows]
        items, who, labels = zip(*(row for _, row in rows), strict=True)
        self.pools.set_labels(
            self.pools.places((self.pools.items[number] for number in numbers), items),
            self.pools.annotator_places((self.pools.annotators[number] for number in numbers), who),
            np.array(labels),
        )
        for at, (item, annotator, label) in rows:
            self.said[at].truth.labels[item, annotator] = label

    @rule(at=RESIDENT, rows=st.lists(answer, min_size=1, max_size=12))
    def annotators_of_one_answer(self, at: int, rows: list[tuple[str, str, int]]) -> None:
        self.said[at].answers(rows)

    @rule(at=RESIDENT, row=prediction)
    def model_predicts(self, at: int, row: tuple[str, str, tuple[int, ...] | None]) -> None:
        self.said[at].prediction(*row)

    @rule(at=RESIDENT, rows=st.lists(status, max_size=3))
    def items_are_registered_or_excluded(self, at: int, rows: list[tuple[str, int]]) -> None:
        self.said[at].statuses(rows)

    @rule(at=RESIDENT)
    def an_epoch_is_renewed(self, at: int) -> None:
        self.said[at].pool.fit()

    @rule(at=RESIDENT, mode=st.sampled_from(Mode))
    def one_leaves_and_another_comes(self, at: int, mode: Mode) -> None:
        self.pools.leave(self.said[at].pool.number)
        self.said[at] = Said(mode, self.pools)

    @invariant()
    def refreshed_each_is_the_batch(self) -> None:
        for said in self.said:
            pool, truth, before = said.pool, said.truth.columns(), said.pool.epoch
            refreshed = pool.refresh()
            pool.epoch = before
            assert state(refreshed.scores) == state(activelab(truth, mode=pool.mode))
            assert parameters(refreshed.epoch) == parameters(fit(truth, mode=pool.mode))
            assert pool.num_labels == len(truth.labels().label)
            labelled = np.unique(truth.labels().voter).tolist()
            assert pool.annotators() == [truth.annotators[voter] for voter in labelled]

    @invariant()
    def scored_at_once_they_are_scored_as_alone(self) -> None:
        everything = np.concatenate([said.pool.standing() for said in self.said])[::-1]
        together = list(self.pools.scores(everything))
        places = np.concatenate([np.empty(0, np.int64), *(places for places, _ in together)])
        assert sorted(places.tolist()) == sorted(everything.tolist())
        for said in self.said:
            number, found = said.pool.number, dict[str, tuple[float | int, ...]]()
            for some, scores in together:
                found |= state(scores.take(np.flatnonzero(self.pools.of_items(some) == number)))
            assert found == state(score(said.pool.columns(), said.pool.epoch))

    @invariant()
    def trusted_at_once_they_are_trusted_as_alone(self) -> None:
        everybody = np.concatenate([said.pool.labellers() for said in self.said])
        together = self.pools.trust(everybody)
        appraisal = self.pools.appraise(everybody, together)
        begin = 0
        for said in self.said:
            named = self.pools.named_annotators(said.pool.labellers())
            rows = slice(begin, begin + len(named))
            trust = said.pool.trust(named)
            epoch = said.pool.epoch
            alone = appraise(trust, epoch)
            assert together.annotators[rows] == named
            weight = epoch.consensus_stage.annotator_weight[epoch.places(named)]
            assert together.annotator_weight[rows].tolist() == weight.tolist()
            assert together.annotator_agreement[rows].tolist() == trust.annotator_agreement.tolist()
            assert appraisal.low[rows].tolist() == alone.low.tolist()
            assert appraisal.high[rows].tolist() == alone.high.tolist()
            assert appraisal.flag[rows].tolist() == alone.flag.tolist()
            begin += len(named)

    @invariant()
    def each_is_due_as_alone(self) -> None:
        due = self.pools.due(np.array([said.pool.number for said in self.said]))
        for said in self.said:
            epoch, truth = said.pool.epoch, fit(said.truth.columns())
            grown = truth.num_labels > epoch.num_labels
            grown &= 10 * truth.num_labels >= 11 * epoch.num_labels
            assert (said.pool.number in due) == (grown or truth.regime is not epoch.regime)


TestPoolIsBatch = PoolIsBatch.TestCase
TestRobustPoolIsBatch = RobustPoolIsBatch.TestCase
TestPoolsAreEachAsAlone = PoolsAreEachAsAlone.TestCase
for machine in (TestPoolIsBatch, TestRobustPoolIsBatch, TestPoolsAreEachAsAlone):
    machine.settings = settings(max_examples=100, stateful_step_count=12)

in_both_modes = pytest.mark.parametrize("mode", Mode)


@in_both_modes
@settings(max_examples=60)
@given(st.lists(answer, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_final_facts_does_not_matter(
    mode: Mode, rows: list[tuple[str, str, int]], random: Random
) -> None:
    final = list({(item, who): (item, who, label) for item, who, label in rows}.values())
    one, other = Said(mode), Said(mode)
    one.answers(final)
    random.shuffle(final)
    for row in final:
        other.answers([row])
    assert state(one.pool.refresh().scores) == state(other.pool.refresh().scores)


@in_both_modes
@settings(max_examples=60)
@given(st.lists(answer, max_size=30), st.lists(prediction, max_size=10))
def test_twice_is_once(
    mode: Mode,
    rows: list[tuple[str, str, int]],
    predictions: list[tuple[str, str, tuple[int, ...] | None]],
) -> None:
    once, twice = Said(mode), Said(mode)
    for said, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            said.answers(rows)
            for row in predictions:
                said.prediction(*row)
    assert state(once.pool.refresh().scores) == state(twice.pool.refresh().scores)


@in_both_modes
@settings(max_examples=60)
@given(st.lists(answer, max_size=20), st.lists(answer, min_size=1, max_size=10))
def test_what_is_taken_back_leaves_no_trace(
    mode: Mode, before: list[tuple[str, str, int]], passing: list[tuple[str, str, int]]
) -> None:
    said = Said(mode)
    said.answers(before)
    kept = dict(said.truth.labels)
    plain = said.pool.refresh()
    said.answers(passing)
    said.answers([(item, who, kept.get((item, who), NOTHING)) for item, who, _ in passing])
    refreshed = said.pool.refresh()
    assert state(refreshed.scores) == state(plain.scores)
    assert list(refreshed.epoch.annotators) == list(plain.epoch.annotators)
    assert parameters(refreshed.epoch) == parameters(plain.epoch)


@in_both_modes
def test_abstentions_alone_are_no_label(mode: Mode) -> None:
    said = Said(mode)
    said.answers([(ITEMS[0], who, ABSTENTION) for who in ANNOTATORS[:3]])
    scores = said.pool.refresh().scores
    assert scores.consensus_label.tolist() == [-1]
    assert scores.activelab_score.tolist() == [pytest.approx(1 / NUM_CLASSES)]
