"""Columns: everything that is known, as the batch functions take it.

Items stand in any order; annotators in the order of their ids; models in the project's order.
Answers are rows (item, annotator, label), one a pair, sorted by item and annotator. What is padding
(an annotator without an answer, an item about which nothing is known) changes nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from activelab.errors import InvalidInput
from activelab.identity import id_hashes
from activelab.rows import Bools, Hashes, Ints, Probs
from activelab.votes import Votes

ABSTENTION = -1
"""A label's value where an annotator answered without a label."""
NO_CLASS = -1
"""A class's value where nobody has said any."""
NOTHING = -2
"""A label's value where an annotator has not answered, or took the answer back."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known about N items: answers of M annotators, predictions of the models.

    ``answers`` may contain abstentions. ``pred_probs`` holds one ``(N, K)`` array a model, and
    ``has_prediction`` ``(models, N)`` says which rows count; the others are never read.
    """

    num_classes: int
    models: Sequence[str]
    items: Sequence[str]
    item_hashes: Hashes
    annotators: Sequence[str]
    answers: Votes
    pred_probs: tuple[Probs, ...]
    has_prediction: Bools

    def labels(self) -> Votes:
        """Return the answers that carry a label."""
        return self.answers.only(self.answers.label >= 0)

    def answered_by(self, annotator: str) -> Ints:
        """Return the rows of the items that an annotator has answered, ascending."""
        known = annotator in self.annotators
        voter = self.annotators.index(annotator) if known else NOTHING
        return np.compress(self.answers.voter == voter, self.answers.item)

    def top_class(self, items: slice | Ints) -> Ints:
        """Return each model's most probable class, the first of several: ``(models, n)``.

        -1 where a model has no prediction. Calibration keeps the order of classes, so what the
        model said decides, without any arithmetic.
        """
        has_prediction = self.has_prediction[:, items]
        top = np.empty(has_prediction.shape, dtype=np.int64)
        for model, pred_probs in enumerate(self.pred_probs):
            pred_probs[items].argmax(axis=1, out=top[model])
        top[~has_prediction] = NO_CLASS
        return top


def columns(
    num_classes: int,
    items: Sequence[str],
    answers: tuple[Sequence[str], Sequence[str], Sequence[int] | Ints],
    predictions: Mapping[str, tuple[Sequence[str], Probs]],
) -> Columns:
    """Build columns from ids: ``answers`` is (items, annotators, labels), one row a pair.

    ``predictions`` maps each model, in the project's order, to its items and their ``(n, K)``
    probabilities. Every item that occurs anywhere must be one of ``items``.

    >>> answers = (["cat", "cat", "dog"], ["ann", "bob", "ann"], [0, 1, ABSTENTION])
    >>> known = columns(2, ["cat", "dog"], answers, {"m": (["dog"], np.array([[0.3, 0.7]]))})
    >>> known.labels().per_item().tolist(), known.answers.per_item().tolist()
    ([2, 0], [2, 1])
    """
    place = {item: row for row, item in enumerate(items)}
    annotators = sorted(set(answers[1]))
    rank = {annotator: row for row, annotator in enumerate(annotators)}
    has_prediction = np.zeros((len(predictions), len(items)), dtype=np.bool_)
    pred_probs = []
    for model, (rows, probs) in enumerate(predictions.values()):
        at = np.array([place[item] for item in rows], dtype=np.int64)
        dense = np.zeros((len(items), num_classes), dtype=probs.dtype)
        dense[at] = probs
        has_prediction[model, at] = True
        pred_probs.append(dense)
    return Columns(
        num_classes,
        tuple(predictions),
        items,
        id_hashes(items),
        annotators,
        sorted_answers(
            len(items),
            num_classes,
            np.array([place[item] for item in answers[0]], dtype=np.int64),
            np.array([rank[annotator] for annotator in answers[1]], dtype=np.int64),
            np.asarray(answers[2], dtype=np.int64),
        ),
        tuple(pred_probs),
        has_prediction,
    )


def sorted_answers(
    num_items: int, num_classes: int, item: Ints, annotator: Ints, label: Ints
) -> Votes:
    """Sort answers by item and annotator.

    Rows are packed into one integer each, item first: sorting those is several times faster than
    sorting positions.
    """
    check_labels(label, num_classes, lowest=ABSTENTION)
    label_bits = num_classes.bit_length()
    bits = label_bits + int(annotator.max(initial=0)).bit_length()
    packed = item.astype(np.int64) << bits
    packed |= annotator.astype(np.int64) << label_bits
    packed |= label - ABSTENTION
    packed.sort()
    rows = (
        packed >> bits,
        (packed >> label_bits) & ((1 << (bits - label_bits)) - 1),
        (packed & ((1 << label_bits) - 1)) + ABSTENTION,
    )
    return Votes.of(num_items, num_classes, rows)


def check_labels(label: Ints, num_classes: int, *, lowest: int) -> None:
    """Refuse a label that is neither a class nor one of the values that stand for none."""
    wrong = label[(label < lowest) | (label >= num_classes)]
    if len(wrong):
        message = f"label {wrong[0]} is not in {lowest}..{num_classes - 1}"
        raise InvalidInput(message)
