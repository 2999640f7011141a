"""A project lives where Kafka's default partitioner puts its id."""

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas import home, pair_key, parse_pair_key, project_key
from schemas.keys import murmur2

NAMES = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_values_of_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


@given(st.binary())
def test_murmur2_equals_that_of_the_client(key: bytes) -> None:
    assert murmur2(key) == aiokafka_murmur2(key) % 2**32


@given(NAMES, st.integers(1, 10_000))
def test_home_is_the_partition_of_kafkas_default_partitioner(project: str, partitions: int) -> None:
    expected = (aiokafka_murmur2(project.encode()) & 0x7FFFFFFF) % partitions
    assert home(project, partitions) == expected


def test_the_key_of_a_project_is_its_id_as_it_is() -> None:
    assert project_key("  Zürich ") == "  Zürich ".encode()
    assert project_key("é" * 512) == ("é" * 512).encode()


@pytest.mark.parametrize("project", ["", "é" * 513, "\ud800"])
def test_what_is_no_id_has_no_key(project: str) -> None:
    with pytest.raises(ValueError):
        project_key(project)


@given(NAMES, NAMES)
def test_a_pair_key_is_read_as_it_was_written(project: str, name: str) -> None:
    assert parse_pair_key(pair_key(project, name)) == (project, name)


@pytest.mark.parametrize(
    "key", [b"", b"digits", b'["digits"]', b'["digits",1]', b'{"a":"b"}', b"\xff"]
)
def test_another_key_is_no_pair(key: bytes) -> None:
    with pytest.raises(ValueError):
        parse_pair_key(key)
