"""What benchmarks say, where it stands, and the parts of them that could be wrong silently."""

import re
import time
from itertools import chain

import numpy as np
import orjson
import pytest

from benchmarks.__main__ import DOCUMENT, NAMES
from benchmarks.crowd import corrections, item_names, labelled
from benchmarks.latency import CYCLE, ITEMS, Arrivals, answer, event, step_of, stepped
from benchmarks.profile import Clock
from benchmarks.report import verdict
from benchmarks.scale import ALL, QUICK, Case
from benchmarks.scaling import DOCUMENT as SCALING
from benchmarks.scaling import Costs, Stream
from schemas import home

SECTION = re.compile(r"<!-- ([^>]+) -->\n(.*?)<!-- end -->", re.DOTALL)
LAST_LINE = re.compile(r"ratio: ([\d.]+) \(floor ([\d.]+), target ([\d.]+)\)")


def test_the_document_has_a_place_for_each() -> None:
    sections = dict(SECTION.findall(DOCUMENT.read_text()))
    assert list(sections) == ["machine", *NAMES, "profile"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_published_reaches_its_target_or_says_why_not(name: str) -> None:
    document = DOCUMENT.read_text()
    (last,) = dict(SECTION.findall(document))[name].splitlines()[-1:]
    found = LAST_LINE.fullmatch(last)
    assert found, last
    ratio, floor, target = map(float, found.groups())
    assert floor < target
    (prose,) = re.findall(
        rf"^## {name}$.*?(?=^<!-- {name} -->$)", document, re.DOTALL | re.MULTILINE
    )
    assert ("**Below its floor:**" in prose) == (ratio < floor)
    assert ("**Below its target:**" in prose) == (floor <= ratio < target)


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (123.4, "ratio: 123 (floor 1.5, target 100)"),
        (0.8666, "ratio: 0.867 (floor 1.5, target 100)"),
    ],
)
def test_the_last_line_is_read_by_machines(
    ratio: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict("this over that", ratio, 1.5, 100)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == said
    assert LAST_LINE.fullmatch(last)


def test_what_is_on_paper_is_what_was_measured_multiplied() -> None:
    label = Stream(cpu=30e-6, read=100, written=400)
    costs = Costs(label, label, memory=500, disk=300, close=3e-6, recovery=20e-6)
    items, labels, partitions, memory, disk, broker, replicated, close, recovery = costs.on_paper(
        10_000_000, 100_000
    )
    assert (items, labels, partitions) == ("10,000,000", "100,000", "5")
    assert (memory, disk, broker, replicated) == ("5.0", "3.0", "50", "150")
    assert (close, recovery) == ("6.0", "40")


def test_what_is_on_paper_has_its_places() -> None:
    assert list(dict(SECTION.findall(SCALING.read_text()))) == ["measured", "paper"]


def test_a_clock_gives_each_part_its_own_time_and_all_of_it() -> None:
    clock = Clock()
    inner = clock.timed("inner", lambda: time.sleep(0.02))
    made = clock.timed("made later", lambda: (number for number in range(3)))

    def outer() -> list[int]:
        time.sleep(0.01)
        inner()
        return list(made())

    began = time.perf_counter()
    assert clock.timed("outer", outer)() == [0, 1, 2]
    assert clock.spent["inner"] >= 0.02
    assert clock.spent["outer"] >= 0.01
    assert sum(clock.spent.values()) <= time.perf_counter() - began + 0.001


def test_events_of_the_latency_go_round_and_what_they_leave_tells_the_step() -> None:
    there: dict[int, dict[str, str | None]] = {
        item: {said["annotator"]: said["label"] for said in (answer(item, 0), answer(item, 1))}
        for item in (0, 7, ITEMS - 1)
    }
    for turn in range(-CYCLE, 2 * CYCLE):
        for item, answers in there.items():
            if turn < 0 and turn + item % CYCLE < 0:
                continue
            before = stepped(item, turn + item % CYCLE)
            said = orjson.loads(before if turn < 0 else event(turn * ITEMS + item))
            assert said["item"] == item_names(ITEMS)[item]
            if said["type"] == "retraction":
                del answers[said["annotator"]]
            else:
                assert said["annotator"] not in answers
                answers[said["annotator"]] = said["label"]
            labels = sum(label is not None for label in answers.values())
            assert step_of(labels, len(answers)) == (turn + item) % CYCLE


def score(item: int, labels: int, abstentions: int = 0) -> bytes:
    counts = {"num_annotations": labels, "num_answers": labels + abstentions}
    return orjson.dumps({"item": item_names(ITEMS)[item], **counts})


def test_a_score_counts_its_items_last_event_and_those_before_it() -> None:
    arrivals = Arrivals(0, 6 * ITEMS)
    arrivals.take(score(10, 2), 1.0)  # answers from before
    assert arrivals.missing == 6 * ITEMS
    arrivals.take(score(10, 4), 2.0)  # the second label; the first was in the same run
    arrivals.take(score(10, 4), 3.0)  # the same once more, by a close
    arrivals.take(score(10, 5, 1), 5.0)  # labels, an abstention, and one is taken back
    assert arrivals.at[10::ITEMS].tolist() == [2.0, 2.0, 5.0, 5.0, 5.0, 5.0]
    assert arrivals.missing == 6 * ITEMS - 6
    arrivals.take(score(10, 4, 1), 6.0)  # one that is not among them
    assert arrivals.missing == 6 * ITEMS - 6


def test_arrivals_may_begin_in_the_middle_of_a_turn_and_of_a_cycle() -> None:
    arrivals = Arrivals(ITEMS + 11, ITEMS)
    arrivals.take(score(11, 5), 1.0)  # its third label is the first event of all
    arrivals.take(score(10, 4), 2.0)  # that was before
    arrivals.take(score(10, 5), 3.0)
    assert (arrivals.at[0], arrivals.at[ITEMS - 1]) == (1.0, 3.0)
    assert arrivals.missing == ITEMS - 2


def test_corrections_are_of_labels_that_are_there_and_go_round_the_items() -> None:
    names = item_names(300)
    rows = [row for one in labelled(names, np.random.default_rng(0)) for row in rows_of(one)]
    there = {(row["item"], row["annotator"]) for row in rows}
    corrected = [orjson.loads(one) for one in corrections(names, 900, np.random.default_rng(1))]
    assert {(one["item"], one["annotator"]) for one in corrected} <= there
    for begin in (0, 300, 600):
        assert len({one["item"] for one in corrected[begin : begin + 300]}) == 300


def rows_of(batch: bytes) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = orjson.loads(batch)["rows"]
    return rows


@pytest.mark.parametrize("case", [*chain(*QUICK.values(), *ALL.values())])
def test_projects_are_spread_evenly(case: Case) -> None:
    homes = [home(name, case.partitions) for name in case.names()]
    assert len(set(case.names())) == case.projects
    assert {homes.count(number) for number in range(case.partitions)} == {
        case.projects // case.partitions
    }
