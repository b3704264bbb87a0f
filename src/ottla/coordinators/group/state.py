"""What one shard of the group coordinator knows: its groups of every kind, and their offsets.

`groups` and `offsets` change only when a record is applied. What a group keeps beside its records
is its own affair, and soft; so is `begun`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.coordinators.group.offsets import Offsets
from ottla.coordinators.group.turn import Turn

if TYPE_CHECKING:
    from ottla.coordinators.group.config import GroupConfig
    from ottla.coordinators.group.group import Group
    from ottla.decide import Entropy, Now


class State:
    """On which the rules of groups are functions."""

    __slots__ = ("begun", "config", "entropy", "groups", "offsets")

    def __init__(self, config: GroupConfig, entropy: Entropy) -> None:
        self.config = config
        self.entropy = entropy
        self.groups: dict[str, Group] = {}
        """Every group by its id, whatever its kind: a name is used once."""
        self.begun: dict[str, Group] = {}
        """Soft: groups with somebody on the way in, whose first record is decided and not applied.
        """
        self.offsets = Offsets()


class ShardTurn(Turn):
    """One decision in the making, on what a shard knows."""

    __slots__ = ("state",)

    def __init__(self, state: State, now: Now, *, fired: bool = False) -> None:
        super().__init__(now, fired=fired)
        self.state = state
