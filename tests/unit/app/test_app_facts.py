"""Facts: keys that split again, codecs that read what they wrote, and one winner everywhere."""

import random
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas import ABSTENTION, LABEL, RETRACTION
from stream_app import facts

NAMES = st.text(min_size=1, max_size=20)
TIMES = st.integers(-(2**62), 2**62)
ANNOTATIONS = st.builds(
    lambda kind, time, label: facts.encode_annotation(kind, time, label if kind == LABEL else None),
    st.sampled_from((LABEL, ABSTENTION, RETRACTION)),
    st.integers(0, 3),
    st.sampled_from(("cat", "dog")),
)

Key = tuple[str, str, str]


@given(st.dictionaries(st.tuples(NAMES, NAMES, NAMES), st.binary(), max_size=8))
def test_keys_in_order_give_back_what_they_were_made_of(known: dict[Key, bytes]) -> None:
    table = {
        facts.fact_key(facts.fact_prefix(project), item, facts.ANNOTATION, who): fact
        for (project, item, who), fact in known.items()
    }
    found = {}
    with patch("stream_app.facts.CHUNK", 3):
        for project, keys, values in facts.by_project(sorted(table.items())):
            split = facts.split_keys(keys)
            assert set(split.kind) == {facts.ANNOTATION}
            assert len(set(split.items)) == len(split.items)
            for item, who, fact in zip(split.item, split.who, values, strict=True):
                found[project, split.items[item], who] = fact
    assert found == known


def test_no_projects_facts_are_found_under_anothers_prefix() -> None:
    key = facts.fact_key(facts.fact_prefix("ab"), "i", facts.STATUS, "")
    assert not key.startswith(facts.fact_prefix("a"))
    assert not facts.said_key("ab", "i").startswith(facts.said_prefix("a"))
    assert not facts.lease_prefix("ab").startswith(facts.lease_prefix("a"))


@given(TIMES, st.sampled_from((LABEL, ABSTENTION, RETRACTION)))
def test_an_annotation_gives_back_its_time_kind_and_label(time: int, kind: int) -> None:
    label = "ä cat" if kind == LABEL else None
    fact = facts.encode_annotation(kind, time, label)
    assert facts.order(fact) == (time, kind)
    assert facts.split_answer(facts.answer(fact)) == (kind, label)


@given(TIMES, TIMES)
def test_the_later_time_wins_whatever_its_sign(one: int, other: int) -> None:
    first = facts.encode_annotation(LABEL, one, "cat")
    second = facts.encode_annotation(LABEL, other, "cat")
    assert facts.newer(first, second) == (one > other)


def test_at_the_same_time_a_retraction_beats_the_label_it_takes_back() -> None:
    label = facts.encode_annotation(LABEL, 5, "cat")
    retraction = facts.encode_annotation(RETRACTION, 5, None)
    assert facts.newer(retraction, label)
    assert not facts.newer(label, retraction)


def test_a_retraction_of_a_superseded_answer_changes_nothing() -> None:
    assert not facts.newer(
        facts.encode_annotation(RETRACTION, 5, None), facts.encode_annotation(LABEL, 6, "dog")
    )


@given(st.lists(ANNOTATIONS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_same_fact_wins_in_every_order(some: list[bytes], rng: random.Random) -> None:
    def winner(history: list[bytes]) -> bytes:
        best = None
        for fact in history:
            if facts.newer(fact, best):
                best = fact
        assert best is not None
        return best

    shuffled = [*some, *some]
    rng.shuffle(shuffled)
    assert winner(shuffled) == winner(some)


def test_a_prediction_gives_back_its_classes_and_probabilities() -> None:
    probs = np.array([0.25, 0.75], np.float32)
    fact = next(facts.encode_predictions([7], [("a", "bé")], [probs.tobytes()]))
    classes, raw = facts.split_prediction(fact)
    assert facts.order(fact) == (7, 0)
    assert facts.decode_classes(classes) == ("a", "bé")
    np.testing.assert_array_equal(np.frombuffer(raw, "<f4"), probs)


def test_whatever_is_said_of_an_item_can_be_told_apart() -> None:
    pairs = [(label, value) for label in ("cat", "a", None) for value in ("open", "done")]
    said = {facts.encode_said(*pair) for pair in pairs}
    assert len(said | {facts.GONE}) == len(pairs) + 1


def test_numbers_are_read_as_written() -> None:
    assert facts.decode_number(facts.encode_number(12)) == 12
