"""Scores of single items by hand, in every regime and with everything that may be missing."""

import numpy as np
import pytest

from activelab import Columns, activelab, columns, fit, posteriors, score

SURE, UNSURE = [0.9, 0.1], [0.4, 0.6]


def crowd(
    answers: list[tuple[str, str, int]], items: str, **models: dict[str, list[float]]
) -> Columns:
    rows = tuple([row[at] for row in answers] for at in range(3))
    predictions = {
        model: (list(of), np.array(list(of.values())).reshape(-1, 2))
        for model, of in models.items()
    }
    return columns(2, list(items), rows, predictions)


OVERLAPS = [
    *(("x", who, 0) for who in ("ann", "bob", "cyd")),
    *(("y", who, label) for who, label in (("ann", 1), ("bob", 1), ("cyd", 0))),
    *(("z", who, 0) for who in ("ann", "bob")),
]


def test_nothing_is_known() -> None:
    scores = activelab(crowd([], "ab"))
    assert scores.activelab_score.tolist() == [0.5, 0.5]
    assert scores.consensus_label.tolist() == [-1, -1]
    assert scores.consensus_quality.tolist() == [0.5, 0.5]
    assert scores.has_prediction.tolist() == [False, False]


def test_nothing_is_labelled() -> None:
    scores = activelab(crowd([], "ab", m={"a": SURE}))
    assert scores.activelab_score.tolist() == pytest.approx([(0.9 + 0.5) / 2, 0.5])
    assert scores.consensus_label.tolist() == [0, -1]
    assert scores.consensus_quality.tolist() == [0.9, 0.5]


def test_single_labels_are_judged_by_the_model_as_it_came() -> None:
    scores = activelab(crowd([("a", "ann", 1), ("b", "bob", 1)], "abc", m={"a": SURE, "c": UNSURE}))
    labelled, alone, unlabelled = scores.activelab_score.tolist()
    assert labelled == pytest.approx((0.1 * 2 + 0.5) / 3)
    assert alone == pytest.approx((1.0 * 1 + 0.5) / 2)
    assert unlabelled == pytest.approx((0.6 + 0.5) / 2)
    assert scores.consensus_label.tolist() == [1, 1, 1]
    assert scores.consensus_quality.tolist() == pytest.approx([0.1, 1.0, 0.6])


def test_overlaps_without_a_model() -> None:
    known = crowd(OVERLAPS, "xyzu")
    epoch = fit(known)
    likelihood, spread = (1 + 2 / 3 + 1) / 3, epoch.consensus_stage.mean_annotator_weight
    ann, bob, cyd, _ = epoch.consensus_stage.annotator_weight
    quality = ((ann + bob) * likelihood + cyd * (1 - likelihood)) / (ann + bob + cyd)
    weight = ann + bob + cyd
    scores = score(known, epoch)
    assert scores.consensus_label.tolist() == [0, 1, 0, -1]
    assert scores.consensus_quality.tolist() == pytest.approx(
        [likelihood, quality, likelihood, 0.5]
    )
    expected = (quality * weight + spread / 2) / (weight + spread)
    assert scores.activelab_score[1] == pytest.approx(expected)
    assert scores.activelab_score[3] == pytest.approx(0.5)


def test_a_label_without_a_prediction_stands_for_itself() -> None:
    """Its item has no model term, whatever the model weighs elsewhere."""
    known = crowd(OVERLAPS, "xyz", m={"x": SURE, "y": UNSURE})
    epoch = fit(known)
    assert epoch.consensus_stage.model_weight[0] > 0
    likelihood = epoch.consensus_stage.consensus_likelihood
    assert score(known, epoch).consensus_quality[2] == pytest.approx(likelihood)


def test_an_ensemble_uses_the_models_that_an_item_has() -> None:
    both = crowd([], "ab", m={"a": SURE, "b": SURE}, n={"a": UNSURE})
    scores = activelab(both)
    # One vote for each class: the mean of the models breaks the tie.
    assert scores.consensus_label.tolist() == [0, 0]
    assert scores.activelab_score.tolist() == pytest.approx(
        [(0.9 + 0.4 + 0.5) / 3, (0.9 + 0.5) / 2]
    )
    assert scores.num_predictions.tolist() == [2, 1]


def test_a_model_nobody_has_seen_says_nothing_until_the_next_fit() -> None:
    epoch = fit(crowd(OVERLAPS, "xyz", m={}))
    scores = score(crowd(OVERLAPS, "xyzu", m={"u": SURE}), epoch)
    assert scores.activelab_score[3] == pytest.approx(0.5)
    assert np.isfinite(scores.activelab_score).all()


def test_a_second_label_under_an_epoch_of_single_labels() -> None:
    epoch = fit(crowd([("a", "ann", 1)], "a"))
    scores = score(crowd([("a", "ann", 1), ("a", "bob", 1), ("b", "cyd", 0)], "ab"), epoch)
    assert scores.consensus_label.tolist() == [1, 0]
    assert scores.consensus_quality.tolist() == [1.0, 1.0]
    assert scores.activelab_score.tolist() == pytest.approx([2.5 / 3, 1.5 / 2])


def test_posteriors_sum_to_one_and_hold_the_quality() -> None:
    known = crowd(OVERLAPS, "xyzu", m={"x": SURE, "y": UNSURE})
    epoch = fit(known)
    found, scores = posteriors(known, epoch), score(known, epoch)
    assert found.sum(axis=1).tolist() == pytest.approx([1.0] * 4)
    labels = scores.consensus_label[:3]
    assert found[np.arange(3), labels].tolist() == scores.consensus_quality[:3].tolist()


def test_an_unpredicted_row_is_never_read() -> None:
    """Whatever stands there, even NaN, changes nothing."""
    known = crowd(OVERLAPS, "xyz", m={"x": SURE})
    before = activelab(known)
    known.pred_probs[0][1:] = np.nan
    assert activelab(known).activelab_score.tolist() == before.activelab_score.tolist()
    assert np.isnan(known.pred_probs[0][1:]).all()
