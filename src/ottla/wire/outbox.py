"""Records on their way into batches, for the rooms that do not reach the core.

`Outbox` encodes a record once, when it is put in, and seals its batch when that is taken. It has no
connection and no clock; `client/producing/sending.py` says what is taken when, and what came of it.
"""

from __future__ import annotations

from ottla._core import Delivery, Outbox, SentBatch, partition_of, restamp_batch, split_batch

__all__ = ["Delivery", "Outbox", "SentBatch", "partition_of", "restamp_batch", "split_batch"]
