"""Any bytes as a record's value, led by the branches that they reach (libFuzzer, by atheris).

python tests/fuzz/coverage_guided.py INPUTS SEED FOLDER

The folder holds the corpus, and what made the law fail. Exit code 0: nothing did.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["schemas"]):
    from authors import Author
    from fuzzing import survive
    from histories import Arrival
    from wire_builders import PROJECT

    from stream_app.topology import SOURCES

LONGEST = 2_000
"""Bytes of an input: more are slower, and say nothing new."""
SLOWEST = 60
"""Seconds after which an input counts as a stall."""


def one(data: bytes) -> None:
    """Let one record arrive: its first byte chooses the topic."""
    topic = SOURCES[data[0] % len(SOURCES)] if data else SOURCES[0]
    survive([Arrival(topic, PROJECT.encode(), data[1:])])


def write_corpus(folder: Path) -> None:
    """Write what clients say, to begin with, and the words of it."""
    words = set()
    for number in range(120):
        topic = number % len(SOURCES)
        event = Author(number).event(SOURCES[topic])
        words |= {event.type, *event.model_dump()}
        (folder / f"event-{number}").write_bytes(bytes([topic]) + event.to_bytes())
    lines = (f'"\\"{word}\\":"\n' for word in sorted(words))
    (folder.parent / "words").write_text("".join(lines))


def main() -> None:
    inputs, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    corpus = folder / "corpus"
    corpus.mkdir()
    write_corpus(corpus)
    limits = (f"-max_len={LONGEST}", f"-timeout={SLOWEST}", "-rss_limit_mb=4096")
    words, found = f"-dict={folder / 'words'}", f"-artifact_prefix={folder}/failed-"
    # libFuzzer takes a seed of 0 for any.
    counted = (f"-runs={inputs}", f"-seed={seed + 1}", "-print_final_stats=1", "-verbosity=1")
    atheris.Setup([sys.argv[0], *counted, *limits, words, found, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
