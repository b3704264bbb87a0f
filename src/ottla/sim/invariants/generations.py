"""A group's generation never goes back; in one generation a member has one assignment; nobody
commits in a generation that is over.

A generation counts once its assignment was handed out, as it is in the log by then. One that only
formed is known in memory alone: it may come once more when the group is loaded anew, after an end
of the node, or where the disk did not take what was to be written.
"""

from __future__ import annotations

from ottla.sim.invariants.watch import Key, Watch
from ottla.sim.model import Commit
from ottla.sim.violation import held


class Generations(Watch):
    """What the members of a group agree on."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._latest: dict[str, tuple[int, int]] = {}
        """Group to the latest generation that somebody was told, and when."""
        self._synced: dict[str, int] = {}
        """Group to the latest generation whose assignment was handed out."""
        self._assigned: dict[tuple[str, int, str], bytes] = {}
        self._leaders: dict[tuple[str, int], str] = {}

    def joined(self, group: str, generation: int, member_id: str, leads: bool) -> None:
        """A member belongs to a generation."""
        before, since = self._latest.get(group, (0, 0))
        held(
            generation >= before,
            f"group {group} went back from generation {before} to {generation}",
        )
        if generation > before:
            since = self.model.at
        self._latest[group] = (generation, since)
        if leads:
            leader = self._leaders.setdefault((group, generation), member_id)
            held(
                leader == member_id,
                f"group {group} has two leaders in generation {generation}: {leader}, {member_id}",
            )

    def synced(self, group: str, generation: int, member_id: str, assignment: bytes) -> None:
        """A member has its share."""
        share = self._assigned.setdefault((group, generation, member_id), assignment)
        held(
            share == assignment,
            f"group {group}: {member_id} has {share!r} and {assignment!r} in one generation",
        )
        self._synced[group] = max(generation, self._synced.get(group, 0))

    def commit_taken(self, key: Key, commit: Commit, generation: int) -> None:
        """The generation must not have been over when it was sent."""
        latest, since = self._latest.get(key[0], (0, 0))
        held(
            generation >= latest or since >= commit.sent_at,
            f"group {key[0]} took a commit of generation {generation}, though {latest} had begun",
        )

    def stepped(self) -> None:
        """While the disk fails, and until its mend is over, groups may be loaded anew."""
        if self.model.excused:
            self._load(self._synced)

    def ends(self, power_cut: bool) -> None:
        """A generation that was handed out is kept; after a power cut none is."""
        kept = {} if power_cut else self._synced
        self._synced = dict(kept)
        self._load(kept)
        self._assigned = {
            key: share for key, share in self._assigned.items() if key[1] <= kept.get(key[0], 0)
        }

    def _load(self, kept: dict[str, int]) -> None:
        self._latest = {group: (generation, 0) for group, generation in kept.items()}
        self._leaders = {}
