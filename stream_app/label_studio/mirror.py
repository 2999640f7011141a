"""The mirror: what Label Studio's annotations say, beside what annotations.v1 was told of them.

Its one law: a pair of item and annotator is *due* as long as what the topic was told last is not
what the pair's newest annotation says. So it makes no difference why something is not said yet (a
webhook was lost, Kafka was away, the bridge was down), and saying it twice changes nothing.

Times are Label Studio's, and the newest wins in the topic, too. Where it must be told something
that is older there (the newest annotation of a pair was deleted, an older one of the same user is
left), a microsecond is added to the time of what it was told last. A retraction has the time of
what it takes back: nothing that comes later can be hit by it. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from schemas import ABSTENTION, LABEL, RETRACTION, Annotation, Retraction
from stream_app.label_studio.answers import Answer, Pair

K = TypeVar("K", Pair, int)


@dataclass(frozen=True, slots=True)
class Word:
    """What annotations.v1 was told last of a pair; as with facts, the larger one counts."""

    time: int
    kind: int
    label: str | None


@dataclass(slots=True)
class Mirror:
    """Annotations by id, and the last word on every pair."""

    answers: dict[int, Answer] = field(default_factory=dict)
    words: dict[Pair, Word] = field(default_factory=dict)
    unsettled: set[Pair] = field(default_factory=set)
    """Pairs that may be due."""
    _by_pair: dict[Pair, tuple[int, ...]] = field(default_factory=dict)
    _by_task: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _deleted: set[int] = field(default_factory=set)
    """Annotations that are no more, though a page read before may still show them."""
    _heard: set[int] = field(default_factory=set)
    """Annotations of which a webhook told since the last page was asked for."""

    # What Label Studio says

    def hear(self, answer: Answer) -> None:
        """Take what a webhook says of an annotation."""
        self._heard.add(answer.annotation)
        self._put(answer)

    def forget(self, annotations: Iterable[int]) -> None:
        """Take that annotations are no more."""
        for annotation in annotations:
            self._deleted.add(annotation)
            self._drop(annotation)

    def forget_task(self, task: int) -> None:
        """Take that a task is no more, and its annotations with it."""
        self.forget([*self._by_task.get(task, ())])

    def ask(self) -> None:
        """Note that a page is asked for: what webhooks tell from now on is newer than it."""
        self._heard.clear()

    def show(self, task: int, answers: Iterable[Answer]) -> None:
        """Take all that a page shows of a task: other annotations of it are no more."""
        shown = set[int]()
        for answer in answers:
            shown.add(answer.annotation)
            self._put(answer)
        for annotation in {*self._by_task.get(task, ())} - shown - self._heard:
            self._drop(annotation)

    def tasks(self) -> set[int]:
        """Return the tasks that have annotations."""
        return {*self._by_task}

    def annotators(self, item: str, task: int) -> set[str]:
        """Return who has answered to an item in a task."""
        found = (self.answers[annotation] for annotation in self._by_task.get(task, ()))
        return {answer.annotator for answer in found if answer.item == item}

    def _put(self, answer: Answer) -> None:
        known = self.answers.get(answer.annotation)
        if answer.annotation in self._deleted or (known and known.time > answer.time):
            return
        if known == answer:
            return
        if known:
            self._drop(answer.annotation)
        self.answers[answer.annotation] = answer
        _link(self._by_pair, answer.pair, answer.annotation)
        _link(self._by_task, answer.task, answer.annotation)
        self.unsettled.add(answer.pair)

    def _drop(self, annotation: int) -> None:
        answer = self.answers.pop(annotation, None)
        if answer is None:
            return
        self.unsettled.add(answer.pair)
        _unlink(self._by_pair, answer.pair, annotation)
        _unlink(self._by_task, answer.task, annotation)

    # What annotations.v1 was told

    def told(self, pair: Pair, word: Word) -> None:
        """Take what the topic was told of a pair."""
        known = self.words.get(pair)
        if known is None or (word.time, word.kind) > (known.time, known.kind):
            self.words[pair] = word

    def recount(self) -> None:
        """Ask again what became of pairs without an annotation, once all of them were shown."""
        self.unsettled.update(self.words.keys() - self._by_pair.keys())

    def due(self) -> Iterator[tuple[Pair, Word]]:
        """Return what is still to be said; a pair of which nothing is, is settled."""
        for pair in sorted(self.unsettled):
            word = self._due(pair)
            if word is None:
                self.unsettled.discard(pair)
            else:
                yield pair, word

    def _due(self, pair: Pair) -> Word | None:
        told = self.words.get(pair)
        left = [self.answers[annotation] for annotation in self._by_pair.get(pair, ())]
        if not left:
            if told is None or told.kind == RETRACTION:
                return None
            return Word(told.time, RETRACTION, None)
        newest = max(left, key=lambda answer: (answer.time, answer.annotation))
        kind = ABSTENTION if newest.label is None else LABEL
        if told is None or newest.time > told.time:
            return Word(newest.time, kind, newest.label)
        if (told.kind, told.label) != (kind, newest.label):
            return Word(told.time + 1, kind, newest.label)
        return None


def _link(index: dict[K, tuple[int, ...]], key: K, annotation: int) -> None:
    """Add to an index; tuples, as nearly all have one element, and a set takes 200 bytes."""
    index[key] = (*index.get(key, ()), annotation)


def _unlink(index: dict[K, tuple[int, ...]], key: K, annotation: int) -> None:
    left = tuple(other for other in index[key] if other != annotation)
    if left:
        index[key] = left
    else:
        del index[key]


def event(pair: Pair, word: Word) -> Annotation | Retraction:
    """Return the record that says a word."""
    item, annotator = pair
    if word.kind == RETRACTION:
        return Retraction(item=item, annotator=annotator, time=word.time)
    return Annotation(item=item, annotator=annotator, label=word.label, time=word.time)
