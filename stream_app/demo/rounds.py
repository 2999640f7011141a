"""Rounds of one project through Kafka: a window, the crowd's answers, and how good it all is.

The trainer asks for the next window as soon as the last one is answered, so a round is: await the
manifest, measure what the topics say at that moment, answer the selections. The truth stays here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from schemas import (
    Annotations,
    AnnotatorTrust,
    Answer,
    Items,
    MethodName,
    ProjectSettings,
    Selection,
    Topic,
    Window,
)
from stream_app.client import Client, Spoken
from stream_app.demo.crowd import Crowd
from stream_app.demo.digits import Digits
from stream_app.demo.held_out import HeldOut
from stream_app.errors import StreamAppError
from stream_app.trainer import Standing

ROUND_SECONDS = 180.0
"""How long a window may take, training included, before something is wrong."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A method on a project of its own."""

    method: MethodName
    budget: int
    seed: int

    @property
    def project(self) -> str:
        """Return the project's id."""
        return f"digits-{self.method}"

    @property
    def estimators(self) -> Mapping[str, str]:
        """Return the estimator of each model."""
        trees = {"trees": "extra-trees"}
        linear = {"linear": "logistic-regression"}
        return trees | linear if self.method == "activelab_ensemble" else trees


@dataclass(frozen=True, slots=True)
class Round:
    """How things stand when a window closes, and what it asks for."""

    round: int
    window: int
    labels: int
    consensus_accuracy: float
    """Of all labelled items."""
    test_accuracy: float
    """Of the held-out items, by the mean of the fold models (and of the models)."""
    relabels: float
    """Share of the selections that have a label already."""
    close_ms: int
    """From the broker's time of the close to the worker's of its manifest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an experiment."""

    experiment: Experiment
    rounds: list[Round]
    ranking: list[Selection]
    """The last window's, which nobody has answered."""
    standing: Standing
    trust: list[AnnotatorTrust]
    """The most trusted first."""


@dataclass(slots=True)
class Player:
    """Plays an experiment: owns the project, answers for the crowd, and keeps count."""

    client: Client
    experiment: Experiment
    digits: Digits
    crowd: Crowd
    standing: Standing = field(init=False)
    held_out: HeldOut = field(init=False)
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        project = self.experiment.project
        self.standing = Standing(self.client, project)
        self.held_out = HeldOut(self.client, project, self.digits)

    async def open(self, first_labels: int) -> None:
        """Create the project, keep the held-out items out, and publish the first labels.

        One close on control.v1 makes sure that the project is there when the trainer comes.
        """
        experiment = self.experiment
        settings = ProjectSettings(
            classes=self.digits.classes,
            models=tuple(experiment.estimators),
            method=experiment.method,
            budget=experiment.budget,
            seed=str(experiment.seed),
        )
        excluded = Items(items=self.digits.held_out, status="excluded")
        await self.client.publish(Topic.CONTROL, experiment.project, [settings, excluded])
        await self._answer(dict.fromkeys(self.digits.pool[:first_labels], ()))
        await self.client.settle(experiment.project, [Topic.CONTROL])

    async def play(self, rounds: int, tell: Callable[[Round], None]) -> Outcome:
        """Play so many rounds behind the first window; ``tell`` is called at each window."""
        async with self.client.listen(Topic.WINDOWS, self.experiment.project, follow=True) as said:
            windows = _windows(said)
            try:
                while True:
                    async with asyncio.timeout(ROUND_SECONDS):
                        window, timestamp = await anext(windows)
                        selections = await self.client.selections(window)
                        await self.standing.renew()
                        await self.held_out.renew()
                        self.rounds.append(self._measure(window, selections, timestamp))
                        tell(self.rounds[-1])
                        if len(self.rounds) > rounds:
                            return await self._outcome(window, selections)
                        await self._answer({one.item: one.answered_by for one in selections})
            except TimeoutError as error:
                message = (
                    f"A round of {self.experiment.project!r} has taken {ROUND_SECONDS:.0f} s: "
                    "is this machine busy with something else? Then try again."
                )
                raise StreamAppError(message) from error

    def _measure(self, window: Window, selections: list[Selection], timestamp: int) -> Round:
        truth = self.digits.true_labels()
        consensus = self.standing.consensus()
        right = [truth[item] == label for item, label in consensus.items()]
        return Round(
            round=len(self.rounds),
            window=window.window,
            labels=window.counts.labels,
            consensus_accuracy=float(np.mean(right)),
            test_accuracy=self.held_out.accuracy(),
            relabels=float(np.mean([one.reason == "relabel" for one in selections])),
            close_ms=timestamp - window.now // 1000,
        )

    async def _answer(self, asked: Mapping[str, tuple[str, ...]]) -> None:
        """Let the crowd answer items, each by an annotator who has not answered it before."""
        place = {item: row for row, item in enumerate(self.digits.pool)}
        rows = []
        for item, answered_by in asked.items():
            annotator, code = self.crowd.answer(place[item], answered_by)
            rows.append(Answer(item=item, annotator=annotator, label=self.digits.classes[code]))
        await self.client.publish(
            Topic.ANNOTATIONS, self.experiment.project, [Annotations(rows=tuple(rows))]
        )

    async def _outcome(self, window: Window, ranking: list[Selection]) -> Outcome:
        """Return what became of it, once the trust of the last window can be seen.

        It is in the manifest's transaction, which becomes visible topic by topic.
        """
        trust: dict[str, AnnotatorTrust] = {}
        while not trust or any(one.epoch != window.epoch for one in trust.values()):
            for spoken in await self.client.read(Topic.ANNOTATOR_TRUST, self.experiment.project):
                if isinstance(spoken.said, AnnotatorTrust):
                    trust[spoken.said.annotator] = spoken.said
        most_first = sorted(
            trust.values(), key=lambda one: (-(one.annotator_weight or 0.0), one.annotator)
        )
        return Outcome(self.experiment, self.rounds, ranking, self.standing, most_first)


async def _windows(said: AsyncIterator[Spoken]) -> AsyncIterator[tuple[Window, int]]:
    """Yield windows that select something, and when they were said; the others only settle."""
    async for spoken in said:
        if isinstance(spoken.said, Window) and spoken.said.counts.selected:
            yield spoken.said, spoken.timestamp
