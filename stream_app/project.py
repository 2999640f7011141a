"""A project in memory: what its partition's table says of it, as numpy columns and counters.

Everything here is derived from the table and rebuilt at every assignment. The pool holds the
facts that count under the project's settings; the others are *dormant*: kept in the table,
counted by name here, and counted in as soon as the settings know them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from activelab import ABSTENTION as NO_LABEL
from activelab import NOTHING, ItemScores, Mode, Pool, Refresh, Strata, progress
from activelab.rows import Ints, distinct
from schemas import ABSTENTION, ProjectSettings
from stream_app import facts
from stream_app.canonical import canonical, placed
from stream_app.said import Said

T = TypeVar("T")
Won = tuple[str, bytes, str, bytes | None, bytes]
"""(item, kind, who, the fact that was true before, the fact that is true now)."""

_CHUNK = 50_000
"""Facts a call to the pool while a project is rebuilt: bounds the memory of a load."""


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


@dataclass(slots=True)
class Touched:
    """What a change of facts touched: items to rescore, annotators to judge anew."""

    places: Ints
    """Distinct, ascending."""
    annotators: set[str]


@dataclass(slots=True)
class Told:
    """What facts tell a pool."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    """(item, annotator, code)."""
    statuses: list[tuple[str, int]] = field(default_factory=list)
    strata: list[tuple[str, str]] = field(default_factory=list)
    predictions: dict[tuple[str, bytes], list[tuple[str, bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By model and classes: (item, probabilities)."""


class Project:
    """One project: settings, ledger, pool, what was said, and the dormant facts by name."""

    def __init__(self, project_id: str, settings: ProjectSettings, ledger: Ledger) -> None:
        self.id = project_id
        self.settings = settings
        self.ledger = ledger
        self.codes = {name: code for code, name in enumerate(settings.classes)}
        self.codes |= {alias: self.codes[name] for alias, name in settings.aliases.items()}
        self.pool = Pool(
            num_classes=len(settings.classes), models=settings.models, mode=Mode(settings.mode)
        )
        self.said = Said(settings.classes)
        """What is published of every item of which a score is."""
        self.leases: dict[str, int] = {}
        """Until when (microseconds) an item is not selected again."""
        self.strata = Strata()
        """What items belong to, by their places in the pool."""
        self._answer = lru_cache(maxsize=1024)(self._answer_of)
        self.dormant: Counter[str] = Counter()
        self.unsaved = False
        """Whether the ledger has moved since its record was last written."""

    def encode(self) -> bytes:
        """Encode settings and ledger for the project's record in the table."""
        return orjson.dumps([1, self.settings.model_dump(mode="json"), *astuple(self.ledger)])

    @classmethod
    def decode(cls, project_id: str, raw: bytes) -> "Project":
        """Read what `encode` wrote; the pool is empty until `load`."""
        _, settings, *ledger = orjson.loads(raw)
        return cls(project_id, ProjectSettings.model_validate(settings), Ledger(*ledger))

    def load_facts(self, known: Iterable[facts.Split]) -> None:
        """Take the facts of the table into an empty pool, as if each had just won."""
        for chunk in _chunks((item, kind, who, None, fact) for item, kind, who, fact in known):
            self.take(chunk)

    def load_said(
        self, said: Iterable[tuple[bytes, bytes]], leases: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Remember what was said and leased, from scans over the table."""
        start = len(facts.said_prefix(self.id))
        for chunk in _chunks(said):
            places = self.pool.places([key[start:].decode() for key, _ in chunk])
            codes = [self.said.decode(raw) for _, raw in chunk]
            self.said.put(places, np.array(codes, np.uint16))
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

    def progress(self, scores: ItemScores) -> npt.NDArray[np.uint8]:
        """Tell the progress of items, as `activelab.progress` does, by the project's target."""
        return progress(scores, target=self.settings.quality_target)

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

    def take(self, won: Iterable[Won]) -> Touched:
        """Bring the pool in line with facts that have just won, in any order."""
        told = self._read(won)
        touched: list[Ints] = []
        acted: set[str] = set()
        if told.answers:
            items, annotators, codes = zip(*told.answers, strict=True)
            touched.append(self.pool.places(items))
            self.pool.set_labels(touched[-1], annotators, codes)
            acted.update(annotators)
        if told.statuses:
            items, statuses = zip(*told.statuses, strict=True)
            touched.append(self.pool.places(items))
            self.pool.set_status(touched[-1], statuses)
        if told.strata:  # no score of these items changes
            items, names = zip(*told.strata, strict=True)
            self.strata.put(self.pool.places(items), names)
        for (model, classes), rows in told.predictions.items():
            items, pred_probs = zip(*rows, strict=True)
            touched.append(self.pool.places(items))
            self._predict(model, classes, touched[-1], pred_probs)
        places = np.concatenate(touched) if touched else np.empty(0, np.int64)
        return Touched(distinct(places), acted)

    def _read(self, won: Iterable[Won]) -> Told:
        """Read what facts tell the pool; count those that tell it nothing, by name."""
        told, models = Told(), self.pool.models
        for item, kind, who, before, fact in won:
            if before is not None and self.dormant:
                dormant = self._dormant_name(kind, who, before)
                if dormant is not None:
                    self._count_dormant(dormant, -1)
            if kind == facts.ANNOTATION:
                code, dormant = self._answer(facts.answer(fact))
                told.answers.append((item, who, code))
                if dormant is not None:
                    self._count_dormant(dormant, 1)
            elif kind == facts.PREDICTION:
                if who in models:
                    classes, pred_probs = facts.split_prediction(fact)
                    told.predictions[who, classes].append((item, pred_probs))
                else:
                    self._count_dormant(f"models:{who}", 1)
            elif kind == facts.STATUS:
                excluded = facts.order(fact)[1] == facts.EXCLUDED
                told.statuses.append((item, -1 if excluded else 1))
            else:
                told.strata.append((item, facts.stratum_name(fact)))
        return told

    def _answer_of(self, answer: bytes) -> tuple[int, str | None]:
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

    def _predict(self, model: str, classes: bytes, places: Ints, rows: Sequence[bytes]) -> None:
        """Put predictions with the same class names into the pool, those without mass apart."""
        given = np.frombuffer(b"".join(rows), "<f4").reshape(len(rows), -1)
        pred_probs, alive = canonical(given, self._named(classes), self.settings.classes)
        if not alive.all():
            self.pool.drop_predictions(places[~alive], model)
            self._count_dormant(_without_mass(model), int(np.count_nonzero(~alive)))
            places, pred_probs = places[alive], pred_probs[alive]
        self.pool.set_predictions(places, model, pred_probs)

    def _count_dormant(self, name: str, change: int) -> None:
        """Count facts in or out of the dormant ones, by what keeps them from counting."""
        self.dormant[name] += change
        if not self.dormant[name]:
            del self.dormant[name]

    def _dormant_name(self, kind: bytes, who: str, fact: bytes) -> str | None:
        """Return what kept a fact from counting; None when it counted."""
        if kind == facts.ANNOTATION:
            return self._answer(facts.answer(fact))[1]
        if kind == facts.PREDICTION:
            if who not in self.pool.models:
                return f"models:{who}"
            classes, raw = facts.split_prediction(fact)
            source, _, whole = placed(self._named(classes), self.settings.classes)
            if not whole and not np.frombuffer(raw, "<f4")[source].any():
                return _without_mass(who)
        return None


def _without_mass(model: str) -> str:
    """Name the dormant predictions of a model that say nothing of any class that is listed."""
    return f"classes of models:{model}"


def _chunks(stream: Iterable[T]) -> Iterator[list[T]]:
    """Cut a stream into lists of bounded length."""
    stream = iter(stream)
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk
