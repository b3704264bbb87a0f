"""What must be so after every step, one a file.

`Invariants` hands on what clients and audits see. An invariant that does not hold raises a
Violation, which ends the run; the seed brings it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants.commits import Commits
from ottla.sim.invariants.compaction import Compaction
from ottla.sim.invariants.durable import Durable
from ottla.sim.invariants.fetches import Fetches
from ottla.sim.invariants.generations import Generations
from ottla.sim.invariants.health import Health
from ottla.sim.invariants.identities import Identities
from ottla.sim.invariants.metadata import Metadata
from ottla.sim.invariants.records import Records
from ottla.sim.invariants.stable import Stable
from ottla.sim.invariants.transactions import Transactions
from ottla.sim.invariants.watch import Ask, Watch
from ottla.sim.invariants.watermarks import Watermarks
from ottla.sim.stored import whole

if TYPE_CHECKING:
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model, Partition


class Invariants(Watch):
    """All of them."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        kinds = (
            Health,
            Metadata,
            Records,
            Durable,
            Compaction,
            Fetches,
            Watermarks,
            Commits,
            Generations,
            Stable,
            Transactions,
            Identities,
        )
        self.all: list[Watch] = [kind(machine, model) for kind in kinds]

    def __getattribute__(self, name: str) -> Any:
        """What a Watch hears goes to each; `fetched` brings the batches with it."""
        if name in _HEARD:
            return lambda *heard: [getattr(one, name)(*heard) for one in self.all]
        return super().__getattribute__(name)

    def read(self, partition: Partition, ask: Ask, row: Any) -> int:
        """A consumer's answer; the position after it."""
        batches = list(whole(row.records or b""))
        self.fetched(partition, ask, row, batches)
        return batches[-1].last_offset + 1 if batches else ask.position


_HEARD = frozenset(
    name for name in vars(Watch) if not name.startswith("_") and callable(getattr(Watch, name))
)
