"""The protocol's error code for what the core refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla._core import CoreError

_CODES = {
    "unknown-partition": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    "offset-out-of-range": ErrorCode.OFFSET_OUT_OF_RANGE,
    "storage": ErrorCode.KAFKA_STORAGE_ERROR,
}


def error_code(failure: CoreError) -> ErrorCode:
    """The code of a `CoreError`, whose first argument is its kind.

    Raises:
        CoreError: the node is poisoned, or the kind is none that a client could do something about.
    """
    found = _CODES.get(failure.args[0])
    if found is None:
        raise failure
    return found
