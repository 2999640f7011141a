"""Projects of one shape: what a run of facts does to their items, in one pass over all of them.

Their items stand in the same columns, so a project is but a number beside each of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from activelab import EXCLUDED, REGISTERED, ItemScores, progress
from activelab.rows import Bools, Ints, distinct
from stream_app import facts
from stream_app.facts import FactColumns, Known
from stream_app.project import Project

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change of facts touched, by their places, distinct and ascending."""

    items: Ints
    """To be rescored."""
    annotators: Ints
    """To be judged anew."""


class Projects:
    """Some projects of a shape, at least one; which of them a row is of is a place in ``all``."""

    def __init__(self, projects: Iterable[Project]) -> None:
        self.all = tuple(projects)
        self.by_id = {project.id: project for project in self.all}
        self.shape = self.all[0].shape
        self.pools = self.shape.pools
        self._items = {one.id: self.pools.items[one.pool.number] for one in self.all}
        self._annotators = {one.id: self.pools.annotators[one.pool.number] for one in self.all}
        self._numbers = np.array([project.pool.number for project in self.all])
        self._at = np.zeros(int(self._numbers.max()) + 1, np.int64)
        self._at[self._numbers] = np.arange(len(self.all))

    def places(self, projects: Iterable[str], items: Sequence[str]) -> Ints:
        """Return the places of items, each of its project; new ones get a place: ``(n,)``."""
        return self.pools.places(map(self._items.__getitem__, projects), items)

    def of_items(self, items: Ints) -> Ints:
        """Tell which projects items are of: ``(n,)``."""
        return self._at[self.pools.of_items(items)]

    def of_annotators(self, annotators: Ints) -> Ints:
        """Tell which projects annotators are of: ``(n,)``."""
        return self._at[self.pools.of_annotators(annotators)]

    def each(self, which: Ints, said: Callable[[Project], V]) -> list[V]:
        """Return what is said of projects, row by row."""
        once = [said(project) for project in self.all]
        return [once[at] for at in which.tolist()]

    def names(self, which: Ints, labels: Ints) -> list[str | None]:
        """Name classes by their codes, each as its project does; None where the code is none."""
        listed = [name for project in self.all for name in (None, *project.settings.classes)]
        at = which * (1 + self.pools.num_classes) + 1 + labels
        return [listed[place] for place in at.tolist()]

    def progress(self, which: Ints, scores: ItemScores) -> npt.NDArray[np.uint8]:
        """Tell the progress of items, as `activelab.progress` does, by their projects' targets."""
        targets = [project.settings.quality_target for project in self.all]
        result = np.empty(len(which), np.uint8)
        for target in set(targets):
            rows = np.array([one == target for one in targets])[which]
            result[rows] = progress(scores, target=target)[rows]
        return result

    def unsure(self, come: FactColumns) -> list[bool]:
        """Tell of which facts the table must say whether they are newer, and than what.

        Of all of a project while some are dormant: what has been dormant is counted out by name.
        """
        unsure = ~self.shape.latest.precedes(come.kind, come.places, come.times)
        unsure |= self._dormant()[self.of_items(come.places)]
        result: list[bool] = unsure.tolist()
        return result

    def due(self) -> list[Project]:
        """Return those whose parameters are to be fitted anew."""
        due = set(self.pools.due(self._numbers))
        return [project for project in self.all if project.pool.number in due]

    def take(self, won: Iterable[FactColumns], known: Known) -> Touched:
        """Take facts that have won, those of one kind together, each key once.

        ``known`` are those that they have beaten, by key, where some are dormant.
        """
        items, annotators = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for some in won:
            if known and self._dormant().any():
                self._count_out(some, known)
            self.shape.latest.put(some.kind, some.places, some.times)
            if some.kind == facts.ANNOTATION:
                annotators.append(self._answer(some))
                items.append(some.places)
            elif some.kind == facts.PREDICTION:
                items.extend(self._predict(some))
            elif some.kind == facts.STATUS:
                excluded = [facts.order(fact)[1] == facts.EXCLUDED for fact in some.facts]
                self.pools.set_status(some.places, np.where(excluded, EXCLUDED, REGISTERED))
                items.append(some.places)
            else:  # no score of these items changes
                strata = [facts.stratum_name(fact) for fact in some.facts]
                self.shape.strata.put(some.places, strata)
        return Touched(distinct(np.concatenate(items)), distinct(np.concatenate(annotators)))

    def load_facts(self, project: Project, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Take facts of a project in the table, of keys in order, as if each had just won."""
        known, times = facts.split_keys(keys), facts.times(values)
        places = self.places([project.id] * len(known.items), known.items)[known.item]
        rows: dict[bytes, list[int]] = defaultdict(list)
        for row, kind in enumerate(known.kind):
            rows[kind].append(row)
        for kind, some in rows.items():
            who, said = [known.who[row] for row in some], [values[row] for row in some]
            of = [project.id] * len(some)
            self.take([FactColumns(of, kind, (), (), places[some], who, said, times[some])], {})

    def _dormant(self) -> Bools:
        """Tell which projects have facts that are dormant."""
        return np.array([bool(project.dormant) for project in self.all])

    def _answer(self, some: FactColumns) -> Ints:
        """Put answers into the pools; count labels that are not listed. Returns who answered."""
        read = {id_: facts.Remembered(one.read_answer) for id_, one in self.by_id.items()}
        answers = map(facts.answer, some.facts)
        said = list(map(getitem, map(read.__getitem__, some.projects), answers))
        pools = map(self._annotators.__getitem__, some.projects)
        who = self.pools.annotator_places(pools, some.who)
        self.pools.set_labels(some.places, who, np.array([code for code, _ in said], np.int64))
        for project, (_, name) in zip(some.projects, said, strict=True):
            if name is not None:
                self.by_id[project].count_dormant(name, 1)
        return who

    def _predict(self, some: FactColumns) -> Iterator[Ints]:
        """Put predictions into the pools; give the places of those whose model is listed."""
        for (project, model, classes), rows in facts.predictions_alike(some).items():
            given = facts.pred_probs([some.facts[row] for row in rows], classes)
            if self.by_id[project].predict(model, classes, some.places[rows], given):
                yield some.places[rows]

    def _count_out(self, some: FactColumns, known: Known) -> None:
        """Count out the dormant facts that facts of the same keys have beaten."""
        for project, key, who in zip(some.projects, some.keys, some.who, strict=True):
            fact = known.get(key)
            if fact:
                self.by_id[project].count_out(some.kind, who, fact)
