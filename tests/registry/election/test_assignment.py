"""What the group's leader tells its members, written and read."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from chance import by_chance
from ottla.registry.election.assignment import (
    DUPLICATE_URLS,
    Assignment,
    BadAssignment,
    assignment_of,
)
from ottla.registry.election.identity import Identity

CAPTURED = (
    b'{"error":0,"master":"sr-1-94d06161","master_identity":{"host":"sr-node-1","port":8081,'
    b'"master_eligibility":true,"scheme":"http","version":1},"version":1}'
)
"""What an instance of Confluent's 7.4 tells its group."""


def test_it_is_written_as_confluents() -> None:
    """If this failed, Confluent's instances could not read whom ours has elected."""
    assignment = Assignment(0, "sr-1-94d06161", Identity("sr-node-1", 8081))
    assert assignment.encoded() == CAPTURED
    nobody = b'{"error":1,"master":null,"master_identity":null,"version":1}'
    assert Assignment(DUPLICATE_URLS).encoded() == nobody


@pytest.mark.parametrize(
    ("data", "assignment"),
    [
        (CAPTURED, Assignment(0, "sr-1-94d06161", Identity("sr-node-1", 8081))),
        (b'{"error":0,"version":1}', Assignment()),
        (b'{"version":1,"error":1,"master":null,"master_identity":null}', Assignment(1)),
        (
            b'{"master":"k","master_identity":{"version":2,"karapace_version":"4","host":"a",'
            b'"port":1,"scheme":"http","master_eligibility":true},"error":0}',
            Assignment(0, "k", Identity("a", 1)),
        ),
        (
            b'{"leader":"l","leader_identity":{"host":"a","port":1,"leader_eligibility":true}}',
            Assignment(0, "l", Identity("a", 1)),
        ),
    ],
)
def test_it_is_read_loosely(data: bytes, assignment: Assignment) -> None:
    """If this failed, an instance would not follow whom another registry's has elected."""
    assert assignment_of(data) == assignment


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON"),
        (b"{" * 10_000, "no JSON"),
        (b'"m"', "no JSON object"),
        (b'{"error":"none"}', "error can't be 'none'"),
        (b'{"error":true}', "error"),
        (b'{"master":""}', "master can't be ''"),
        (b'{"master":7}', "master can't be 7"),
        (b'{"master":"m"}', "who is to lead is not said"),
        (b'{"master_identity":{"host":"a","port":1}}', "master can't be None"),
        (b'{"master":"m","master_identity":{"host":"a"}}', "port"),
        (b'{"master":"m","master_identity":"m"}', "an identity is a JSON object, not 'm'"),
    ],
)
def test_what_is_none_is_refused(data: bytes, says: str) -> None:
    """If this failed, an instance would follow, or be, a leader that nobody has elected."""
    with pytest.raises(BadAssignment, match=says):
        assignment_of(data)


@by_chance(st.binary(max_size=200), few=100, many=20_000)
def test_nothing_else_is_raised(data: bytes) -> None:
    """If this failed, bytes of another member could end an instance's part in its group."""
    try:
        found = assignment_of(data)
    except BadAssignment:
        return
    assert assignment_of(found.encoded()) == found
