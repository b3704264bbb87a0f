"""The logs that this broker hosts, as handlers may ask them.

Handlers never meet the core: whoever makes the Context brings these (see node/core_logs.py), and
says a refusal in the protocol's own codes.
"""

from __future__ import annotations

from typing import Protocol

from ottla.wire.errors import ErrorCode


class LogRefused(Exception):
    """A log did not do what was asked; `code` is what the client is told."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


class Found(Protocol):
    """The offset that a time leads to; all are -1 if none does."""

    @property
    def offset(self) -> int:
        """Of the record."""

    @property
    def timestamp_ms(self) -> int:
        """The record's."""

    @property
    def leader_epoch(self) -> int:
        """In which it was written."""


class PartitionLogs(Protocol):
    """Every partition of this broker. All but `size_bytes` raise LogRefused."""

    def find_offset(
        self, topic: str, partition: int, timestamp_ms: int, *, isolation: int
    ) -> Found:
        """What a time leads to, or one of Kafka's negative names for one."""

    def end_of_epoch(self, topic: str, partition: int, leader_epoch: int) -> tuple[int, int]:
        """The largest epoch not above the asked one, and where it ended; -1, -1 if there is
        none.
        """

    def delete_records(self, topic: str, partition: int, offset: int) -> int:
        """Let the log start at `offset`, -1 for the high watermark; where it starts now."""

    def size_bytes(self, topic: str, partition: int) -> int:
        """What its segments take; 0 for a log that can't be reached."""
