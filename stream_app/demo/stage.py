"""The stage: Kafka, a worker and a trainer a method as processes; the experiments; their report.

Nothing outlives it: each process has a guardian, all files are in one temporary folder.
"""

import asyncio
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from schemas import MethodName
from stream_app.audit import audit
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.demo.crowd import Crowd
from stream_app.demo.digits import Digits
from stream_app.demo.processes import running, watch_kafka
from stream_app.demo.report import Report
from stream_app.demo.rounds import Experiment, Outcome, Player, Round
from stream_app.errors import StreamAppError
from stream_app.settings import UNPROTECTED, Settings
from stream_app.topics import ensure_topics

FIRST_LABELS = 500
BUDGET = 100
KAFKA = "kafka"
"""Kafka's folder."""
COMMAND = "activelab-stream"
PROGRAM = sys.argv[0] if sys.argv[0].endswith(COMMAND) else COMMAND
"""The command line as this one was called: it may not be on PATH."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be shown."""

    methods: Sequence[MethodName]
    rounds: int
    seed: int
    keep: bool
    """Whether to stay until Ctrl-C when all is told."""
    here: Settings | None = None
    """The deployment to play on, with workers of its own; None: all of it is set up, and ended."""


def perform(plan: Plan, console: Console, tell: Callable[[Report], None]) -> Report:
    """Perform the plan and ``tell`` its report; raises StreamAppError where something went wrong.

    The console is for what goes on meanwhile.
    """
    # SIGTERM ends it as Ctrl-C does: every process in order, and the folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory(prefix="activelab-demo-") as name:
        folder = Path(name)
        if plan.here is not None:
            return _play(_Stage(plan, plan.here, None, folder, console), tell)
        with _step(console, "Kafka"):
            broker = Broker(folder / KAFKA)
            broker.start()
        try:
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers,
                **UNPROTECTED,
                app_id="activelab-demo",
                topic_prefix="",
                data_dir=folder / "worker",
                log_level="info",
            )
            return _play(_Stage(plan, settings, broker, folder, console), tell)
        finally:
            broker.stop()


def _play(stage: "_Stage", tell: Callable[[Report], None]) -> Report:
    try:
        return asyncio.run(stage.perform(tell))
    except ExceptionGroup as errors:  # of a task group: the first one is the reason
        raise errors.exceptions[0] from errors


@dataclass(frozen=True, slots=True)
class _Stage:
    """A plan, on a Kafka that runs: ours, or that of a deployment with its workers.

    All that goes on is in one task group: whatever fails ends the rest, the first failure is told.
    """

    plan: Plan
    settings: Settings
    broker: Broker | None
    folder: Path
    console: Console

    async def perform(self, tell: Callable[[Report], None]) -> Report:
        """Set everything up, play, audit, tell, and take everything down."""
        digits = Digits.load(seed=self.plan.seed)
        digits.save_features(self.folder / "digits.npz")
        crowd = Crowd.gather(digits.truth, len(digits.classes), seed=self.plan.seed)
        async with asyncio.TaskGroup() as group, AsyncExitStack() as stage:
            log = None
            if self.broker is not None:
                kafka = group.create_task(watch_kafka(self.broker, self.folder / KAFKA))
                stage.callback(kafka.cancel)
                with _step(self.console, "Topics and a worker"):
                    await ensure_topics(self.settings)
                    log = await stage.enter_async_context(self._running(group, "worker", "worker"))
            with _step(self.console, "The first labels"):
                client = await stage.enter_async_context(Client(self.settings))
                players = [
                    Player(client, Experiment(method, BUDGET, self.plan.seed), digits, crowd)
                    for method in self.plan.methods
                ]
                await self._refuse_a_second_time(client, players)
                await asyncio.gather(*(player.open(FIRST_LABELS) for player in players))
            outcomes = await self._play(group, players)
            with _step(self.console, "Audit"):
                audits = [
                    await audit(self.settings, one.experiment.project, one.rounds[-1].window)
                    for one in outcomes
                ]
            report = Report(digits, crowd, outcomes, audits)
            tell(report)
            if self.plan.keep and log is not None:
                await self._stay(outcomes[0].experiment.project, log)
            return report

    async def _refuse_a_second_time(self, client: Client, players: Sequence[Player]) -> None:
        """Raise where a player's project has a past: its rounds would not be this one's."""
        known = await client.projects() if self.plan.here else {}
        for project in (player.experiment.project for player in players):
            if project in known:
                message = f"There is a project {project} already: the demo plays once a deployment."
                raise StreamAppError(message)

    async def _play(self, group: asyncio.TaskGroup, players: Sequence[Player]) -> list[Outcome]:
        """Let every player play beside a trainer of its own, with a bar for each."""
        columns = (
            TextColumn("{task.description:>18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            async with AsyncExitStack() as trainers:
                plays = []
                for player in players:
                    method = player.experiment.method
                    command = self._trainer(player.experiment)
                    await trainers.enter_async_context(
                        self._running(group, f"trainer-{method}", *command)
                    )
                    bar = progress.add_task(method, total=self.plan.rounds + 1, state="training")
                    play = player.play(self.plan.rounds, _teller(progress, bar))
                    plays.append(group.create_task(play))
                return await asyncio.gather(*plays)

    def _trainer(self, experiment: Experiment) -> list[str]:
        """Return the command of an experiment's trainer."""
        features = str(self.folder / "digits.npz")
        command = ["trainer", experiment.project, "--features", features]
        for estimator in experiment.estimators.values():
            command += ["--estimator", estimator]
        return [*command, "--seed", str(experiment.seed)]

    def _running(
        self, group: asyncio.TaskGroup, name: str, *command: str
    ) -> AbstractAsyncContextManager[Path]:
        return running(name, command, settings=self.settings, folder=self.folder, group=group)

    async def _stay(self, project: str, log: Path) -> None:
        """Say how to look around, until Ctrl-C."""
        web = re.search(r"url='(\S+)'", await asyncio.to_thread(log.read_text))
        self.console.print(
            "\nKafka and the worker keep running until Ctrl-C. In another terminal:\n\n"
            f"  export STREAM_APP_BOOTSTRAP_SERVERS={self.settings.bootstrap_servers}\n"
            f"  export STREAM_APP_APP_ID={self.settings.app_id}\n"
            f"  {PROGRAM} project show {project}\n"
            f"  {PROGRAM} window show {project}\n"
            f"  {PROGRAM} audit {project}\n",
            highlight=False,
        )
        if web:
            self.console.print(f"  curl {web[1]}\n", highlight=False)
        self.console.print(f"The worker's log: {log}", highlight=False)
        ctrl_c = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ctrl_c.set)
        await ctrl_c.wait()


def _teller(progress: Progress, bar: TaskID) -> Callable[[Round], None]:
    """Return what tells of a round on its bar."""

    def tell(one: Round) -> None:
        state = f"{one.labels:,} labels, test accuracy {one.test_accuracy:.3f}"
        progress.update(bar, completed=one.round + 1, state=state)

    return tell


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - began:.1f} s[/dim]")
