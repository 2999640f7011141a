"""Our scores are cleanlab's, once its counting is corrected; as released it is far off."""

from pathlib import Path

import numpy as np
import pytest
import reference
from crowds import Crowd, recorded, simulated
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import cross_val_predict

from activelab import activelab, columns, fit

TOLERANCE = 1e-9


def depends_on_chance(crowd: Crowd) -> bool:
    """Tell whether some majority is left to chance, which has no reference."""
    scores = [activelab(crowd.columns(first)).activelab_score.tolist() for first in (0, 1)]
    return scores[0] != scores[1]


def assert_parity(crowd: Crowd) -> None:
    with reference.corrected():
        expected = reference.scores(crowd)
    np.testing.assert_allclose(
        activelab(crowd.columns()).activelab_score, expected, rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("models", [1, 2, 3])
@pytest.mark.parametrize("labels_per_item", [1.0, 1.3, 2.5, 6.0])
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_random_crowds(seed: int, classes: int, labels_per_item: float, models: int) -> None:
    assert_parity(simulated(seed, classes=classes, labels_per_item=labels_per_item, models=models))


@pytest.mark.parametrize("models", [1, 3])
def test_nothing_labelled(models: int) -> None:
    assert_parity(simulated(0, models=models, unlabelled=1.0))


@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("unlabelled", [0.0, 0.5])
def test_a_class_that_nobody_says(models: int, unlabelled: float) -> None:
    crowd = simulated(1, classes=3, models=models, unlabelled=unlabelled)
    spared = crowd.label != 1
    assert_parity(
        Crowd(
            crowd.num_items,
            crowd.num_annotators,
            crowd.num_classes,
            crowd.item[spared],
            crowd.annotator[spared],
            crowd.label[spared],
            crowd.pred_probs,
        )
    )


def test_majority_ties_where_models_say_the_same_of_many_classes() -> None:
    """Probabilities of 0, 1/2 and 1 leave most ties to frequencies and to agreement."""
    compared = 0
    for seed in range(40):
        crowd = simulated(seed, items=60, labels_per_item=2.0, steps=2, models=1 + seed % 2)
        if not depends_on_chance(crowd):
            assert_parity(crowd)
            compared += 1
    assert compared >= 10


@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("name", ["bluebirds", "music_genre", "person_video_binary"])
def test_recorded_crowds(shared_data: Path, name: str, models: int) -> None:
    assert_parity(recorded(shared_data / name, models=models))


def wall_robot(path: Path) -> Crowd:
    """Read the ActiveLab paper's Wall Robot experiment, with out-of-fold tree predictions."""
    data = np.load(path)
    labels = data["multiannotator_labels_labeled"]
    item, annotator = np.nonzero(~np.isnan(labels))
    label = labels[item, annotator].astype(np.int64)
    used, annotator = np.unique(annotator, return_inverse=True)
    trees = ExtraTreesClassifier(n_estimators=50, random_state=0)
    probs = cross_val_predict(
        trees, data["X_labeled"], data["true_labels_labeled"], method="predict_proba"
    )
    return Crowd(len(labels), len(used), probs.shape[1], item, annotator, label, (probs,))


def test_the_papers_wall_robot_experiment(shared_data: Path) -> None:
    for name in ("paper_wall_robot", "paper_wall_robot_complete"):
        assert_parity(wall_robot(shared_data / "wall_robot" / f"{name}.npz"))


def test_the_release_as_it_is_fits_a_scrambled_distribution(shared_data: Path) -> None:
    """Unpatched, 2.9.0 puts T where labels of the wrong classes want it, and scores follow."""
    crowd = wall_robot(shared_data / "wall_robot" / "paper_wall_robot.npz")
    ours = activelab(crowd.columns()).activelab_score
    assert fit(crowd.columns()).temperature.tolist() == [1.0]
    assert np.abs(ours - reference.scores(crowd)).max() > 0.1


def test_the_columns_of_ids_are_the_columns_of_arrays() -> None:
    crowd = simulated(3)
    plain = crowd.columns()
    by_id = columns(
        crowd.num_classes,
        plain.items,
        (
            [plain.items[item] for item in crowd.item],
            [plain.annotators[annotator] for annotator in crowd.annotator],
            crowd.label,
        ),
        {"m0": (plain.items, crowd.pred_probs[0])},
    )
    assert activelab(by_id).activelab_score.tolist() == activelab(plain).activelab_score.tolist()
