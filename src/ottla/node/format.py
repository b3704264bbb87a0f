"""Formats a node's folders: what `kafka-storage.sh format` does, and what an embedded broker does
for a new folder.

Each folder gets `bootstrap.checkpoint` (the features that a new cluster begins with) and
`meta.properties`; the metadata folder of a dynamic quorum's voter also the 0-0 checkpoint with the
voters. `meta.properties` is written last, so that a folder counts as formatted only when it is
whole: one that was left half way is formatted anew. Folders are locked meanwhile, as a node locks
them. The contents equal those of Apache Kafka 4.3.1, which starts on such a folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla._core import Disk
from ottla.config.broker import BrokerConfig
from ottla.errors import OttlaError
from ottla.metadata.features import (
    FEATURES,
    KRAFT_VERSION,
    METADATA_VERSION,
    METADATA_VERSION_MAX,
    METADATA_VERSION_NAMES,
    latest_metadata_version,
)
from ottla.metadata.topic_names import METADATA_PARTITION
from ottla.node.folder_lock import locked
from ottla.node.host_name import host_name
from ottla.node.lost_meta_properties import refuse_full
from ottla.node.meta_properties import (
    META_PROPERTIES,
    MetaProperties,
    MetaPropertiesError,
    Unreadable,
    read_meta_properties,
    write_meta_properties,
)
from ottla.node.refusals import DiskRefused, in_words
from ottla.raft.snapshots import (
    BOOTSTRAP_SNAPSHOT,
    SnapshotError,
    decode_snapshot,
    encode_snapshot,
    snapshot_name,
)
from ottla.raft.voters import Voter, VoterSet
from ottla.wire.stored.metadata import FeatureLevelRecord
from ottla.wire.types import uuid_text

if TYPE_CHECKING:
    from ottla.decide import Entropy

BOOTSTRAP_CHECKPOINT = "bootstrap.checkpoint"

Versioned = tuple[Any, int]


class FormatError(OttlaError):
    """The folders can't be formatted as asked."""


class AlreadyFormatted(FormatError):
    """A folder is formatted already, and nobody said to leave such folders be."""


class Formatted(NamedTuple):
    """One folder that was formatted; `kind` is Apache Kafka's word for it."""

    directory: str
    kind: str


# ---------------------------------------------------------------------- features
def bootstrap_records(
    metadata_version: int = METADATA_VERSION_MAX, levels: Mapping[str, int] | None = None
) -> list[Versioned]:
    """The feature records that a new cluster begins with; `levels` replace the defaults.

    Raises:
        FormatError: a feature or level is unknown, or depends on what is not there.
    """
    chosen = {
        name: feature.default_level(metadata_version)
        for name, feature in FEATURES.items()
        if name != KRAFT_VERSION
    }
    for name, level in (levels or {}).items():
        if name == KRAFT_VERSION:
            continue
        if name not in FEATURES:
            known = ", ".join(sorted(FEATURES))
            raise FormatError(f"Unsupported feature: {name}. Supported features are: {known}")
        if not 0 <= level <= FEATURES[name].max_level:
            raise FormatError(f"No feature:{name} with feature level {level}")
        chosen[name] = level
    chosen[METADATA_VERSION] = metadata_version
    _check_dependencies(chosen)
    records: list[Versioned] = [
        (FeatureLevelRecord(name=METADATA_VERSION, feature_level=metadata_version), 0)
    ]
    records.extend(
        (FeatureLevelRecord(name=name, feature_level=chosen[name]), 0)
        for name in sorted(chosen)
        if name != METADATA_VERSION and chosen[name] > 0
    )
    return records


def _check_dependencies(chosen: Mapping[str, int]) -> None:
    for name, level in chosen.items():
        if name not in FEATURES:
            continue
        for needed, needed_level in FEATURES[name].dependencies.get(level, {}).items():
            if chosen.get(needed, 0) < needed_level:
                raise FormatError(
                    f"{name} could not be set to {level} because it depends on "
                    f"{needed} level {needed_level}",
                    hint=f"add --feature {name}=0, or take a later --release-version",
                )


def bootstrap_bytes(records: Sequence[Versioned], now_ms: int) -> bytes:
    """The contents of `bootstrap.checkpoint`."""
    return encode_snapshot(records, epoch=0, now_ms=now_ms, last_contained_log_timestamp=0)


def read_bootstrap(disk: Disk, directory: str) -> list[Versioned]:
    """The records of a folder's `bootstrap.checkpoint`; the latest defaults if there is no such
    file.

    Raises:
        SnapshotError: it is damaged.
    """
    path = os.path.join(directory, BOOTSTRAP_CHECKPOINT)
    try:
        with in_words():
            data = disk.read(path)
        if data is None:
            return bootstrap_records()
        contents = decode_snapshot(data, path)
    except (DiskRefused, SnapshotError) as error:
        raise SnapshotError(
            str(error),
            hint="restore it, or remove it if this node has run before: it counts only once",
        ) from error
    return list(zip(contents.records, contents.versions, strict=True))


# ---------------------------------------------------------------------- voters
def standalone_voters(config: BrokerConfig, directory_id: bytes) -> VoterSet:
    """The voter set of a quorum of this node alone."""
    names = config.controller_listener_names
    endpoints = tuple(
        (endpoint.listener, endpoint.host or host_name(), endpoint.port)
        for endpoint in config.listeners
        if endpoint.listener in names
    )
    return {config.node_id: Voter(config.node_id, directory_id, endpoints)}


# ---------------------------------------------------------------------- folders
def format_directories(
    config: BrokerConfig,
    cluster_id: str,
    *,
    metadata_version: int | None = None,
    levels: Mapping[str, int] | None = None,
    voters: VoterSet | None = None,
    standalone: bool = False,
    ignore_formatted: bool = False,
    durable: bool = True,
) -> list[Formatted]:
    """Format the folders of a node, the metadata folder first; what was formatted, in that order.

    Without `metadata_version` a cluster begins with the latest. `voters` are the first voters of a
    dynamic quorum; with `standalone` that is this node alone. Neither is given for a static quorum,
    or for a node that joins a quorum later. Without `durable` nothing is synced.

    Raises:
        AlreadyFormatted: a folder is formatted, and `ignore_formatted` is off.
        FormatError: the features don't fit, or a folder belongs to another cluster or node.
        MetaPropertiesError: an unformatted folder holds what formatting would take away.
        FolderInUse: a folder is being formatted by somebody else.
        OSError: a folder can't be written.
    """
    latest = latest_metadata_version(unstable=config.unstable_features)
    level = latest if metadata_version is None else metadata_version
    if level > latest:
        raise FormatError(
            f"{METADATA_VERSION} {metadata_version_name(level)} is not yet stable.",
            hint="for a test, set unstable.feature.versions.enable=true; such a cluster can't be "
            "upgraded",
        )
    records = bootstrap_records(level, levels)
    disk = Disk(durable=durable)
    _check_known(_known(config, disk), cluster_id, config.node_id, ignore_formatted)
    with locked(_unformatted(config, disk)):
        known = _known(config, disk)
        _check_known(known, cluster_id, config.node_id, ignore_formatted)
        here = standalone_voters if standalone else lambda _config, _directory_id: voters
        return _format(config, known, cluster_id, records, here, disk)


def _format(
    config: BrokerConfig,
    known: Mapping[str, MetaProperties | None],
    cluster_id: str,
    records: Sequence[Versioned],
    first_voters: Callable[[BrokerConfig, bytes], VoterSet | None],
    disk: Disk,
) -> list[Formatted]:
    from ottla.node.entropy import SystemEntropy
    from ottla.node.world import wall_ms

    directories = [directory for directory, meta in known.items() if meta is None]
    refuse_full(config, disk, directories)
    entropy = SystemEntropy()
    return fill(config, directories, cluster_id, records, first_voters, disk, entropy, wall_ms())


def fill(
    config: BrokerConfig,
    directories: Sequence[str],
    cluster_id: str,
    records: Sequence[Versioned],
    first_voters: Callable[[BrokerConfig, bytes], VoterSet | None],
    disk: Disk,
    entropy: Entropy,
    now_ms: int,
) -> list[Formatted]:
    """Write into folders that are there and empty what makes them formatted."""
    checkpoint = bootstrap_bytes(records, now_ms)
    done: list[Formatted] = []
    for directory in directories:
        directory_id = entropy.uuid()
        kind = "data directory"
        here: VoterSet | None = None
        if directory == config.metadata_log_dir:
            here = first_voters(config, directory_id)
            kind = "metadata directory"
            if here is not None:
                mine = here.get(config.node_id)
                kind = f"dynamic metadata {'' if mine is None else 'voter '}directory"
                directory_id = directory_id if mine is None else mine.directory_id
        if here is not None:
            _write_voters(disk, directory, here, now_ms)
        with in_words():
            disk.replace(os.path.join(directory, BOOTSTRAP_CHECKPOINT), checkpoint)
        meta = MetaProperties(cluster_id, config.node_id, directory_id)
        write_meta_properties(disk, directory, meta, now_ms)
        done.append(Formatted(directory, kind))
    return done


def _known(config: BrokerConfig, disk: Disk) -> dict[str, MetaProperties | None]:
    """What is known of every folder but those that a failing disk keeps from being read: they are
    passed over, as in Apache Kafka.
    """
    known: dict[str, MetaProperties | None] = {}
    for directory in _directories(config):
        try:
            known[directory] = read_meta_properties(directory, disk)
        except Unreadable:
            if directory == config.metadata_log_dir:
                raise
    return known


def _unformatted(config: BrokerConfig, disk: Disk) -> list[str]:
    return [directory for directory, meta in _known(config, disk).items() if meta is None]


def _directories(config: BrokerConfig) -> list[str]:
    """All folders of the node, each once, the metadata folder first."""
    return list(dict.fromkeys((config.metadata_log_dir, *config.log_dirs)))


def _check_known(
    known: Mapping[str, MetaProperties | None],
    cluster_id: str,
    node_id: int,
    ignore_formatted: bool,
) -> None:
    for directory, meta in known.items():
        if meta is None:
            continue
        if not ignore_formatted:
            raise AlreadyFormatted(
                f"Log directory {directory} is already formatted. "
                "Use --ignore-formatted to ignore this directory and format the others."
            )
        path = os.path.join(directory, META_PROPERTIES)
        if meta.cluster_id != cluster_id:
            raise FormatError(
                f"Invalid cluster.id in: {path}. Expected {cluster_id}, but read {meta.cluster_id}",
                hint=f"to add folders to that cluster: -t {meta.cluster_id}",
            )
        if meta.node_id != node_id:
            raise FormatError(
                f"Stored node id {meta.node_id} doesn't match previous node id {node_id} in {path}"
            )


def _write_voters(disk: Disk, directory: str, voters: VoterSet, now_ms: int) -> None:
    folder = os.path.join(directory, METADATA_PARTITION)
    contents = encode_snapshot(
        (),
        epoch=BOOTSTRAP_SNAPSHOT.epoch,
        now_ms=now_ms,
        last_contained_log_timestamp=now_ms,
        kraft_version=1,
        voters=voters,
    )
    path = os.path.join(folder, snapshot_name(BOOTSTRAP_SNAPSHOT))
    with in_words():
        disk.make_folder(folder)
        disk.replace(path, contents, read_only=True)
        disk.sync_folder(directory)


def ensure_formatted(properties: Mapping[str, str], *, durable: bool = True) -> str:
    """Format the folders of an embedded node where they are new; gives back the cluster id.

    The node is then a quorum of its own. Folders that are formatted stay as they are, whoever
    formatted them. Without `durable` nothing is synced.

    Raises:
        OttlaError: a property is wrong, a folder belongs to another node or cluster, somebody
            else is formatting it, or it holds data and lacks the file that says whose.
    """
    config, disk = BrokerConfig(properties), Disk(durable=durable)
    unformatted = _unformatted(config, disk)
    if unformatted:
        with locked(unformatted):
            # Somebody else may have formatted them until the lock was ours.
            known = _known(config, disk)
            cluster_id = _cluster_of(known)
            latest = latest_metadata_version(unstable=config.unstable_features)
            records = bootstrap_records(latest)
            here = _no_voters if config.voters else standalone_voters
            _format(config, known, cluster_id, records, here, disk)
            return cluster_id
    return _cluster_of(_known(config, disk))


def _no_voters(_config: BrokerConfig, _directory_id: bytes) -> None:
    """A static quorum's voters are named by its configuration."""


def _cluster_of(known: Mapping[str, MetaProperties | None]) -> str:
    """The cluster that the folders belong to; a new one if none is formatted."""
    from ottla.node.entropy import SystemEntropy

    clusters = {meta.cluster_id for meta in known.values() if meta is not None}
    if len(clusters) > 1:
        raise MetaPropertiesError(
            f"log.dirs names folders of {len(clusters)} clusters",
            hint="log.dirs may only name folders of one cluster",
        )
    return clusters.pop() if clusters else uuid_text(SystemEntropy().uuid())


def metadata_version_name(level: int) -> str:
    """What people call a metadata.version: "4.3-IV0"."""
    return METADATA_VERSION_NAMES.get(level, str(level))
