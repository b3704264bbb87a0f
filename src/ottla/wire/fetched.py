"""What Fetches brought, for the rooms that do not reach the core.

`Fetched` is what one Fetch brought of one partition: bytes, which of their batches count for this
reader, and how far they were read. A `ConsumerRecord` is made of them only where one is asked for;
a `RecordBatch` never makes any by itself.
"""

from __future__ import annotations

from ottla._core import ConsumerRecord, CoreError, Fetched, RecordBatch, columns_of

UNPACKED_BYTES_MAX = 1 << 30
"""What one batch may unpack to: a few thousand bytes may hold a thousand times as many."""

__all__ = [
    "UNPACKED_BYTES_MAX",
    "ConsumerRecord",
    "CoreError",
    "Fetched",
    "RecordBatch",
    "columns_of",
]
