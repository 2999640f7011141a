"""ActiveLab: which items to label next, first or again, from labels and model predictions.

    >>> import numpy as np
    >>> pool = Pool(num_classes=2, models=["m"])
    >>> pool.set_labels(["cat", "cat", "dog"], ["ann", "bob", "ann"], [0, 1, 1])
    >>> probs = np.array([[0.6, 0.4], [0.1, 0.9], [0.5, 0.5]])
    >>> pool.set_predictions(["cat", "dog", "eel"], "m", probs)
    >>> scores = pool.refresh().scores
    >>> order = top(scores.activelab_score, scores.item_ids, np.ones(3, dtype=bool), 3)
    >>> [scores.item_ids[at] for at in order]
    ['eel', 'cat', 'dog']

A ``Pool`` takes facts as they come: ``set_labels``, ``set_predictions``, ``set_status``. ``score``
tells of some items at once, ``trust`` of annotators; ``refresh`` fits and scores everything. Who
has all facts at hand builds ``columns`` and calls ``fit`` and ``score``, or ``activelab``, which is
both: a pool's ``refresh`` is nothing else. ``METHODS`` are the ways to order items, ``top`` ranks
them, ``select`` does where some have priority or a quota. Who comes from cleanlab changes one
import: ``activelab.dropin``.

How it is made, from the inside out:

    rows         arithmetic that never mixes items      votes        sparse labels
    statistics   integers that add up                   columns      everything that is known
    calibration  temperatures                           majority     votes, and their ties
    epoch        weights, as in the papers              robust       weights that take evidence
    fit          columns -> epoch                       posterior    labels and models together
    score        columns, epoch -> scores               judgement    what an epoch says of items
    pool         facts -> columns                       pools, joint several of them side by side
    methods, ranking
    trust        what to make of annotators             stopping     what is done, what is wrong yet
    skill        agreement above chance                 strata       priorities and quotas
    dense, quality, tables, dropin

Needs numpy alone; pandas is imported where the drop-in functions return its tables.
"""

from activelab.columns import ABSTENTION, NOTHING, Columns, columns
from activelab.epoch import Epoch, Regime, Stage
from activelab.errors import InvalidInput, UnknownId
from activelab.fit import Mode, fit
from activelab.methods import METHODS, Method
from activelab.pool import Pool, Refresh
from activelab.pools import EXCLUDED, REGISTERED, Pools
from activelab.ranking import top
from activelab.score import ItemScores, activelab, posteriors, score
from activelab.stopping import PROGRESS, Outlook, Progress, done, outlook, progress
from activelab.strata import NO_STRATUM, Strata, select
from activelab.trust import Appraisal, Flag, Trust, appraise

__all__ = [
    "ABSTENTION",
    "EXCLUDED",
    "METHODS",
    "NOTHING",
    "NO_STRATUM",
    "PROGRESS",
    "REGISTERED",
    "Appraisal",
    "Columns",
    "Epoch",
    "Flag",
    "InvalidInput",
    "ItemScores",
    "Method",
    "Mode",
    "Outlook",
    "Pool",
    "Pools",
    "Progress",
    "Refresh",
    "Regime",
    "Stage",
    "Strata",
    "Trust",
    "UnknownId",
    "activelab",
    "appraise",
    "columns",
    "done",
    "fit",
    "outlook",
    "posteriors",
    "progress",
    "score",
    "select",
    "top",
]
