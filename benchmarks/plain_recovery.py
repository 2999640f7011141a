"""The baseline of `benchmarks.recovery`: a stock Faust app that recovers its RocksDB table.

Prints the seconds from the assignment of its partitions until its table is recovered, then ends.
"""

import os
import sys
import time

import faust

servers, name, source, folder = sys.argv[1:5]
sys.argv[1:] = ["worker", "--without-web", "--loglevel=error"]

app = faust.App(
    name,
    broker=f"kafka://{servers}",
    store="rocksdb://",
    datadir=folder,
    topic_partitions=1,
    consumer_auto_offset_reset="earliest",
)
table = app.Table("facts", partitions=1, key_type=bytes, value_type=bytes)
began = 0.0


@app.agent(app.topic(source, value_type=bytes, value_serializer="raw"))
async def take(stream):  # type: ignore[no-untyped-def]  # an agent as Faust's documentation has it
    """Take nothing: nothing is there."""
    async for _ in stream:
        pass


@app.on_partitions_assigned.connect
async def assigned(*_: object, **__: object) -> None:
    """Note when recovery may begin."""
    global began  # noqa: PLW0603
    began = time.perf_counter()


@table.on_recover
async def recovered() -> None:
    """Say how long it took."""
    os.write(1, f"SECONDS {time.perf_counter() - began}\n".encode())
    os._exit(0)


app.main()
