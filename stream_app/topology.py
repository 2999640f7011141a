"""The map: every topic and table of the app, with key, retention and partitions.

    annotations.v1 ──┐                            ┌─> selections.v1
    predictions.v1 ──┼─> step of partition p ─one ┼─> windows.v1
    control.v1 ──────┘   pool (memory)  transaction─> item-scores.v1
      ^                  facts (RocksDB)          ├─> annotator-trust.v1
      │                       <───────────────────┼─> facts changelog
      └── ticker                                  └─> dead-letters.v1

A project lives in one partition number of every topic: its home. So all topics have the same
number of partitions, for life, and one producer a partition says everything in transactions.
"""

from dataclasses import dataclass, field
from typing import Literal

from schemas import MAX_RECORD_BYTES, Topic

MEBIBYTE = 1 << 20
MAX_OUTPUT_BYTES = 2 * MAX_RECORD_BYTES
"""A dead letter carries its record whole, with headers; a fact is never larger than its event."""
DEAD_LETTER_DAYS = 30


SOURCES = (Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL)
TABLE = "facts"


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How a topic is created; its key is the project's id unless ``key`` says more."""

    topic: str
    key: str
    cleanup: Literal["keep", "compact", "days"]
    config: dict[str, str] = field(default_factory=dict)


def _keep(topic: str, **config: str) -> TopicPlan:
    """Plan a topic that is kept whole: audit reads it from offset 0."""
    settings = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    return TopicPlan(topic, "project", "keep", settings | config)


def _compact(topic: str, key: str) -> TopicPlan:
    """Plan a topic of which the last record of a key counts."""
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": str(64 * MEBIBYTE),
        "max.message.bytes": str(MAX_OUTPUT_BYTES),
    }
    return TopicPlan(topic, key, "compact", config)


def plans(app_id: str) -> tuple[TopicPlan, ...]:
    """Return the plan of every topic of the app called ``app_id``, its changelog included."""
    arrival = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_RECORD_BYTES),
    }
    output = {"max.message.bytes": str(MAX_OUTPUT_BYTES)}
    dead_letters = output | {
        "cleanup.policy": "delete",
        "retention.ms": str(DEAD_LETTER_DAYS * 24 * 3600 * 1000),
    }
    return (
        *(_keep(topic, **arrival) for topic in SOURCES),
        _keep(Topic.SELECTIONS, **output),
        _keep(Topic.WINDOWS, **output),
        _compact(Topic.ITEM_SCORES, "[project, item]"),
        _compact(Topic.ANNOTATOR_TRUST, "[project, annotator]"),
        TopicPlan(Topic.DEAD_LETTERS, "of the record", "days", dead_letters),
        _compact(changelog(app_id), "a fact's key"),
    )


def changelog(app_id: str) -> str:
    """Return the name that Faust gives the changelog of the facts table."""
    return f"{app_id}-{TABLE}-changelog"
