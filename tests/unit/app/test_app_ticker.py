"""The ticker: a close at each boundary, until the log has it applied."""

from schemas import ProjectSettings
from stream_app.project import Ledger, Project
from stream_app.ticker import Tick, Ticker

SECOND = 1_000_000


def project(*, window_seconds: int | None = 60, state: str = "active", last: int = 0) -> Project:
    settings = ProjectSettings.model_validate(
        {
            "classes": ("a", "b"),
            "models": ("m",),
            "budget": 1,
            "window_seconds": window_seconds,
            "state": state,
        }
    )
    return Project("p", settings, Ledger(last_boundary=last))


def test_the_latest_boundary_that_has_passed_is_due_and_only_that_one() -> None:
    assert list(Ticker().due([project()], now=605.0)) == [Tick("p", 600 * SECOND)]


def test_a_boundary_that_is_applied_is_not_sent_again() -> None:
    assert list(Ticker().due([project(last=600 * SECOND)], now=659.9)) == []
    assert list(Ticker().due([project(last=600 * SECOND)], now=660.0)) == [Tick("p", 660 * SECOND)]


def test_a_close_that_has_not_taken_effect_is_sent_again_ever_more_slowly() -> None:
    ticker, one = Ticker(), project(window_seconds=100_000)
    sent = [now for now in range(100_000, 100_200) if list(ticker.due([one], float(now)))]
    assert sent == [100_000 + t for t in (0, 1, 3, 7, 15, 31, 63, 123, 183)]


def test_projects_without_clock_paused_or_closed_are_left_alone() -> None:
    quiet = [project(window_seconds=None), project(state="paused"), project(state="closed")]
    assert list(Ticker().due(quiet, now=605.0)) == []
