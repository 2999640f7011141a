"""Keys of records, and where a project lives."""

from functools import lru_cache

import orjson

from schemas.compact import dumps
from schemas.topics import MAX_ID_BYTES

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def project_key(project: str) -> bytes:
    """Return the key of a project's records: its id in UTF-8, taken as it is.

    Raises ValueError where it is no id: empty, over 1024 bytes, or not Unicode.
    """
    key = project.encode()
    if not 0 < len(key) <= MAX_ID_BYTES:
        msg = f"A project's id has 1 to {MAX_ID_BYTES} UTF-8 bytes: {project[:50]!r}"
        raise ValueError(msg)
    return key


@lru_cache(maxsize=65_536)
def home(project: str, partitions: int) -> int:
    """Return the partition in which a project lives: that of Kafka's default partitioner.

    >>> home("digits", 8)
    7
    """
    return (murmur2(project.encode()) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """Return Kafka's 32-bit MurmurHash2 (A. Appleby, public domain), unsigned."""
    length = len(key)
    state = 0x9747B28C ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        state = state * _M & _MASK ^ k
    if whole < length:
        state = (state ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    state = (state ^ state >> 13) * _M & _MASK
    return state ^ state >> 15


def pair_key(project: str, name: str) -> bytes:
    """Return the key of an item's score or an annotator's trust.

    >>> pair_key("digits", "image 7")
    b'["digits","image 7"]'
    """
    return pair_prefix(project) + orjson.dumps(name) + b"]"


@lru_cache(maxsize=1024)
def pair_prefix(project: str) -> bytes:
    """Return what the keys of a project's pairs begin with."""
    return b"[" + dumps(project) + b","


def parse_pair_key(key: bytes) -> tuple[str, str]:
    """Return project and item or annotator of a `pair_key`; raises ValueError where it is none."""
    match orjson.loads(key):
        case [str(project), str(name)]:
            return project, name
    msg = f"Not a key of a project and a name: {key!r}"
    raise ValueError(msg)
