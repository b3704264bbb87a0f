"""Who leads the registry, as one instance knows it."""

from __future__ import annotations

from typing import NamedTuple

from ottla.client.membership.classic_events import NO_GENERATION
from ottla.registry.election.identity import Identity


class Leadership(NamedTuple):
    """What an instance knows of who leads.

    A leader that others know may have given up by now: it is for whoever gets a request to look
    whether it leads. Only `is_mine` is a promise.
    """

    leader: Identity | None = None
    """Where writes go; None while nobody knows."""
    is_mine: bool = False
    """Whether this instance leads, and nobody else does."""
    generation: int = NO_GENERATION
    """The group's, in which that was said."""


NOBODY = Leadership()
