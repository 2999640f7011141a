"""What a hostile world sends: events of every type, mutated; their bytes, damaged; any bytes."""

import json
from typing import Any

from authors import Author
from histories import Arrival, Delivery, Happening, Restart
from hostile import mutated
from hypothesis import strategies as st
from wire_builders import PROJECT

from schemas import MAX_ID_BYTES, Topic
from stream_app.topology import SOURCES

IDS = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(
        [
            *("é", "e\u0301", "\u212b", "Å", "ﬁ", "fi"),  # equal once they are normalised
            *("\x00", "\x7f", "\u202e", "\ufeff", "\U0001f600", " ", "a b", "a\tb", '"', "\\"),
            *("x" * MAX_ID_BYTES, "x" * (MAX_ID_BYTES + 1), "\x01" * MAX_ID_BYTES),
        ]
    ),
)
TIMES = st.sampled_from(
    [
        *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
        *("2100-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z"),
        *("2025-11-24T16:00:00+23:59", "2025-11-24T16:00:00−01:00", "2025-W48-1T00:00:00Z"),
    ]
)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63 - 1, 2**63, 2**64, 10**400, 5e-324])
)
FIELDS = {
    **dict.fromkeys(("item", "annotator", "label", "model", "request_id", "seed"), IDS),
    **dict.fromkeys(("time", "boundary"), TIMES),
    **dict.fromkeys(("version", "budget", "lease_seconds", "max_answers"), NUMBERS),
    "items": st.lists(IDS, max_size=6),
    "pred_probs": st.dictionaries(IDS, NUMBERS, max_size=6) | st.lists(st.lists(NUMBERS)),
}
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | IDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(IDS, inner, max_size=4),
    max_leaves=12,
)


TOPICS = {
    **dict.fromkeys(("annotation", "annotations", "retraction"), Topic.ANNOTATIONS),
    **dict.fromkeys(("prediction", "predictions"), Topic.PREDICTIONS),
}
"""Where events belong; others are for control.v1."""


def seldom(draw: st.DrawFn, one_in: int) -> bool:
    """Draw whether something happens that does so once in a while."""
    return draw(st.integers(1, one_in)) == one_in


@st.composite
def events(draw: st.DrawFn) -> Any:
    """Draw an event as clients say it, now and then with hostile values in some of its fields."""
    topic = draw(st.sampled_from(SOURCES))
    event = json.loads(Author(draw(st.integers(0, 2**32))).event(topic).to_bytes())
    while seldom(draw, 2):
        name = draw(st.sampled_from([*event, *FIELDS]))
        event[name] = draw(FIELDS.get(name, JSON) if draw(st.booleans()) else JSON)
    return event


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """Draw a record: most are nearly right, and where they belong."""
    if seldom(draw, 10):
        topic, value = draw(st.sampled_from(SOURCES)), draw(st.binary() | st.none())
    else:
        event = draw(events() if draw(st.booleans()) else mutated())
        kind = event.get("type") if isinstance(event, dict) else None
        topic = TOPICS.get(kind, Topic.CONTROL) if isinstance(kind, str) else Topic.CONTROL
        text = json.dumps(event, ensure_ascii=draw(st.booleans()))
        value = text.encode(errors="surrogatepass")
        if seldom(draw, 6):
            value = damaged(draw, value)
        if seldom(draw, 12):
            topic = draw(st.sampled_from(SOURCES))
    key = draw(KEYS) if seldom(draw, 12) else PROJECT.encode()
    return Arrival(topic, key, value, draw(st.sampled_from([0, 0, 0, 1, 60_000, -5])))


def damaged(draw: st.DrawFn, value: bytes) -> bytes:
    """Damage bytes at some places."""
    damage = bytearray(value)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(damage)))
        damage[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(damage)


KEYS = st.none() | st.binary(max_size=4) | IDS.map(lambda text: text.encode(errors="surrogatepass"))


@st.composite
def lives(draw: st.DrawFn, *, records: int) -> list[Happening]:
    """Draw what happens: so many records arrive, and the worker is given them in runs."""
    happenings: list[Happening] = []
    for _ in range(records):
        happenings.append(draw(arrivals()))
        if seldom(draw, 4):
            happenings.append(
                Delivery(draw(st.sampled_from(SOURCES)), draw(st.integers(1, records)))
            )
        if seldom(draw, 20):
            happenings.append(Restart())
    return happenings
