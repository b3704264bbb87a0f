"""Files that are written or taken away in the background, and who hears that they are.

For what nobody has to wait for before it may go on, such as a snapshot: its `then` is called on the
decision thread, in a later turn, with why the disk refused, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla._core import CoreError
    from ottla._core import Node as Core

Then = Callable[["CoreError | None"], None]


class Writes:
    """What is under way. Used on the decision thread only."""

    __slots__ = ("_core", "_next", "_waiting")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._next = 1
        self._waiting: dict[int, Then] = {}

    def replace(self, path: str, contents: bytes, then: Then) -> None:
        """Put a file in place that nobody changes any more, whole and synced."""
        self._core.replace(self._job(then), path, contents, read_only=True)

    def remove(self, folder: str, paths: Sequence[str], then: Then) -> None:
        """Take files of a folder away, in this order, and none before the names that the folder
        holds are safe.
        """
        self._core.remove_files(self._job(then), folder, paths)

    def written(self, job: int, refused: CoreError | None) -> None:
        """The core says so."""
        self._waiting.pop(job)(refused)

    def _job(self, then: Then) -> int:
        job, self._next = self._next, self._next + 1
        self._waiting[job] = then
        return job
