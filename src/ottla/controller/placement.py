"""Where new replicas go: striped over racks and brokers, so that leaders and replicas spread
evenly.

Each partition takes its brokers rack by rack, one from each, beginning at a random place and one
further for every partition. Brokers that are fenced come last and never lead; brokers with no
usable directory are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.decide import Entropy
    from ottla.metadata.image import Broker


class PlacementError(OttlaError):
    """The replicas asked for can't be placed; worded as Apache Kafka does."""


def place_replicas(
    brokers: Iterable[Broker],
    *,
    partitions: int,
    replication_factor: int,
    entropy: Entropy,
    first_partition: int = 0,
) -> list[tuple[int, ...]]:
    """The replicas of each partition, the leader first.

    Raises:
        PlacementError: too few brokers, or none that is not fenced.
    """
    usable = [broker for broker in brokers if not _all_cordoned(broker)]
    if replication_factor < 1:
        raise PlacementError(
            f"Invalid replication factor {replication_factor}: "
            "the replication factor must be positive."
        )
    if not any(not broker.fenced for broker in usable):
        raise PlacementError(
            "All brokers are currently fenced, or have all their log directories cordoned."
        )
    if replication_factor > len(usable):
        raise PlacementError(
            f"The target replication factor of {replication_factor} cannot be reached because only "
            f"{len(usable)} broker(s) are registered or some brokers have all their log "
            "directories cordoned."
        )
    alive = _striped([broker for broker in usable if not broker.fenced])
    fenced = _striped([broker for broker in usable if broker.fenced])
    start = entropy.below(len(alive))
    placed = []
    for number in range(first_partition, first_partition + partitions):
        first = (start + number) % len(alive)
        # After a whole round the followers shift against the leader, so that pairs vary.
        shift = number // len(alive)
        followers = alive[first + 1 :] + alive[:first]
        if followers:
            shift %= len(followers)
            followers = followers[shift:] + followers[:shift]
        placed.append(tuple([alive[first], *followers, *fenced][:replication_factor]))
    return placed


def _all_cordoned(broker: Broker) -> bool:
    cordoned = broker.cordoned_log_dirs
    return bool(cordoned) and set(broker.log_dirs) <= set(cordoned or ())


def _striped(brokers: Sequence[Broker]) -> list[int]:
    """Broker ids so that neighbours are on different racks where there are racks."""
    racks: dict[str, list[int]] = {}
    for broker in sorted(brokers, key=lambda broker: broker.id):
        racks.setdefault(broker.rack or "", []).append(broker.id)
    queues = [racks[rack] for rack in sorted(racks)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]
