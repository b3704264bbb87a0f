"""Which member is elected."""

from __future__ import annotations

from itertools import permutations

import pytest

from ottla.registry.election.assignment import DUPLICATE_URLS, NO_ERROR, Assignment
from ottla.registry.election.electing import Candidate, elect
from ottla.registry.election.identity import Identity

A, B, C = Identity("a", 8081), Identity("b", 8081), Identity("c", 8081)
GARBAGE = b"\x00garbage"


def members(*identities: Identity | bytes) -> list[Candidate]:
    """m0, m1, ... of these."""
    return [
        Candidate(f"m{at}", one if isinstance(one, bytes) else one.encoded())
        for at, one in enumerate(identities)
    ]


@pytest.mark.parametrize(
    ("joined", "error", "master", "who"),
    [
        ([B], NO_ERROR, "m0", B),
        ([C, A, B], NO_ERROR, "m1", A),
        ([A._replace(is_eligible=False), B], NO_ERROR, "m1", B),
        ([A._replace(is_eligible=False)], NO_ERROR, None, None),
        # Who leads goes on, if it still may.
        ([A, B._replace(is_leader=True), C], NO_ERROR, "m1", B._replace(is_leader=True)),
        ([A, B._replace(is_leader=True, is_eligible=False)], NO_ERROR, "m0", A),
        (
            [A, C._replace(is_leader=True), B._replace(is_leader=True)],
            NO_ERROR,
            "m2",
            B._replace(is_leader=True),
        ),
        # The scheme and the port count, and are compared as text.
        ([Identity("a", 9), Identity("a", 10)], NO_ERROR, "m1", Identity("a", 10)),
        ([Identity("b", 1), Identity("a", 1, "https")], NO_ERROR, "m0", Identity("b", 1)),
        # Two at one URL, may they lead or not.
        ([A, B, A], DUPLICATE_URLS, "m0", A),
        ([A, B, B._replace(is_eligible=False)], DUPLICATE_URLS, "m0", A),
        ([GARBAGE, B], NO_ERROR, "m1", B),
        ([GARBAGE, GARBAGE], NO_ERROR, None, None),
        ([], NO_ERROR, None, None),
    ],
)
def test_who_is_elected(
    joined: list[Identity | bytes], error: int, master: str | None, who: Identity | None
) -> None:
    """If this failed, the leader would depend on which registry's instance leads the group, or on
    the order in which Kafka names them.
    """
    for order in permutations(members(*joined)):
        elected = elect(order)
        assert elected.assignment.error == error
        if error == NO_ERROR:
            assert elected.assignment == Assignment(error, master, who)
        assert len(elected.unreadable) == joined.count(GARBAGE)


def test_the_unreadable_are_named() -> None:
    """If this failed, nobody could find the instance that is broken."""
    (text,) = elect(members(A, GARBAGE)).unreadable
    assert "m1" in text
