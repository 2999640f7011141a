"""The baselines of `benchmarks.stream`: Faust apps as its documentation writes them.

``table`` keeps what an annotator said of an item in a table, ``nothing`` only counts events. Prints
the seconds from the first event to the last, then ends.
"""

import os
import sys
import time

import faust

kind, servers, topic, number, folder = sys.argv[1:6]
sys.argv[1:] = ["worker", "--without-web", "--loglevel=error"]


class Annotation(faust.Record, serializer="json"):
    """A label."""

    type: str
    schema_version: int
    item: str
    annotator: str
    label: str


app = faust.App(
    f"plain-{kind}-{topic}",
    broker=f"kafka://{servers}",
    store="rocksdb://",
    datadir=folder,
    topic_partitions=1,
    consumer_auto_offset_reset="earliest",
)
annotations = app.topic(topic, value_type=Annotation)
table = app.Table("items", default=dict, partitions=1)
began: float | None = None
seen = 0


@app.agent(annotations)
async def take(stream):  # type: ignore[no-untyped-def]  # an agent as Faust's documentation has it
    """Take one event after the other."""
    global began, seen  # noqa: PLW0603
    async for event in stream:
        began = began or time.perf_counter()
        if kind == "table":
            answers = table[event.item]
            answers[event.annotator] = event.label
            table[event.item] = answers
        seen += 1
        if seen == int(number):
            os.write(1, f"SECONDS {time.perf_counter() - began}\n".encode())
            os._exit(0)


app.main()
