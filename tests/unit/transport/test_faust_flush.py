"""Why nothing of ours goes through Faust's own buffer of what is to be said."""

import asyncio
from types import SimpleNamespace

from faust.transport.producer import ProducerBuffer


async def test_fausts_own_flush_gives_up_on_what_the_broker_does_not_take() -> None:
    """A commit behind this flush would be one of half a run; ours awaits every future."""
    blocked = SimpleNamespace(publish_message=lambda *_, **__: asyncio.Event().wait())
    buffer = ProducerBuffer()
    buffer.app = SimpleNamespace(conf=SimpleNamespace(producer_threaded=False))
    await buffer.start()
    for _ in range(5):
        buffer.put(SimpleNamespace(message=SimpleNamespace(channel=blocked)))

    await buffer.flush()

    assert buffer.size == 4
    while buffer.size:
        buffer.pending.get_nowait()
    await buffer.stop()
