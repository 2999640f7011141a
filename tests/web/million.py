"""What the page costs a worker whose project has a million items: python tests/web/million.py."""

import argparse
import asyncio
import time

import numpy as np
from memory_ports import Stage
from web_stage import serving

from schemas import Annotation, Close, ProjectSettings, Topic

P = "animals"
CLASSES = tuple(f"class {number}" for number in range(10))
BATCH = 50_000


async def filled(items: int) -> Stage:
    """Return a project with so many items, three labels each for a tenth of them."""
    rng = np.random.default_rng(0)
    stage = Stage()
    settings = ProjectSettings(classes=CLASSES, models=("m",), budget=100)
    await stage.publish(Topic.CONTROL, P, settings)
    pool = stage.step.partitions[0].projects[P].pool
    for begin in range(0, items, BATCH):
        names = [f"img-{number:07}" for number in range(begin, min(begin + BATCH, items))]
        probs = rng.random((len(names), len(CLASSES)), np.float32)
        pool.set_predictions(names, "m", probs / probs.sum(axis=1, keepdims=True))
        labelled = np.repeat(names[::10], 3).tolist()
        who = [f"ann-{number}" for number in rng.integers(0, 200, len(labelled))]
        pool.set_labels(labelled, who, rng.integers(0, len(CLASSES), len(labelled)))
    await stage.publish(Topic.CONTROL, P, Close(cause="request", request_id="fit", budget=100))
    await stage.publish(
        Topic.ANNOTATIONS, P, Annotation(item="img-0000001", annotator="ann-1", label=CLASSES[0])
    )
    # What a scan looks through is sorted by RocksDB, and here by the scan: leave it the facts.
    stage.memory.table = {k: v for k, v in stage.memory.table.items() if k[:1] == b"f"}
    return stage


async def stalls(longest: list[float]) -> None:
    """Note by how much the event loop is late, at most."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest[0] = max(longest[0], time.perf_counter() - began - 0.001)


async def main(items: int) -> None:
    """Ask for everything that the page shows, and say how long the step would have waited."""
    began = time.perf_counter()
    stage = await filled(items)
    print(f"{items:,} items in memory after {time.perf_counter() - began:.1f} s")
    async with serving(stage) as client:
        for what, path, more in (
            ("project", "project", {}),
            ("ranking, with a walk", "ranking", {}),
            ("ranking, walked already", "ranking", {}),
            ("item", "item", {"item": "img-0000001"}),
            ("annotators", "annotators", {}),
        ):
            longest = [0.0]
            watching = asyncio.create_task(stalls(longest))
            await asyncio.sleep(0.05)
            longest[0], began = 0.0, time.perf_counter()
            response = await client.get(f"/api/v1/{path}", params={"project": P} | more)
            assert response.status == 200, await response.text()
            size = len(await response.read())
            took = time.perf_counter() - began
            watching.cancel()
            print(
                f"{what}: {took:.3f} s, {size / 1024:.1f} KiB, "
                f"the event loop was late by {1000 * longest[0]:.0f} ms at most"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().items))
