"""A project in memory: what its partition's table says of it, as numpy columns and counters.

Everything here is derived from the table and rebuilt at every assignment. The pool holds the
facts that count under the project's settings; the others are *dormant*: kept in the table,
counted by name here, and counted in as soon as the settings know them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from activelab import ABSTENTION as NO_LABEL
from activelab import NOTHING, ItemScores, Mode, Pool, Refresh
from activelab.rows import Ints
from schemas import ABSTENTION, ProjectSettings
from stream_app import facts
from stream_app.canonical import canonical, placed
from stream_app.said import Words
from stream_app.shape import Shape


@dataclass(slots=True)
class Ledger:
    """What a project has spent and said, as its record in the table keeps it."""

    next_window: int = 1
    last_boundary: int = 0
    """Microseconds; the last boundary that a clock close has passed."""
    spent: int = 0
    """Selections since that boundary."""
    epoch: int = 0
    """How often the parameters have been fitted."""
    closed_at: int = 0
    """Microseconds; ``now`` of the last window."""
    first_labels: int = 0
    """Selections of items without a label, so far."""
    relabels: int = 0
    """Selections of items with one."""
    outlook: dict[str, float | None] = field(default_factory=dict)
    """That of the last manifest, by field."""
    quality: list[int] = field(default_factory=list)
    """Labelled items by tenths of consensus quality at the last window; at last the sum of their
    qualities, in millionths."""

    def note(
        self, scores: ItemScores, relabel: npt.NDArray[np.bool_], outlook: dict[str, float | None]
    ) -> None:
        """Keep what a window finds and selects for those who watch, whoever owns the project."""
        relabels = int(np.count_nonzero(relabel))
        self.relabels += relabels
        self.first_labels += len(relabel) - relabels
        self.outlook = outlook
        quality = scores.consensus_quality[scores.num_annotations > 0]
        millionths = np.rint(1e6 * quality).astype(np.int64)
        tenth = ((millionths - 1) // 100_000).clip(0, 9)
        self.quality = [*np.bincount(tenth, minlength=10).tolist(), int(millionths.sum())]


class Project:
    """One project: settings, ledger, pool, leases, and the dormant facts by name.

    What is remembered of its items stands in the columns of its shape.
    """

    def __init__(
        self,
        project_id: str,
        settings: ProjectSettings,
        ledger: Ledger,
        shape: Shape | None = None,
    ) -> None:
        self.id = project_id
        self.settings = settings
        self.ledger = ledger
        self.codes = {name: code for code, name in enumerate(settings.classes)}
        self.codes |= {alias: self.codes[name] for alias, name in settings.aliases.items()}
        self.shape = shape or Shape(*shape_of(settings))
        """Its own where none is given."""
        self.pool = Pool(
            num_classes=len(settings.classes),
            models=settings.models,
            mode=Mode(settings.mode),
            pools=self.shape.pools,
        )
        self.words = Words(settings.classes)
        self.leases: dict[str, int] = {}
        """Until when (microseconds) an item is not selected again."""
        self.dormant: Counter[str] = Counter()
        self.unsaved = False
        """Whether the ledger has moved since its record was last written."""

    def encode(self) -> bytes:
        """Encode settings and ledger for the project's record in the table."""
        return orjson.dumps([1, self.settings.model_dump(mode="json"), *astuple(self.ledger)])

    @staticmethod
    def decode(raw: bytes) -> tuple[ProjectSettings, Ledger]:
        """Read what `encode` wrote."""
        _, settings, *ledger = orjson.loads(raw)
        return ProjectSettings.model_validate(settings), Ledger(*ledger)

    def load_said(
        self, said: Iterable[tuple[bytes, bytes]], leases: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Remember what was said and leased, from scans over the table."""
        start = len(facts.said_prefix(self.id))
        for keys, values in facts.chunks(said):
            places = self.pool.places([key[start:].decode() for key in keys])
            read = facts.Remembered(self.words.decode)
            self.shape.said.put(places, np.array([read[raw] for raw in values], np.uint16))
        start = len(facts.lease_prefix(self.id))
        for key, raw in leases:
            if until := facts.decode_number(raw):
                self.leases[key[start:].decode()] = until

    def names(self, labels: npt.NDArray[np.integer[Any]]) -> list[str | None]:
        """Name classes by their codes; None where the code is none."""
        classes = self.settings.classes
        return [classes[label] if label >= 0 else None for label in labels.tolist()]

    def refresh(self) -> Refresh:
        """Fit the parameters and score every item: the batch function on the pool's columns."""
        refreshed = self.pool.refresh()
        self.ledger.epoch += 1
        self.unsaved = True
        return refreshed

    def adopt(self, settings: ProjectSettings) -> None:
        """Take settings under which the same facts count; fit anew where these say how."""
        before, self.settings = self.settings, settings
        if settings.mode != before.mode:
            self.pool.mode = Mode(settings.mode)
            self.renew_epoch()

    def renew_epoch(self) -> None:
        """Fit the parameters anew."""
        self.pool.fit()
        self.ledger.epoch += 1
        self.unsaved = True

    def most_dormant(self, number: int) -> dict[str, int]:
        """Return the most frequent names of dormant facts, then those first by name."""
        ranked = sorted(self.dormant.items(), key=lambda named: (-named[1], named[0]))
        return dict(ranked[:number])

    def read_answer(self, answer: bytes) -> tuple[int, str | None]:
        """Return the pool's code of an answer, and its dormant name if its label is not listed."""
        kind, label = facts.split_answer(answer)
        if label is None:
            return (NO_LABEL if kind == ABSTENTION else NOTHING), None
        code = self.codes.get(label, NOTHING)
        return code, f"labels:{label}" if code == NOTHING else None

    def _named(self, classes: bytes) -> tuple[str, ...]:
        """Return the class names of a prediction, each by what it is an alias of."""
        given, aliases = facts.decode_classes(classes), self.settings.aliases
        return tuple(aliases.get(name, name) for name in given) if aliases else given

    def predict(
        self, model: str, classes: bytes, places: Ints, given: npt.NDArray[np.float32]
    ) -> bool:
        """Put predictions with the same class names into the pool, those without mass apart.

        Returns whether the model is listed.
        """
        if model not in self.pool.models:
            self.count_dormant(f"models:{model}", len(places))
            return False
        pred_probs, alive = canonical(given, self._named(classes), self.settings.classes)
        if not alive.all():
            self.pool.drop_predictions(places[~alive], model)
            self.count_dormant(_without_mass(model), int(np.count_nonzero(~alive)))
            places, pred_probs = places[alive], pred_probs[alive]
        self.pool.set_predictions(places, model, pred_probs)
        return True

    def count_out(self, kind: bytes, who: str, fact: bytes) -> None:
        """Count out a fact that has been beaten, if it was dormant."""
        name = self._dormant_name(kind, who, fact)
        if name is not None:
            self.count_dormant(name, -1)

    def count_dormant(self, name: str, change: int) -> None:
        """Count facts in or out of the dormant ones, by what keeps them from counting."""
        self.dormant[name] += change
        if not self.dormant[name]:
            del self.dormant[name]

    def _dormant_name(self, kind: bytes, who: str, fact: bytes) -> str | None:
        """Return what kept a fact from counting; None when it counted."""
        if kind == facts.ANNOTATION:
            return self.read_answer(facts.answer(fact))[1]
        if kind == facts.PREDICTION:
            if who not in self.pool.models:
                return f"models:{who}"
            classes, raw = facts.split_prediction(fact)
            source, _, whole = placed(self._named(classes), self.settings.classes)
            if not whole and not np.frombuffer(raw, "<f4")[source].any():
                return _without_mass(who)
        return None


def shape_of(settings: ProjectSettings) -> tuple[int, int]:
    """Return what projects must have in common to share columns: (classes, models)."""
    return len(settings.classes), len(settings.models)


def _without_mass(model: str) -> str:
    """Name the dormant predictions of a model that say nothing of any class that is listed."""
    return f"classes of models:{model}"
