"""What runs between a start and a stop."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Running(ABC):
    """Runs between ``start`` and ``stop``, or in a ``with`` block."""

    @abstractmethod
    def start(self) -> None:
        """Start, or leave nothing behind and raise."""

    @abstractmethod
    def stop(self) -> None:
        """Stop where it runs, and wait until it is gone."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
