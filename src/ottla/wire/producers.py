"""Numbers of producers, and of their transactions, that messages and records have in common."""

from __future__ import annotations

from typing import Final

NO_PRODUCER_ID: Final = -1
NO_EPOCH: Final = -1
EPOCH_MAX: Final = (1 << 15) - 1
"""The last epoch of a producer id; it is for who fences its producer."""

NEXT_IDS_LEVEL: Final = 1
"""From this level of transaction.version on records tell the producer ids before and after."""
EPOCH_BUMPS_LEVEL: Final = 2
"""From this one on every end of a transaction has an epoch of its own, which its markers carry, and
who leads a partition enters it into the transaction (KIP-890).
"""
