"""Encode output records fast: plain dicts, many of them from columns.

What comes out is what the strict models of `schemas.outputs` accept and dump, byte by byte.
Manifests and refusals are one a close: their models encode themselves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.compact import dumps
from schemas.keys import pair_key
from schemas.times import format_time

Encoded = tuple[bytes, bytes]
"""Key and value."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


def encode_item_scores(  # noqa: PLR0913  # the columns are the record
    project: str,
    *,
    items: Sequence[str],
    activelab_score: Floats,
    consensus_label: Sequence[str | None],
    consensus_quality: Floats,
    num_annotations: Ints,
    num_answers: Ints,
    has_prediction: Flags,
    progress: Sequence[str],
    epoch: int,
    provisional: bool,
) -> list[Encoded]:
    """Encode item scores from columns (N,); a quality of NaN is null, where nothing is known.

    Raises ValueError where a score is not finite or columns differ in length.
    """
    rows = zip(
        items,
        _finite(activelab_score),
        consensus_label,
        consensus_quality.tolist(),
        num_annotations.tolist(),
        num_answers.tolist(),
        has_prediction.tolist(),
        progress,
        strict=True,
    )
    return [
        (
            pair_key(project, item),
            dumps(
                {
                    "type": "item_score",
                    "schema_version": 1,
                    "project": project,
                    "item": item,
                    "activelab_score": score,
                    "consensus_label": label,
                    "consensus_quality": quality,
                    "num_annotations": labels,
                    "num_answers": answers,
                    "has_prediction": predicted,
                    "progress": far,
                    "epoch": epoch,
                    "provisional": provisional,
                }
            ),
        )
        for item, score, label, quality, labels, answers, predicted, far in rows
    ]


def encode_annotator_trust(  # noqa: PLR0913  # the columns are the record
    project: str,
    *,
    annotators: Sequence[str],
    annotator_agreement: Floats,
    agreement_low: Floats,
    agreement_high: Floats,
    flag: Sequence[str],
    annotator_weight: Floats,
    num_compared: Ints,
    num_overlapping: Ints,
    num_annotations: Ints,
    imputed: Flags,
    epoch: int,
) -> list[Encoded]:
    """Encode annotators' trust from columns (M,); NaN is null, where nothing is known."""
    rows = zip(
        annotators,
        annotator_agreement.tolist(),
        _finite(agreement_low),
        _finite(agreement_high),
        flag,
        annotator_weight.tolist(),
        num_compared.tolist(),
        num_overlapping.tolist(),
        num_annotations.tolist(),
        imputed.tolist(),
        strict=True,
    )
    return [
        (
            pair_key(project, who),
            dumps(
                {
                    "type": "annotator_trust",
                    "schema_version": 1,
                    "project": project,
                    "annotator": who,
                    "annotator_agreement": agreement,
                    "agreement_low": low,
                    "agreement_high": high,
                    "flag": said,
                    "annotator_weight": weight,
                    "num_compared": others,
                    "num_overlapping": overlapping,
                    "num_annotations": labels,
                    "imputed": guessed,
                    "epoch": epoch,
                }
            ),
        )
        for who, agreement, low, high, said, weight, others, overlapping, labels, guessed in rows
    ]


def encode_selections(
    project: str,
    *,
    window: int,
    until: int,
    items: Sequence[str],
    score: Floats,
    answered_by: Iterable[Sequence[str]],
    relabel: Flags,
    stratum: Sequence[str | None],
) -> list[bytes]:
    """Encode a window's selections, in rank order; ``until`` is in microseconds."""
    end = format_time(until)
    rows = zip(items, _finite(score), relabel.tolist(), answered_by, stratum, strict=True)
    return [
        dumps(
            {
                "type": "selection",
                "schema_version": 1,
                "project": project,
                "window": window,
                "rank": rank,
                "of": len(items),
                "item": item,
                "score": value,
                "reason": "relabel" if again else "first_label",
                "until": end,
                "answered_by": answered,
            }
            | ({} if part is None else {"stratum": part})
        )
        for rank, (item, value, again, answered, part) in enumerate(rows, start=1)
    ]


def _finite(column: Floats) -> list[float]:
    """Return a column as floats; orjson would write NaN and infinity as null."""
    if not np.isfinite(column).all():
        msg = f"Not finite: {column[~np.isfinite(column)][:5]}"
        raise ValueError(msg)
    values: list[float] = column.tolist()
    return values
