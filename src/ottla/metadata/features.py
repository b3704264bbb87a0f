"""Which features a cluster can finalize, at which levels, and what each metadata.version brought.

The levels and dependencies are facts of Apache Kafka 4.3.1. `kraft.version` stands apart: it is
kept by the quorum in control records and never in a FeatureLevelRecord.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

METADATA_VERSION = "metadata.version"
KRAFT_VERSION = "kraft.version"
TRANSACTION_VERSION = "transaction.version"
GROUP_VERSION = "group.version"
ELIGIBLE_LEADER_REPLICAS_VERSION = "eligible.leader.replicas.version"
SHARE_VERSION = "share.version"
STREAMS_VERSION = "streams.version"

METADATA_VERSION_MIN = 7
METADATA_VERSION_MAX = 30
"""The latest that is stable."""
METADATA_VERSION_UNSTABLE = 31
"""The latest of all: with `unstable.feature.versions.enable` clusters may be at it, for tests."""

METADATA_VERSION_NAMES: Mapping[int, str] = {
    7: "3.3-IV3",
    8: "3.4-IV0",
    9: "3.5-IV0",
    10: "3.5-IV1",
    11: "3.5-IV2",
    12: "3.6-IV0",
    13: "3.6-IV1",
    14: "3.6-IV2",
    15: "3.7-IV0",
    16: "3.7-IV1",
    17: "3.7-IV2",
    18: "3.7-IV3",
    19: "3.7-IV4",
    20: "3.8-IV0",
    21: "3.9-IV0",
    22: "4.0-IV0",
    23: "4.0-IV1",
    24: "4.0-IV2",
    25: "4.0-IV3",
    26: "4.1-IV0",
    27: "4.1-IV1",
    28: "4.2-IV0",
    29: "4.2-IV1",
    30: "4.3-IV0",
    31: "4.4-IV0",
}


CHANGED_METADATA = frozenset((7, 8, 11, 13, 14, 15, 17, 23, 30))
"""Levels of metadata.version with records or fields that no older level has."""


class Feature(NamedTuple):
    """One finalizable feature besides metadata.version."""

    name: str
    max_level: int
    default_from: tuple[tuple[int, int], ...]
    """(metadata.version, level): the level that a cluster formatted at that version or later
    gets."""
    dependencies: Mapping[int, Mapping[str, int]]
    """Level to what it needs of other features."""

    def default_level(self, metadata_version: int) -> int:
        """The level that a format at `metadata_version` finalizes when it is not told otherwise."""
        level = 0
        for since, at in self.default_from:
            if metadata_version >= since:
                level = at
        return level


FEATURES: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(KRAFT_VERSION, 1, ((21, 1),), {}),
        Feature(TRANSACTION_VERSION, 2, ((24, 2),), {}),
        Feature(GROUP_VERSION, 1, ((22, 1),), {}),
        Feature(ELIGIBLE_LEADER_REPLICAS_VERSION, 1, ((26, 1),), {1: {METADATA_VERSION: 23}}),
        Feature(SHARE_VERSION, 1, ((28, 1),), {}),
        Feature(STREAMS_VERSION, 1, ((29, 1),), {}),
    )
}


def latest_metadata_version(*, unstable: bool) -> int:
    """What a new cluster begins with, and the most that a node supports."""
    return METADATA_VERSION_UNSTABLE if unstable else METADATA_VERSION_MAX


def supported_features(*, unstable: bool) -> dict[str, tuple[int, int]]:
    """Name to (min, max) of every feature that this node supports, as it registers them."""
    supported = {name: (0, feature.max_level) for name, feature in FEATURES.items()}
    latest = latest_metadata_version(unstable=unstable)
    supported[METADATA_VERSION] = (METADATA_VERSION_MIN, latest)
    return supported


def metadata_version_level(text: str) -> int | None:
    """The level of "4.3-IV0", or of "4.3" and "4.3.1" (the last stable level of that release); None
    if unknown."""
    for level, name in METADATA_VERSION_NAMES.items():
        if name == text:
            return level
    if "-" in text:
        return None
    release = ".".join(text.split(".")[:2])
    known = [
        at
        for at, name in METADATA_VERSION_NAMES.items()
        if name.split("-")[0] == release and at <= METADATA_VERSION_MAX
    ]
    return max(known, default=None)


def level_text(name: str, level: int) -> str:
    """A level as people read it: that of metadata.version with its name."""
    known = METADATA_VERSION_NAMES.get(level) if name == METADATA_VERSION else None
    return f"{level} ({known})" if known else str(level)


def is_lossless(current: int, level: int) -> bool:
    """Whether a cluster at one metadata.version can be at another, lower one: no level from there
    on brought metadata that the lower one could not hold.
    """
    return not any(level < changed <= current for changed in CHANGED_METADATA)


def metadata_transactions_supported(metadata_version: int) -> bool:
    """Whether Begin/EndTransactionRecord may be written (3.6-IV1)."""
    return metadata_version >= 13


def controller_registration_supported(metadata_version: int) -> bool:
    """Whether RegisterControllerRecord may be written (3.7-IV0)."""
    return metadata_version >= 15


def directory_assignment_supported(metadata_version: int) -> bool:
    """Whether partitions carry the directories of their replicas (3.7-IV2)."""
    return metadata_version >= 17


def register_broker_record_version(metadata_version: int) -> int:
    """The RegisterBrokerRecord version that a cluster at this level writes."""
    for since, version in ((30, 4), (17, 3), (8, 2)):
        if metadata_version >= since:
            return version
    return 1


def partition_record_version(metadata_version: int) -> int:
    """The version of both PartitionRecord and PartitionChangeRecord that a cluster at this level
    writes."""
    if metadata_version >= 23:
        return 2
    return 1 if metadata_version >= 17 else 0
