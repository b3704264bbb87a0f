"""Which member is to lead the registry: asked of the one member that leads the group.

The rules are those that other registries follow, so that it does not matter whose instance the
group's leader is:

- Only members that say they may (`master_eligibility`) are elected; among them the least URL.
- Whoever says that it has led until now goes on (as Confluent's does with
  `leader.election.sticky`): a member that joins or leaves must not take writes away from a leader
  that is well. If several say so, the least URL of those.
- Members with the same URL are a mistake of whoever started them, for requests that are forwarded
  reach only one of them. All are told so, and nobody leads.
- A member whose identity can't be read is none to elect; it is told like all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ottla.registry.election.assignment import DUPLICATE_URLS, NO_ERROR, Assignment
from ottla.registry.election.identity import BadIdentity, Identity, identity_of


class Candidate(NamedTuple):
    """A member of the group, with the bytes that it joined with."""

    member_id: str
    metadata: bytes


class Elected(NamedTuple):
    """What all members are to be told, and what whoever runs this one may want to know."""

    assignment: Assignment
    unreadable: tuple[str, ...] = ()
    """A sentence for each member whose identity could not be read."""


def elect(candidates: Iterable[Candidate]) -> Elected:
    """Who is to lead. The same members give the same leader, in whatever order they come."""
    known: list[tuple[Identity, str]] = []
    unreadable = []
    for member_id, metadata in candidates:
        try:
            known.append((identity_of(metadata), member_id))
        except BadIdentity as bad:
            unreadable.append(f"member {member_id} does not say who it is: {bad}")
    urls = {identity.url for identity, _ in known}
    error = NO_ERROR if len(urls) == len(known) else DUPLICATE_URLS
    eligible = [one for one in known if one[0].is_eligible]
    leading = [one for one in eligible if one[0].is_leader]
    chosen = min(leading or eligible, key=lambda one: (one[0].url, one[1]), default=None)
    if chosen is None:
        return Elected(Assignment(error), tuple(unreadable))
    identity, member_id = chosen
    return Elected(Assignment(error, member_id, identity), tuple(unreadable))
