"""The page in a browser: what it shows, how it keeps up, and for whom it is made."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe import violations
from browser import browsing
from memory_ports import Stage
from playwright.async_api import Browser, Page, expect
from web_campaign import campaign
from web_stage import TOKEN, Stance, serving

from schemas import Annotation, Items, ProjectSettings, Topic

pytestmark = [
    pytest.mark.timeout(480),  # the first one may have to install the browser
    pytest.mark.asyncio(loop_scope="module"),
]

P = "animals"
PROJECT = f"/#/project?project={P}"
HOSTILE = "\u202e<img src=x onerror=alert(1)>\u0000" + "ü" * 490
PHONE, DESK = {"width": 360, "height": 800}, {"width": 1100, "height": 900}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


def listen(page: Page) -> list[str]:
    """Return a list in which all that goes wrong in a page will be."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    return wrong


async def test_every_view_is_right_for_everyone_in_any_light(browser: Browser) -> None:
    stage = await campaign(P)
    views = {
        "/": "Projects",
        PROJECT: P,
        f"/#/item?project={P}&item=img-003": "img-003",
        "/#/dead-letters": "Dead letters",
    }
    async with serving(stage, api_token=None) as client:
        for scheme, viewport in (("light", PHONE), ("dark", DESK)):
            page = await browser.new_page(viewport=viewport, color_scheme=scheme)
            wrong = listen(page)
            for view, heading in views.items():
                await page.goto(str(client.make_url("")).rstrip("/") + view)
                await expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
                await expect(page.locator("#live")).to_have_text("Live")
                if view == PROJECT:
                    await expect(page.get_by_role("img").filter(visible=True)).to_have_count(11)
                assert await violations(page) == [], view
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= viewport["width"], view
            assert wrong == []
            await page.evaluate("document.body.append(document.createElement('img'))")
            assert len(await violations(page)) > 0, "axe finds nothing, whatever is there"
            await page.close()


async def test_the_page_keeps_up_with_what_happens(browser: Browser) -> None:
    stage = await campaign(P, windows=3)
    async with serving(stage, api_token=None) as client:
        page = await browser.new_page()
        await page.goto(str(client.make_url("")).rstrip("/") + PROJECT)
        labels = page.locator("dt", has_text="Labels").first.locator("xpath=../dd")
        before = int(await labels.inner_text())
        link = page.get_by_role("link", name="img-").first
        await link.focus()
        held = await link.inner_text()
        clock = page.locator(".clock")
        shown = await clock.inner_text()
        one = Annotation(item="img-000", annotator="hal", label="cat")
        await stage.publish(Topic.ANNOTATIONS, P, one)
        await expect(labels).to_have_text(str(before + 1), timeout=10_000)
        await expect(clock).not_to_have_text(shown)
        await expect(page.get_by_text("hal", exact=True)).to_be_visible(timeout=15_000)
        focused = await page.evaluate("document.activeElement.textContent")
        assert focused == held


async def test_names_are_text_whatever_they_are(browser: Browser) -> None:
    stage = Stage()
    settings = ProjectSettings(classes=(HOSTILE, "dog"), models=(HOSTILE,), budget=2)
    items = Items(items=(HOSTILE,), status="registered", stratum=HOSTILE)
    await stage.publish(Topic.CONTROL, HOSTILE, settings, items)
    for who in (HOSTILE, "bob"):
        one = Annotation(item=HOSTILE, annotator=who, label=HOSTILE)
        await stage.publish(Topic.ANNOTATIONS, HOSTILE, one)
    async with serving(stage, api_token=None) as client:
        page = await browser.new_page(viewport=PHONE)
        wrong = listen(page)
        await page.goto(str(client.make_url("/")))
        await page.get_by_role("link", name="<img src=x").click()
        await expect(page.get_by_role("heading", level=1, name="<img src=x")).to_be_visible()
        await page.get_by_role("table", name="The items that come next").get_by_role("link").click()
        await expect(page.get_by_role("heading", name="If it had one more label")).to_be_visible()
        assert await page.locator("img").count() == 0
        assert "\\u{202e}" in await page.locator("h1").inner_text()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        assert wrong == []


async def test_who_needs_a_token_is_asked_for_it_and_problems_are_said(browser: Browser) -> None:
    stage, stance = await campaign(P, windows=2), Stance()
    async with serving(stage, stance, web_host="0.0.0.0") as client:
        page = await browser.new_page()
        await page.goto(str(client.make_url("")).rstrip("/") + PROJECT)
        await page.get_by_label("Token").fill(TOKEN)
        assert await violations(page) == []
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name=P)).to_be_visible()
        await page.goto(str(client.make_url("")).rstrip("/") + "/#/project?project=nobody")
        await expect(page.get_by_role("alert")).to_contain_text("There is no project 'nobody'")
        stance.confirmed = False
        await page.goto(str(client.make_url("")).rstrip("/") + f"/#/item?project={P}&item=img-001")
        await expect(page.locator("#live")).to_contain_text("may have lost")
        stance.confirmed = True
        await expect(page.get_by_role("heading", level=1, name="img-001")).to_be_visible(
            timeout=10_000
        )


async def test_the_page_is_walked_by_keyboard(browser: Browser) -> None:
    stage = await campaign(P, windows=2)
    async with serving(stage, api_token=None) as client:
        page = await browser.new_page()
        await page.goto(str(client.make_url("/")))
        await expect(page.get_by_role("link", name=P)).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.keyboard.press("Tab")  # the table's region, which scrolls
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name=P)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name=P)).to_be_visible()
        assert await page.title() == f"{P} · activelab-stream"
