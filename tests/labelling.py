"""A labelling operation to test with: what it says, and the batch answer on all that it has said.

It shares nothing with the app but the wire and the batch functions: facts are dicts, and the
newest is the last one that was said: every event's time or version is above the one before.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import numpy as np
import numpy.typing as npt

from activelab import METHODS, Mode, columns, fit, score, top
from schemas import (
    Annotation,
    Items,
    Predictions,
    ProjectSettings,
    Window,
)
from stream_app.audit import audit_all
from stream_app.client import Client
from stream_app.settings import Settings

CLASSES = ("cat", "dog", "eel")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def project_settings(**changes: object) -> ProjectSettings:
    """Return the settings of a project, of which a test names what it is about."""
    usual: dict[str, object] = {"classes": CLASSES, "models": ("m",), "budget": 5}
    return ProjectSettings.model_validate(usual | changes)


@dataclass
class Labelling:
    """A project, its annotators and models, and what is true by all that they have said."""

    project: str
    settings: ProjectSettings = field(default_factory=project_settings)
    seed: int = 0
    answers: dict[tuple[str, str], str | None] = field(default_factory=dict)
    predictions: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    items: set[str] = field(default_factory=set)
    leased: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._said = count(1)

    def label(self, number: int, items: Sequence[str]) -> list[Annotation]:
        """Let annotators label some of ``items``, abstain and correct themselves."""
        return [
            self.answer(
                self._random.choice(items),
                f"ann-{self._random.randrange(7)}",
                self._random.choice((*self.settings.classes, None)),
            )
            for _ in range(number)
        ]

    def answer(self, item: str, annotator: str, label: str | None) -> Annotation:
        """Let an annotator answer; that ends the item's lease."""
        self.items.add(item)
        self.answers[item, annotator] = label
        self.leased.discard(item)
        time = LONG_AGO + timedelta(seconds=next(self._said))
        return Annotation(item=item, annotator=annotator, label=label, time=time)

    def predict(self, items: Sequence[str], model: str = "m") -> Predictions:
        """Let a model predict ``items``, its classes in an order of its own."""
        classes = self._random.sample(self.settings.classes, len(self.settings.classes))
        rows = []
        for item in items:
            shares = [self._random.random() + 0.01 for _ in classes]
            rows.append([share / sum(shares) for share in shares])
            by_class = dict(zip(classes, rows[-1], strict=True))
            by_item = self.predictions.setdefault(model, {})
            by_item[item] = [by_class[name] for name in self.settings.classes]
        self.items.update(items)
        return Predictions(
            model=model, version=next(self._said), classes=classes, items=items, pred_probs=rows
        )

    def register(self, items: Sequence[str]) -> Items:
        """Register items of which nothing is known yet."""
        self.items.update(items)
        return Items(items=items, status="registered")

    def ranked(self, window: int, budget: int) -> list[tuple[str, float]]:
        """Return the items that a window selects, with scores: the batch functions' answer."""
        settings, items = self.settings, sorted(self.items)
        codes = {name: code for code, name in enumerate(settings.classes)}
        facts = columns(
            len(settings.classes),
            items,
            (
                [item for item, _ in self.answers],
                [annotator for _, annotator in self.answers],
                [-1 if label is None else codes[label] for label in self.answers.values()],
            ),
            {model: self._probs(model) for model in settings.models},
        )
        scores = score(facts, fit(facts, mode=Mode(settings.mode)))
        by_method = METHODS[settings.method](facts, scores, seed=settings.seed, window=window)
        answers = Counter(item for item, _ in self.answers)
        eligible = [i not in self.leased and answers[i] < settings.max_answers for i in items]
        best = top(by_method, items, np.array(eligible), budget)
        return [(items[row], float(by_method[row])) for row in best.tolist()]

    def _probs(self, model: str) -> tuple[list[str], npt.NDArray[np.float32]]:
        by_item = self.predictions.get(model, {})
        rows = np.array(list(by_item.values()), np.float32)
        return list(by_item), rows.reshape(-1, len(self.settings.classes))


async def window_of(client: Client, labelling: Labelling, budget: int | None = None) -> Window:
    """Close a window on all that was said; it must be the batch answer."""
    await client.settle(labelling.project)
    window = await client.close_window(labelling.project, budget=budget)
    assert isinstance(window, Window), window
    granted = labelling.settings.budget if budget is None else budget
    await compare(client, labelling, window, granted)
    return window


async def compare(client: Client, labelling: Labelling, window: Window, granted: int) -> None:
    """Compare a window that knew all that was said with the batch answer; lease its items."""
    want = labelling.ranked(window.window, granted)
    selections = await client.selections(window)
    assert [s.item for s in selections] == [item for item, _ in want]
    np.testing.assert_allclose([s.score for s in selections], [x for _, x in want], atol=1e-9)
    labelling.leased.update(s.item for s in selections)


async def audited(settings: Settings, project: str) -> list[Window]:
    """Return all windows of a project: each recomputed from the topics, numbered, none twice."""
    reports = await audit_all(settings, project)
    assert [str(diff) for report in reports for diff in report.differences] == []
    assert [report.window.window for report in reports] == [*range(1, len(reports) + 1)]
    return [report.window for report in reports]
