"""A chain of references that is too long."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.serdes.contract import Contract, Reference, Registered
from ottla.serdes.errors import BadData
from ottla.serdes.references import DEPTH_MAX, dependencies


class Chain:
    """A registry in which each schema refers to the next one, without an end."""

    def version(self, subject: str, number: int, *, deleted: bool) -> Registered:
        """The schema that refers to the one behind it."""
        return Registered(link(int(subject)))


def link(number: int) -> Contract:
    """One of the chain."""
    return Contract("t", references=[Reference(f"r{number}", str(number + 1), 1)])


def test_a_chain_that_is_too_long_is_told_as_one() -> None:
    """Who has a hundred and one references in a row would be told of a thousand."""
    registry: Any = Chain()
    with pytest.raises(BadData, match=f"more than {DEPTH_MAX} references lead from one schema"):
        dependencies(registry, link(0), "s")
