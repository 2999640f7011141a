"""Each method's order of a few items, checked by hand."""

from typing import Any

import numpy as np
import pytest

from activelab import METHODS, Columns, ItemScores, activelab, columns, top

ITEMS = ["certain", "leaning", "uniform", "unseen"]
PROBS = np.array([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]])


def project() -> tuple[Columns, ItemScores]:
    known = columns(
        2,
        ITEMS,
        (["certain", "leaning", "leaning"], ["ann", "ann", "bob"], [0, 0, 1]),
        {"m": (ITEMS[:3], PROBS)},
    )
    return known, activelab(known)


def scores(method: str, **options: Any) -> list[float]:
    return METHODS[method](*project(), **{"seed": "s", "window": 1} | options).tolist()


def test_entropy_goes_from_uniform_or_unseen_to_certain() -> None:
    leaning = 1 + (0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2)
    assert scores("entropy") == pytest.approx([1.0, leaning, 0.0, 0.0], abs=1e-15)


def test_uncertainty_is_the_largest_probability() -> None:
    assert scores("uncertainty") == [1.0, 0.75, 0.5, 0.5]


def test_active_label_cleaning_is_entropy_minus_surprise() -> None:
    """A certain model agrees with "certain"; half of the labels of "leaning" have p = 1/4."""
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    cross_entropy = -(0.5 * np.log(0.75) + 0.5 * np.log(0.25))
    assert scores("active_label_cleaning") == pytest.approx(
        [0.0, entropy - cross_entropy, 0.0, 0.0], abs=1e-15
    )


def test_active_label_cleaning_doubts_a_label_before_it_asks_for_a_new_one() -> None:
    known = columns(
        2,
        ["doubted", "expected", "new", "opened"],
        (["doubted", "expected", "opened"], ["ann"] * 3, [1, 0, 1]),
        {"m": (["doubted", "expected", "new"], np.array([[1, 0], [0.75, 0.25], [1, 0]]))},
    )
    value = METHODS["active_label_cleaning"](known, activelab(known), seed=0, window=0)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert value == pytest.approx([np.log(1e-6), entropy + np.log(0.75), 0, 0], abs=1e-15)
    order = top(value, known.items, np.ones(4, dtype=np.bool_), 4)
    assert [known.items[at] for at in order] == ["doubted", "new", "opened", "expected"]


def test_disagreement_is_vote_entropy() -> None:
    """Of three classes; the three labels of "leaning" make two differing pairs of three."""
    said = {"agreed": [1, 1], "leaning": [0, 0, 2], "new": [], "open": [0, 1, 2], "single": [2]}
    rows = [(item, f"ann-{n}", label) for item in said for n, label in enumerate(said[item])]
    known = columns(3, list(said), tuple(zip(*rows, strict=True)), {})  # type: ignore[arg-type]
    value = METHODS["disagreement"](known, activelab(known), seed=0, window=0)
    leaning = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)) / np.log(3)
    differing = (0 + 2 + 3) / (1 + 3 + 3)
    single = differing * np.log(2) / np.log(3)
    assert value == pytest.approx([1, 1 - leaning, 0, 0, 1 - single], abs=1e-15)


def test_disagreement_where_no_label_meets_another_expects_the_worst() -> None:
    known = columns(3, ["new", "single"], (["single"], ["ann"], [1]), {})
    value = METHODS["disagreement"](known, activelab(known), seed=0, window=0)
    assert value == pytest.approx([0, 1 - np.log(2) / np.log(3)])


def test_abstentions_are_no_labels() -> None:
    answers = (["i", "i", "j"], ["ann", "bob", "ann"], [0, -1, -1])
    known = columns(2, ["i", "j"], answers, {"m": (["i", "j"], PROBS[1:])})
    for method, expected in {
        "active_label_cleaning": [0.25 * np.log(3), 0],  # H(p) + log 3/4
        "disagreement": [0, 0],
    }.items():
        value = METHODS[method](known, activelab(known), seed=0, window=0)
        assert value == pytest.approx(expected), method


def test_several_models_are_averaged() -> None:
    known = columns(
        2, ["i", "j"], ([], [], []), {"m": (["i"], PROBS[:1]), "n": (["i", "j"], PROBS[1:])}
    )
    least = METHODS["uncertainty"](known, activelab(known), seed=0, window=0)
    assert least.tolist() == [0.875, 0.5]


@pytest.mark.parametrize("method", ["activelab", "activelab_ensemble"])
def test_activelab_is_the_score(method: str) -> None:
    assert scores(method) == project()[1].activelab_score.tolist()


def test_random_is_the_same_for_the_same_seed_and_window_only() -> None:
    assert scores("random") == scores("random")
    assert scores("random") != scores("random", seed="t")
    assert scores("random") != scores("random", window=2)
    assert all(0 <= chance < 1 for chance in scores("random"))


def test_random_does_not_favour_items() -> None:
    """Over many windows an item is first as often as any other, within five standard errors."""
    firsts, facts = np.zeros(4), project()
    for window in range(4000):
        firsts[np.argmin(METHODS["random"](*facts, seed="s", window=window))] += 1
    assert np.abs(firsts - 1000).max() < 5 * np.sqrt(4000 * 3 / 16)


def test_good_random_prefers_the_fewest_labels() -> None:
    for window in range(50):
        value = scores("good_random", window=window)
        assert [int(one) for one in value] == [1, 2, 0, 0]


def test_chances_survive_the_rounding_of_ranks() -> None:
    """An item with one label never ties with one that has none, however the draw falls."""
    value = np.array(scores("good_random"))
    assert np.array_equal(np.floor(np.round(value, 9)), np.floor(value))
    fractions = np.array(scores("random"))
    assert (fractions * 2**29 == np.floor(fractions * 2**29)).all()


def test_top_orders_by_rounded_score_then_by_id() -> None:
    value = np.array([0.3, 0.1 + 1e-11, 0.1, 0.2])
    everyone = np.ones(4, dtype=np.bool_)
    assert top(value, ["d", "b", "c", "a"], everyone, 4).tolist() == [1, 2, 3, 0]
    assert top(value, ["d", "c", "b", "a"], everyone, 1).tolist() == [2]
    assert top(value, ["d", "c", "b", "a"], everyone, 9).tolist() == [2, 1, 3, 0]


def test_top_takes_the_eligible_only() -> None:
    value = np.array([0.3, 0.1, 0.2])
    eligible = np.array([True, False, True])
    assert top(value, ["a", "b", "c"], eligible, 2).tolist() == [2, 0]
    assert top(value, ["a", "b", "c"], eligible, 0).tolist() == []
    assert top(value, ["a", "b", "c"], ~eligible & eligible, 5).tolist() == []


def test_top_goes_by_code_points() -> None:
    same = np.zeros(4)
    ids = ["é", "z", "Z", "10"]
    assert top(same, ids, np.ones(4, dtype=np.bool_), 4).tolist() == [3, 2, 1, 0]


def test_top_is_the_head_of_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    value = rng.integers(5, size=200) / 7
    ids = [f"i{n}" for n in rng.permutation(200)]
    eligible = rng.random(200) < 0.7
    full = sorted(np.flatnonzero(eligible).tolist(), key=lambda at: (round(value[at], 9), ids[at]))
    for k in (0, 1, 7, 50, 100, 500):
        assert top(value, ids, eligible, k).tolist() == full[:k]


def test_scores_of_some_items_are_taken_in_order() -> None:
    every = project()[1]
    some = every.take(np.array([2, 0]))
    assert some.item_ids == ["uniform", "certain"]
    assert some.activelab_score.tolist() == every.activelab_score[[2, 0]].tolist()
    assert some.has_prediction.tolist() == [True, True]
