"""A log directory without `meta.properties`: what to type, with everything filled in that can still
be known.

An empty directory is formatted. One that holds partitions or the metadata log must not be: format
draws a new directory.id, by which neither the voter nor the partitions would be found again. So
its file is written by hand, as it was: the cluster's id lies in the node's other directories, and
the directory's own in the metadata log, as the voter's or as that of the partitions found here.

Nothing is changed here, and whatever can't be read counts as not known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.errors import OttlaError
from ottla.metadata.topic_names import METADATA_PARTITION
from ottla.node.meta_properties import (
    META_PROPERTIES,
    MetaProperties,
    MetaPropertiesError,
    escaped,
    read_meta_properties,
)
from ottla.node.metadata_damage import partition_in
from ottla.wire.types import uuid_text

if TYPE_CHECKING:
    from ottla._core import Disk
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import MetadataImage

CONFIG_FILE = "<config file>"
"""Stands for the server.properties in a hint; who knows its path puts it there."""

NEW_ID = '"$(kafka-storage.sh random-uuid)"'


class _Known(NamedTuple):
    """What a metadata log still tells."""

    image: MetadataImage
    voters: dict[int, bytes]
    """Voter to the id of the directory that its metadata log is in."""


def refuse_full(config: BrokerConfig, disk: Disk, unformatted: list[str]) -> None:
    """Let directories without the file pass that nothing is lost in if they are formatted.

    Raises:
        MetaPropertiesError: one holds partitions or metadata, or its metadata is gone.
    """
    for directory in unformatted:
        inside = holding(directory, disk)
        if inside:
            raise MetaPropertiesError(
                f"{directory} lacks {META_PROPERTIES}, and is not empty: {inside} is in it",
                hint=way_out(directory, config, disk),
            )
        if _is_metadata_lost(directory, config, disk):
            raise MetaPropertiesError(
                f"{directory}, where the metadata of the cluster was, is empty, though the node "
                "has run on its other log directories",
                hint=way_out(directory, config, disk),
            )


def holding(directory: str, disk: Disk) -> str:
    """A partition's folder in this directory, or the metadata log if it was ever led; else ""."""
    folder = os.path.join(directory, METADATA_PARTITION)
    # Format makes the folder, and a checkpoint at offset 0, before anybody leads it.
    found = disk.stat(folder)
    names = _names(folder, disk) if found is not None and found.is_folder else []
    if any(name == "quorum-state" or name.endswith(".log") for name in names):
        return METADATA_PARTITION
    return partition_in(disk, directory)


def way_out(directory: str, config: BrokerConfig, disk: Disk) -> str:
    """What to do about this directory, which has no `meta.properties`."""
    others = _others(directory, config, disk)
    clusters = {meta.cluster_id for meta in others.values()}
    cluster_id = clusters.pop() if len(clusters) == 1 else ""
    if holding(directory, disk):
        own = _directory_id(directory, config, disk, others)
        return _written_by_hand(directory, config.node_id, cluster_id, own)
    if _is_metadata_lost(directory, config, disk):
        return (
            f"bring back what was in {directory}, or the disk that was mounted there: without it "
            "nobody knows the topics of the other folders. For a new cluster name only empty "
            "folders in log.dirs"
        )
    if cluster_id:
        form = f"kafka-storage.sh format -t {quote(cluster_id)} -c {CONFIG_FILE} --ignore-formatted"
        if disk.stat(directory) is None:
            return f"it is not there: mount its disk, or bring it back. To make a new one: {form}"
        return form
    return f"kafka-storage.sh format -t {NEW_ID} -c {CONFIG_FILE}"


def _written_by_hand(
    directory: str, node_id: int, cluster_id: str, directory_id: bytes | None
) -> str:
    path = quote(os.path.join(directory, META_PROPERTIES))
    cluster = quote(escaped(cluster_id)) if cluster_id else NEW_ID
    own = NEW_ID if directory_id is None else uuid_text(directory_id)
    contents = r"'version=1\nnode.id=%s\ncluster.id=%s\ndirectory.id=%s\n'"
    advice = f"bring {path} back from a backup, or write it as it was"
    if not cluster_id:
        advice += " (where the cluster's id is not known any more, a new one will do)"
    return f"{advice}: printf {contents} {node_id} {cluster} {own} > {path}"


def _others(directory: str, config: BrokerConfig, disk: Disk) -> dict[str, MetaProperties]:
    """What the node's other directories say of themselves, as far as it can be read."""
    found = {}
    for other in dict.fromkeys((config.metadata_log_dir, *config.log_dirs)):
        try:
            meta = None if other == directory else read_meta_properties(other, disk)
        except MetaPropertiesError:
            continue
        if meta is not None:
            found[other] = meta
    return found


def _is_metadata_lost(directory: str, config: BrokerConfig, disk: Disk) -> bool:
    """The metadata log would be here and is not, though a node has run on the other folders."""
    return (
        directory == config.metadata_log_dir
        and not holding(directory, disk)
        and any(_was_used(other, disk) for other in config.log_dirs if other != directory)
    )


def _was_used(directory: str, disk: Disk) -> bool:
    written = os.path.join(directory, "recovery-point-offset-checkpoint")
    return bool(holding(directory, disk)) or disk.stat(written) is not None


def _names(folder: str, disk: Disk) -> list[str]:
    return [entry.name for entry in disk.list(folder)]


# ---------------------------------------------------------------------- the directory's id
def _directory_id(
    directory: str, config: BrokerConfig, disk: Disk, others: dict[str, MetaProperties]
) -> bytes | None:
    """The id that this directory had; None if that can't be told."""
    known = _read(os.path.join(config.metadata_log_dir, METADATA_PARTITION), disk)
    node_id: int = config.node_id
    voter = known.voters.get(node_id)
    if directory == config.metadata_log_dir and voter is not None and any(voter):
        return voter
    broker = known.image.brokers.get(node_id)
    taken = {meta.directory_id for meta in others.values()}
    free = [one for one in (broker.log_dirs if broker else ()) if one not in taken]
    named = Counter(_named_by_partitions(_names(directory, disk), known.image, node_id))
    for one, _count in named.most_common():
        if one in free:
            return one
    return free[0] if len(free) == 1 else None


def _named_by_partitions(names: list[str], image: MetadataImage, node_id: int) -> Iterator[bytes]:
    """Where the metadata says that the partitions of these names are."""
    for name in names:
        topic_name, _, number = name.rpartition("-")
        topic = image.topics.by_name.get(topic_name)
        if topic is not None and number.isdigit() and int(number) < len(topic.partitions):
            partition = topic.partitions[int(number)]
            if node_id in partition.replicas:
                yield partition.directory_of(node_id)


def _read(folder: str, disk: Disk) -> _Known:
    """The metadata in a folder that no node has open; nothing, if it can't be read."""
    from ottla._core import CoreError
    from ottla.metadata.image import EMPTY_IMAGE

    try:
        return _replayed(folder, disk)
    except (OSError, OttlaError, CoreError, ValueError):
        return _Known(EMPTY_IMAGE, {})


def _replayed(folder: str, disk: Disk) -> _Known:
    from ottla.metadata.loader import CommittedBatch, MetadataLoader
    from ottla.raft.control_records import decode_control
    from ottla.raft.snapshots import decode_snapshot, parse_snapshot_name
    from ottla.raft.voters import voters_of
    from ottla.wire.stored.frame import decode_metadata_record
    from ottla.wire.stored.raft import VotersRecord

    names = _names(folder, disk)
    control: list[Any] = []
    batches: list[CommittedBatch] = []
    start = 0
    snapshots = sorted(
        (found, name) for name in names if (found := parse_snapshot_name(name)) is not None
    )
    if snapshots:
        snapshot, name = snapshots[-1]
        data = disk.read(os.path.join(folder, name))
        contents = decode_snapshot(data or b"", name)
        start = snapshot.offset
        control += contents.control
        batches.append(CommittedBatch(0, start - 1, snapshot.epoch, 0, 0, contents.records))
    for batch in _batches(folder, names, disk):
        records = [record for record in batch.records if record.offset >= start]
        if batch.is_control:
            control += [decode_control(one.key or b"", one.value or b"") for one in records]
            records = []
        decoded = [decode_metadata_record(one.value or b"")[0] for one in records]
        batches.append(
            CommittedBatch(batch.base_offset, batch.last_offset, batch.leader_epoch, 0, 0, decoded)
        )
    loader = MetadataLoader()
    loader.load(batches)
    voters: dict[int, bytes] = {}
    for message in control:
        if isinstance(message, VotersRecord):
            voters = {voter.id: voter.directory_id for voter in voters_of(message).values()}
    return _Known(loader.image, voters)


def _batches(folder: str, names: list[str], disk: Disk) -> Iterator[Any]:
    """The whole batches of all segments."""
    from ottla._core import examine_segment
    from ottla.wire.records import read_batches

    for name in sorted(name for name in names if name.endswith(".log")):
        path = os.path.join(folder, name)
        base_offset = int(name.removesuffix(".log"))
        segment = examine_segment(
            disk, path, next_offset=base_offset, leader_epoch=0, leader_epoch_max=(1 << 31) - 1
        )
        data = disk.read(path) or b""
        yield from read_batches(data[: segment.whole_bytes])
