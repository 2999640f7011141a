"""Columns that grow, places of ids, and the table of answers that stands on them."""

import numpy as np
import pytest

from activelab import NOTHING, UnknownId
from activelab.answers import AnswerTable
from activelab.growing import Column
from activelab.identity import Ids, Names, id_hashes


def test_a_column_keeps_its_rows_and_fills_new_ones() -> None:
    column = Column(np.int32, fill=-2)
    column.extend(2)
    column.rows[:] = [4, 5]
    column.extend(9)
    column.extend(3)
    assert len(column) == 9
    assert column.rows.tolist() == [4, 5] + [-2] * 7


def test_a_place_is_of_one_owner() -> None:
    names = Names()
    ours, theirs = Ids(names, 0), Ids(names, 1)
    assert [ours[name] for name in ("b", "a", "b")] == [0, 1, 0]
    assert [theirs[name] for name in ("c", "a")] == [2, 3]
    assert names.names == ["b", "a", "c", "a"]
    assert names.fresh == [0, 0, 0, 1, 1, 2, 1, 3]

    assert ours.known(["a", "b"]) == [1, 0]
    assert ours.places().tolist() == [0, 1]
    assert (len(ours), len(names)) == (2, 4)
    with pytest.raises(UnknownId, match="known"):
        ours.known(["a", "c"])
    assert "c" not in ours


def test_an_id_is_kept_as_a_copy() -> None:
    given = "".join(["item", "-", "1"])
    names = Names()
    ids = Ids(names, 0)
    assert ids[given] == 0
    assert [*ids] == names.names == [given]
    assert names.names[0] is next(iter(ids))
    assert names.names[0] is not given


def test_a_place_that_is_taken_back_is_given_away_anew() -> None:
    names = Names()
    ours, theirs = Ids(names, 0), Ids(names, 1)
    assert [ours["a"], ours["b"]] == [0, 1]
    names.take_back([0])
    assert [theirs["c"], theirs["d"]] == [0, 2]
    assert names.names == ["c", "b", "d"]


def test_hashes_are_the_same_everywhere() -> None:
    assert [hex(value) for value in id_hashes(["item 1", "é"]).tolist()] == [
        "0x5546853ff3cba59f",
        "0x2f19f3ef8bbf1acb",
    ]
    assert len(id_hashes([])) == 0


def put(table: AnswerTable, items: list[int], rows: list[tuple[int, int, int]]) -> None:
    which, annotators, labels = (np.array(column) for column in zip(*rows, strict=True))
    table.put(np.array(items), which, annotators, labels)


def said(table: AnswerTable, item: int) -> dict[int, int]:
    _, annotators, labels = table.take(np.array([item]))
    return dict(zip(annotators.tolist(), labels.tolist(), strict=True))


def test_answers_are_put_changed_and_taken_back_as_the_table_grows() -> None:
    table = AnswerTable(num_classes=9)
    truth: list[dict[int, int]] = [{} for _ in range(5)]
    rng = np.random.default_rng(0)
    table.extend(5)
    for _ in range(60):
        items = rng.permutation(5)[:3].tolist()
        pairs = {
            (int(rng.integers(3)), int(rng.integers(12))): int(rng.integers(NOTHING, 4))
            for _ in range(8)
        }
        put(table, items, [(*pair, label) for pair, label in pairs.items()])
        for (which, annotator), label in pairs.items():
            truth[items[which]][annotator] = label
    for item, answers in enumerate(truth):
        given = {who: label for who, label in answers.items() if label != NOTHING}
        assert said(table, item) == given
        assert table.number(np.array([item])).tolist() == [len(given)]


@pytest.mark.parametrize("num_classes", [2, 128, 129, 32_768, 32_769])
def test_the_last_class_fits_however_many_there_are(num_classes: int) -> None:
    table = AnswerTable(num_classes)
    table.extend(1)
    put(table, [0], [(0, 3, num_classes - 1), (0, 4, -1)])
    assert said(table, 0) == {3: num_classes - 1, 4: -1}
