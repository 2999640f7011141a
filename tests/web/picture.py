"""Draw docs/images/page.png, the page of a project from a campaign in memory; or every view."""

import argparse
import asyncio
from pathlib import Path

from browser import browsing
from playwright.async_api import ViewportSize
from web_campaign import campaign
from web_stage import serving

DESK, PHONE = ViewportSize(width=1100, height=2060), ViewportSize(width=390, height=800)
PROJECT, ITEM = "#/project?project=animals", "#/item?project=animals&item=img-003"
VIEWS = {
    "page": (PROJECT, "light", DESK),
    "page-dark": (PROJECT, "dark", DESK),
    "page-phone": (PROJECT, "light", PHONE),
    "item": (ITEM, "light", DESK),
    "item-phone": (ITEM, "dark", PHONE),
    "projects": ("#/", "light", DESK),
    "dead-letters": ("#/dead-letters", "light", DESK),
}


async def main(folder: Path, names: list[str]) -> None:
    """Draw views into a folder."""
    stage = await campaign("animals")
    async with serving(stage, api_token=None) as client, browsing() as browser:
        for name in names:
            view, scheme, viewport = VIEWS[name]
            page = await browser.new_page(viewport=viewport, color_scheme=scheme)
            await page.goto(str(client.make_url("/")) + view)
            await page.locator("h1").wait_for()
            if view == PROJECT:
                await page.get_by_role("table", name="The last windows").wait_for()
            await page.screenshot(path=folder / f"{name}.png", full_page=name != "page")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="Draw every view, not just page.png.")
    given = parser.parse_args()
    asyncio.run(main(given.folder, list(VIEWS) if given.all else ["page"]))
