"""Majority votes, and each rule that breaks their ties."""

import numpy as np
import pytest

from activelab.majority import TieBreak, break_ties, plurality
from activelab.posterior import unique_best
from activelab.statistics import MajorityCounts
from activelab.votes import Votes


def votes_of(*labels: list[int], classes: int = 3) -> Votes:
    """Let voters 0, 1, ... say the labels of each item."""
    item = np.repeat(np.arange(len(labels)), [len(said) for said in labels])
    voter = np.concatenate([np.arange(len(said)) for said in labels]).astype(np.int64)
    label = np.array([one for said in labels for one in said], dtype=np.int64)
    return Votes.of(len(labels), classes, (item, voter, label))


def resolved(
    probs: list[float],
    counts: list[int],
    agreement: list[float],
    item_hash: int = 0,
    said: tuple[int, ...] = (0, 1),
) -> int:
    votes = votes_of(list(said))
    ties = TieBreak(np.array(counts), np.array(agreement))
    hashes = np.array([item_hash], dtype=np.uint64)
    return int(break_ties(votes, np.array(probs)[:, None], ties, hashes)[0])


ALIKE = [0.2, 0.2, 0.6]


def test_plurality_and_its_ties() -> None:
    majority, tied = plurality(votes_of([0, 1, 1], [2, 0], [], [2], [0, 0, 1, 1, 2]))
    assert majority[[0, 2, 3]].tolist() == [1, -1, 2]
    assert tied.tolist() == [False, True, False, False, True]


def test_the_models_decide_first() -> None:
    assert resolved([0.1, 0.3, 0.6], [1, 9, 9], [1.0, 0.0, 0.5]) == 1


def test_then_the_rarer_class() -> None:
    assert resolved(ALIKE, [5, 3, 1], [1.0, 0.0, 0.5]) == 1


def test_then_the_class_of_better_voters() -> None:
    assert resolved(ALIKE, [3, 3, 1], [0.4, 0.7, 0.5]) == 1
    # Two voters of class 0 with a mean of 0.8 against one of 0.7 and one of 0.8.
    assert resolved(ALIKE, [3, 3, 1], [0.7, 0.7, 0.9, 0.8, 0.5], said=(0, 1, 0, 1)) == 0


@pytest.mark.parametrize(("item_hash", "expected"), [(0, 0), (1, 1), (4, 0), (7, 1)])
def test_then_the_hash_of_the_item(item_hash: int, expected: int) -> None:
    assert resolved(ALIKE, [3, 3, 1], [0.5, 0.5, 0.5], item_hash) == expected


def test_last_bits_decide_nothing() -> None:
    assert resolved([0.2, 0.2 + 1e-14, 0.6], [3, 5, 1], [0.5, 0.5, 0.5]) == 0


def test_of_equal_posteriors_the_majority_stays() -> None:
    """However their last bits fell."""
    posteriors = np.array([[0.4, 0.4, 0.3], [0.4 + 1e-14, 0.4 + 1e-9, 0.3], [0.2, 0.2, 0.4]])
    assert unique_best(posteriors, otherwise=np.array([0, 0, 0])).tolist() == [0, 1, 2]


def test_agreement_is_with_the_majority_of_the_untied() -> None:
    votes = votes_of([0, 0, 1], [1, 1], [0, 1])
    majority, tied = plurality(votes)
    counts = MajorityCounts()
    counts.add(votes, majority, tied)
    ties = TieBreak.of(counts, num_voters=4, num_classes=3)
    # The fourth voter, and one nobody knows, have the mean of the others.
    assert ties.agreement.tolist() == pytest.approx([1, 1, 0, 2 / 3, 2 / 3])
    assert ties.class_counts.tolist() == [3, 4, 0]


def test_where_everything_is_tied_nobody_is_better() -> None:
    votes = votes_of([0, 1], [1, 0])
    counts = MajorityCounts()
    counts.add(votes, *plurality(votes))
    assert TieBreak.of(counts, num_voters=2, num_classes=3).agreement.tolist() == [0.0, 0.0, 0.0]
