"""ConsumerGroupHeartbeat (KIP-848): refused at once, for there are no such groups here yet.

It is announced all the same, as Apache Kafka does where `group.version` is 0: librdkafka takes a
coordinator that does not announce it for one that is ill, and looks for a better one for ever,
without a word to whoever polls. Versions 0 and 1. Nobody's rights are asked: there is nothing to
learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

TEXT: Final = (
    "This node has no groups of the consumer protocol yet: set group.protocol=classic on the "
    "consumer."
)


def handle(
    _context: Context, _asked: Asked[ConsumerGroupHeartbeatRequest]
) -> ConsumerGroupHeartbeatResponse:
    """Say so in the one error that Apache's client and librdkafka both take as final."""
    return ConsumerGroupHeartbeatResponse(
        error_code=ErrorCode.UNSUPPORTED_VERSION, error_message=TEXT
    )
