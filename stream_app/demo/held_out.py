"""How good the models are: what they say on predictions.v1 of items that nobody may label.

Held-out items are excluded in control.v1: the trainer predicts them like any item without a label,
and they are never selected and leave every statistic. So what is judged is what was published.
"""

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from schemas import Predictions, Topic, project_key
from stream_app.client import Client
from stream_app.demo.digits import Digits
from stream_app.reading import reading


@dataclass(slots=True)
class HeldOut:
    """What a project's models last said of the held-out items, followed from record to record."""

    client: Client
    project: str
    digits: Digits
    pred_probs: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    """By model: held-out items x classes."""
    position: int = 0

    async def renew(self) -> None:
        """Read what has been said since the last time, up to now."""
        settings, home = self.client.settings, self.client.home(self.project)
        topic, key = settings.topic(Topic.PREDICTIONS), project_key(self.project)
        async with reading(settings, topic, [home], start=self.position) as records:
            async for record in records:
                self.position = record.offset + 1
                if record.key == key and record.value:
                    with suppress(ValidationError):  # a close, or what becomes a dead letter
                        self.take(Predictions.model_validate_json(record.value))

    def take(self, predictions: Predictions) -> None:
        """Let predictions count; a class that they don't name has probability 0."""
        rows = {item: row for row, item in enumerate(self.digits.held_out)}
        shape = len(rows), len(self.digits.classes)
        pred_probs = self.pred_probs.setdefault(predictions.model, np.zeros(shape))
        columns = [self.digits.classes.index(name) for name in predictions.classes]
        for item, given in zip(predictions.items, predictions.pred_probs, strict=True):
            if item in rows:
                pred_probs[rows[item]] = 0.0
                pred_probs[rows[item], columns] = given

    def accuracy(self) -> float:
        """Return how often the class that the models find most probable is the true one."""
        guessed = np.mean([*self.pred_probs.values()], axis=0).argmax(axis=1)
        return float((guessed == self.digits.truth[-len(guessed) :]).mean())
