"""What an instance makes of the rounds of its group: who leads, and what to tell the others.

It is pure: events of the membership go in, the leadership comes out. What stays true:

- An instance that leads gives that up before it joins a round, not when the round is over. While
  its JoinGroup is under way it hears nothing, and the moment the coordinator has all of them the
  group's leader may tell another one that it leads; that one would not know that we have not heard
  of it yet. Nothing that the leader does in between could be safe.
- An instance that follows goes on knowing the leader during a round, for that one looks for itself
  whether it leads. When the membership is lost, it knows nothing.
- It leads only if the assignment names both its member id and its URL, and it may lead at all.
"""

from __future__ import annotations

from ottla.client.membership.classic_events import Joined, NeedsAssignment, Prepare
from ottla.registry.election.assignment import (
    DUPLICATE_URLS,
    NO_ERROR,
    BadAssignment,
    assignment_of,
)
from ottla.registry.election.electing import Candidate, Elected, elect
from ottla.registry.election.identity import Identity
from ottla.registry.election.leadership import NOBODY, Leadership

PROTOCOL_TYPE, PROTOCOL = "sr", "v0"


class Standing:
    """One instance's, as of the last event."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity._replace(is_leader=False)
        self._claims = False
        """Whether it led until this round began."""
        self.leadership = NOBODY
        """As the group has said; whether the lease holds is not known here."""
        self.trouble: str | None = None
        """Why nobody leads, or somebody can't be elected, if there is a reason to tell."""
        self._unreadable: tuple[str, ...] = ()

    def protocols(self) -> list[tuple[str, bytes]]:
        """What it joins a round with."""
        return [(PROTOCOL, self._identity._replace(is_leader=self._claims).encoded())]

    def prepare(self, event: Prepare, *, holds: bool) -> None:
        """A round is to begin. `holds` says whether the lease of a leader still does: who was the
        leader only by name does not ask for that again.
        """
        was_mine = self.leadership.is_mine
        self._claims = was_mine and holds and not event.lost
        if was_mine or event.lost:
            self.leadership = NOBODY

    def assign(self, event: NeedsAssignment) -> dict[str, bytes]:
        """This member leads its group: what each member is to be told."""
        candidates = [Candidate(one.member_id, one.metadata) for one in event.members]
        elected: Elected = elect(candidates)
        self._unreadable = elected.unreadable
        return dict.fromkeys((one.member_id for one in candidates), elected.assignment.encoded())

    def joined(self, event: Joined) -> None:
        """A round is over."""
        self._claims = False
        if not event.is_leader:
            self._unreadable = ()
        generation = event.generation.generation_id
        leader, self.trouble = self._leader_in(event)
        if self.trouble is None and self._unreadable:
            self.trouble = "; ".join(self._unreadable)
        is_mine = leader is not None and leader.url == self._identity.url
        self.leadership = Leadership(leader, is_mine, generation)

    def left(self) -> None:
        """It is no member any more."""
        self._claims = False
        self.leadership = NOBODY
        self.trouble = None

    def _leader_in(self, event: Joined) -> tuple[Identity | None, str | None]:
        """The leader that a round has found, and else why there is none."""
        try:
            assignment = assignment_of(event.assignment)
        except BadAssignment as bad:
            return None, f"the leader of the group has not said who leads the registry: {bad}"
        master, member_id = assignment.master_identity, event.generation.member_id
        if assignment.error == DUPLICATE_URLS:
            return None, (
                "two instances of the registry say that they are at the same URL, so none of the "
                "group leads; give each its own (--advertise; Options.advertised_host)"
            )
        if assignment.error != NO_ERROR:
            return None, f"the group could not elect a leader: error {assignment.error}"
        # Karapace's names one that may not lead, where nobody may.
        if master is None or not master.is_eligible:
            return None, (
                "no instance of the registry may lead; start one without --follower "
                "(Options.is_eligible)"
            )
        if (assignment.master == member_id) != (master.url == self._identity.url):
            return None, (
                f"{master.url} was elected, which is this instance by its "
                f"{'id' if assignment.master == member_id else 'URL'} alone; if another instance "
                "has the same URL, give each its own"
            )
        if master.url == self._identity.url and not self._identity.is_eligible:
            return None, "this instance was elected, and may not lead (--follower)"
        return master._replace(is_leader=True), None
