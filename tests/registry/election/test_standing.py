"""What an instance makes of the rounds of its group."""

from __future__ import annotations

import json

import pytest

from ottla.client.membership.classic_events import (
    Joined,
    JoinedMember,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.events import GroupGeneration
from ottla.registry.election.assignment import DUPLICATE_URLS, Assignment, assignment_of
from ottla.registry.election.identity import Identity, identity_of
from ottla.registry.election.leadership import NOBODY, Leadership
from ottla.registry.election.standing import Standing

ME, OTHER = Identity("b", 8081), Identity("a", 8081)
LED_BY_ME = Leadership(ME._replace(is_leader=True), is_mine=True, generation=1)
LED_BY_OTHER = Leadership(OTHER._replace(is_leader=True), is_mine=False, generation=1)


def joined(
    assignment: Assignment | bytes, *, generation: int = 1, is_leader: bool = False
) -> Joined:
    """A round is over, for the member "me"."""
    data = assignment if isinstance(assignment, bytes) else assignment.encoded()
    return Joined(GroupGeneration("g", "me", None, generation), "v0", is_leader, data)


def standing(assignment: Assignment, identity: Identity = ME) -> Standing:
    """One that has just heard that."""
    found = Standing(identity)
    found.joined(joined(assignment))
    return found


def claims(one: Standing) -> bool:
    """Whether it joins as one that has led."""
    ((name, metadata),) = one.protocols()
    assert name == "v0"
    return identity_of(metadata).is_leader


MINE, OTHERS = Assignment(0, "me", ME), Assignment(0, "other", OTHER)


def test_it_leads_or_follows() -> None:
    """If this failed, nobody would write, or two would."""
    assert Standing(ME).leadership == NOBODY
    assert standing(MINE).leadership == LED_BY_ME
    assert standing(OTHERS).leadership == LED_BY_OTHER
    assert standing(MINE).trouble is standing(OTHERS).trouble is None


def test_who_leads_gives_up_before_a_round() -> None:
    """If this failed, another could be elected while our own JoinGroup is not answered yet."""
    one = standing(MINE)
    one.prepare(Prepare(lost=False, reason=""), holds=True)
    assert one.leadership == NOBODY
    assert claims(one)
    one.joined(joined(MINE, generation=2))
    assert one.leadership == LED_BY_ME._replace(generation=2)
    assert not claims(one)


@pytest.mark.parametrize(("lost", "holds"), [(True, True), (False, False), (True, False)])
def test_who_may_have_been_followed_by_another_claims_nothing(*, lost: bool, holds: bool) -> None:
    """If this failed, one that was out would take writes away from the leader of meanwhile."""
    one = standing(MINE)
    one.prepare(Prepare(lost=lost, reason=""), holds=holds)
    assert one.leadership == NOBODY
    assert not claims(one)


def test_who_follows_knows_the_leader_during_a_round() -> None:
    """If this failed, no write could be forwarded while another instance joins."""
    one = standing(OTHERS)
    one.prepare(Prepare(lost=False, reason=""), holds=True)
    assert one.leadership == LED_BY_OTHER
    assert not claims(one)
    one.prepare(Prepare(lost=True, reason=""), holds=False)
    assert one.leadership == NOBODY


def test_who_has_left_knows_nothing() -> None:
    """If this failed, an instance that ends would still take writes."""
    one = standing(MINE)
    one.left()
    assert one.leadership == NOBODY
    assert not claims(one)


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        (b"nothing", "has not said who leads"),
        (Assignment(), "no instance of the registry may lead"),
        (Assignment(DUPLICATE_URLS, "me", ME), "same URL"),
        (Assignment(9, "me", ME), "error 9"),
        # As Karapace's does where nobody may lead.
        (Assignment(0, "me", ME._replace(is_eligible=False)), "no instance of the registry may"),
        (Assignment(0, "other", ME), "by its URL alone"),
        (Assignment(0, "me", OTHER), "by its id alone"),
    ],
)
def test_nobody_leads_and_it_is_said_why(assignment: Assignment | bytes, says: str) -> None:
    """If this failed, an instance would lead where the group has not elected it, or be silent."""
    one = Standing(ME)
    one.joined(joined(assignment))
    assert one.leadership == Leadership(None, False, 1)
    assert says in (one.trouble or "")
    one.joined(joined(OTHERS))
    assert one.trouble is None


def test_it_does_not_lead_against_its_own_word() -> None:
    """If this failed, a group's leader with other rules could make a read-only instance write."""
    one = standing(MINE, ME._replace(is_eligible=False))
    assert one.leadership.leader is None
    assert "--follower" in (one.trouble or "")


def test_all_members_are_told_the_same() -> None:
    """If this failed, members of one group would follow different leaders."""
    one = Standing(ME)
    rows = [("me", ME.encoded()), ("other", OTHER.encoded()), ("third", b"garbage")]
    members = tuple(JoinedMember(member_id, None, data) for member_id, data in rows)
    generation = GroupGeneration("g", "me", None, 1)
    shares = one.assign(NeedsAssignment(generation, "v0", "me", members, skip=False))
    assert set(shares) == {"me", "other", "third"}
    (told,) = set(shares.values())
    assert assignment_of(told) == OTHERS
    assert json.loads(told)["master"] == "other"
    one.joined(joined(told, is_leader=True))
    assert "third" in (one.trouble or "")
    # Another leads the group now, and has to say so itself.
    one.joined(joined(told, generation=2))
    assert one.trouble is None
