"""The audit's ledger: what a close may select, by the windows so far."""

import pytest

from schemas import BoundaryCause, Close, ProjectSettings, RequestCause
from stream_app.audit.ledger import SECOND, Ledger

NOON = 1_800_000_000 * SECOND


def project(**changes: object) -> ProjectSettings:
    shape = {"classes": ("cat", "dog"), "models": ("m",), "budget": 5, "window_seconds": 60}
    return ProjectSettings.model_validate(shape | changes)


def request(name: str = "r", budget: int | None = None) -> Close:
    return Close(cause="request", request_id=name, budget=budget)


def boundary(time: int = NOON) -> Close:
    return Close(cause="boundary", boundary=time)


SPENT = Ledger().entered(BoundaryCause(boundary=NOON - 60 * SECOND), 3)
"""A ledger behind one window, which has selected 3."""


def test_requests_take_from_what_is_left_since_the_last_boundary() -> None:
    assert SPENT.grant(project(), request(), NOON) == 2
    assert SPENT.grant(project(), request(budget=1), NOON) == 1
    after = SPENT.entered(RequestCause(request_id="r"), 2)
    assert after.grant(project(), request("s"), NOON) == 0
    assert after.grant(project(budget=1), request("s"), NOON) == 0
    assert after.grant(project(window_seconds=None), request("s"), NOON) == 5
    renewed = after.entered(BoundaryCause(boundary=NOON), 0)
    assert renewed.grant(project(), request("s"), NOON) == 5
    assert renewed.next_window == 4


def test_a_boundary_has_the_whole_budget_unless_only_requests_spend_it() -> None:
    assert SPENT.grant(project(), boundary(), NOON) == 5
    assert SPENT.grant(project(on_request_only=True), boundary(), NOON) == 0


@pytest.mark.parametrize(
    ("settings", "close", "why"),
    [
        (project(state="closed"), request(), "closed"),
        (project(state="closed"), boundary(), "closed"),
        (project(), request("had"), "has had its window"),
        (project(state="paused"), boundary(), "paused"),
        (project(window_seconds=None), boundary(), "no such boundary"),
        (project(), boundary(NOON - SECOND), "no such boundary"),
        (project(), boundary(NOON - 60 * SECOND), "passed before"),
        (project(), boundary(NOON + 60 * SECOND), "lies ahead"),
    ],
)
def test_a_close_that_makes_no_window_says_why(
    settings: ProjectSettings, close: Close, why: str
) -> None:
    ledger = SPENT.entered(RequestCause(request_id="had"), 1)
    granted = ledger.grant(settings, close, NOON)
    assert isinstance(granted, str)
    assert why in granted
