"""Why an item stands where it does: what was said of it, and what follows."""

import asyncio
from collections.abc import Sequence

import pytest
from histories import Arrival, Partition, arrival

from schemas import (
    Annotation,
    Close,
    Event,
    Items,
    Prediction,
    ProjectSettings,
    Retraction,
    Topic,
)
from stream_app.audit.explain import Explanation, explain
from stream_app.errors import StreamAppError

P = "birds"
SETTINGS = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=1, max_answers=2)


def answers(item: str, **labels: str | None) -> list[Arrival]:
    """Let annotators, by name, label an item."""
    said = [Annotation(item=item, annotator=who, label=label) for who, label in labels.items()]
    return [arrival(Topic.ANNOTATIONS, P, one) for one in said]


def control(*events: Event) -> list[Arrival]:
    return [arrival(Topic.CONTROL, P, event) for event in events]


def predicted(item: str, model: str, **shares: float) -> Arrival:
    prediction = Prediction(item=item, model=model, version=7, pred_probs=shares)
    return arrival(Topic.PREDICTIONS, P, prediction)


def explained(item: str, *arrivals: Sequence[Arrival] | Arrival) -> Explanation:
    """Let records arrive in a project, and explain an item of it."""
    partition = Partition()
    flat = [a for some in arrivals for a in ([some] if isinstance(some, Arrival) else some)]
    asyncio.run(partition.live([*control(SETTINGS), *flat]))
    return explain(partition.history(P), item)


def test_without_overlaps_strict_mode_believes_the_model_as_it_spoke() -> None:
    strict = control(SETTINGS.model_copy(update={"mode": "strict"}))
    said = explained("a", strict, answers("a", ann="cat"), predicted("a", "m", cat=0.25, dog=0.75))
    (answer,), (prediction,) = said.answers, said.predictions
    assert (answer.label, answer.annotator_agreement, answer.annotator_weight) == ("cat", None, 1)
    assert prediction.calibrated == prediction.pred_probs == {"cat": 0.25, "dog": 0.75}
    assert said.standing is not None
    assert said.standing.posterior == {"cat": 0.25, "dog": 0.75}
    assert (said.standing.consensus_label, said.standing.consensus_quality) == ("cat", 0.25)
    assert (said.state, said.standing.place, said.standing.eligible) == ("open", 1, 1)


def test_without_overlaps_robust_mode_weighs_a_label_and_the_model() -> None:
    said = explained("a", answers("a", ann="cat"), predicted("a", "m", cat=0.25, dog=0.75))
    (answer,), (prediction,) = said.answers, said.predictions
    assert answer.annotator_agreement is None
    model, label = prediction.model_weight, answer.annotator_weight
    assert model is not None
    assert 0 < label < model
    assert prediction.calibrated == pytest.approx({"cat": 0.25, "dog": 0.75}, abs=0.05)
    assert said.standing is not None
    assert 0.25 < said.standing.posterior["cat"] < 0.9


def test_annotators_who_can_be_compared_have_their_agreement_and_weight() -> None:
    crowd = (answers("a", ann="cat", bob="cat"), answers("b", ann="dog", bob="cat"))
    said = explained("b", *crowd, answers("c", ann="dog"))
    assert [answer.annotator_agreement for answer in said.answers] == [0.5, 0.5]
    assert (said.state, said.num_answers) == ("answered", 2)
    assert said.standing is not None
    assert (said.standing.place, said.standing.eligible) == (None, 1)


def test_what_the_project_does_not_list_is_shown_as_dormant() -> None:
    said = explained(
        "a",
        answers("a", ann="fox", bob=None),
        predicted("a", "n", cat=1),
        predicted("a", "m", fox=1),
    )
    assert [(a.annotator, a.label, a.dormant) for a in said.answers] == [
        ("ann", "fox", True),
        ("bob", None, False),
    ]
    assert [(p.model, p.dormant, p.calibrated) for p in said.predictions] == [
        ("m", True, None),
        ("n", True, None),
    ]
    assert said.num_answers == 1


def test_a_selected_item_is_on_lease_until_an_answer_comes() -> None:
    items = control(Items(items=("a", "b"), status="registered"))
    close = control(Close(cause="request", request_id="r"))
    said = explained("a", items, close)
    assert (said.state, [s.rank for s in said.selections]) == ("on lease", [1])
    assert said.leased_until == said.selections[0].until


def test_an_item_that_is_done_says_so_and_what_it_belongs_to() -> None:
    target = control(SETTINGS.model_copy(update={"quality_target": 0.5, "max_answers": 9}))
    stratum = control(Items(items=("a",), status="registered", stratum="german"))
    said = explained("a", target, stratum, answers("a", ann="cat", bob="cat"))
    assert (said.state, said.stratum) == ("done", "german")


def test_an_excluded_item_stands_nowhere_and_keeps_what_was_said() -> None:
    said = explained("a", answers("a", ann="cat"), control(Items(items=("a",), status="excluded")))
    assert (said.state, said.standing, len(said.answers)) == ("excluded", None, 1)


def test_an_item_of_which_all_is_retracted_is_nothing() -> None:
    gone = arrival(Topic.ANNOTATIONS, P, Retraction(item="a", annotator="ann"))
    with pytest.raises(StreamAppError, match="nothing on an item 'a'"):
        explained("a", answers("a", ann="cat"), gone)


def test_a_project_without_settings_has_nothing_to_explain() -> None:
    with pytest.raises(StreamAppError, match="'birds' does not exist"):
        explain(Partition().history(P), "a")
