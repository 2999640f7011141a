"""Canonical: what a model says, over a project's classes. Pure."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt


def canonical(
    given: npt.NDArray[np.float32], classes: tuple[str, ...], listed: tuple[str, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return predictions over the project's classes, and which of them have mass there.

    ``given`` is (n, C) over ``classes``; the first result is (n, K) over ``listed``. A listed
    class that is missing has p = 0, one that is there twice the float32 sum, in order; mass on
    unlisted classes is dropped and the rest renormalised in float64.

    >>> canonical(np.array([[.5, .25, .25]], "f4"), ("a", "b", "c"), ("c", "a"))[0].round(3)
    array([[0.333, 0.667]], dtype=float32)
    """
    source, target, whole = placed(classes, listed)
    kept = np.ascontiguousarray(given[:, source])  # so that a row's sum has one order
    alive = np.ones(len(given), np.bool_)
    if not whole:
        mass = kept.sum(axis=1, dtype=np.float64)
        alive = mass > 0
        kept = (kept / np.where(alive, mass, 1.0)[:, None]).astype(np.float32)
    pred_probs = np.zeros((len(given), len(listed)), np.float32)
    if len(set(target.tolist())) == len(target):
        pred_probs[:, target] = kept
    else:
        np.add.at(pred_probs.T, target, kept.T)
    return pred_probs, alive


@lru_cache(maxsize=1024)
def placed(
    classes: tuple[str, ...], listed: tuple[str, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], bool]:
    """Return where listed classes stand among ``classes`` and in the list; whether all are."""
    codes = {name: code for code, name in enumerate(listed)}
    pairs = [(at, codes[name]) for at, name in enumerate(classes) if name in codes]
    source, target = np.array(pairs, np.intp).reshape(-1, 2).T
    return source, target, len(pairs) == len(classes)
