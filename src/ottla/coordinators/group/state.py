"""What one shard of the group coordinator knows: its groups of every kind, and their offsets.

`groups`, `offsets` and `producers` change only when a record is applied. What a group keeps beside
its records is its own affair, and soft; so are `begun`, `questions` and `image`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ottla.coordinators.group.offsets import Offsets
from ottla.coordinators.group.producers import Producers
from ottla.coordinators.group.verifying import Questions
from ottla.coordinators.turn import Turn
from ottla.metadata.image import EMPTY_IMAGE

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.coordinators.group.group import Group
    from ottla.decide import Entropy, Now


class State:
    """On which the rules of groups are functions."""

    __slots__ = (
        "begun",
        "by_commit",
        "config_of",
        "entropy",
        "groups",
        "image",
        "offsets",
        "partition",
        "producers",
        "questions",
    )

    def __init__(
        self,
        config_of: ConfigOf,
        entropy: Entropy,
        by_commit: Callable[[str, int], Group],
        partition: int,
    ) -> None:
        self.partition = partition
        """Which one of `__consumer_offsets` it is."""
        self.config_of = config_of
        """What holds for a group now; it may change with the cluster."""
        self.image = EMPTY_IMAGE
        """Soft: the cluster, as the shard was told of it last."""
        self.entropy = entropy
        self.by_commit = by_commit
        """The group that a commit alone makes."""
        self.groups: dict[str, Group] = {}
        """Every group by its id, whatever its kind: a name is used once."""
        self.begun: dict[str, Group] = {}
        """Soft: groups with somebody on the way in, whose first record is decided and not applied.
        """
        self.offsets = Offsets()
        self.producers = Producers()
        self.questions = Questions()
        """Soft: what is asked about transactions, and who waits for that."""


class ShardTurn(Turn):
    """One decision in the making, on what a shard knows."""

    __slots__ = ("state",)

    def __init__(self, state: State, now: Now, *, fired: bool = False) -> None:
        super().__init__(now, fired=fired)
        self.state = state
