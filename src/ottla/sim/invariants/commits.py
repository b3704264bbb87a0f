"""The last acknowledged commit is what a group reads back, after a kill too; after a power cut it
is one of those that were ever sent.

A value may be read if it was sent, not refused, and not surely followed by another that was
acknowledged before the reader asked.
"""

from __future__ import annotations

from ottla.sim.invariants.watch import Key, Watch
from ottla.sim.model import Commit
from ottla.sim.violation import held

NONE = -1
"""What is read where nothing is committed."""


class Commits(Watch):
    """Offsets that groups rely on."""

    def _of(self, key: Key) -> list[Commit]:
        return self.model.commits.setdefault(key, [Commit(NONE, 0, 0, sure=True)])

    def commit_sent(self, key: Key, commit: Commit) -> None:
        """It may be so from now on."""
        self._of(key).append(commit)
        self.model.every_commit.setdefault(key, [NONE]).append(commit.value)

    def commit_taken(self, key: Key, commit: Commit, generation: int) -> None:
        """It is so, unless another follows."""
        commit.acked_at, commit.sure = self.model.at, True

    def commit_refused(self, key: Key, commit: Commit) -> None:
        """It never will be so."""
        commits = self._of(key)
        if commit in commits:
            commits.remove(commit)

    def commit_read(self, key: Key, value: int, asked_at: int) -> None:
        """It must be one of those that may be so."""
        commits = self._of(key)
        latest = max(
            (c.sent_at for c in commits if c.sure and (c.acked_at or 0) < asked_at), default=0
        )
        allowed = [c for c in commits if c.acked_at is None or c.acked_at >= latest]
        held(
            any(commit.value == value for commit in allowed),
            f"group {key[0]} reads {value}, where {sorted(c.value for c in allowed)} may be",
        )

    def ends(self, power_cut: bool) -> None:
        """Whatever was on its way has come about by now, or never will."""
        now = self.model.at
        for key, commits in self.model.commits.items():
            if power_cut:
                values = self.model.every_commit.get(key, [NONE])
                self.model.commits[key] = [Commit(value, now, now) for value in values]
            for commit in commits:
                if commit.acked_at is None:
                    commit.acked_at = now
