"""The batch result is a function of the set of facts: no order, neighbour or split changes it."""

import numpy as np
import pytest
from crowds import Bools, Crowd, Ints, simulated
from hypothesis import given
from hypothesis import strategies as st

from activelab import Columns, Mode, activelab, fit, posteriors, rows, score
from activelab.calibration import GRID, CalibrationSums, calibrated, loss_units
from activelab.columns import sorted_answers
from activelab.fit import fitted
from activelab.judgement import judged
from activelab.majority import plurality
from activelab.robust import LABEL_NOISE
from activelab.rows import class_major, class_sum
from activelab.statistics import (
    ConsensusCounts,
    LabelCounts,
    MajorityCounts,
    PredictedCounts,
    Statistic,
)
from activelab.votes import Votes

crowds = st.builds(
    simulated,
    st.integers(0, 10_000),
    items=st.integers(1, 40),
    annotators=st.integers(1, 6),
    classes=st.integers(2, 20),
    labels_per_item=st.sampled_from([1.0, 2.0, 4.0]),
    models=st.integers(1, 3),
    unlabelled=st.sampled_from([0.0, 0.3, 1.0]),
    steps=st.none() | st.just(3),
)
in_both_modes = pytest.mark.parametrize("mode", Mode)


def arranged(crowd: Crowd, items: Ints, annotators: Ints) -> Columns:
    """Take some items in the given order, and rename annotators so that their ids keep theirs."""
    plain = crowd.columns()
    kept = np.isin(crowd.item, items)
    place = np.zeros(crowd.num_items, dtype=np.int64)
    place[items] = np.arange(len(items))
    return Columns(
        crowd.num_classes,
        plain.models,
        [plain.items[item] for item in items],
        plain.item_hashes[items],
        [f"w{annotator:05}" for annotator in range(int(annotators.max(initial=0)) + 1)],
        sorted_answers(
            len(items),
            crowd.num_classes,
            place[crowd.item[kept]],
            annotators[crowd.annotator[kept]],
            crowd.label[kept],
        ),
        tuple(pred_probs[items] for pred_probs in crowd.pred_probs),
        np.ones((len(crowd.pred_probs), len(items)), dtype=np.bool_),
    )


@in_both_modes
@given(crowds, st.integers(0, 1000))
def test_permuted_items_and_padded_annotators_score_the_same(
    mode: Mode, crowd: Crowd, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(crowd.num_items)
    spread = np.sort(rng.choice(2 * crowd.num_annotators + 3, crowd.num_annotators, replace=False))
    plain = activelab(crowd.columns(), mode=mode)
    other = activelab(arranged(crowd, order, spread), mode=mode)
    assert other.activelab_score.tolist() == plain.activelab_score[order].tolist()
    assert other.consensus_label.tolist() == plain.consensus_label[order].tolist()
    assert other.consensus_quality.tolist() == plain.consensus_quality[order].tolist()


@in_both_modes
@given(crowds)
def test_what_a_fit_has_found_out_is_what_its_epoch_says(mode: Mode, crowd: Crowd) -> None:
    columns = crowd.columns()
    by = fitted(columns, mode=mode)
    alone, helped = score(columns, by.epoch), score(columns, by.epoch, by)
    for field in ("activelab_score", "consensus_label", "consensus_quality"):
        assert getattr(helped, field).tolist() == getattr(alone, field).tolist()
    for plain, block in zip(judged(columns, by.epoch), judged(columns, by.epoch, by), strict=True):
        assert block.majority.tolist() == plain.majority.tolist()
        assert block.majority_posterior.tolist() == plain.majority_posterior.tolist()


@in_both_modes
@given(crowds, st.data())
def test_a_slice_scores_as_it_does_among_all(mode: Mode, crowd: Crowd, data: st.DataObject) -> None:
    plain = crowd.columns()
    epoch = fit(plain, mode=mode)
    whole, beliefs = score(plain, epoch), posteriors(plain, epoch)
    chosen = np.array(data.draw(st.lists(st.integers(0, crowd.num_items - 1), unique=True)), int)
    part = arranged(crowd, chosen, np.arange(crowd.num_annotators))
    assert score(part, epoch).activelab_score.tolist() == whole.activelab_score[chosen].tolist()
    assert posteriors(part, epoch).tolist() == beliefs[chosen].tolist()


@pytest.mark.parametrize("classes", [2, 3, 7, 8, 9, 16, 31, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_functions_do_not_see_other_rows(classes: int, dtype: type[np.floating]) -> None:
    """To the bit: permuted, sliced to a few rows or one, and padded with others."""
    rng = np.random.default_rng(classes)
    probs = rng.dirichlet(np.full(classes, 0.3), size=257).astype(dtype)
    probs[::7, 0] = 0

    def results(pred_probs: np.ndarray) -> list[list[float]]:
        block = class_major(pred_probs)
        scaled = [calibrated(block, temperature) for temperature in (0.1, 0.9, 7.25)]
        return np.concatenate([*scaled, class_sum(block)[None]]).T.tolist()

    whole = results(probs)
    order = rng.permutation(len(probs))
    assert results(probs[order]) == [whole[at] for at in order]
    for begin, end in ((0, 1), (5, 6), (100, 103), (3, 200)):
        assert results(probs[begin:end]) == whole[begin:end]
    assert results(np.concatenate([probs[50:60], probs]))[10:] == whole


@in_both_modes
@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("cells", [1, 20, 100])
def test_the_size_of_blocks_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, cells: int, models: int, mode: Mode
) -> None:
    columns = simulated(models, models=models).columns()
    whole = activelab(columns, mode=mode)
    monkeypatch.setattr(rows, "BLOCK_CELLS", cells)
    assert activelab(columns, mode=mode).activelab_score.tolist() == whole.activelab_score.tolist()


@pytest.mark.parametrize("noise", [0.0, LABEL_NOISE])
@pytest.mark.parametrize("classes", [2, 9, 31])
def test_losses_add_up_exactly(classes: int, noise: float) -> None:
    crowd = simulated(classes, classes=classes, unlabelled=0.0, items=100)
    votes = crowd.columns().labels()
    whole = loss_units(votes, crowd.pred_probs[0], GRID, noise)
    single = [
        loss_units(votes.take(np.array([at])), crowd.pred_probs[0][at : at + 1], GRID, noise)
        for at in range(crowd.num_items)
    ]
    assert np.sum(single, axis=0).tolist() == whole.tolist()


def statistics(crowd: Crowd, votes: Votes, items: Ints) -> dict[str, tuple[Statistic, tuple]]:
    """Pair every statistic, empty, with what it takes to count ``items``."""
    majority, tied = plurality(votes)
    plain = crowd.columns()
    top_class = plain.top_class(items)
    labelled: Bools = votes.per_item() > 0
    some = votes.take(np.flatnonzero(labelled))
    return {
        "labels": (LabelCounts(), (votes,)),
        "majority": (MajorityCounts(), (votes, majority, tied)),
        "consensus": (ConsensusCounts(), (votes, majority, top_class)),
        "predicted": (PredictedCounts(), (votes, plain.has_prediction[:, items])),
        "calibration": (
            CalibrationSums(),
            (some, crowd.pred_probs[0][items[labelled]], np.arange(len(GRID))),
        ),
        "noisy calibration": (
            CalibrationSums(),
            (some, crowd.pred_probs[0][items[labelled]], np.arange(len(GRID)), LABEL_NOISE),
        ),
    }


@given(crowds, st.integers(0, 1000), st.integers(1, 5))
def test_parts_of_any_split_merge_to_the_whole(crowd: Crowd, seed: int, parts: int) -> None:
    votes = crowd.columns().labels()
    part_of = np.random.default_rng(seed).integers(parts, size=crowd.num_items)
    whole = statistics(crowd, votes, np.arange(crowd.num_items))
    for name, (statistic, facts) in whole.items():
        statistic.add(*facts)
        merged = type(statistic)()
        for part in range(parts):
            items = np.flatnonzero(part_of == part)
            one, its_facts = statistics(crowd, votes.take(items), items)[name]
            one.add(*its_facts)
            merged.merge(one)
        assert merged == statistic


@given(crowds, st.integers(0, 1000))
def test_what_is_added_and_removed_was_never_there(crowd: Crowd, seed: int) -> None:
    votes = crowd.columns().labels()
    chosen = np.random.default_rng(seed).random(crowd.num_items) < 0.5
    here, there = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    for name, (statistic, facts) in statistics(crowd, votes.take(here), here).items():
        statistic.add(*facts)
        plain = type(statistic)()
        plain.add(*facts)
        _, passing = statistics(crowd, votes.take(there), there)[name]
        statistic.add(*passing)
        statistic.remove(*passing)
        assert statistic == plain
