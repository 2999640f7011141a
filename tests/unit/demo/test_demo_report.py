"""The report: what is told is what happened, and an audit that differs is not hidden."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from rich.console import Console

from schemas import (
    AnnotatorTrust,
    Counts,
    ItemScore,
    Outlook,
    Parameters,
    Predictions,
    ProjectSettings,
    RequestCause,
    Selection,
    Window,
)
from stream_app.audit import AuditReport, Difference
from stream_app.client import Client, Spoken
from stream_app.demo.crowd import Crowd
from stream_app.demo.digits import HELD_OUT, Digits
from stream_app.demo.held_out import HeldOut
from stream_app.demo.plot import save_plot
from stream_app.demo.report import Report
from stream_app.demo.rounds import Experiment, Outcome, Round
from stream_app.settings import Settings
from stream_app.trainer import Standing

DIGITS = Digits.load(seed=0)
CROWD = Crowd.gather(DIGITS.truth, 10, seed=0)
ITEM = DIGITS.items[0]


def window(project: str) -> Window:
    return Window(
        project=project,
        window=5,
        cause=RequestCause(request_id="r"),
        now=0,
        cut={},
        settings=ProjectSettings(classes=DIGITS.classes, models=("trees",), budget=100),
        rule_version="1",
        epoch=1,
        parameters=Parameters(
            regime="overlaps",
            models={},
            consensus_likelihood=None,
            majority_class_error=None,
            mean_annotator_weight=None,
        ),
        counts=Counts(
            items=1,
            labels=1,
            annotators=1,
            dormant={},
            leased=0,
            eligible=1,
            selected=1,
            budget_left=0,
        ),
        outlook=Outlook(
            open=1,
            contested=0,
            done=0,
            wrong_labelled=None,
            wrong_unlabelled=None,
            gain_per_label=None,
        ),
        digest="0" * 64,
    )


def outcome(method: str) -> Outcome:
    experiment = Experiment(method, budget=100, seed=0)
    project = experiment.project
    standing = Standing(Client(Settings()), project)
    score = ItemScore(
        project=project,
        item=ITEM,
        activelab_score=0.25,
        consensus_label=DIGITS.true_labels()[ITEM],
        consensus_quality=0.5,
        num_annotations=1,
        num_answers=1,
        has_prediction=True,
        progress="open",
        epoch=1,
        provisional=False,
    )
    standing.take(Spoken(7, 0, score))
    rounds = [Round(n, 3 + 2 * n, 500 + 100 * n, 0.7, 0.9 + n / 100, 0.5, 40) for n in range(2)]
    selection = Selection(
        project=project,
        window=5,
        rank=1,
        of=1,
        item=ITEM,
        score=0.25,
        reason="relabel",
        until=0,
        answered_by=("annotator-01",),
    )
    trust = [
        AnnotatorTrust(
            project=project,
            annotator=annotator,
            annotator_agreement=0.9,
            agreement_low=0.4,
            agreement_high=0.98,
            flag="fine",
            annotator_weight=1 - number / 100,
            num_compared=3,
            num_overlapping=3,
            num_annotations=4,
            imputed=False,
            epoch=1,
        )
        for number, annotator in enumerate(CROWD.annotators)
    ]
    return Outcome(experiment, rounds, [selection], standing, trust)


def report(*methods: str, differing: bool = False) -> Report:
    outcomes = [outcome(method) for method in methods]
    found = (Difference("rank 1 item", "a", "b"),) if differing else ()
    audits = [AuditReport(window(one.experiment.project), one.ranking, found) for one in outcomes]
    return Report(DIGITS, CROWD, outcomes, audits)


@pytest.fixture
def told() -> Callable[[Report], str]:
    def told(report: Report) -> str:
        console = Console(width=80, highlight=False)
        with console.capture() as captured:
            for table in report.tables():
                console.print(table)
        return captured.get()

    return told


def test_two_methods_stand_beside_each_other_in_80_columns(
    told: Callable[[Report], str],
) -> None:
    lines = told(report("active_label_cleaning", "activelab_ensemble")).splitlines()
    row = next(line.split() for line in lines if line.strip().startswith("1 "))
    assert row == ["1", "600", "0.700", "0.910", "50%", "40", "0.700", "0.910", "50%", "40"]
    assert all(len(line) <= 80 and "…" not in line for line in lines)


def test_more_methods_have_tables_of_their_own(told: Callable[[Report], str]) -> None:
    text = told(report("activelab", "random", "uncertainty"))
    assert text.count("Round by round") == 2


def test_the_ranking_says_why_and_the_trust_stands_beside_the_skill(
    told: Callable[[Report], str],
) -> None:
    text = told(report("activelab"))
    ranking = next(line.split() for line in text.splitlines() if ITEM in line)
    assert ranking[:5] == ["1", "0.250", ITEM, "relabel", "1"]
    first = next(line.split() for line in text.splitlines() if "annotator-01" in line)
    assert first == ["annotator-01", "1.000", "0.900", "4", f"{CROWD.skill[0]:.2f}"]


def test_an_audit_that_differs_is_told_and_counts(told: Callable[[Report], str]) -> None:
    assert report("activelab").agrees
    wrong = report("activelab", differing=True)
    assert not wrong.agrees
    assert "rank 1 item: published a, recomputed b" in told(wrong)


def test_the_figures_are_json_by_method_and_round() -> None:
    figures = orjson.loads(orjson.dumps(report("activelab", "random").figures()))
    assert set(figures) == {"activelab", "random"}
    assert [one["labels"] for one in figures["random"]["rounds"]] == [500, 600]
    assert figures["activelab"]["audit"] == {"window": 5, "agrees": True, "differences": []}
    assert len(figures["activelab"]["annotators"]) == len(CROWD.annotators)


def test_the_curves_are_saved_as_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "new" / "curves.png"
    save_plot([outcome("activelab"), outcome("random")], file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_models_are_judged_by_the_mean_of_what_they_last_said_of_held_out_items() -> None:
    held_out = HeldOut(Client(Settings()), "digits", DIGITS)
    truth = DIGITS.truth[-HELD_OUT:]
    classes = tuple(reversed(DIGITS.classes))  # a model's order is its own

    def say(model: str, labels: np.ndarray, certainty: float) -> None:
        pred_probs = np.full((HELD_OUT, 10), (1 - certainty) / 9)
        pred_probs[np.arange(HELD_OUT), 9 - labels] = certainty
        held_out.take(
            Predictions(
                model=model,
                classes=classes,
                items=DIGITS.held_out,
                pred_probs=tuple(map(tuple, pred_probs.tolist())),
            )
        )

    say("trees", (truth + 1) % 10, 0.9)
    assert held_out.accuracy() == 0
    say("trees", truth, 0.6)
    assert held_out.accuracy() == 1
    say("linear", (truth + 1) % 10, 0.5)
    assert held_out.accuracy() == 1
    say("linear", (truth + 1) % 10, 0.9)
    assert held_out.accuracy() == 0


def test_digits_are_named_by_their_place_and_the_held_out_ones_are_apart(tmp_path: Path) -> None:
    assert len(DIGITS.pool) + len(DIGITS.held_out) == 1797
    assert not set(DIGITS.pool) & set(DIGITS.held_out)
    DIGITS.save_features(tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as arrays:
        assert set(arrays) == {"items", "features"}  # not the truth
