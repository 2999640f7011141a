"""An answer that selects nothing says why; ids can't paint the terminal."""

import pytest

from schemas import (
    BoundaryCause,
    Counts,
    Outlook,
    Parameters,
    ProjectSettings,
    Refusal,
    RefusalReason,
    RequestCause,
    Window,
)
from stream_app.cli.console import plain
from stream_app.cli.sheets import dormant, expected
from stream_app.cli.window import REFUSALS, why_empty

REQUEST = RequestCause(request_id="r")


def window(
    cause: RequestCause | BoundaryCause = REQUEST,
    *,
    budget: int = 5,
    counts: dict[str, int] | None = None,
    lacks: dict[str, int] | None = None,
    quality_target: float | None = None,
) -> Window:
    """Build a manifest that selects nothing."""
    usual = {
        "items": 9,
        "labels": 4,
        "annotators": 2,
        "leased": 0,
        "eligible": 9,
        "selected": 0,
        "budget_left": 5,
    }
    return Window(
        project="p",
        window=1,
        cause=cause,
        now=0,
        cut={},
        settings=ProjectSettings(
            classes=("a", "b"),
            models=("m",),
            budget=budget,
            max_answers=3,
            quality_target=quality_target,
        ),
        rule_version="1",
        epoch=1,
        parameters=Parameters(
            regime="nothing labelled",
            models={},
            consensus_likelihood=None,
            majority_class_error=None,
            mean_annotator_weight=None,
        ),
        counts=Counts(dormant=lacks or {}, **usual | (counts or {})),
        outlook=Outlook(
            open=9,
            contested=0,
            done=0,
            wrong_labelled=None,
            wrong_unlabelled=None,
            gain_per_label=None,
        ),
        digest="0" * 64,
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (window(counts={"items": 0, "eligible": 0}), "There are no items"),
        (
            window(counts={"leased": 2, "eligible": 0}),
            "of 9 items 2 are on lease, 7 have 3 answers or more",
        ),
        (
            window(
                RequestCause(request_id="r", annotator="ann"),
                counts={"eligible": 0},
                quality_target=0.9,
            ),
            "3 answers or more (max_answers) or a quality of 0.9 or more (quality_target)"
            " or an answer of 'ann'.",
        ),
        (window(budget=0, counts={"budget_left": 0}), "The project's budget is 0"),
        (window(counts={"budget_left": 0}), "The budget is spent until the next boundary"),
        (window(), "The request asked for nothing"),
        (window(BoundaryCause(boundary=0)), "The clock only renews the budget"),
    ],
)
def test_an_empty_window_says_why(answer: Window, why: str) -> None:
    assert why in why_empty(answer)


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_says_its_reason(reason: RefusalReason) -> None:
    refusal = Refusal(project="p", cause=REQUEST, reason=reason, now=0, cut={})
    assert why_empty(refusal) == f"Refused: {REFUSALS[reason]}."


def test_dormant_facts_are_named_and_counted() -> None:
    assert dormant(window(lacks={"labels:bird": 1_200, "models:n": 3})) == (
        "1,200 labels:bird, 3 models:n"
    )
    assert dormant(None) == ""


def test_what_is_expected_of_the_items_is_said() -> None:
    unknown = window().outlook
    assert expected(unknown) == "unknown, until more labels of the same items agree"
    known = {"wrong_labelled": 1_234.56, "wrong_unlabelled": 7.0}
    assert expected(unknown.model_copy(update=known)) == (
        "1,234.6 of labelled items, 7.0 of items without a label"
    )
    more = expected(unknown.model_copy(update=known | {"gain_per_label": 0.125}))
    assert more.endswith("; a label of this window puts 0.12 right")


def test_an_id_is_shown_as_it_is_and_nothing_in_it_is_obeyed() -> None:
    text = plain("[red]Åsa\x1b[2J\n")
    assert text.plain == r"[red]Åsa\x1b[2J\n"
    assert not text.spans
