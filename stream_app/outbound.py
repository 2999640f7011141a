"""What a step says: changes of the table and records for the output topics, gathered here.

An item's published consensus and progress are kept in the table: so a close knows of which items
they have changed since, whoever published them, and whose score record needs a tombstone. A lease
is kept apart from them: it outlives an item that is excluded for a while.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

import schemas
from activelab import PROGRESS, ItemScores
from activelab.rows import Ints
from schemas import Rejection, Topic
from stream_app import facts
from stream_app.ports import Change, Message, Record
from stream_app.project import Project
from stream_app.projects import Projects
from stream_app.said import NOTHING, Codes, codes


@dataclass(slots=True)
class Outbound:
    """All that one transaction says, in order within a topic."""

    changes: list[Change] = field(default_factory=list)
    messages: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def say_scores(
        self, projects: Projects, places: Ints, scores: ItemScores, *, provisional: bool
    ) -> None:
        """Publish the scores of the items at ``places``, and keep what of it is new."""
        which = projects.of_items(places)
        progress = projects.progress(which, scores)
        encoded = schemas.encode_item_scores(
            projects.each(which, lambda project: project.id),
            items=scores.item_ids,
            activelab_score=scores.activelab_score,
            consensus_label=projects.names(which, scores.consensus_label),
            consensus_quality=scores.consensus_quality,
            num_annotations=scores.num_annotations,
            num_answers=scores.num_answers,
            has_prediction=scores.has_prediction,
            progress=[PROGRESS[so_far] for so_far in progress.tolist()],
            epoch=projects.each(which, lambda project: project.ledger.epoch),
            provisional=provisional,
        )
        self._say(Topic.ITEM_SCORES, encoded)
        self._remember(projects, places, codes(scores, progress))

    def say_gone(self, projects: Projects, places: Ints) -> None:
        """Publish a tombstone for each item of which a score was said and that is no more."""
        gone = self._remember(projects, places, np.full(len(places), NOTHING, np.uint16))
        self.messages[Topic.ITEM_SCORES].extend(
            Message(schemas.pair_key(project.id, item), None) for project, item in gone
        )

    def _remember(
        self, projects: Projects, places: Ints, codes: Codes
    ) -> list[tuple[Project, str]]:
        """Keep what is said of distinct items; return those of which that is new."""
        said = projects.shape.said
        new = np.flatnonzero(said.at(places) != codes)
        places, codes = places[new], codes[new]
        said.put(places, codes)
        which, names = projects.of_items(places).tolist(), projects.pools.named(places)
        prefixes = [facts.said_prefix(project.id) for project in projects.all]
        encoded = facts.Remembered[tuple[int, int], bytes](
            lambda of: projects.all[of[0]].words.encode(of[1])
        )
        self.changes.extend(
            (prefixes[at] + item.encode(), encoded[at, code])
            for at, item, code in zip(which, names, codes.tolist(), strict=True)
        )
        return [(projects.all[at], item) for at, item in zip(which, names, strict=True)]

    def say_trust(self, projects: Projects, annotators: Ints) -> None:
        """Publish how far annotators, known by their places, are trusted."""
        which = projects.of_annotators(annotators)
        trust = projects.pools.trust(annotators)
        appraisal = projects.pools.appraise(annotators, trust)
        encoded = schemas.encode_annotator_trust(
            projects.each(which, lambda project: project.id),
            annotators=trust.annotators,
            annotator_agreement=trust.annotator_agreement,
            agreement_low=appraisal.low,
            agreement_high=appraisal.high,
            flag=appraisal.flag.tolist(),
            annotator_weight=trust.annotator_weight,
            num_compared=trust.num_compared,
            num_overlapping=trust.num_overlapping,
            num_annotations=trust.num_annotations,
            imputed=trust.imputed,
            epoch=projects.each(which, lambda project: project.ledger.epoch),
        )
        self._say(Topic.ANNOTATOR_TRUST, encoded)

    def _say(self, topic: str, encoded: schemas.Encoded) -> None:
        """Publish records without headers."""
        self.messages[topic].extend(zip(*encoded, repeat(()), strict=False))  # it has no end

    def say_rejection(self, rejection: Rejection, topic: str, partition: int) -> None:
        """Publish a record that is not accepted, or not whole, as its one dead letter."""
        letter = schemas.encode_dead_letter(rejection, topic=topic, partition=partition)
        self.messages[Topic.DEAD_LETTERS].append(Message(*letter))

    def lease(self, project: Project, items: Iterable[str], until: int) -> None:
        """Lease items until a time (microseconds); 0 ends their leases."""
        prefix, end = facts.lease_prefix(project.id), facts.encode_number(until)
        for item in items:
            if until:
                project.leases[item] = until
            else:
                project.leases.pop(item)
            self.changes.append((prefix + item.encode(), end))

    def save(self, project: Project) -> None:
        """Write a project's record where it has moved."""
        if project.unsaved:
            self.changes.append((facts.project_key(project.id), project.encode()))
            project.unsaved = False
