"""Clients: what they say, how often, in which order, and in whose transaction."""

from random import Random

from authors import PROJECTS, Author
from sim_broker import Broker, Place, Transaction

from schemas import Close, Event, Topic, home, project_key
from stream_app.ports import Message
from stream_app.topology import SOURCES

Letter = tuple[Place, Message]


class Clients:
    """They say what is in their outbox: mostly in order, mostly once, mostly right."""

    def __init__(self, rng: Random, broker: Broker) -> None:
        self._rng, self._broker = rng, broker
        self._author = Author(rng.getrandbits(32))
        self._transaction: Transaction | None = None
        self._said: list[Letter] = []
        """What has been said in the open transaction."""
        settings = [
            self.address(Topic.CONTROL, project, self._author.settings()) for project in PROJECTS
        ]
        self.outbox = settings + [self._write() for _ in range(rng.randint(20, 45))]

    def address(self, topic: Topic, project: str, event: Event) -> Letter:
        """Put an event where it belongs."""
        place = topic, home(project, self._broker.partitions)
        return place, Message(project_key(project), event.to_bytes())

    def _write(self) -> Letter:
        """Make up something to say; now and then nonsense, or at the wrong place."""
        topic = self._rng.choice(SOURCES)
        anywhere = topic, self._rng.randrange(self._broker.partitions)
        if self._rng.random() < 0.04:
            value = self._rng.choice((b"", b"{}", b"[", None))
            return anywhere, Message(self._rng.choice((b"birds", b"\xff", None)), value)
        place, message = self.address(topic, self._rng.choice(PROJECTS), self._author.event(topic))
        return (anywhere if self._rng.random() < 0.04 else place), message

    def _next(self) -> Letter:
        return self.outbox.pop(self._rng.randrange(min(4, len(self.outbox))))

    def say(self) -> None:
        """Say one of the next things; it may be said again, later."""
        letter = self._next()
        if self._rng.random() < 0.1:
            self.outbox.insert(self._rng.randint(0, len(self.outbox)), letter)
        self._broker.publish("a client", *letter)

    def say_in_transaction(self) -> None:
        """Begin a transaction, go on in it, or end it either way."""
        if self._transaction is None or not self._transaction.open:
            self._transaction = self._broker.begin("client", self._broker.acquire("client"))
            self._said = []
        if self._said and self._rng.random() < 0.5:
            self.end_transaction(is_kept=self._rng.random() < 0.6)
        else:
            self._said.append(self._next())
            self._broker.publish("a client", *self._said[-1], self._transaction)

    def end_transaction(self, *, is_kept: bool) -> None:
        """End the transaction that is open, if one is; what is aborted will be said again."""
        transaction, said = self._transaction, self._said
        self._transaction, self._said = None, []
        if transaction is None or not transaction.open or not said:
            return
        if is_kept:
            self._broker.ask(transaction)
            self._broker.arrive(transaction)
        else:
            self._broker.abort(transaction)
            self.outbox[:0] = said

    def close_all(self, request: str) -> None:
        """Ask for a window of every project."""
        for project in PROJECTS:
            close = Close(cause="request", request_id=request)
            self._broker.publish("a client", *self.address(Topic.CONTROL, project, close))
