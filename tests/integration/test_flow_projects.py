"""Live changes of a project, the clock's windows, leases and requests: on a running deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from labelling import Labelling, audited, project_settings, window_of
from workers import PATIENCE

from schemas import (
    BoundaryCause,
    Close,
    ProjectSettings,
    Refusal,
    RefusalReason,
    RequestCause,
    Topic,
    Window,
)
from stream_app.client import Client, Spoken

SECOND = 1_000_000
AN_HOUR = 3600 * SECOND
ITEMS = [f"item-{number}" for number in range(40)]


async def start(client: Client, project: str, **changes: object) -> Labelling:
    """Begin a project with registered items."""
    animals = Labelling(project, project_settings(**changes))
    await client.publish(Topic.CONTROL, project, [animals.register(ITEMS), animals.settings])
    return animals


async def change(client: Client, project: str, **changes: object) -> ProjectSettings:
    """Give a project other settings."""
    settings = project_settings(**changes)
    await client.publish(Topic.CONTROL, project, [settings])
    return settings


@asynccontextmanager
async def clock(client: Client, project: str) -> AsyncIterator[AsyncIterator[Window]]:
    """Listen to the windows that the clock causes; in the end, close the project."""

    async def windows(said: AsyncIterator[Spoken]) -> AsyncIterator[Window]:
        async for one in said:
            if isinstance(one.said, Window) and isinstance(one.said.cause, BoundaryCause):
                yield one.said

    try:
        async with (
            asyncio.timeout(PATIENCE),
            client.listen(Topic.WINDOWS, project, follow=True) as said,
        ):
            yield windows(said)
    finally:
        await change(client, project, state="closed")


def boundaries(windows: list[Window]) -> list[int]:
    return [one.cause.boundary for one in windows if isinstance(one.cause, BoundaryCause)]


async def ask(client: Client, project: str, budget: int | None = None) -> Window:
    """Ask for a window behind all of control.v1."""
    window = await client.close_window(project, topic=Topic.CONTROL, budget=budget)
    assert isinstance(window, Window)
    return window


async def test_a_live_budget_counts_at_the_next_window(client: Client, project: str) -> None:
    animals = await start(client, project, budget=2)
    assert (await window_of(client, animals)).counts.selected == 2
    animals.settings = await change(client, project, budget=7)
    assert (await window_of(client, animals)).counts.selected == 7
    animals.settings = await change(client, project, budget=0)
    assert (await window_of(client, animals)).counts.selected == 0
    await audited(client.settings, project)


async def test_a_paused_project_answers_requests_and_a_closed_one_refuses_them(
    client: Client, project: str
) -> None:
    animals = await start(client, project, state="paused")
    assert (await window_of(client, animals)).counts.selected == 5
    animals.settings = await change(client, project, state="closed")
    refusal = await client.close_window(project, topic=Topic.CONTROL)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == RefusalReason.CLOSED
    animals.settings = await change(client, project)
    assert (await window_of(client, animals)).counts.selected == 5
    await audited(client.settings, project)


async def test_a_repeated_request_is_refused_with_the_window_of_the_first(
    client: Client, project: str
) -> None:
    await start(client, project)
    first = await client.close_window(project, topic=Topic.CONTROL, request_id="r")
    again = await client.close_window(project, topic=Topic.PREDICTIONS, request_id="r")
    assert isinstance(first, Window)
    assert isinstance(again, Refusal)
    assert (again.reason, again.window) == (RefusalReason.REPEATED_REQUEST, first.window)
    assert [window.cause for window in await audited(client.settings, project)] == [
        RequestCause(request_id="r")
    ]


async def test_a_lease_runs_out_with_no_event_and_its_items_are_selected_again(
    client: Client, project: str
) -> None:
    await start(client, project, budget=len(ITEMS), lease_seconds=1)
    first = await ask(client, project)
    async with asyncio.timeout(PATIENCE):
        while not (window := await ask(client, project)).counts.selected:
            assert window.now < first.now + SECOND
            assert (window.counts.leased, window.counts.eligible) == (len(ITEMS), 0)
    assert window.now >= first.now + SECOND
    assert window.counts.leased == 0
    both = [await client.selections(one) for one in (first, window)]
    assert [s.item for s in both[0]] == [s.item for s in both[1]] == sorted(ITEMS)
    await audited(client.settings, project)


async def test_the_clock_closes_one_window_a_boundary_whoever_repeats_its_close(
    client: Client, project: str
) -> None:
    async with clock(client, project) as windows:
        await start(client, project, window_seconds=1, budget=2)
        first = await anext(windows)
        (boundary,) = boundaries([first])
        again = Close(cause="boundary", boundary=boundary)
        early = Close(cause="boundary", boundary=boundary + AN_HOUR)
        await client.publish(Topic.CONTROL, project, [again, early, again])
        following = [await anext(windows) for _ in range(2)]

    closed = [first, *following]
    assert all(at <= window.now for window, at in zip(closed, boundaries(closed), strict=True))
    seen = await audited(client.settings, project)
    assert seen[:3] == closed
    at = boundaries(seen)
    assert at == sorted(set(at))
    assert {one % SECOND for one in at} == {0}
    assert {window.counts.selected for window in seen} == {2}


async def test_after_a_pause_the_clock_closes_one_window(client: Client, project: str) -> None:
    async with clock(client, project) as windows:
        await start(client, project, window_seconds=1)
        await anext(windows)
        await change(client, project, window_seconds=1, state="paused")
        # Boundaries pass by the broker's clock, and only requests are answered meanwhile.
        first = last = await ask(client, project)
        while last.now < first.now + 3 * SECOND:
            last = await ask(client, project)
        await change(client, project, window_seconds=1)
        for _ in range(2):
            await anext(windows)

    seen = await audited(client.settings, project)
    paused = [one for one in seen if first.window <= one.window <= last.window]
    assert boundaries(paused) == []
    assert len([at for at in boundaries(seen) if first.now < at <= last.now]) <= 1


async def test_a_new_window_length_has_boundaries_of_its_own(client: Client, project: str) -> None:
    async with clock(client, project) as windows:
        await start(client, project, window_seconds=1)
        await anext(windows)
        settings = await change(client, project, window_seconds=2, budget=1)
        changed: list[Window] = []
        while len(changed) < 2:
            changed += [one for one in [await anext(windows)] if one.settings == settings]

    assert [at % (2 * SECOND) for at in boundaries(changed)] == [0, 0]
    assert {one.counts.selected for one in changed} == {1}
    await audited(client.settings, project)


async def test_the_clock_and_requests_share_one_budget(client: Client, project: str) -> None:
    """On request only: a clock close renews the budget, requests spend it."""
    async with clock(client, project) as windows:
        await start(client, project, window_seconds=2, budget=3, on_request_only=True)
        renewed = await anext(windows)
        spent = [await ask(client, project, budget=2) for _ in range(3)]
        again = await anext(windows)

    assert renewed.counts.selected == again.counts.selected == 0
    assert renewed.counts.budget_left == again.counts.budget_left == 3
    assert sum(one.counts.selected for one in spent if one.window < again.window) <= 3
    await audited(client.settings, project)
