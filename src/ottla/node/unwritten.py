"""A decision that the metadata log did not take: what is left of it when nothing of it happened.

Its records are gone, its replies say an error wherever they said that something was done, and its
timers stay, so that what nobody asked for is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.decide import Decision, Reply
from ottla.raft.metadata_log import BatchTooLarge, Unappended
from ottla.wire.errors import ErrorCode
from ottla.wire.schema import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR_CODE, ERROR_MESSAGE = "error_code", "error_message"
NOT_NOW = "the controller can't write this change to its disk now; its log says why"
"""Where its folders are is nobody else's business."""
TOO_LARGE = "this change is too large to be made at once: ask for it in parts"


def refused(decision: Decision, problem: Unappended) -> Decision:
    """The same decision, if nothing of it can be written."""
    failure = (ErrorCode.KAFKA_STORAGE_ERROR, NOT_NOW)
    if isinstance(problem, BatchTooLarge):
        failure = (ErrorCode.UNKNOWN_SERVER_ERROR, TOO_LARGE)
    replies = [Reply(reply.token, _failed(reply.message, *failure)) for reply in decision.replies]
    return Decision(replies=replies, timers=decision.timers)


def _failed(message: Any, error: ErrorCode, text: str) -> Any:
    for part in _structs(message):
        if getattr(part, ERROR_CODE, None) == ErrorCode.NONE:
            part.error_code = error
            if hasattr(part, ERROR_MESSAGE):
                part.error_message = text
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
