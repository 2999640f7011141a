"""Readers of topics: whoever cancels one is not ignored."""

import asyncio

from schemas import Topic
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics


async def test_a_reader_ends_when_it_is_cancelled_whatever_it_is_doing(settings: Settings) -> None:
    await ensure_topics(settings)

    async def read_for_ever() -> None:
        while True:
            await client.read(Topic.WINDOWS)

    async with Client(settings) as client:
        for moment in range(60):
            reading = asyncio.create_task(read_for_ever())
            await asyncio.wait([reading], timeout=moment / 1000)
            reading.cancel()
            done, _ = await asyncio.wait([reading], timeout=10)
            assert done, f"goes on reading, although cancelled after {moment} ms"
