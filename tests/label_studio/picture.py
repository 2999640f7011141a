"""A picture of the bridge's tab in a real Label Studio: docs/images/label-studio.png.

    PYTHONPATH=tests:tests/web python tests/label_studio/picture.py

Bob has labelled an item, a model doubts it and others; a window selects three, and the bridge shows
them.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from browser import browsing
from label_studio_server import EMAIL, PASSWORD, TOKEN, LabelStudio, StudioProject, label_studio
from workers import WorkerProcess, eventually, worker

from schemas import Prediction, ProjectSettings, Topic, Window
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "label-studio.png"
PROJECT = "animals"
CATS = {"img-1": 0.02, "img-2": 0.98, "img-3": 0.96, "img-4": 0.55, "img-5": 0.7, "img-6": 0.99}


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as name, Broker() as broker:
        folder = Path(name)
        settings = Settings(
            bootstrap_servers=broker.bootstrap_servers, data_dir=folder / "worker", web_port=0
        )
        asyncio.run(ensure_topics(settings))
        with worker(settings), label_studio(folder / "studio") as studio:
            theirs = studio.project(PROJECT, [*CATS])
            theirs.annotate("img-1", "cat", studio.user("bob"))
            bridge = _bridge(settings.model_copy(update={"data_dir": folder / "bridge"}), theirs)
            try:
                bridge.wait_for("event='passed' full=True")
                items = asyncio.run(_select(settings))
                eventually(lambda: theirs.queue() == items, bridge.text)
                asyncio.run(_draw(studio, theirs))
            finally:
                bridge.kill()


def _bridge(settings: Settings, theirs: StudioProject) -> WorkerProcess:
    os.environ["STREAM_APP_LABEL_STUDIO_TOKEN"] = TOKEN
    os.environ["STREAM_APP_LABEL_STUDIO_SECRET"] = "a secret of the webhooks"
    number = str(theirs.number)
    given = (PROJECT, "--url", theirs.studio.url, "--studio-project", number, "--port", "0")
    return WorkerProcess(settings, ("-m", "stream_app.cli", "label-studio", *given))


async def _select(settings: Settings) -> list[str]:
    """Return the items that a window selects."""
    async with Client(settings) as client:
        project = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=3)
        await client.publish(Topic.CONTROL, PROJECT, [project])
        said = [
            Prediction(item=item, model="m", pred_probs={"cat": cat, "dog": 1 - cat})
            for item, cat in CATS.items()
        ]
        await client.publish(Topic.PREDICTIONS, PROJECT, said)
        await client.settle(PROJECT)
        window = await client.close_window(PROJECT)
        assert isinstance(window, Window), window
        return [one.item for one in await client.selections(window)]


async def _draw(studio: LabelStudio, theirs: StudioProject) -> None:
    tab = theirs.tab()
    assert tab is not None
    async with browsing() as browser:
        page = await browser.new_page(viewport={"width": 1100, "height": 450})
        await page.goto(f"{studio.url}/user/login/")
        await page.fill("input[name=email]", EMAIL)
        await page.fill("input[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await page.wait_for_load_state("networkidle")
        await page.goto(f"{studio.url}/projects/{theirs.number}/data?tab={tab['id']}")
        await page.get_by_text("img-1", exact=True).wait_for()
        await page.locator("button:right-of(:text('Label All Tasks'))").first.click()
        await page.get_by_text("Label Tasks As Displayed").wait_for()
        await page.screenshot(path=IMAGE, animations="disabled")


if __name__ == "__main__":
    main()
