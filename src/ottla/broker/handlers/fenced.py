"""How a fenced producer hears of it: clients from before KIP-588 know one error for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ottla.wire.errors import ErrorCode

FENCED_FROM: Final = 2
"""The version of EndTxn, AddOffsetsToTxn and AddPartitionsToTxn from which on their clients know
PRODUCER_FENCED.
"""


def fenced_before(known_from: int, version: int) -> Callable[[Any], Any] | None:
    """What a response becomes for a request of this version, if PRODUCER_FENCED is known from a
    later one on.
    """
    if version >= known_from:
        return None

    def finish(response: Any) -> Any:
        if response.error_code == ErrorCode.PRODUCER_FENCED:
            response.error_code = ErrorCode.INVALID_PRODUCER_EPOCH
        return response

    return finish
