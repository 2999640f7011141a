"""The pool keeps facts and counts; what it says is the batch function's word."""

import numpy as np
import pytest

from activelab import (
    ABSTENTION,
    EXCLUDED,
    NOTHING,
    REGISTERED,
    InvalidInput,
    Pool,
    Pools,
    Regime,
    UnknownId,
    activelab,
    columns,
)

SURE, UNSURE = [0.9, 0.1], [0.4, 0.6]


def pool_of(*labels: tuple[str, str, int], models: tuple[str, ...] = ("m",)) -> Pool:
    pool = Pool(num_classes=2, models=models)
    items, annotators, values = zip(*labels, strict=True) if labels else ((), (), ())
    pool.set_labels(items, annotators, values)
    return pool


def test_an_empty_pool_has_an_epoch_and_no_items() -> None:
    pool = Pool(num_classes=2, models=("m",))
    assert pool.epoch.regime is Regime.NOTHING_LABELLED
    assert (pool.num_items, pool.num_labels, pool.num_labelled) == (0, 0, 0)
    assert len(pool.refresh().scores.activelab_score) == 0


def test_the_last_entry_of_a_call_counts() -> None:
    pool = pool_of(("i", "ann", 0), ("i", "bob", 0), ("i", "ann", 1))
    assert pool.num_labels == 2
    assert pool.refresh().epoch.class_counts.tolist() == [1, 1]


def test_an_abstention_is_an_answer_but_no_label() -> None:
    pool = pool_of(("i", "ann", ABSTENTION), ("i", "bob", 1))
    assert pool.answers(["i"]) == [["ann", "bob"]]
    assert pool.annotators() == ["bob"]
    scores = pool.score(["i"])
    assert (scores.num_annotations.tolist(), scores.num_answers.tolist()) == ([1], [2])


def test_a_retracted_answer_leaves_nothing_and_its_item_is_gone() -> None:
    pool = pool_of(("i", "ann", 0))
    pool.set_labels(["i"], ["ann"], [NOTHING])
    assert (pool.num_items, pool.num_labels, pool.items(), pool.annotators()) == (0, 0, [], [])
    assert pool.alive(["i"]).tolist() == [False]


def test_retracting_what_was_never_said_changes_nothing() -> None:
    pool = pool_of(("i", "ann", 0))
    pool.set_labels(["i"], ["bob"], [NOTHING])
    assert pool.answers(["i"]) == [["ann"]]


def test_an_item_exists_while_it_is_registered_answered_or_predicted() -> None:
    pool = Pool(num_classes=2, models=("m",))
    pool.set_status(["registered"], [REGISTERED])
    pool.set_labels(["answered"], ["ann"], [ABSTENTION])
    pool.set_predictions(["predicted"], "m", np.array([SURE]))
    assert pool.items() == ["registered", "answered", "predicted"]
    pool.set_status(["registered"], [0])
    pool.set_labels(["answered"], ["ann"], [NOTHING])
    pool.drop_predictions(["predicted"], "m")
    assert pool.items() == []


def test_an_excluded_item_leaves_the_statistics_and_comes_back_as_it_was() -> None:
    pool = pool_of(("i", "ann", 0), ("i", "bob", 0), ("j", "ann", 1))
    before = pool.refresh()
    pool.set_status(["i"], [EXCLUDED])
    assert (pool.num_items, pool.num_labels, pool.items()) == (1, 1, ["j"])
    assert pool.trust(["ann"]).num_compared.tolist() == [0]
    pool.set_labels(["i"], ["cyd"], [1])
    assert pool.num_labels == 1
    pool.set_labels(["i"], ["cyd"], [NOTHING])
    pool.set_status(["i"], [0])
    after = pool.refresh()
    assert after.scores.activelab_score.tolist() == before.scores.activelab_score.tolist()


def test_agreement_follows_labels_between_fits() -> None:
    pool = pool_of(("i", "ann", 0), ("i", "bob", 0), ("i", "cyd", 1), ("j", "dan", 1))
    pool.fit()
    trust = pool.trust(["ann", "cyd", "dan"])
    assert trust.num_compared.tolist() == [2, 2, 0]
    assert trust.annotator_agreement[:2].tolist() == [0.5, 0.0]
    assert trust.imputed.tolist() == [False, False, True]
    assert trust.annotator_agreement[2] == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    pool.set_labels(["i"], ["cyd"], [0])
    assert pool.trust(["cyd"]).annotator_agreement.tolist() == [1.0]


def test_a_fit_is_due_when_labels_have_grown_by_a_tenth() -> None:
    pool = pool_of(*((f"i{n}", annotator, 0) for n in range(10) for annotator in ("ann", "bob")))
    pool.fit()
    pool.set_labels(["i0"], ["cyd"], [0])
    assert not pool.due()
    pool.set_labels(["i1"], ["cyd"], [0])
    assert pool.due()


def test_a_fit_is_due_when_the_regime_changes() -> None:
    pool = Pool(num_classes=2, models=("m",))
    assert not pool.due()
    pool.set_labels(["i"], ["ann"], [0])
    assert pool.due()
    assert pool.fit().regime is Regime.SINGLE_LABELS
    pool.set_labels(["i"], ["bob"], [0])
    assert pool.due()


def test_an_unknown_annotator_weighs_what_an_imputed_one_does() -> None:
    pool = pool_of(("i", "ann", 0), ("i", "bob", 0), ("j", "ann", 0), ("j", "bob", 1))
    pool.fit()
    pool.set_labels(["i"], ["new"], [1])
    stage = pool.epoch.consensus_stage
    assert pool.trust(["new"]).annotator_weight.tolist() == [stage.annotator_weight[-1]]


def test_a_score_of_some_items_is_the_score_of_all_at_those() -> None:
    pool = pool_of(("i", "ann", 0), ("i", "bob", 1), ("i", "cyd", 1), ("j", "ann", 1))
    pool.set_predictions(["i", "j", "k"], "m", np.array([SURE, UNSURE, UNSURE]))
    whole = pool.refresh().scores
    some = pool.score(["k", "i"])
    assert some.item_ids == ["k", "i"]
    assert some.activelab_score.tolist() == whole.activelab_score[[2, 0]].tolist()


def test_refresh_is_the_batch_function_on_the_same_facts() -> None:
    facts = [("i", "bob", 0), ("i", "ann", 1), ("j", "cyd", 1), ("j", "ann", 1)]
    pool = pool_of(*facts)
    pool.set_predictions(["i", "k"], "m", np.array([SURE, UNSURE]))
    labels = tuple(list(column) for column in zip(*facts, strict=True))
    probs = np.array([SURE, UNSURE], dtype=np.float32)
    batch = activelab(columns(2, ["k", "j", "i"], labels, {"m": (["i", "k"], probs)}))
    assert (
        dict(zip(batch.item_ids, batch.activelab_score, strict=True))
        == dict(zip(pool.items(), pool.refresh().scores.activelab_score, strict=True))
    )  # fmt: skip


def test_what_is_no_label_and_no_model_is_refused() -> None:
    pool = Pool(num_classes=2, models=("m",))
    with pytest.raises(InvalidInput, match="label 2"):
        pool.set_labels(["i"], ["ann"], [2])
    with pytest.raises(InvalidInput, match="'n' is none"):
        pool.set_predictions(["i"], "n", np.array([SURE]))
    with pytest.raises(InvalidInput, match="pred_probs"):
        pool.set_predictions(["i"], "m", np.array([[0.5, 0.3, 0.2]]))
    with pytest.raises(InvalidInput, match="different lengths"):
        pool.set_labels(["i"], ["ann", "bob"], [0, 1])
    with pytest.raises(InvalidInput, match="different lengths"):
        pool.set_status(["i"], [1, -1])


def test_items_may_be_an_array_of_names_or_of_places() -> None:
    pool = Pool(num_classes=2, models=("m",))
    pool.set_labels(np.array(["i", "j"]), ["ann", "ann"], [0, 1])
    pool.set_labels(pool.places(["j"]), ["bob"], [1])
    assert pool.answers(["i", "j"]) == [["ann"], ["ann", "bob"]]


def test_pools_share_columns_only_if_they_are_of_one_shape() -> None:
    pools = Pools(num_classes=2, num_models=1)
    Pool(num_classes=2, models=["m"], pools=pools)
    for num_classes, models in ((3, ["m"]), (2, ["m", "n"])):
        with pytest.raises(InvalidInput, match="shape"):
            Pool(num_classes=num_classes, models=models, pools=pools)


def test_a_pool_that_has_left_knows_nothing_and_its_places_are_anothers() -> None:
    pools = Pools(num_classes=2, num_models=1)
    first = Pool(num_classes=2, models=["m"], pools=pools)
    first.set_labels(["i", "j"], ["ann", "bob"], [0, 1])
    pools.leave(first.number)
    second = Pool(num_classes=2, models=["m"], pools=pools)
    second.set_labels(["k", "i"], ["eve", "eve"], [1, 1])
    assert sorted(second.own().tolist()) == [0, 1]
    assert second.items() == second.named(second.standing())
    assert set(second.items()) == {"k", "i"}
    with pytest.raises(UnknownId):
        first.score(["i"])
