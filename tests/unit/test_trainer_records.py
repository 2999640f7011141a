"""What the trainer makes of records, and records of what it has learnt; no Kafka."""

from pathlib import Path

import numpy as np
import pytest

from schemas import MAX_RECORD_BYTES, ItemScore, Tombstone
from stream_app.client import Client, Spoken
from stream_app.errors import StreamAppError
from stream_app.folds import ESTIMATORS
from stream_app.settings import Settings
from stream_app.trainer import Standing, Task, batches, predict


def score(item: str, answers: int, label: str | None) -> ItemScore:
    return ItemScore(
        project="animals",
        item=item,
        activelab_score=0.5,
        consensus_label=label,
        consensus_quality=None,
        num_annotations=answers,
        num_answers=answers,
        progress="open",
        has_prediction=False,
        epoch=1,
        provisional=True,
    )


@pytest.fixture
def standing() -> Standing:
    standing = Standing(Client(Settings()), "animals")
    for offset, said in enumerate(
        [score("a", 1, "cat"), score("b", 1, "dog"), score("c", 0, "dog"), score("a", 2, "eel")]
    ):
        standing.take(Spoken(offset, 0, said))
    return standing


def test_the_last_word_counts_and_what_nobody_labelled_has_no_label(standing: Standing) -> None:
    assert standing.consensus() == {"a": "eel", "b": "dog"}  # c is the model's guess alone
    assert standing.answers() == {"a": 2, "b": 1}
    assert standing.position == 4


def test_an_answer_is_lacking_until_there_is_one_more(standing: Standing) -> None:
    assert standing.lacks({"a": 1, "b": 1})
    assert not standing.lacks({"a": 1, "b": 0})


def test_an_item_that_is_no_more_is_not_waited_for(standing: Standing) -> None:
    standing.take(Spoken(4, 0, Tombstone("animals", "b")))
    assert standing.consensus() == {"a": "eel"}
    assert not standing.lacks({"b": 1})


def test_a_file_that_is_none_is_said_in_a_sentence(tmp_path: Path) -> None:
    items, features = np.array(["a", "b"]), np.zeros((2, 3))
    np.savez(tmp_path / "unnamed.npz", features=features)
    np.savez(tmp_path / "shorter.npz", items=items[1:], features=features)
    np.savez(tmp_path / "pickled.npz", items=items.astype(object), features=features)
    np.save(tmp_path / "array.npy", features)
    (tmp_path / "zip").write_bytes(b"PK\x03\x04 no more")
    (tmp_path / "text").write_text("items,features")
    (tmp_path / "empty").touch()
    for file in [*tmp_path.iterdir(), tmp_path / "absent"]:
        with pytest.raises(StreamAppError, match="items"):
            Task.load(file)


def test_predictions_name_the_classes_that_occur() -> None:
    task = Task(["a", "b", "c", "d", "e"], np.array([[0.0], [1.0], [0.1], [0.9], [0.5]]))
    consensus = {"a": "eel", "b": "cat", "c": "eel", "d": "cat", "elsewhere": "dog"}
    estimator = ESTIMATORS["logistic-regression"](0)
    classes, pred_probs = predict(estimator, task, consensus, folds=2, seed=0)
    assert classes == ["cat", "eel"]
    assert pred_probs.shape == (5, 2)
    assert predict(estimator, task, {"a": "eel", "c": "eel"}, folds=2, seed=0) is None


@pytest.mark.parametrize("num_classes", [2, 10_000])
def test_records_are_as_small_as_the_broker_wants_them_with_the_longest_ids(
    num_classes: int,
) -> None:
    classes = [f"class {number}" for number in range(num_classes)]
    items = [f"{number:01024}" for number in range(600 if num_classes == 2 else 3)]
    pred_probs = np.random.default_rng(0).dirichlet(np.ones(num_classes), len(items))
    records = list(batches("m", 7, items, classes, pred_probs))
    assert max(len(record.to_bytes()) for record in records) <= MAX_RECORD_BYTES
    assert [item for record in records for item in record.items] == items
    np.testing.assert_allclose(np.concatenate([r.pred_probs for r in records]), pred_probs)
