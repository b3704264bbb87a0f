"""What was decided."""

from __future__ import annotations

from typing import Any, NamedTuple

from ottla.registry.stored import Entry


class Decision(NamedTuple):
    """Records to be written in this order, and the JSON that is answered when they are there.

    With no record nothing changes, and the answer is as true as the state.
    """

    entries: tuple[Entry, ...]
    answer: Any
    status: int = 200
