"""Strata: priorities order, quotas reserve, and what is over goes to everybody."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activelab import NO_STRATUM, Strata, select, top
from activelab.strata import reserved

QUOTAS = st.lists(st.integers(0, 100), max_size=4).filter(lambda quotas: sum(quotas) <= 100)


@given(QUOTAS, st.integers(0, 10**9), st.integers(1, 10**6))
def test_each_quota_has_its_share_rounded_down_or_up(
    quotas: list[int], number: int, window: int
) -> None:
    places = reserved(quotas, number, window=window)
    for quota, own in zip(quotas, places, strict=True):
        assert quota * number // 100 <= own <= -(-quota * number // 100)
    assert sum(places) <= number


@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("stride", [1, 3])
def test_many_small_windows_have_together_what_one_large_one_has(number: int, stride: int) -> None:
    """Also where every third window alone selects anything."""
    quotas, windows = [30, 5, 45], 1_000
    places = [reserved(quotas, number, window=stride * window) for window in range(windows)]
    for quota, own in zip(quotas, np.sum(places, axis=0).tolist(), strict=True):
        assert abs(own - quota / 100 * number * windows) < 10


@dataclass
class Case:
    """Something to select from; scores tie often."""

    scores: list[float]
    eligible: list[bool]
    stratum: list[int]
    quotas: list[int]
    priorities: list[int]
    k: int
    window: int

    @property
    def ids(self) -> list[str]:
        return [f"i{at * 7 % 31:02}" for at in range(len(self.scores))]

    def key(self, row: int) -> tuple[int, float, str]:
        code = self.stratum[row]
        priority = 0 if code == NO_STRATUM else self.priorities[code]
        return -priority, self.scores[row], self.ids[row]

    def selected(self, order: list[int] | None = None, **changes: Any) -> list[str]:
        order = [*range(len(self.scores))] if order is None else order
        ids = [self.ids[row] for row in order]
        given = {
            "stratum": np.array(self.stratum, np.int64)[order],
            "quotas": self.quotas,
            "priorities": self.priorities,
        } | changes
        chosen = select(
            np.array(self.scores, np.float64)[order],
            ids,
            np.array(self.eligible, np.bool_)[order],
            self.k,
            window=self.window,
            **given,
        )
        return [ids[row] for row in chosen.tolist()]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    quotas = draw(QUOTAS)
    number = draw(st.integers(0, 30))

    def column(values: st.SearchStrategy[Any], size: int = number) -> list[Any]:
        return draw(st.lists(values, min_size=size, max_size=size))

    return Case(
        column(st.sampled_from([0.1, 0.2, 0.3])),
        column(st.booleans()),
        column(st.integers(NO_STRATUM, len(quotas) - 1)),
        quotas,
        column(st.integers(-1, 1), len(quotas)),
        draw(st.integers(0, 35)),
        draw(st.integers(1, 99)),
    )


@given(cases())
def test_a_selection_keeps_its_laws(case: Case) -> None:
    chosen = case.selected()
    rows = [case.ids.index(item) for item in chosen]
    eligible = [row for row, ok in enumerate(case.eligible) if ok]
    assert set(rows) <= set(eligible)
    assert len(rows) == len(set(rows)) == min(case.k, len(eligible))
    assert rows == sorted(rows, key=case.key)
    surplus = set(rows)
    for code, number in enumerate(reserved(case.quotas, case.k, window=case.window)):
        own = sorted((row for row in eligible if case.stratum[row] == code), key=case.key)
        assert set(own[:number]) <= set(rows)
        surplus -= set(own[:number])
    left = [row for row in eligible if row not in rows]
    if surplus and left:  # what no quota reserves goes to the first of all
        assert max(map(case.key, surplus)) < min(map(case.key, left))


@given(cases(), st.randoms(use_true_random=False))
def test_a_selection_does_not_depend_on_how_items_stand(case: Case, random: Any) -> None:
    order = [*range(len(case.scores))]
    random.shuffle(order)
    assert case.selected(order) == case.selected()


@given(cases())
def test_without_quotas_and_priorities_the_lowest_scores_are_selected(case: Case) -> None:
    nothing = [0] * len(case.quotas)
    scores, eligible = np.array(case.scores, np.float64), np.array(case.eligible, np.bool_)
    best = top(scores, case.ids, eligible, case.k).tolist()
    assert case.selected(quotas=nothing, priorities=nothing) == [case.ids[row] for row in best]


def test_what_a_quota_can_not_fill_goes_to_the_others() -> None:
    case = Case([0.1, 0.2, 0.3, 0.4], [True] * 4, [-1, -1, -1, 0], [75], [0], 4, 1)
    assert case.selected() == ["i00", "i07", "i14", "i21"]
    case.eligible[3] = False
    assert case.selected() == ["i00", "i07", "i14"]


def test_a_priority_decides_before_any_score_and_a_quota_before_a_priority() -> None:
    case = Case([0.1, 0.2, 0.9, 0.8], [True] * 4, [-1, 0, 1, 1], [0, 0], [0, 5], 2, 1)
    assert case.selected() == ["i21", "i14"]  # by score among themselves
    case.quotas = [50, 0]
    assert case.selected() == ["i21", "i07"]


def test_an_item_is_in_the_stratum_that_it_was_put_into_last() -> None:
    strata = Strata()
    everybody = np.arange(5)
    assert strata.of(everybody) == [None] * 5
    assert strata.among(["a"], everybody).tolist() == [NO_STRATUM] * 5
    strata.put(np.array([1, 3, 1]), ["a", "b", "c"])
    strata.put(np.array([], np.int64), [])
    assert strata.of(everybody) == [None, "c", None, "b", None]
    assert strata.among(["b", "d", "c"], everybody).tolist() == [-1, 2, -1, 0, -1]
    strata.put(np.array([4, 3]), ["a", "d"])
    assert strata.of(everybody) == [None, "c", None, "d", "a"]


def test_a_whole_share_is_that_share_in_every_window() -> None:
    for quota in range(101):
        for window in range(20):
            assert reserved([quota, 100 - quota], 300, window=window) == [
                3 * quota,
                300 - 3 * quota,
            ]
