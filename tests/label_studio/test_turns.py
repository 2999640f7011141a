"""Turns: which tasks are to be shown next, and until when."""

from typing import Any

from schemas import Selection
from stream_app.label_studio.answers import Answer
from stream_app.label_studio.mirror import Mirror
from stream_app.label_studio.turns import Move, Turns, change


def selection(
    item: str, window: int = 1, rank: int = 1, until: int = 100, **more: Any
) -> Selection:
    return Selection(
        project="animals",
        window=window,
        rank=rank,
        of=9,
        item=item,
        score=0.5,
        reason="relabel",
        until=until,
        **({"answered_by": ()} | more),
    )


def task(number: int, turn: str | None = None, *answered: int) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"text": "?"} | ({} if turn is None else {"activelab_turn": turn}),
        "annotations": [{"completed_by": user, "was_cancelled": False} for user in answered],
    }


def turns(*selections: Selection, tasks: int = 4) -> Turns:
    made = Turns()
    for number in range(1, tasks + 1):
        made.show(f"img-{number}", task(number))
    for one in selections:
        made.select(one)
    return made


def give(made: Turns, mirror: Mirror, now: int) -> list[Move]:
    moves = list(made.moves(mirror, now))
    for move in moves:
        made.moved(move)
    assert list(made.moves(mirror, now)) == []
    return moves


def test_turns_go_by_window_and_rank() -> None:
    made = turns(selection("img-3", 2, 1), selection("img-1", 1, 11), selection("img-4", 1, 2))
    given = give(made, Mirror(), 50)
    assert [move.item for move in given] == ["img-4", "img-1", "img-3"]
    shown = [move.turn for move in given]
    assert shown == sorted(shown, key=str)


def test_a_turn_ends_with_the_lease_or_with_the_answer_of_somebody_new() -> None:
    made = turns(
        selection("img-1", until=60),
        selection("img-2", rank=2, answered_by=("studio-1",)),
        selection("img-3", rank=3),
    )
    mirror = Mirror()
    mirror.hear(Answer(1, 2, "img-2", "studio-1", "cat", 5))
    assert len(give(made, mirror, 50)) == 3
    mirror.hear(Answer(2, 3, "img-3", "studio-1", None, 51))
    assert give(made, mirror, 55) == [Move("img-3", 3, None)]
    mirror.hear(Answer(3, 2, "img-2", "studio-2", "cat", 56))
    assert give(made, mirror, 60) == [Move("img-1", 1, None), Move("img-2", 2, None)]


def test_an_item_that_is_selected_again_has_another_turn() -> None:
    made = turns(selection("img-1"))
    (first,) = give(made, Mirror(), 50)
    made.select(selection("img-1", window=2))
    (second,) = give(made, Mirror(), 50)
    assert second.turn != first.turn


def test_a_turn_that_nobody_knows_of_any_more_is_taken_away() -> None:
    made = Turns()
    made.show("img-1", task(1, "00000001.00000001"))
    assert give(made, Mirror(), 50) == [Move("img-1", 1, None)]


def test_a_selected_item_waits_for_its_task() -> None:
    made = turns(selection("img-9"))
    assert give(made, Mirror(), 50) == []
    assert made.without_task() == 1
    made.show("img-9", task(9))
    assert [move.task for move in give(made, Mirror(), 50)] == [9]
    made.keep({1, 2})
    assert made.without_task() == 1


def test_the_first_task_of_an_item_has_its_turn() -> None:
    made = turns(selection("img-1"))
    made.show("img-1", task(8))
    assert [move.task for move in give(made, Mirror(), 50)] == [1]


def test_a_task_with_a_turn_is_open_for_one_annotator_more() -> None:
    assert change(task(1, None, 3, 3, 4), "t", 1) == {
        "data": {"text": "?", "activelab_turn": "t"},
        "overlap": 3,
        "is_labeled": False,
    }
    assert change(task(1, "t", 3, 4), None, 1) == {
        "data": {"text": "?"},
        "overlap": 2,
        "is_labeled": True,
    }
    assert change(task(1, "t"), None, 2) == {
        "data": {"text": "?"},
        "overlap": 2,
        "is_labeled": False,
    }
