"""Drop-in functions: the names, arguments and return types of ``cleanlab.multiannotator``.

    from activelab.dropin import get_active_learning_scores

They are written from the papers on the same batch core as everything here, and agree with cleanlab
2.9.0 to 1e-9 where its counting of labels is corrected (as released, its temperatures are fitted
to a scrambled distribution of labels, and so are its scores).

Labels are ``(N, M)``, an item a row and an annotator a column, NaN for none: an array, or a
DataFrame whose columns are the annotators. Nothing is printed: ``verbose`` is accepted and has no
effect. ``label_quality_score_kwargs`` is not carried. Rows and columns without a label are refused,
as are labels that no item has two of, but by the active-learning scores. A majority that nothing
else decides goes by a hash of the row's number, not by unseeded chance; the worst class, where
several are, is the one the annotator says most often; weights are those of the first consensus
method, not of the last. pandas is imported where it is returned.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from activelab.dense import DenseLabels, overlapping, predictions
from activelab.errors import InvalidInput
from activelab.fit import fit
from activelab.judgement import judged
from activelab.rows import Array, Floats, Ints, Probs
from activelab.score import activelab

if TYPE_CHECKING:
    from activelab.dense import Labels
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def get_active_learning_scores(
    labels_multiannotator: "Labels | None" = None,
    pred_probs: Probs | None = None,
    pred_probs_unlabeled: Probs | None = None,
) -> tuple[Floats, Floats]:
    """Return the ActiveLab scores of labelled and of unlabelled items: ``(N,)`` each.

    ``pred_probs`` is ``(N, K)``; what is not given has no scores.

    >>> labels = np.array([[0, 0], [0, 1], [1, np.nan]])
    >>> probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    >>> labelled, unlabelled = get_active_learning_scores(labels, probs, np.array([[0.5, 0.5]]))
    >>> labelled.argmin(), unlabelled.round(3).tolist()
    (np.int64(1), [0.5])
    """
    return _active_learning_scores(
        labels_multiannotator, _one(pred_probs), _one(pred_probs_unlabeled)
    )


def get_active_learning_scores_ensemble(
    labels_multiannotator: "Labels | None" = None,
    pred_probs: Probs | None = None,
    pred_probs_unlabeled: Probs | None = None,
) -> tuple[Floats, Floats]:
    """Return the ActiveLab scores under several models: ``pred_probs`` is ``(models, N, K)``."""
    return _active_learning_scores(labels_multiannotator, pred_probs, pred_probs_unlabeled)


def get_majority_vote_label(
    labels_multiannotator: "Labels", pred_probs: Probs | None = None, verbose: bool = True
) -> Ints:
    """Return the majority vote of every item, ties broken: ``(N,)``.

    >>> get_majority_vote_label(np.array([[0, 0, 1], [1, 2, 2], [2, np.nan, 2]])).tolist()
    [0, 2, 2]
    """
    labels = DenseLabels.of(labels_multiannotator)
    models = (
        []
        if pred_probs is None
        else predictions(np.asarray(pred_probs)[np.newaxis], len(labels.values))
    )
    num_classes = models[0].shape[1] if models else max(2, 1 + labels.largest())
    columns = overlapping(labels.columns(models, num_classes))
    epoch = fit(columns, calibrate=False)
    return np.concatenate([block.majority for block in judged(columns, epoch)])


def get_label_quality_multiannotator(  # noqa: PLR0913  the reference's signature
    labels_multiannotator: "Labels",
    pred_probs: Probs,
    *,
    consensus_method: str | Sequence[str] = "best_quality",
    quality_method: str = "crowdlab",
    calibrate_probs: bool = False,
    return_detailed_quality: bool = True,
    return_annotator_stats: bool = True,
    return_weights: bool = False,
    verbose: bool = True,
    label_quality_score_kwargs: Mapping[str, Any] = _NO_OPTIONS,
) -> dict[str, Any]:
    """Return CROWDLAB's tables: DataFrames of items, labels and annotators, and the weights.

    Keys as in the reference: ``label_quality``, ``detailed_label_quality``, ``annotator_stats``,
    ``model_weight``, ``annotator_weight``. ``consensus_method`` is ``best_quality`` or
    ``majority_vote``, or several, of which the first is the one that counts; ``quality_method`` is
    ``crowdlab`` or ``agreement``.
    """
    methods = [consensus_method] if isinstance(consensus_method, str) else list(consensus_method)
    result = _label_quality(
        labels_multiannotator,
        np.asarray(pred_probs)[np.newaxis],
        label_quality_score_kwargs,
        methods=methods,
        quality_method=quality_method,
        calibrate=calibrate_probs,
        wanted=(return_detailed_quality, return_annotator_stats, return_weights),
    )
    if return_weights:
        result["model_weight"] = result["model_weight"][0]
    return result


def get_label_quality_multiannotator_ensemble(
    labels_multiannotator: "Labels",
    pred_probs: Probs,
    *,
    calibrate_probs: bool = False,
    return_detailed_quality: bool = True,
    return_annotator_stats: bool = True,
    return_weights: bool = False,
    verbose: bool = True,
    label_quality_score_kwargs: Mapping[str, Any] = _NO_OPTIONS,
) -> dict[str, Any]:
    """Return CROWDLAB's tables under several models: ``pred_probs`` is ``(models, N, K)``.

    As ``get_label_quality_multiannotator``, but ``model_weight`` is ``(models,)``.
    """
    return _label_quality(
        labels_multiannotator,
        pred_probs,
        label_quality_score_kwargs,
        methods=["best_quality"],
        quality_method="crowdlab",
        calibrate=calibrate_probs,
        wanted=(return_detailed_quality, return_annotator_stats, return_weights),
    )


def _active_learning_scores(
    labels_multiannotator: "Labels | None", known: Array | None, unknown: Array | None
) -> tuple[Floats, Floats]:
    """Score items with labels by ``known`` and those without by ``unknown``, all in one fit.

    Labels count where their items have predictions, as in the reference.
    """
    parts = []
    labels = DenseLabels(np.empty((0, 0)), range(0), range(0))
    if known is not None:
        if labels_multiannotator is None:
            message = "pred_probs are of items with labels: give labels_multiannotator"
            raise InvalidInput(message)
        labels = DenseLabels.of(labels_multiannotator)
        parts.append(predictions(known, len(labels.values)))
    if unknown is not None:
        parts.append(predictions(unknown))
    if not parts:
        message = "give pred_probs, pred_probs_unlabeled, or both"
        raise InvalidInput(message)
    models = [np.concatenate(of_model) for of_model in zip(*parts, strict=True)]
    scores = activelab(labels.columns(models, models[0].shape[1])).activelab_score
    return scores[: len(labels.values)], scores[len(labels.values) :]


def _label_quality(
    labels_multiannotator: "Labels",
    pred_probs: Array,
    score_options: Mapping[str, Any],
    *,
    methods: Sequence[str],
    quality_method: str,
    calibrate: bool,
    wanted: tuple[bool, bool, bool],
) -> dict[str, Any]:
    """Judge labels; ``wanted`` says if tables of labels, of annotators, and weights come along."""
    if score_options:
        message = f"label_quality_score_kwargs is not carried: {dict(score_options)}"
        raise InvalidInput(message)
    detailed, stats, weights = wanted
    if weights and quality_method != "crowdlab":
        message = f"there are no weights where quality_method is {quality_method!r}"
        raise InvalidInput(message)
    from activelab.tables import Tables  # noqa: PLC0415  pandas is an optional extra

    labels = DenseLabels.of(labels_multiannotator)
    models = predictions(pred_probs, len(labels.values))
    tables = Tables.of(labels, models, methods, quality_method, calibrate=calibrate)
    result: dict[str, Any] = {"label_quality": tables.label_quality()}
    if detailed:
        result["detailed_label_quality"] = tables.detailed_label_quality()
    if stats:
        result["annotator_stats"] = tables.annotator_stats()
    if weights:
        result["model_weight"] = tables.stage.model_weight
        result["annotator_weight"] = tables.stage.annotator_weight[:-1]
    return result


def _one(pred_probs: Probs | None) -> Array | None:
    """Make an ensemble of one model."""
    return None if pred_probs is None else np.asarray(pred_probs)[np.newaxis]
