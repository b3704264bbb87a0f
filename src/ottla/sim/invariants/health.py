"""The node never ends by itself, but where docs/design/faults.md says that a fault ends it."""

from __future__ import annotations

from ottla.sim.invariants.watch import Watch
from ottla.sim.violation import held

ENDED_BY_FAULTS = (
    "NodeFailed: the log directory ",
    "the metadata log failed: syncing ",
    "the metadata log failed: the log is offline after ",
)
"""What a failure says that a disk brought about: a failed sync, or a write to the metadata log that
can't be taken back. Whatever else the metadata log is refused ends no node.
"""


class Health(Watch):
    """It stays up."""

    def stepped(self) -> None:
        """Look whether it lives."""
        node = self.machine.node
        failure = None if node is None else node.failure
        if failure is None:
            return
        held(
            bool(self.model.excused) and any(words in failure for words in ENDED_BY_FAULTS),
            f"the node ended by itself: {failure}",
        )
