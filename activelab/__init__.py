"""ActiveLab: which items to label next, first or again, from labels and model predictions.

    >>> import numpy as np
    >>> pool = Pool(num_classes=2, models=["m"])
    >>> pool.set_labels(["cat", "cat", "dog"], ["ann", "bob", "ann"], [0, 1, 1])
    >>> probs = np.array([[0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
    >>> pool.set_predictions(["cat", "dog", "eel"], "m", probs)
    >>> epoch, scores = pool.refresh()
    >>> order = top(scores.activelab_score, scores.item_ids, np.ones(3, dtype=bool), 3)
    >>> [scores.item_ids[at] for at in order]
    ['eel', 'cat', 'dog']

The batch functions ``fit`` and ``score`` take ``Columns``; ``activelab`` is both in one step. Needs
numpy alone; the drop-in functions of ``activelab.dropin`` import pandas where they return it.
"""

from activelab.columns import ABSTENTION, NOTHING, Columns, columns
from activelab.epoch import Epoch, Regime, Stage
from activelab.errors import InvalidInput
from activelab.fit import fit
from activelab.methods import METHODS, Method
from activelab.pool import EXCLUDED, REGISTERED, Pool, Refresh, Trust
from activelab.ranking import top
from activelab.score import ItemScores, activelab, posteriors, score

__all__ = [
    "ABSTENTION",
    "EXCLUDED",
    "METHODS",
    "NOTHING",
    "REGISTERED",
    "Columns",
    "Epoch",
    "InvalidInput",
    "ItemScores",
    "Method",
    "Pool",
    "Refresh",
    "Regime",
    "Stage",
    "Trust",
    "activelab",
    "columns",
    "fit",
    "posteriors",
    "score",
    "top",
]
