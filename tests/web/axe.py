"""What axe-core finds wrong with a page for those who do not see it, or use no mouse."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page


async def violations(page: Page) -> list[str]:
    """Return the rules that a page breaks, each with the first element that does."""
    results = await Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}"
        for one in results.response["violations"]
    ]
