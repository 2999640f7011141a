"""Facts: their keys in the table, their codec, and which of two is the newer one.

A fact is the last word of one source on one item: what an annotator answered, what a model
predicted, whether the item is registered, which stratum it belongs to. The table holds one record
a fact, and these:

    f project item kind who -> fact      what this module encodes
    s project item          -> said      what was last published of the item
    l project item          -> lease     until when it is not selected again
    p project               -> project   settings and counters
    r project request_id    -> window    requests that have been answered
    a                       -> applied   next position of every source topic, and ``now``

The newer fact wins: order = (event time or version, kind, hash of the canonical fact). So facts
commute: whatever their order in the log, and however often they come, one of them is true.
"""

import struct
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby, islice
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from activelab.rows import Ints
from schemas import LABEL, MAX_ID_BYTES, RETRACTION

K = TypeVar("K")
V = TypeVar("V")
Pair = tuple[bytes, bytes]
"""A key of the table and its value."""
Known = Mapping[bytes, bytes | None]
"""Facts of the table by their keys, None where there is none."""
Times = npt.NDArray[np.uint64]
"""Event times (microseconds) or versions of facts, biased by 2**63 as their codec has them."""

APPLIED = b"a"
"""The key of the partition's applied record."""

EVERY_FACT = b"f"
"""What the keys of all facts begin with."""

ANNOTATION, PREDICTION, STATUS, STRATUM = b"A", b"M", b"I", b"S"
"""Kinds of a fact's key: by annotator, by model, of the item itself."""

REGISTERED, EXCLUDED = range(2)

_VERSION = b"\x01"
_LENGTH = struct.Struct(">H")
_LENGTHS = [_LENGTH.pack(length) for length in range(MAX_ID_BYTES + 1)]
_ORDER = struct.Struct(">cQB")  # codec version, time or version + 2**63, kind
_CLASSES = struct.Struct(">I")
_BIAS = 1 << 63
CHUNK = 50_000
"""Pairs of a scan that are looked at together: bounds the memory of a load."""


@dataclass(frozen=True, slots=True)
class FactColumns:
    """Facts of one kind, encoded: parallel columns ``(n,)``."""

    projects: Sequence[str]
    kind: bytes
    keys: Sequence[bytes]
    items: Sequence[str]
    """Empty at a load, as the keys are: nobody asks for them there."""
    places: Ints
    """Those of the items in their projects' pools; of no use where there is no such project."""
    who: Sequence[str]
    """Annotators or models; empty names where the kind has neither."""
    facts: Sequence[bytes]
    times: Times

    def take(self, rows: list[int]) -> "FactColumns":
        """Return some of the facts, in the order of ``rows``; all of them as they are."""
        if rows == list(range(len(self.facts))):
            return self
        return FactColumns(
            [self.projects[row] for row in rows],
            self.kind,
            [self.keys[row] for row in rows],
            [self.items[row] for row in rows],
            self.places[rows],
            [self.who[row] for row in rows],
            [self.facts[row] for row in rows],
            self.times[rows],
        )


class SplitKeys(NamedTuple):
    """Keys of facts of one project, taken apart; they were in order."""

    items: list[str]
    """Each once."""
    item: list[int]
    """Where that of a key stands in ``items``: ``(n,)``, as the next two are."""
    kind: Sequence[bytes]
    who: Sequence[str]


class Remembered(dict[K, V]):
    """What a function returns, by what it was asked: where the same is asked often."""

    def __init__(self, find: Callable[[K], V]) -> None:
        self._find = find

    def __missing__(self, key: K) -> V:
        self[key] = found = self._find(key)
        return found


def project_key(project: str) -> bytes:
    """Return the key of a project's record."""
    return b"p" + project.encode()


def request_key(project: str, request_id: str) -> bytes:
    """Return the key under which the answer to a request is kept."""
    return b"r" + _prefixed(project) + request_id.encode()


def said_key(project: str, item: str) -> bytes:
    """Return the key of what was published of an item."""
    return said_prefix(project) + item.encode()


def said_prefix(project: str) -> bytes:
    """Return what the keys of what was published of a project's items begin with."""
    return b"s" + _prefixed(project)


def lease_prefix(project: str) -> bytes:
    """Return what the keys of a project's leases begin with."""
    return b"l" + _prefixed(project)


def fact_prefix(project: str) -> bytes:
    """Return what the keys of a project's facts begin with."""
    return EVERY_FACT + _prefixed(project)


def fact_key(prefix: bytes, item: str, kind: bytes, who: str) -> bytes:
    """Return the key of a fact; ``prefix`` is the project's, ``who`` an annotator or a model."""
    return prefix + _prefixed(item) + kind + who.encode()


def fact_keys(
    projects: Iterable[str], items: Iterable[str], kind: bytes, who: Iterable[str]
) -> Iterator[bytes]:
    """Return the keys of facts of one kind: in many of them projects and ``who`` are the same."""
    prefixes = map(Remembered(fact_prefix).__getitem__, projects)
    ends = map(Remembered[str, bytes](lambda who: kind + who.encode()).__getitem__, who)
    for prefix, raw, end in zip(prefixes, map(str.encode, items), ends, strict=True):
        yield prefix + _LENGTHS[len(raw)] + raw + end


def chunks(pairs: Iterable[Pair]) -> Iterator[tuple[Sequence[bytes], Sequence[bytes]]]:
    """Cut pairs into columns of keys and values, of bounded length."""
    pairs = iter(pairs)
    while chunk := list(islice(pairs, CHUNK)):
        keys, values = zip(*chunk, strict=True)
        yield keys, values


def by_project(
    pairs: Iterable[Pair],
) -> Iterator[tuple[str, Sequence[bytes], Sequence[bytes]]]:
    """Cut facts, which are in the order of their keys, by project: columns of keys and values.

    A project that has many comes several times.
    """
    for keys, values in chunks(pairs):
        begin = 0
        while begin < len(keys):
            prefix = _until(keys[begin], 1)
            end = bisect_left(keys, True, begin, key=lambda key: not key.startswith(prefix))
            yield _unprefixed(prefix[1:])[0], keys[begin:end], values[begin:end]
            begin = end


def split_keys(keys: Sequence[bytes]) -> SplitKeys:
    """Take the keys of one project's facts apart; they are in order."""
    start = len(_until(keys[0], 1))
    items: list[str] = []
    item: list[int] = []
    ends: list[bytes] = []
    head = keys[0] + b"."  # no key begins with it
    for key in keys:
        if not key.startswith(head):
            head = _until(key, start)
            length = len(head)
            items.append(head[start + _LENGTH.size :].decode())
        item.append(len(items) - 1)
        ends.append(key[length:])
    said = Remembered[bytes, tuple[bytes, str]](lambda end: (end[:1], end[1:].decode()))
    kind, who = zip(*map(said.__getitem__, ends), strict=True)
    return SplitKeys(items, item, kind, who)


def _until(key: bytes, at: int) -> bytes:
    """Return a key up to the end of the text whose length stands at ``at``."""
    return key[: at + _LENGTH.size + (key[at] << 8 | key[at + 1])]


def _prefixed(text: str) -> bytes:
    raw = text.encode()
    return _LENGTH.pack(len(raw)) + raw


def _unprefixed(raw: bytes) -> tuple[str, bytes]:
    end = _LENGTH.size + _LENGTH.unpack_from(raw)[0]
    return raw[_LENGTH.size : end].decode(), raw[end:]


def encode_annotation(kind: int, time: int, label: str | None) -> bytes:
    """Encode what an annotator said at ``time`` (microseconds); a label is its class's name."""
    head = _ORDER.pack(_VERSION, time + _BIAS, kind)
    return head if label is None else head + label.encode()


def encode_status(*, excluded: bool, time: int) -> bytes:
    """Encode that an item is registered or excluded since ``time`` (microseconds)."""
    return _ORDER.pack(_VERSION, time + _BIAS, EXCLUDED if excluded else REGISTERED)


def encode_stratum(time: int, stratum: str) -> bytes:
    """Encode that an item belongs to a stratum since ``time`` (microseconds)."""
    return _ORDER.pack(_VERSION, time + _BIAS, 0) + stratum.encode()


def encode_predictions(
    versions: Iterable[int], classes: Iterable[tuple[str, ...]], pred_probs: Iterable[bytes]
) -> Iterator[bytes]:
    """Encode models' predictions; classes are sorted, ``pred_probs`` as in their columns.

    Those of a record are neighbours, and have version and classes in common.
    """
    last: tuple[int, tuple[str, ...]] | None = None
    head = b""
    for version, names, raw in zip(versions, classes, pred_probs, strict=True):
        if last is None or version != last[0] or names is not last[1]:
            last = version, names
            head = _ORDER.pack(_VERSION, version + _BIAS, 0) + encode_classes(names)
        yield head + raw


def encode_number(number: int) -> bytes:
    """Encode the end of a lease (microseconds; 0: it has ended), or a request's window."""
    return b"%d" % number


def decode_number(raw: bytes) -> int:
    """Read what `encode_number` wrote."""
    return int(raw)


GONE = b""
"""What is said of an item of which nothing is said any more."""


@lru_cache(maxsize=1024)
def encode_said(consensus: str | None, progress: str) -> bytes:
    """Encode what is published of an item: equal if both are. Class names are not empty."""
    return _VERSION + _prefixed(progress) + (consensus or "").encode()


@lru_cache(maxsize=1024)
def decode_said(raw: bytes) -> tuple[str | None, str]:
    """Return the consensus and the progress that `encode_said` wrote."""
    progress, consensus = _unprefixed(raw[1:])
    return consensus.decode() or None, progress


@lru_cache(maxsize=1024)
def encode_classes(classes: tuple[str, ...]) -> bytes:
    """Encode the class names of a prediction, which are sorted."""
    names = b"".join(map(_prefixed, classes))
    return _CLASSES.pack(len(names)) + names


@lru_cache(maxsize=1024)
def decode_classes(raw: bytes) -> tuple[str, ...]:
    """Return the class names that `encode_classes` made ``raw`` of."""
    classes, at = [], _CLASSES.size
    while at < len(raw):
        end = at + _LENGTH.size + _LENGTH.unpack_from(raw, at)[0]
        classes.append(raw[at + _LENGTH.size : end].decode())
        at = end
    return tuple(classes)


def split_prediction(fact: bytes) -> tuple[bytes, bytes]:
    """Return the encoded classes of a prediction and its float32 probabilities, as bytes."""
    at = _ORDER.size
    end = at + _CLASSES.size + _CLASSES.unpack_from(fact, at)[0]
    return fact[at:end], fact[end:]


def predictions_alike(some: FactColumns) -> dict[tuple[str, str, bytes], list[int]]:
    """Return the rows of predictions by project, model and encoded classes.

    Neighbours have the same.
    """
    alike: dict[tuple[str, str, bytes], list[int]] = defaultdict(list)
    begin, facts = 0, some.facts
    for of, neighbours in groupby(zip(some.projects, some.who, strict=True)):
        end = begin + sum(1 for _ in neighbours)
        while begin < end:
            classes, _ = split_prediction(facts[begin])
            rows = alike[(*of, classes)]
            while begin < end and facts[begin].startswith(classes, _ORDER.size):
                rows.append(begin)
                begin += 1
    return alike


def pred_probs(predictions: Sequence[bytes], classes: bytes) -> npt.NDArray[np.float32]:
    """Return the probabilities of predictions that have the same encoded classes: ``(n, C)``."""
    start = _ORDER.size + len(classes)
    packed = b"".join([prediction[start:] for prediction in predictions])
    return np.frombuffer(packed, "<f4").reshape(len(predictions), -1)


def order(fact: bytes) -> tuple[int, int]:
    """Return (time or version, rank of its kind) of an encoded fact."""
    _, when, rank = _ORDER.unpack_from(fact)
    return when - _BIAS, rank


def times(facts: Iterable[bytes]) -> Times:
    """Return the times or versions of encoded facts: ``(n,)``."""
    packed = b"".join([fact[1 : _ORDER.size - 1] for fact in facts])
    return np.frombuffer(packed, ">u8").astype(np.uint64)


def answer(fact: bytes) -> bytes:
    """Return what an annotation says, without its time: the same bytes for the same answer."""
    return fact[_ORDER.size - 1 :]


def gives_answer(annotation: bytes) -> bool:
    """Tell whether an annotation is a label or an abstention."""
    return answer(annotation)[0] != RETRACTION


def split_answer(answer: bytes) -> tuple[int, str | None]:
    """Return an answer's kind, and its class name unless it is an abstention or a retraction."""
    kind = answer[0]
    return kind, answer[1:].decode() if kind == LABEL else None


def stratum_name(fact: bytes) -> str:
    """Return the name of the stratum that an item is said to belong to."""
    return fact[_ORDER.size :].decode()


def newer(fact: bytes, than: bytes | None) -> bool:
    """Say whether ``fact`` beats ``than``; a fact does not beat itself.

    >>> early, late = encode_annotation(LABEL, 1, "cat"), encode_annotation(LABEL, 2, "dog")
    >>> newer(late, early), newer(early, late), newer(late, late), newer(early, None)
    (True, False, False, True)
    """
    if than is None:
        return True
    ours, theirs = fact[1 : _ORDER.size], than[1 : _ORDER.size]
    if ours != theirs:
        return ours > theirs
    return fact != than and _digest(fact) > _digest(than)


def _digest(fact: bytes) -> bytes:
    """Hash a fact, so that of two of the same time neither's name decides."""
    return blake2b(fact, digest_size=16).digest()
