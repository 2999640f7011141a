"""What the demo tells at the end: tables for people, figures for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stream_app.audit import AuditReport
from stream_app.demo.crowd import GOOD, GOOD_SKILL, POOR, POOR_SKILL, SPAMMERS, Crowd
from stream_app.demo.digits import Digits
from stream_app.demo.rounds import Outcome, Round

SIDE_BY_SIDE = 2
"""Methods in one table: more are too wide for a terminal."""
TOP = 10
"""Selections shown."""
MOST, LEAST = 4, 7
"""Annotators shown: the poor ones and the spammers are six."""
HEADINGS = ("consensus", "test", "relabels", "ms")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every experiment, against the truth."""

    digits: Digits
    crowd: Crowd
    outcomes: Sequence[Outcome]
    audits: Sequence[AuditReport]
    """Of each experiment's last window, in the same order."""

    @property
    def agrees(self) -> bool:
        """Say whether every audit agrees."""
        return all(audit.agrees for audit in self.audits)

    def tables(self) -> Iterator[RenderableType]:
        """Yield what to print, in order; the ranking and the trust are the first experiment's."""
        yield self._setting()
        for at in range(0, len(self.outcomes), SIDE_BY_SIDE):
            yield self._rounds(self.outcomes[at : at + SIDE_BY_SIDE])
        yield Text(
            f"consensus: share of true labels among the labelled items. test: accuracy on "
            f"{len(self.digits.held_out)} held-out items, by the mean of the fold models. "
            "relabels: share of the window's selections that had a label already. ms: from the "
            "close's arrival at the broker until the worker has said its manifest, what waited "
            "before it included.",
            "dim",
        )
        yield self._ranking(self.outcomes[0])
        yield self._trust(self.outcomes[0])
        yield self._audits()

    def figures(self) -> dict[str, Any]:
        """Return every figure, by method, in JSON's types."""
        skill = self._skill()
        return {
            outcome.experiment.method: {
                "project": outcome.experiment.project,
                "rounds": [asdict(one) for one in outcome.rounds],
                "ranking": [
                    {"rank": one.rank, "item": one.item, "score": one.score, "reason": one.reason}
                    for one in outcome.ranking
                ],
                "annotators": [
                    {
                        "annotator": one.annotator,
                        "skill": skill[one.annotator],
                        "annotator_weight": one.annotator_weight,
                        "annotator_agreement": one.annotator_agreement,
                        "num_annotations": one.num_annotations,
                    }
                    for one in outcome.trust
                ],
                "audit": {
                    "window": audit.window.window,
                    "agrees": audit.agrees,
                    "differences": list(map(str, audit.differences)),
                },
            }
            for outcome, audit in zip(self.outcomes, self.audits, strict=True)
        }

    def _setting(self) -> RenderableType:
        """Say who labels what."""
        return Text(
            f"{len(self.digits.pool):,} digits to label, {len(self.digits.held_out)} held out. "
            f"{len(self.crowd.annotators)} annotators: {GOOD} are right in "
            f"{GOOD_SKILL[0]:.0%}-{GOOD_SKILL[1]:.0%} of their labels, {POOR} in "
            f"{POOR_SKILL[0]:.0%}-{POOR_SKILL[1]:.0%}, {SPAMMERS} only guess."
        )

    def _skill(self) -> Mapping[str, float]:
        return dict(zip(self.crowd.annotators, self.crowd.skill.tolist(), strict=True))

    def _rounds(self, outcomes: Sequence[Outcome]) -> Table:
        table = _table("Round by round")
        table.add_column("round", justify="right", vertical="bottom")
        table.add_column("labels", justify="right", vertical="bottom")
        for outcome in outcomes:
            # The name is broken at its underscores: it must not widen the column.
            name = outcome.experiment.method.replace("_", "\n")
            table.add_column()  # sets the methods apart
            for heading, above in zip(HEADINGS, (name, "", "", ""), strict=True):
                header = Text.assemble((above, "bold"), "\n", heading)
                table.add_column(header, justify="right", vertical="bottom", no_wrap=True)
        for same in zip(*(outcome.rounds for outcome in outcomes), strict=True):
            labels = "/".join(sorted({f"{one.labels:,}" for one in same}))
            cells = [cell for one in same for cell in ("", *_cells(one))]
            table.add_row(str(same[0].round), labels, *cells)
        return table

    def _ranking(self, outcome: Outcome) -> Table:
        method = outcome.experiment.method
        table = _table(f"What {method} asks for next: the first {TOP} of {len(outcome.ranking)}")
        for heading in ("rank", "score"):
            table.add_column(heading, justify="right")
        for heading in ("item", "reason"):
            table.add_column(heading)
        for heading in ("answers", "consensus", "quality", "truth"):
            table.add_column(heading, justify="right")
        truth = self.digits.true_labels()
        for one in outcome.ranking[:TOP]:
            known = outcome.standing.items[one.item]
            label, right = known.consensus_label or "-", truth[one.item]
            quality = known.consensus_quality
            table.add_row(
                str(one.rank),
                f"{one.score:.3f}",
                one.item,
                one.reason,
                str(len(one.answered_by)),
                Text(label, "green" if label == right else "red"),
                "-" if quality is None else f"{quality:.3f}",
                right,
            )
        return table

    def _trust(self, outcome: Outcome) -> Table:
        table = _table(f"Whom {outcome.experiment.method} trusts, most and least")
        table.add_column("annotator")
        for heading in ("weight", "agreement", "labels", "true skill"):
            table.add_column(heading, justify="right")
        skill, ranked = self._skill(), outcome.trust
        for place, one in enumerate(ranked):
            if MOST <= place < len(ranked) - LEAST:
                continue
            table.add_row(
                one.annotator,
                *(
                    "-" if x is None else f"{x:.3f}"
                    for x in (one.annotator_weight, one.annotator_agreement)
                ),
                str(one.num_annotations),
                f"{skill[one.annotator]:.2f}",
                end_section=place == MOST - 1,
            )
        return table

    def _audits(self) -> RenderableType:
        lines = Text(
            "Audit: the last window recomputed from the topics with the batch code", "bold"
        )
        for outcome, audit in zip(self.outcomes, self.audits, strict=True):
            said = f"\n  {outcome.experiment.project}, window {audit.window.window}: "
            lines.append(said, "not bold")
            if audit.agrees:
                lines.append("agrees", "not bold green")
            else:
                lines.append("differs", "bold red")
                lines.append("".join(f"\n    {one}" for one in audit.differences[:TOP]), "not bold")
        return lines


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )


def _cells(one: Round) -> tuple[str, str, str, str]:
    """Return a round's figures in the order of `HEADINGS`."""
    return (
        f"{one.consensus_accuracy:.3f}",
        f"{one.test_accuracy:.3f}",
        f"{one.relabels:.0%}",
        f"{one.close_ms}",
    )
