"""What a round learns and asks, by strategy, on a few items that can be checked by hand."""

from pathlib import Path

import numpy as np
import pytest

from activelab import Columns, Mode, activelab, columns
from experiments.datasets import DATASETS
from experiments.reference import counting_right
from experiments.strategies import MODES, STRATEGIES, Rule, strategy

ITEMS = ["agreed", "new", "torn", "outvoted"]
SAID = {"agreed": [0, 0], "torn": [0, 1], "outvoted": [1, 1, 0]}
PROBS = np.array([[0.9, 0.1], [0.5, 0.5], [0.8, 0.2], [0.99, 0.01]], np.float32)


def known(*, predicted: bool) -> Columns:
    rows = [(item, f"ann-{n}", label) for item in SAID for n, label in enumerate(SAID[item])]
    answers = tuple(zip(*rows, strict=True))
    return columns(
        2,
        ITEMS,
        answers,  # type: ignore[arg-type]
        {"m": (ITEMS, PROBS)} if predicted else {},
    )


def test_a_tie_of_the_vote_goes_to_the_rarer_class_then_to_the_models() -> None:
    consensus = strategy("random", Rule.PAPER, Mode.STRICT).consensus
    assert consensus(known(predicted=False)).tolist() == [0, -1, 1, 1]
    assert consensus(known(predicted=True)).tolist() == [0, -1, 0, 1]


@pytest.mark.parametrize(
    ("name", "ours", "papers"),
    [("wall_robot", 0.892, 0.882), ("wall_robot_complete", 0.8435, 0.852)],
)
def test_only_ties_keep_the_first_round_from_the_papers(
    shared_data: Path, name: str, ours: float, papers: float
) -> None:
    """The cleanlab that ran the paper gave them to the class that is more frequent at all."""
    dataset = DATASETS[name]()
    known = columns(len(dataset.classes), dataset.items, dataset.first_labels, {})
    labelled = known.labels().per_item() > 0
    for rule, expected in ((Rule.PAPER, ours), (Rule.OLDER, papers)):
        vote = strategy("random", rule, Mode.STRICT).consensus(known)
        assert np.mean(vote[labelled] == dataset.truth[labelled]) == pytest.approx(expected)


def test_activelab_learns_its_own_consensus_once_a_model_has_spoken() -> None:
    vote, own = (
        strategy("random", Rule.PAPER, Mode.STRICT),
        strategy("activelab", Rule.PAPER, Mode.STRICT),
    )
    before, after = known(predicted=False), known(predicted=True)
    assert own.consensus(before).tolist() == vote.consensus(before).tolist()
    weighed = activelab(after).consensus_label
    assert own.consensus(after).tolist() == [weighed[0], -1, *weighed[2:]]


@pytest.mark.parametrize("method", ["activelab", "random"])
def test_by_the_rule_of_the_service_everyone_learns_activelabs(method: str) -> None:
    for predicted in (False, True):
        facts = known(predicted=predicted)
        labels = activelab(facts).consensus_label
        learned = strategy(method, Rule.ACTIVELAB, Mode.STRICT).consensus(facts)
        assert learned.tolist() == [labels[0], -1, *labels[2:]]


def test_a_named_mode_is_whatever_the_setting_says() -> None:
    facts = crowd(2)
    for name, mode in MODES.items():
        expected = activelab(facts, mode=mode).activelab_score.tolist()
        for other in Mode:
            assert strategy(name, Rule.PAPER, other).scores(facts, "", 0).tolist() == expected
        assert strategy("activelab", Rule.PAPER, mode).scores(facts, "", 0).tolist() == expected


def crowd(seed: int) -> Columns:
    """Draw a crowd of five classes, of which one is never said, and a model that knows little."""
    rng = np.random.default_rng(seed)
    items = [f"i{number:02d}" for number in range(60)]
    truth = rng.integers(4, size=60)
    item, annotator = np.nonzero(rng.random((60, 6)) < 0.4)
    label = np.where(rng.random(len(item)) < 0.7, truth[item], rng.integers(4, size=len(item)))
    logits = rng.normal(size=(60, 5)) + 2 * np.eye(5)[truth]
    probs = np.exp(logits)
    probs /= probs.sum(axis=1, keepdims=True)
    answers = ([items[row] for row in item], [f"a{column}" for column in annotator], label)
    return columns(5, items, answers, {"m": (items, probs)})


def test_cleanlab_counting_right_is_activelab_and_as_it_is_it_is_not() -> None:
    apart = {}
    for name in ("cleanlab_2_9_0", "cleanlab_counting_right"):
        apart[name] = [
            np.abs(
                strategy(name, Rule.PAPER, Mode.STRICT).scores(crowd(seed), "", 0)
                - activelab(crowd(seed)).activelab_score
            ).max()
            for seed in range(5)
        ]
    assert max(apart["cleanlab_counting_right"]) < 1e-9
    assert max(apart["cleanlab_2_9_0"]) > 0.01


def test_cleanlab_counting_right_has_activelabs_consensus() -> None:
    for seed in range(5):
        facts = crowd(seed)
        theirs = strategy("cleanlab_counting_right", Rule.PAPER, Mode.STRICT).consensus(facts)
        assert (
            theirs.tolist()
            == strategy("activelab", Rule.PAPER, Mode.STRICT).consensus(facts).tolist()
        )


def test_the_correction_ends_with_the_call() -> None:
    facts = crowd(0)
    as_it_is = strategy("cleanlab_2_9_0", Rule.PAPER, Mode.STRICT).scores(facts, "", 0).tolist()
    counting_right(lambda: None)()
    strategy("cleanlab_counting_right", Rule.PAPER, Mode.STRICT).scores(facts, "", 0)
    assert (
        strategy("cleanlab_2_9_0", Rule.PAPER, Mode.STRICT).scores(facts, "", 0).tolist()
        == as_it_is
    )


def test_every_strategy_scores_every_item() -> None:
    for name in STRATEGIES:
        scores = strategy(name, Rule.PAPER, Mode.STRICT).scores(crowd(1), "s", 3)
        assert scores.shape == (60,)
        assert np.isfinite(scores).all()
