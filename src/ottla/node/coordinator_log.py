"""An internal topic's partitions as its coordinator reaches them: the core's own logs.

What the core refuses is told in the coordinators' own words, as far as they know what to do about
it: a log that is missing is not tried again before it is open, one that fails is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.coordinators.log import AppendFailed, LogMissing, LogOffline, LogUnavailable
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla._core import Node as Core


class CoreLog:
    """One internal topic in the core, as coordinators reach it."""

    __slots__ = ("_core", "_topic")

    def __init__(self, core: Core, topic: str) -> None:
        self._core = core
        self._topic = topic

    def append(self, partition: int, batch: bytes, transaction_version: int = 0) -> int:
        """Append one batch; the offset of its last record."""
        try:
            appended = self._core.append(
                self._topic, partition, batch, transaction_version=transaction_version
            )
        except CoreError as problem:
            raise AppendFailed(problem.text, ErrorCode(problem.error_code)) from problem
        return appended.last_offset

    def read(self, partition: int, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on, up to the log end."""
        try:
            return self._core.read(self._topic, partition, offset, bytes_max, to_log_end=True)
        except CoreError as problem:
            raise _unavailable(problem) from problem

    def ends(self, partition: int) -> tuple[int, int]:
        """(log start offset, log end offset)."""
        try:
            offsets = self._core.partition_offsets(self._topic, partition)
        except CoreError as problem:
            raise _unavailable(problem) from problem
        return offsets.log_start, offsets.log_end

    def high_watermark(self, partition: int) -> int:
        """The high watermark; a turn follows when it is free, if somebody holds the partition."""
        try:
            offsets = self._core.partition_offsets(self._topic, partition, lately=True)
        except CoreError as problem:
            raise _unavailable(problem) from problem
        return offsets.high_watermark


def _unavailable(problem: CoreError) -> Exception:
    """What coordinators know of a log that can't be read; a node that ends is another matter."""
    if problem.kind in ("unknown-partition", "not-leader"):
        return LogMissing(problem.text)
    if problem.kind == "offline":
        return LogOffline(problem.text)
    if problem.kind in ("storage", "offset-out-of-range"):
        return LogUnavailable(problem.text)
    return problem
