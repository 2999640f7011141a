"""The paper's loop, round by round, and the models in it."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.datasets import DATASETS
from experiments.loop import Setting, play
from experiments.strategies import Rule
from experiments.trained import Examined, examined
from stream_app.folds import out_of_fold

SHORT = Setting("digits", rounds=3, batch=30, trees=5)


def test_a_round_asks_for_a_batch_that_the_next_one_has() -> None:
    rounds = list(play(SHORT, "good_random", seed=0))
    assert [one.number for one in rounds] == [0, 1, 2]
    assert [one.num_labels for one in rounds] == [460, 490, 520]
    assert [one.num_labelled for one in rounds] == [400, 430, 460]  # each is a new item
    assert all(len(set(one.selected)) == 30 for one in rounds)
    assert not set(rounds[0].selected) & set(rounds[1].selected)


def test_a_run_is_a_function_of_its_seed() -> None:
    first, again, other = (list(play(SHORT, "activelab", seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first[0].consensus_accuracy == other[0].consensus_accuracy  # before any chance


def test_all_methods_begin_alike() -> None:
    first = {next(play(SHORT, method, seed=0)).test_accuracy for method in ("entropy", "activelab")}
    assert len(first) == 1


def test_with_the_truth_as_a_bound_every_consensus_is_right_from_the_second_round_on() -> None:
    usual, bound = (
        list(play(replace(SHORT, rule=rule), "activelab", seed=0))
        for rule in (Rule.PAPER, Rule.TRUTH)
    )
    assert bound[0] == usual[0]
    assert [one.consensus_accuracy for one in bound[1:]] == [1, 1]
    assert bound[-1].test_accuracy > usual[-1].test_accuracy


def test_labels_and_models_grow_better() -> None:
    rounds = list(play(Setting("digits", rounds=5, trees=20), "activelab", seed=0))
    assert rounds[-1].test_accuracy > rounds[0].test_accuracy + 0.03
    assert rounds[-1].consensus_accuracy > rounds[0].consensus_accuracy + 0.1


def test_test_accuracy_is_the_mean_of_the_fold_models() -> None:
    digits = DATASETS["digits"]()
    models = examined(["extra-trees"], digits, seed=0, trees=5)
    labels = np.where(np.arange(len(digits.items)) < 200, digits.truth, -1)
    out_of_fold(models["extra-trees"], digits.features, labels, num_classes=10, seed=0)
    noted = models["extra-trees"]._noted
    assert len(noted) == 5
    assert models["extra-trees"].accuracy() == pytest.approx(sum(noted) / 5)
    assert len(set(noted)) > 1


def test_an_examined_model_says_what_its_classifier_says() -> None:
    digits = DATASETS["digits"]()
    model = examined(["logistic-regression"], digits, seed=0, trees=5)["logistic-regression"]
    assert isinstance(model, Examined)
    plain = model._estimator.fit(digits.features[:300], digits.truth[:300])
    expected = plain.predict_proba(digits.test_features)
    said = model.fit(digits.features[:300], digits.truth[:300]).predict_proba(digits.test_features)
    assert said.tolist() == expected.tolist()
    assert model.accuracy() == plain.score(digits.test_features, digits.test_truth)
