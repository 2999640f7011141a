"""CROWDLAB's tables by hand: of items, labels and annotators."""

import numpy as np
import pandas as pd
import pytest

from activelab.dropin import (
    get_active_learning_scores,
    get_active_learning_scores_ensemble,
    get_label_quality_multiannotator,
    get_label_quality_multiannotator_ensemble,
)

LABELS = pd.DataFrame(
    [[0, 0, 0, np.nan], [1, 1, 0, np.nan], [0, 0, np.nan, np.nan], [np.nan, np.nan, np.nan, 1]],
    columns=["ann", "bob", "cyd", "dan"],
    index=["p", "q", "r", "s"],
)
PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
WEIGHTS = [0.4, 0.4, 1e-6, 0.1]
LIKELIHOOD = 8 / 9


def test_qualities_are_posteriors() -> None:
    tables = get_label_quality_multiannotator(LABELS, PROBS, return_weights=True)
    model = tables["model_weight"]
    assert model == pytest.approx(1.5)  # it errs nowhere: 1, times the root of 9 / 4 labels an item
    assert tables["annotator_weight"].tolist() == pytest.approx(WEIGHTS, abs=1e-12)
    of_first = (model * 0.9 + sum(WEIGHTS[:3]) * LIKELIHOOD) / (model + sum(WEIGHTS[:3]))
    said = WEIGHTS[0] + WEIGHTS[1]
    of_second = (model * 0.8 + said * LIKELIHOOD + WEIGHTS[2] * (1 - LIKELIHOOD)) / (
        model + said + WEIGHTS[2]
    )
    items = tables["label_quality"]
    assert items.index.tolist() == ["p", "q", "r", "s"]
    assert items["consensus_label"].tolist() == [0, 1, 0, 1]
    assert items["consensus_quality_score"].tolist()[:2] == pytest.approx([of_first, of_second])
    assert items["annotator_agreement"].tolist() == pytest.approx([1, 2 / 3, 1, 1])
    assert items["num_annotations"].tolist() == [3, 3, 2, 1]
    detail = tables["detailed_label_quality"]
    assert detail.columns[0] == "quality_annotator_ann"
    assert detail.loc["q"].tolist()[:3] == pytest.approx([of_second, of_second, 1 - of_second])
    assert detail.isna().sum().tolist() == [1, 1, 2, 3]


def test_annotators_stand_from_the_worst_to_the_best() -> None:
    tables = get_label_quality_multiannotator(LABELS, PROBS, return_weights=True)
    stats = tables["annotator_stats"]
    assert stats.index.tolist()[0] == "cyd"
    assert stats["num_examples_labeled"].loc[["ann", "bob", "cyd", "dan"]].tolist() == [3, 3, 2, 1]
    assert stats["agreement_with_consensus"].loc[["ann", "cyd"]].tolist() == [1.0, 0.5]
    assert stats["worst_class"].loc["cyd"] == 0
    share = 1.5 / (1.5 + sum(WEIGHTS) / 4 * 9 / 4)
    mean = tables["detailed_label_quality"]["quality_annotator_cyd"].mean()
    assert stats["annotator_quality"].loc["cyd"] == pytest.approx(share * mean + (1 - share) * 0.5)
    assert np.isnan(stats["annotator_quality"].loc["dan"])


def test_by_agreement_a_label_is_as_good_as_its_share() -> None:
    tables = get_label_quality_multiannotator(LABELS, PROBS, quality_method="agreement")
    assert tables["label_quality"]["consensus_quality_score"].tolist() == pytest.approx(
        [1, 2 / 3, 1, 1]
    )
    assert tables["detailed_label_quality"].loc["q"].tolist()[2] == pytest.approx(1 / 3)
    assert tables["annotator_stats"]["annotator_quality"].loc["cyd"] == 0.5


def test_further_consensus_methods_stand_beside_the_first() -> None:
    tables = get_label_quality_multiannotator(
        LABELS,
        PROBS,
        consensus_method=["majority_vote", "best_quality"],
        return_detailed_quality=False,
        return_annotator_stats=False,
    )
    assert list(tables) == ["label_quality"]
    assert list(tables["label_quality"]) == [
        "consensus_label",
        "consensus_quality_score",
        "annotator_agreement",
        "num_annotations",
        "consensus_label_best_quality",
        "consensus_quality_score_best_quality",
        "annotator_agreement_best_quality",
    ]


def test_the_majority_s_weights_are_those_of_stage_a() -> None:
    labels = LABELS.iloc[:3, :3]
    weights = [
        get_label_quality_multiannotator(
            labels, PROBS[:3], consensus_method=method, return_weights=True
        )["annotator_weight"].tolist()
        for method in ("majority_vote", ["majority_vote", "best_quality"])
    ]
    assert weights[0] == weights[1]
    # E is 1/3 under the majority, and the agreements 4/5, 4/5 and 2/4.
    assert weights[0] == pytest.approx([0.4, 0.4, 1e-6], abs=1e-12)


def test_an_ensemble_of_one_is_the_model() -> None:
    one = get_label_quality_multiannotator(LABELS, PROBS, return_weights=True)
    ensemble = get_label_quality_multiannotator_ensemble(LABELS, PROBS[None], return_weights=True)
    pd.testing.assert_frame_equal(ensemble["label_quality"], one["label_quality"])
    assert ensemble["model_weight"].tolist() == [one["model_weight"]]
    scores = get_active_learning_scores(LABELS, PROBS, PROBS)
    for found, expected in zip(
        get_active_learning_scores_ensemble(LABELS, PROBS[None], PROBS[None]), scores, strict=True
    ):
        assert found.tolist() == expected.tolist()
