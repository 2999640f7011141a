"""What tasks and annotations say, read from Label Studio's objects."""

from typing import Any

import pytest

from stream_app.label_studio.answers import Answer, Wording

WORDING = Wording("studio", "item", "label")
TASK = {"id": 7, "data": {"item": "img-1", "image": "https://example.com/1.jpg"}}


GIVEN = ("a", 17, 0, "", "a" * 1025, None, True, [1])


def annotation(*choices: str, control: str = "label", **changes: Any) -> dict[str, Any]:
    region = {"from_name": control, "type": "choices", "value": {"choices": list(choices)}}
    return {
        "id": 4,
        "completed_by": 3,
        "was_cancelled": False,
        "result": [region],
        "updated_at": "2026-11-28T10:40:49.292241Z",
        **changes,
    }


def test_a_choice_is_a_label_at_the_time_of_the_last_change() -> None:
    time = 1795862449292241
    assert WORDING.answer(TASK, annotation("cat")) == Answer(4, 7, "img-1", "studio-3", "cat", time)


def test_a_user_is_known_by_their_number_or_as_a_whole() -> None:
    whole = annotation("cat", completed_by={"id": 3, "email": "ann@example.com"})
    assert WORDING.answer(TASK, whole) == WORDING.answer(TASK, annotation("cat"))
    assert WORDING.answer(TASK, annotation("cat", completed_by=None)) is None


@pytest.mark.parametrize(
    "seen",
    [
        annotation("cat", was_cancelled=True),
        annotation(),
        annotation("cat", "dog"),
        annotation("c" * 1025),
        annotation("cat", control="weather"),
        annotation(result=[]),
        annotation(result=None),
        annotation(result=[{"id": "r1", "type": "relation", "from_id": "a", "to_id": "b"}]),
    ],
    ids=[
        "skipped",
        "no choice",
        "two",
        "too long",
        "another control",
        "empty",
        "none",
        "a relation",
    ],
)
def test_whoever_has_seen_an_item_and_not_said_its_class_abstains(seen: dict[str, Any]) -> None:
    answer = WORDING.answer(TASK, seen)
    assert answer is not None
    assert answer.label is None


def test_an_item_is_text_or_a_number_and_a_task_without_is_not_ours() -> None:
    found = [WORDING.item({"data": {"item": value}}) for value in GIVEN]
    assert found == ["a", "17", "0", *[None] * 5]
    assert WORDING.item({"data": {}}) is None
    assert WORDING.answer({"id": 7, "data": {}}, annotation("cat")) is None
