"""Encode output records fast, many of them from columns.

What comes out is what the strict models of `schemas.outputs` accept and dump, byte by byte.
Manifests and refusals are one a close: their models encode themselves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from schemas.compact import dumps
from schemas.keys import pair_prefix
from schemas.times import format_time

Encoded = tuple[list[bytes], list[bytes]]
"""Keys, and their values."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


def encode_item_scores(  # noqa: PLR0913  # the columns are the record
    projects: Sequence[str],
    *,
    items: Sequence[str],
    activelab_score: Floats,
    consensus_label: Sequence[str | None],
    consensus_quality: Floats,
    num_annotations: Ints,
    num_answers: Ints,
    has_prediction: Flags,
    progress: Sequence[str],
    epoch: Sequence[int],
    provisional: bool,
) -> Encoded:
    """Encode item scores from columns (N,); a quality of NaN is null, where nothing is known.

    Raises ValueError where a score is not finite, or where columns of numbers differ in length.
    """
    names = _texts(items)
    return _pairs(
        projects,
        names,
        {
            "type": "item_score",
            "schema_version": 1,
            "project": _few(projects),
            "item": names,
            "activelab_score": _values(_finite(activelab_score)),
            "consensus_label": _few(consensus_label),
            "consensus_quality": _values(consensus_quality),
            "num_annotations": _values(num_annotations),
            "num_answers": _values(num_answers),
            "has_prediction": _values(has_prediction),
            "progress": _few(progress),
            "epoch": _few(epoch),
            "provisional": provisional,
        },
    )


def encode_annotator_trust(  # noqa: PLR0913  # the columns are the record
    projects: Sequence[str],
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
    epoch: Sequence[int],
) -> Encoded:
    """Encode annotators' trust from columns (M,); NaN is null, where nothing is known."""
    names = _texts(annotators)
    return _pairs(
        projects,
        names,
        {
            "type": "annotator_trust",
            "schema_version": 1,
            "project": _few(projects),
            "annotator": names,
            "annotator_agreement": _values(annotator_agreement),
            "agreement_low": _values(_finite(agreement_low)),
            "agreement_high": _values(_finite(agreement_high)),
            "flag": _few(flag),
            "annotator_weight": _values(annotator_weight),
            "num_compared": _values(num_compared),
            "num_overlapping": _values(num_overlapping),
            "num_annotations": _values(num_annotations),
            "imputed": _values(imputed),
            "epoch": _few(epoch),
        },
    )


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
    records = _records(
        {
            "type": "selection",
            "schema_version": 1,
            "project": project,
            "window": window,
            "rank": _values(np.arange(1, len(items) + 1)),
            "of": len(items),
            "item": _texts(items),
            "score": _values(_finite(score)),
            "reason": _few(["relabel" if again else "first_label" for again in relabel.tolist()]),
            "until": format_time(until),
            "answered_by": [dumps(answered) for answered in answered_by],
        }
    )
    return [
        record if part is None else b'%b,"stratum":%b}' % (record[:-1], dumps(part))
        for record, part in zip(records, stratum, strict=True)
    ]


def _pairs(projects: Sequence[str], names: list[bytes], fields: dict[str, Any]) -> Encoded:
    """Encode records that are of pairs of a project and a name."""
    prefixes = {project: pair_prefix(project) for project in set(projects)}
    keys = [prefixes[project] + name + b"]" for project, name in zip(projects, names, strict=True)]
    return keys, _records(fields)


def _records(fields: dict[str, Any]) -> list[bytes]:
    """Encode records that are alike but for their columns, which are lists: a value a record.

    So what is alike is encoded once, and a column at once.
    """
    template = b",".join(
        dumps(name) + b":" + (b"%b" if type(value) is list else dumps(value).replace(b"%", b"%%"))
        for name, value in fields.items()
    )
    template = b"{" + template + b"}"
    columns = (value for value in fields.values() if type(value) is list)
    return [template % row for row in zip(*columns, strict=True)]


def _texts(names: Sequence[str]) -> list[bytes]:
    """Encode names that are hardly ever the same: no line of JSON ends within a text."""
    if not names:
        return []
    return orjson.dumps([*names], option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")


def _few(values: Sequence[str | int | None]) -> list[bytes] | str | int | None:
    """Encode values of which few are distinct; where all are the same, that one is returned."""
    encoded = {value: dumps(value) for value in set(values)}
    return values[0] if len(encoded) == 1 else [encoded[value] for value in values]


def _values(values: npt.NDArray[Any]) -> list[bytes]:
    """Encode numbers, or truth values; NaN is null."""
    column = np.ascontiguousarray(values)
    encoded = orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY)
    return encoded[1:-1].split(b",") if len(column) else []


def _finite(column: Floats) -> Floats:
    """Return a column of which none is NaN or infinite: orjson writes both as null."""
    if not np.isfinite(column).all():
        msg = f"Not finite: {column[~np.isfinite(column)][:5]}"
        raise ValueError(msg)
    return column
