"""How well few labels rank annotators, beside Dawid-Skene; on crowds that a clone can make."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from activelab import Flag, Mode
from experiments import dawid_skene
from experiments.crowds import SHAPES, crowd, generated, said
from experiments.trust import RANKINGS, main, spearman, thinned, true_accuracy


def test_dawid_skene_finds_how_often_each_annotator_is_right() -> None:
    rng = np.random.default_rng(0)
    skill = np.array([0.95, 0.8, 0.6, 0.3])
    truth = rng.choice(3, size=2000, p=[0.5, 0.3, 0.2])
    item, annotator = np.divmod(np.arange(8000), 4)
    label = said(rng, truth[item], skill[annotator], 3)
    assert dawid_skene.accuracies(item, annotator, label, 3) == pytest.approx(skill, abs=0.03)


def test_everyone_gives_the_first_labels_that_they_have() -> None:
    known = crowd("even", 0)
    few = thinned(known, 5, seed=1)
    full, kept = np.bincount(known.annotator), np.bincount(few.annotator, minlength=20)
    assert kept.tolist() == np.minimum(full, 5).tolist()
    pairs = set(zip(known.item.tolist(), known.annotator.tolist(), strict=True))
    assert set(zip(few.item.tolist(), few.annotator.tolist(), strict=True)) <= pairs
    assert np.bincount(few.item).max() > 1  # so that they can be compared


def test_ranks_of_equal_values_are_shared() -> None:
    equal = np.array([1.0, 1.0, 2.0, 2.0])
    assert spearman(equal, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(0.8944, abs=1e-4)
    assert spearman(equal, -equal) == -1
    assert spearman(np.ones(4), equal) == 0


def test_every_ranking_is_right_where_there_is_plenty_to_go_by() -> None:
    known = generated(SHAPES["poor annotators"], 0)
    accuracy, number = true_accuracy(known)
    often = number > 50
    for rank in RANKINGS.values():
        assert spearman(rank(known)[often], accuracy[often]) > 0.7


def test_the_command_writes_its_tables_where_a_document_wants_them(tmp_path: Path) -> None:
    document, results = tmp_path / "trust.md", tmp_path / "trust.json"
    document.write_text("Ranks:\n<!-- ranks -->\n<!-- end -->\n<!-- flags -->\nold\n<!-- end -->\n")
    main(crowds="even,two classes", seeds=2, mode=Mode.ROBUST, json=results, document=document)
    written = document.read_text()
    assert written.startswith(
        'Ranks:\n<!-- ranks -->\n`python -m experiments.trust --crowds "even,'
    )
    assert written.count("| even |") == 3 + 1
    assert "old" not in written
    said = orjson.loads(results.read_bytes())
    assert [one["labels"] for one in said["ranked"]] == [2, 5, 20, 2, 5, 20]
    assert said["ranked"][0]["by_ranking"].keys() == RANKINGS.keys()
    assert [one["flag"] for one in said["flagged"]] == list(Flag) * 2
    assert sum(len(one["accuracy"]) for one in said["flagged"][:4]) == 19
