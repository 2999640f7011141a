"""What is made of rounds: means, prices, files, plots."""

import csv
from pathlib import Path

import pytest
from made_results import result

from experiments.plots import COLORS, save_plot
from experiments.published import curves
from experiments.results import Price, load_json, save_csv, save_json
from experiments.strategies import STRATEGIES


def test_a_price_lies_between_rounds() -> None:
    """A mean of .6, .8 and .9 reaches .85 half-way between 30 and 60 labels."""
    one = result([[0.5, 0.8, 0.9], [0.7, 0.8, 0.9]])
    assert one.mean("test_accuracy").tolist() == pytest.approx([0.6, 0.8, 0.9])
    assert one.std("test_accuracy").tolist() == pytest.approx([0.1, 0.0, 0.0])
    assert Price.of(one, 0.85) == Price(pytest.approx(45.0), reached=True)
    assert Price.of(one, 0.6) == Price(0.0, reached=True)
    assert Price.of(one, 0.95) == Price(60.0, reached=False)
    assert str(Price.of(one, 0.95)) == "> 60"


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = {"random": result([[0.5, 0.75, 0.9]]), "entropy": result([[0.1234567, 0.2, 0.3]])}
    save_json(results, tmp_path / "new" / "results.json")
    assert load_json(tmp_path / "new" / "results.json") == results
    assert results["entropy"].test_accuracy == [[0.123457, 0.2, 0.3]]


def test_a_csv_has_a_row_a_round(tmp_path: Path) -> None:
    save_csv({"random": result([[0.5, 0.75], [0.25, 1.0]])}, tmp_path / "rounds.csv")
    with (tmp_path / "rounds.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["seed"], row["round"], row["test_accuracy"]) for row in rows] == [
        ("0", "0", "0.5"),
        ("0", "1", "0.75"),
        ("1", "0", "0.25"),
        ("1", "1", "1.0"),
    ]
    assert rows[1] | {"method": "random", "dataset": "digits", "num_labels": "490"} == rows[1]


def test_published_curves_are_the_papers(shared_data: Path) -> None:
    found = curves("wall_robot", "test_accuracy")
    rivals = {"random", "good_random", "entropy", "uncertainty"}
    assert set(found) == rivals | {"activelab", "activelab_strict"}
    assert found["activelab"].mean[[5, 10]].round(3).tolist() == [0.979, 0.986]
    assert found["activelab"].mean.mean().round(4) == 0.9754
    assert "active_label_cleaning" in curves("wall_robot_complete", "consensus_accuracy")
    assert curves("digits", "test_accuracy") == {}


def test_every_strategy_has_a_color() -> None:
    assert set(COLORS) == set(STRATEGIES)


def test_a_plot_has_a_curve_a_method(tmp_path: Path) -> None:
    save_plot({"activelab": result([[0.5, 0.7, 0.9]])}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
