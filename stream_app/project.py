"""A project in memory: what its partition's table says of it, as numpy columns and counters.

Everything here is derived from the table and rebuilt at every assignment. The pool holds the
facts that count under the project's settings; the others are *dormant*: kept in the table,
counted by name here, and counted in as soon as the settings know them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from activelab import ABSTENTION as NO_LABEL
from activelab import (
    EXCLUDED,
    NOTHING,
    REGISTERED,
    ItemScores,
    Mode,
    Pool,
    Refresh,
    Strata,
    progress,
)
from activelab.rows import Ints, distinct
from schemas import ABSTENTION, ProjectSettings
from stream_app import facts
from stream_app.canonical import canonical, placed
from stream_app.facts import FactColumns, Known
from stream_app.latest import Latest
from stream_app.said import Said


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
        self.latest = Latest()
        """Above which time a fact is newer than what is true."""
        self.leases: dict[str, int] = {}
        """Until when (microseconds) an item is not selected again."""
        self.strata = Strata()
        """What items belong to, by their places in the pool."""
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

    def load_facts(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Take facts of the table, of keys in order, as if each had just won."""
        known, times = facts.split_keys(keys), facts.times(values)
        places = self.pool.places(known.items)[known.item]
        rows: dict[bytes, list[int]] = defaultdict(list)
        for row, kind in enumerate(known.kind):
            rows[kind].append(row)
        for kind, some in rows.items():
            who, said = [known.who[row] for row in some], [values[row] for row in some]
            self.take([FactColumns(self.id, kind, (), (), places[some], who, said, times[some])])

    def load_said(
        self, said: Iterable[tuple[bytes, bytes]], leases: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Remember what was said and leased, from scans over the table."""
        start = len(facts.said_prefix(self.id))
        for keys, values in facts.chunks(said):
            places = self.pool.places([key[start:].decode() for key in keys])
            read = facts.Remembered(self.said.decode)
            self.said.put(places, np.array([read[raw] for raw in values], np.uint16))
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

    def unsure(self, come: FactColumns) -> list[bool]:
        """Tell of which facts the table must say whether they are newer, and than what.

        Of all of them while some are dormant: a fact that has been dormant is counted out by name.
        """
        if self.dormant:
            return [True] * len(come.facts)
        unsure: list[bool] = (~self.latest.precedes(come.kind, come.places, come.times)).tolist()
        return unsure

    def take(self, won: Iterable[FactColumns], known: Known = MappingProxyType({})) -> Touched:
        """Bring the pool in line with facts that have just won: of each key one.

        ``known`` are those that they have beaten, by key, where some are dormant.
        """
        touched: list[Ints] = [np.empty(0, np.int64)]
        acted: set[str] = set()
        for some in won:
            if self.dormant and known:
                self._count_out(some, known)
            places = some.places
            self.latest.put(some.kind, places, some.times)
            if some.kind == facts.ANNOTATION:
                self._answer(places, some)
                acted.update(some.who)
                touched.append(places)
            elif some.kind == facts.PREDICTION:
                touched.extend(self._predict(places, some))
            elif some.kind == facts.STATUS:
                excluded = [facts.order(fact)[1] == facts.EXCLUDED for fact in some.facts]
                self.pool.set_status(places, np.where(excluded, EXCLUDED, REGISTERED))
                touched.append(places)
            else:  # no score of these items changes
                self.strata.put(places, [facts.stratum_name(fact) for fact in some.facts])
        return Touched(distinct(np.concatenate(touched)), acted)

    def _answer(self, places: Ints, some: FactColumns) -> None:
        """Put answers into the pool; count labels that are not listed."""
        read = facts.Remembered(self._read_answer)
        answers = map(facts.answer, some.facts)
        codes, dormant = zip(*map(read.__getitem__, answers), strict=True)
        self.pool.set_labels(places, some.who, codes)
        for name in dormant:
            if name is not None:
                self._count_dormant(name, 1)

    def _predict(self, places: Ints, some: FactColumns) -> Iterator[Ints]:
        """Put predictions into the pool; give the places of those whose model is listed."""
        for (model, classes), rows in facts.predictions_alike(some).items():
            if model in self.pool.models:
                given = facts.pred_probs([some.facts[row] for row in rows], classes)
                self._predict_alike(model, classes, places[rows], given)
                yield places[rows]
            else:
                self._count_dormant(f"models:{model}", len(rows))

    def _read_answer(self, answer: bytes) -> tuple[int, str | None]:
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

    def _predict_alike(
        self, model: str, classes: bytes, places: Ints, given: npt.NDArray[np.float32]
    ) -> None:
        """Put predictions with the same class names into the pool, those without mass apart."""
        pred_probs, alive = canonical(given, self._named(classes), self.settings.classes)
        if not alive.all():
            self.pool.drop_predictions(places[~alive], model)
            self._count_dormant(_without_mass(model), int(np.count_nonzero(~alive)))
            places, pred_probs = places[alive], pred_probs[alive]
        self.pool.set_predictions(places, model, pred_probs)

    def _count_out(self, some: FactColumns, known: Known) -> None:
        """Count out the dormant facts that facts of the same keys have beaten."""
        for key, who in zip(some.keys, some.who, strict=True):
            fact = known.get(key)
            name = fact and self._dormant_name(some.kind, who, fact)
            if name:
                self._count_dormant(name, -1)

    def _count_dormant(self, name: str, change: int) -> None:
        """Count facts in or out of the dormant ones, by what keeps them from counting."""
        self.dormant[name] += change
        if not self.dormant[name]:
            del self.dormant[name]

    def _dormant_name(self, kind: bytes, who: str, fact: bytes) -> str | None:
        """Return what kept a fact from counting; None when it counted."""
        if kind == facts.ANNOTATION:
            return self._read_answer(facts.answer(fact))[1]
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
