"""Growing columns: numpy arrays that double."""

import numpy as np
import numpy.typing as npt

from activelab.rows import Array


class Column:
    """A column ``(n,)``, or ``(n, width)``, whose new rows hold ``fill``."""

    __slots__ = ("_fill", "_rows", "_size")

    def __init__(self, dtype: npt.DTypeLike, *, fill: int = 0, width: int | None = None) -> None:
        shape = (0,) if width is None else (0, width)
        self._rows: Array = np.empty(shape, dtype=dtype)
        self._fill = fill
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Array:
        """The rows there are: a view, to read and to write until the column grows."""
        return self._rows[: self._size]

    def extend(self, size: int) -> None:
        """Grow to ``size`` rows."""
        if size > len(self._rows):
            grown = np.empty(
                (max(size, 2 * len(self._rows)), *self._rows.shape[1:]), self._rows.dtype
            )
            grown[: self._size] = self.rows
            self._rows = grown
        if size > self._size:
            self._rows[self._size : size] = self._fill
            self._size = size
