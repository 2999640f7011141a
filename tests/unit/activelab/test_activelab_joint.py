"""Several epochs at once: what stands by item is what the item's own epoch says."""

import numpy as np

from activelab import Epoch, Mode, Pool
from activelab.joint import Epochs, JointStage, Voters
from activelab.posterior import Weights
from activelab.votes import Votes

MODELS = ("m", "n", "o")


def epoch(seed: int) -> Epoch:
    rng = np.random.default_rng(seed)
    pool = Pool(num_classes=3, models=MODELS, mode=Mode.ROBUST)
    items = [f"i{number}" for number in range(30)]
    for who in ("ann", "bob", "cyd"):
        pool.set_labels(items[:20], [who] * 20, rng.integers(3, size=20))
    for model in MODELS:
        shares = rng.dirichlet([0.5] * 3, size=30)
        pool.set_predictions(items, model, shares)
    return pool.fit()


def test_each_item_has_the_terms_of_its_own_epoch() -> None:
    epochs = [epoch(seed) for seed in (0, 1, 2)]
    which = np.array([0, 2, 1, 1, 0])
    voters = Voters(*(np.random.default_rng(9).random((3, 12))))
    items = slice(1, 5)
    own = [epochs[at] for at in which[items]]
    terms = Epochs(epochs, which, voters).of(items)
    assert (terms.weighted, terms.calibrated) == (True, True)
    assert terms.temperature.T.tolist() == [one.temperature.tolist() for one in own]
    stages = (
        (terms.majority_stage, [one.majority_stage for one in own], voters.majority_weight),
        (terms.consensus_stage, [one.consensus_stage for one in own], voters.consensus_weight),
    )
    for stage, alone, weight in stages:
        check(stage, alone)
        assert stage.annotator_weight is weight


def check(stage: JointStage, alone: list[Weights]) -> None:
    likelihood, mean = stage.consensus_likelihood.tolist(), stage.mean_annotator_weight.tolist()
    assert likelihood == [one.consensus_likelihood for one in alone]
    assert mean == [one.mean_annotator_weight for one in alone]
    assert stage.model_weight.T.tolist() == [one.model_weight.tolist() for one in alone]


def test_ties_are_broken_by_the_items_own_epoch_and_by_who_votes_there() -> None:
    epochs = [epoch(seed) for seed in (0, 1, 2)]
    which = np.array([2, 0, 1])
    voters = Voters(*(np.random.default_rng(9).random((3, 12))))
    terms = Epochs(epochs, which, voters).of(slice(0, 3))
    tied = np.array([2, 0])
    own = [epochs[at] for at in which[tied]]
    assert len({tuple(one.model_ties.agreement) for one in epochs}) == 3
    rows = (np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2]), np.array([0, 1, 2, 1]))
    votes = Votes.of(2, 3, rows)
    of_models, of_labels = terms.model_ties.at(tied), terms.label_ties.at(tied)
    expected = [
        own[item].model_ties.agreement[voter] for item, voter in zip(*rows[:2], strict=True)
    ]
    assert of_models.agreement_of(votes).tolist() == expected
    assert of_models.class_counts.T.tolist() == [
        one.model_ties.class_counts.tolist() for one in own
    ]
    by_place = votes.by(np.array([7, 9, 11]))
    assert (
        of_labels.agreement_of(by_place).tolist() == voters.tie_agreement[[7, 11, 9, 11]].tolist()
    )
    assert of_labels.class_counts.T.tolist() == [
        one.label_ties.class_counts.tolist() for one in own
    ]
