"""Groups that are kept in the same topic but not served here yet: consumer (KIP-848), streams and
share groups.

Their records, which an Apache Kafka node may have written, stay untouched in the log. What is kept
in memory is their keys: which groups there are, of which kind, and whether anybody is in them. So a
name is not used twice, an empty one can be deleted or taken over by a classic group (with
tombstones for every key), and one that is in use is refused by name.
"""

from __future__ import annotations

from typing import Final

from ottla.coordinators.runtime import StoredRecord

_CONSUMER: Final = (8, 7, 5, 16, 6, 4, 3)
_STREAMS: Final = (22, 21, 19, 20, 23, 17)
_SHARE: Final = (14, 13, 10, 12, 15, 11)
_KINDS: Final = {"consumer": _CONSUMER, "streams": _STREAMS, "share": _SHARE}
"""Key types of each kind of group, in the order that their tombstones must have for Apache Kafka's
replay.
"""
_KIND_OF: Final = {key_type: kind for kind, types in _KINDS.items() for key_type in types}
_MEMBERS: Final = (5, 19, 10)


class ForeignGroup:
    """One group of another kind: its keys by key type."""

    __slots__ = ("group_id", "keys", "kind")

    def __init__(self, group_id: str, kind: str) -> None:
        self.group_id = group_id
        self.kind = kind
        self.keys: dict[int, set[bytes]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in the group."""
        return not any(self.keys.get(key_type) for key_type in _MEMBERS)

    @property
    def state(self) -> str:
        """What ListGroups says of it, as far as the records alone tell."""
        return "Empty" if self.is_empty else "Stable"

    def tombstones(self) -> list[StoredRecord]:
        """The end of the group: one for every key."""
        return [
            StoredRecord(key, None)
            for key_type in _KINDS[self.kind]
            for key in sorted(self.keys.get(key_type, ()))
        ]


def apply(
    groups: dict[str, ForeignGroup], group_id: str, key_type: int, record: StoredRecord
) -> None:
    """Take note of one record of another kind of group."""
    kind = _KIND_OF[key_type]
    group = groups.get(group_id)
    if record.value is None:
        if group is not None:
            keys = group.keys.get(key_type, set())
            keys.discard(record.key)
            if not any(group.keys.values()):
                del groups[group_id]
        return
    if group is None or group.kind != kind:
        group = groups[group_id] = ForeignGroup(group_id, kind)
    group.keys.setdefault(key_type, set()).add(record.key)
