"""Small files that are written in the background, and who hears that they are.

For what nobody has to wait for before it may go on, such as a snapshot: its `then` is called on the
decision thread, in a later turn, with why the disk refused, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla._core import CoreError
    from ottla._core import Node as Core

Then = Callable[["CoreError | None"], None]


class Writes:
    """What is being written. Used on the decision thread only."""

    __slots__ = ("_core", "_next", "_waiting")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._next = 1
        self._waiting: dict[int, Then] = {}

    def replace(self, path: str, contents: bytes, then: Then) -> None:
        """Put a file in place that nobody changes any more, whole and synced."""
        job, self._next = self._next, self._next + 1
        self._waiting[job] = then
        self._core.replace(job, path, contents, read_only=True)

    def written(self, job: int, refused: CoreError | None) -> None:
        """The core says so."""
        self._waiting.pop(job)(refused)
