"""What is labelled: the 1,797 handwritten digits that come with scikit-learn."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

HELD_OUT = 500
"""Items that nobody labels: they say how good a model is."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Items, shuffled: first those that may be labelled, then those held out."""

    items: tuple[str, ...]
    """Each named by its place in scikit-learn's data set."""
    features: npt.NDArray[np.float64]
    """Grey values of 8 x 8 pixels (N, 64)."""
    truth: npt.NDArray[np.int64]
    """Class codes (N,)."""
    classes: tuple[str, ...]

    @classmethod
    def load(cls, *, seed: int) -> "Digits":
        """Load all and shuffle them."""
        features, truth = load_digits(return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(truth))
        return cls(
            items=tuple(f"digit-{place:04d}" for place in order),
            features=features[order],
            truth=truth[order],
            classes=tuple(str(digit) for digit in range(10)),
        )

    @property
    def pool(self) -> tuple[str, ...]:
        """Return the items that may be labelled."""
        return self.items[:-HELD_OUT]

    @property
    def held_out(self) -> tuple[str, ...]:
        """Return the items that may not."""
        return self.items[-HELD_OUT:]

    def true_labels(self) -> dict[str, str]:
        """Return the name of each item's true class."""
        names = [self.classes[code] for code in self.truth]
        return dict(zip(self.items, names, strict=True))

    def save_features(self, file: Path) -> None:
        """Write what a trainer needs; the truth is not in it."""
        np.savez(file, items=np.array(self.items), features=self.features)
