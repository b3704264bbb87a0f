"""No epoch of a producer id is given to two instances, and none is given that is not above all that
were known when it was asked for; nobody ends a transaction who was known to be fenced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.sim.invariants.watch import Identity, Watch
from ottla.sim.violation import held

if TYPE_CHECKING:
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model, Transaction


class Identities(Watch):
    """Who is who."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._given: dict[tuple[int, int], tuple[Identity, int]] = {}
        """Producer id and epoch to who has them, and since when that is known."""

    def identified(self, identity: Identity, asked_at: int) -> None:
        """From now on they are nobody else's."""
        if self.model.lossy:
            return
        who, producer_id, epoch = identity.instance, identity.producer_id, identity.producer_epoch
        owner, _ = self._given.setdefault((producer_id, epoch), (identity, self.model.at))
        held(
            owner.instance == who,
            f"epoch {epoch} of producer {producer_id} is given to {who}, and is {owner.instance}'s",
        )
        above = [
            of_epoch
            for (of_id, of_epoch), (one, known_at) in self._given.items()
            if of_id == producer_id and known_at < asked_at and one.instance != who
        ]
        before = max(above, default=-1)
        held(
            epoch > before,
            f"{who} is given epoch {epoch} of producer {producer_id}, and {before} was given",
        )

    def transaction_ended(
        self, one: Transaction, who: Identity, asked_at: int, committed: bool
    ) -> None:
        """Nobody had taken its place when it asked."""
        if self.model.lossy:
            return
        later = [
            other.instance
            for other, known_at in self._given.values()
            if other.transactional_id == who.transactional_id
            and other.instance != who.instance
            and known_at < asked_at
            and (other.producer_id, other.producer_epoch) > (who.producer_id, who.producer_epoch)
        ]
        held(not later, f"{one.name} was ended by {who.instance}, whom {later} had fenced")
