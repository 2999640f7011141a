"""The mirror: whatever was lost, late, doubled or restarted, a pass makes the topic right."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from schemas import ABSTENTION, LABEL, RETRACTION, Annotation, Retraction
from stream_app.label_studio.answers import Answer, Pair, Wording
from stream_app.label_studio.mirror import Mirror, Word, event

WORDING = Wording("studio", "item", "label")


def answer(annotation: int = 1, label: str | None = "cat", time: int = 10, task: int = 7) -> Answer:
    return Answer(annotation, task, "img-1", "studio-3", label, time)


PAIR = answer().pair


def say(mirror: Mirror) -> list[Word]:
    """Say what is due, and return it."""
    words = []
    for pair, word in list(mirror.due()):
        mirror.told(pair, word)
        words.append(word)
    assert list(mirror.due()) == []
    return words


def test_an_annotation_is_said_once_and_its_changes_are() -> None:
    mirror = Mirror()
    mirror.hear(answer())
    assert say(mirror) == [Word(10, LABEL, "cat")]
    mirror.hear(answer())
    assert say(mirror) == []
    mirror.hear(answer(label=None, time=11))
    mirror.hear(answer())  # late
    assert say(mirror) == [Word(11, ABSTENTION, None)]


def test_a_deletion_takes_back_what_was_said_and_nothing_later() -> None:
    mirror = Mirror()
    mirror.hear(answer())
    say(mirror)
    mirror.forget([1, 99])
    assert say(mirror) == [Word(10, RETRACTION, None)]


def test_what_was_never_said_is_not_taken_back() -> None:
    mirror = Mirror()
    mirror.hear(answer())
    mirror.forget([1])
    assert say(mirror) == []


def test_an_older_annotation_of_the_same_user_counts_again_when_the_newer_one_goes() -> None:
    mirror = Mirror()
    mirror.hear(answer(1, "cat", 10))
    mirror.hear(answer(2, "dog", 20))
    assert say(mirror) == [Word(20, LABEL, "dog")]
    mirror.forget([2])
    assert say(mirror) == [Word(21, LABEL, "cat")]
    mirror.forget([1])
    assert say(mirror) == [Word(21, RETRACTION, None)]


def test_a_page_takes_back_what_it_does_not_show() -> None:
    mirror = Mirror()
    mirror.hear(answer())
    say(mirror)
    mirror.ask()
    mirror.show(7, [])
    assert say(mirror) == [Word(10, RETRACTION, None)]


def test_a_page_that_is_older_than_a_webhook_changes_nothing() -> None:
    mirror = Mirror()
    mirror.ask()
    mirror.hear(answer(1, "cat", 10))  # created since the page was read
    mirror.show(7, [])
    assert say(mirror) == [Word(10, LABEL, "cat")]
    mirror.ask()
    mirror.hear(answer(1, "dog", 20))  # changed
    mirror.show(7, [answer(1, "cat", 10)])
    assert say(mirror) == [Word(20, LABEL, "dog")]
    mirror.ask()
    mirror.forget([1])  # deleted
    mirror.show(7, [answer(1, "dog", 20)])
    assert say(mirror) == [Word(20, RETRACTION, None)]


def test_a_task_that_gets_another_item_takes_its_label_there() -> None:
    mirror = Mirror()
    mirror.show(7, [answer()])
    say(mirror)
    mirror.show(7, [replace(answer(), item="img-2")])
    said = {pair: word.kind for pair, word in mirror.due()}
    assert said == {PAIR: RETRACTION, ("img-2", "studio-3"): LABEL}


def test_a_restart_takes_back_what_was_deleted_meanwhile_but_not_before_all_was_shown() -> None:
    mirror = Mirror()
    mirror.told(PAIR, Word(10, LABEL, "cat"))
    assert say(mirror) == []
    mirror.recount()
    assert say(mirror) == [Word(10, RETRACTION, None)]


def test_of_what_the_topic_was_told_the_latest_counts_wherever_it_is() -> None:
    mirror = Mirror()
    for word in (Word(20, LABEL, "dog"), Word(20, RETRACTION, None), Word(10, LABEL, "cat")):
        mirror.told(PAIR, word)
    mirror.recount()
    assert say(mirror) == []
    mirror.hear(answer(time=15))
    assert say(mirror) == [Word(21, LABEL, "cat")]


def test_records_say_the_words() -> None:
    assert event(PAIR, Word(10, LABEL, "cat")) == Annotation(
        item="img-1", annotator="studio-3", label="cat", time=10
    )
    assert event(PAIR, Word(10, RETRACTION, None)) == Retraction(
        item="img-1", annotator="studio-3", time=10
    )


@dataclass
class World:
    """Label Studio, a topic, and a bridge to which everything may happen."""

    random: Random
    true: dict[int, Answer] = field(default_factory=dict)
    topic: list[tuple[Pair, Word]] = field(default_factory=list)
    mirror: Mirror = field(default_factory=Mirror)
    webhooks: list[Answer | int] = field(default_factory=list)
    clock: int = 0

    def live(self) -> None:
        """Let something happen."""
        often = (self.create, self.deliver)
        seldom = (self.change, self.delete, self.say, self.restart, self.short_pass, self.full_pass)
        self.random.choice((*often, *often, *seldom))()

    def create(self) -> None:
        self.clock += 1
        number, pick = self.clock, self.random.randrange
        task = pick(4)
        made = Answer(number, task, f"img-{task // 2}", f"studio-{pick(2)}", self.label(), number)
        self.true[number] = made
        self.webhooks.append(made)

    def change(self) -> None:
        if self.true:
            self.clock += 1
            number = self.random.choice(list(self.true))
            self.true[number] = replace(self.true[number], label=self.label(), time=self.clock)
            self.webhooks.append(self.true[number])

    def delete(self) -> None:
        if self.true:
            number = self.random.choice(list(self.true))
            del self.true[number]
            self.webhooks.append(number)

    def label(self) -> str | None:
        return self.random.choice(["cat", "dog", None])

    def deliver(self) -> None:
        """Deliver a webhook in any order, once or twice, or lose it."""
        if self.webhooks:
            webhook = self.random.choice(self.webhooks)
            if self.random.random() < 0.7:
                self.webhooks.remove(webhook)
            if self.random.random() < 0.7:
                if isinstance(webhook, int):
                    self.mirror.forget([webhook])
                else:
                    self.mirror.hear(webhook)

    def say(self) -> None:
        """Say what is due, of which only some may be acknowledged before a crash."""
        for pair, word in list(self.mirror.due()):
            self.topic.append((pair, word))
            if self.random.random() < 0.1:
                self.restart()
                return
            self.mirror.told(pair, word)

    def restart(self) -> None:
        """Know no more than the topic; what webhooks told meanwhile is lost."""
        self.mirror, self.webhooks = Mirror(), []
        for pair, word in self.topic:
            self.mirror.told(pair, word)
        self.full_pass()

    def pages(self) -> Iterator[tuple[int, list[Answer]]]:
        """Read tasks, of which webhooks may tell before they are shown."""
        for task in range(4):
            self.mirror.ask()
            shown = [one for one in self.true.values() if one.task == task]
            for _ in range(self.random.randrange(3)):
                self.random.choice([self.create, self.change, self.delete, self.deliver])()
            yield task, shown

    def short_pass(self) -> None:
        for task, shown in self.pages():
            self.mirror.show(task, shown)

    def full_pass(self) -> None:
        before = self.mirror.tasks()
        self.short_pass()
        assert before <= set(range(4))
        self.mirror.recount()

    def come_to_rest(self) -> None:
        """Pass over everything while nothing happens."""
        for task in range(4):
            self.mirror.ask()
            self.mirror.show(task, [one for one in self.true.values() if one.task == task])
        self.mirror.recount()
        for pair, word in list(self.mirror.due()):
            self.topic.append((pair, word))
            self.mirror.told(pair, word)
        assert list(self.mirror.due()) == []

    def stated(self) -> dict[Pair, str | None]:
        """Return what is true by the topic: of a pair the latest word, in whatever order."""
        latest: dict[Pair, Word] = {}
        for pair, word in self.topic:
            known = latest.get(pair)
            if known is None or (word.time, word.kind) > (known.time, known.kind):
                latest[pair] = word
            elif (word.time, word.kind) == (known.time, known.kind):
                assert word == known  # else a hash would decide
        return {pair: word.label for pair, word in latest.items() if word.kind != RETRACTION}

    def wanted(self) -> dict[Pair, str | None]:
        """Return what is true in Label Studio: of a pair the newest annotation."""
        newest = sorted(self.true.values(), key=lambda one: one.time)
        return {one.pair: one.label for one in newest}


@pytest.mark.parametrize("seed", range(200))
def test_at_rest_the_topic_says_what_label_studio_says(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(60):
        world.live()
        if world.random.random() < 0.1:
            world.come_to_rest()
            assert world.stated() == world.wanted()
    world.come_to_rest()
    assert world.stated() == world.wanted()
