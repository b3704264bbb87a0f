"""From committed batches to images: keeps metadata transactions apart until they end.

The records between BeginTransactionRecord and EndTransactionRecord appear in the image all at once,
at the offset of the end; those before an AbortTransactionRecord never do. (Only the controller's
bootstrap records are written so today.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ottla.metadata.delta import MetadataDelta, MetadataError
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage
from ottla.wire.stored.metadata import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    EndTransactionRecord,
)


class CommittedBatch(NamedTuple):
    """Metadata records below the high watermark that were appended together.

    A control batch has no records here, but moves the offset too.
    """

    base_offset: int
    last_offset: int
    epoch: int
    timestamp_ms: int
    size_bytes: int
    records: Sequence[Any]


class MetadataLoader:
    """Holds the image and moves it on."""

    __slots__ = ("_pending", "image", "transaction_start")

    def __init__(self, image: MetadataImage = EMPTY_IMAGE) -> None:
        self.image = image
        self.transaction_start: int | None = None
        """The offset of the BeginTransactionRecord whose end was not seen yet."""
        self._pending: list[Any] = []

    def load(self, batches: Iterable[CommittedBatch]) -> MetadataDelta:
        """Apply batches in their order; one delta for all of them, `.image` of which is the image
        from now on.

        Raises:
            MetadataError: the log contradicts itself; the loader stays where it was.
        """
        delta = MetadataDelta(self.image)
        pending, start = list(self._pending), self.transaction_start
        # While a transaction is open the image stays before its start, so that a snapshot of it
        # is not taken for the state at a later offset.
        at = (self.image.offset, self.image.epoch, self.image.timestamp_ms)
        for batch in batches:
            for index, record in enumerate(batch.records):
                kind = type(record)
                if kind is BeginTransactionRecord:
                    if start is not None:
                        raise MetadataError(f"a transaction began at {start} and again")
                    start = batch.base_offset + index
                elif kind is EndTransactionRecord or kind is AbortTransactionRecord:
                    if start is None:
                        raise MetadataError(f"{record!r} with no transaction open")
                    if kind is EndTransactionRecord:
                        for held in pending:
                            delta.replay(held)
                    pending, start = [], None
                elif start is not None:
                    pending.append(record)
                else:
                    delta.replay(record)
            if start is None:
                at = (batch.last_offset, batch.epoch, batch.timestamp_ms)
        self.image = delta.finish(offset=at[0], epoch=at[1], timestamp_ms=at[2])
        self._pending, self.transaction_start = pending, start
        return delta
