"""A decision that the metadata log did not take: what is left of it when nothing of it happened.

Its records are gone, its replies say KAFKA_STORAGE_ERROR wherever they said that something was
done, and its timers stay, so that what nobody asked for is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.decide import Decision, Reply
from ottla.wire.errors import ErrorCode
from ottla.wire.schema import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR_CODE, ERROR_MESSAGE = "error_code", "error_message"
WHY = "the controller can't write this change to its disk now; its log says why"
"""Where its folders are is nobody else's business."""


def refused(decision: Decision) -> Decision:
    """The same decision, if nothing of it can be written."""
    replies = [Reply(reply.token, _failed(reply.message)) for reply in decision.replies]
    return Decision(replies=replies, timers=decision.timers)


def _failed(message: Any) -> Any:
    for part in _structs(message):
        if getattr(part, ERROR_CODE, None) == ErrorCode.NONE:
            part.error_code = ErrorCode.KAFKA_STORAGE_ERROR
            if hasattr(part, ERROR_MESSAGE):
                part.error_message = WHY
    return message


def _structs(value: Any) -> Iterable[Any]:
    """The structs of a message, it itself first."""
    if isinstance(value, list):
        for item in value:
            yield from _structs(item)
    elif isinstance(value, Struct):
        yield value
        for name in type(value).__fields__:
            yield from _structs(getattr(value, name))
