"""What a program leaves unsent when it ends: it is told, for it is lost.

A producer that nobody holds any more goes on sending what it has taken as long as the process
lives. One that is neither closed nor flushed before the end loses the rest.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla.wire.outbox import Outbox

_open: dict[int, Outbox] = {}


def watch(outbox: Outbox) -> None:
    """What is in there at the end is to be told of."""
    _open[id(outbox)] = outbox


def forget(outbox: Outbox) -> None:
    """Its producer was closed, which told of what it did not send."""
    _open.pop(id(outbox), None)


@atexit.register
def _tell() -> None:
    size = sum(outbox.buffered_bytes for outbox in _open.values())
    if size:
        import logging

        logging.getLogger("ottla.client").error(
            "the program ends with %d bytes of records that nobody has acknowledged, and that are "
            "lost: close() the producer, or flush() it, before",
            size,
        )
