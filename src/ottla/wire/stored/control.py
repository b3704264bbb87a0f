"""Control records: the key says which kind (abort 0, commit 1, and the quorum's own), the value
is the kind's.
"""

from __future__ import annotations

from ottla.wire.schema import Message
from ottla.wire.types import int16, int32


class ControlRecordTypeSchema(Message, versions="0"):
    type: int = int16("0+")


class EndTxnMarker(Message, versions="0"):
    coordinator_epoch: int = int32("0+")
