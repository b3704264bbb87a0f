"""Looks through the metadata log before it is opened, and refuses what opening would hide.

The core cuts a log at its first fault, as Apache Kafka does. For a torn write that is right: nobody
was told of what it held. But a bad sector in the middle is another thing: the topics that were
created behind it would be gone without a word. What tells them apart: behind a torn write nothing
is whole, or zeros stand where the write should have arrived. Two writes of one turn may reach the
disk in any order, so a whole batch behind such zeros was not promised to anybody either; but where
a leader's first batch follows, or batches of more than one turn, there was a sync before them.

Nothing is changed here: the way out is a command that the error names, typed by a person.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from shlex import quote
from typing import NamedTuple

from ottla._core import Disk, File, Segment, examine_segment
from ottla.errors import OttlaError
from ottla.metadata.topic_names import METADATA_TOPIC

LOG_SUFFIX = ".log"
EPOCH_MAX = (1 << 31) - 1
OFFSET_MAX = (1 << 63) - 1


class MetadataDamaged(OttlaError):
    """Changes of the cluster lie behind damaged bytes of the metadata log."""


class _Found(NamedTuple):
    """One segment, as it was found."""

    path: str
    base_offset: int
    segment: Segment


def refuse_damage(disk: Disk, folder: str, leader_epoch_max: int = EPOCH_MAX) -> None:
    """Look through all segments in the folder; in order, and whole up to a torn end, they pass.

    `leader_epoch_max` is the epoch of quorum-state, which is saved before a batch is written in it.

    Raises:
        MetadataDamaged: there is more behind the first fault, a segment is missing, or quorum-state
            is older than the log.
    """
    try:
        _look_through(disk, folder, leader_epoch_max)
    except MetadataDamaged:
        # A log that is whole by itself is not to be cut: it is quorum-state that is wrong.
        leader_epoch = _look_through(disk, folder, EPOCH_MAX)
        if leader_epoch <= leader_epoch_max:
            raise
        raise MetadataDamaged(
            f"quorum-state in {folder} ends with epoch {leader_epoch_max}, but the log beside it "
            f"was led in epoch {leader_epoch}: that file is older than the log",
            hint="bring back the quorum-state of the same day; where this node is the only voter "
            f"it may be removed: rm {quote(os.path.join(folder, 'quorum-state'))}",
        ) from None


def refuse_emptiness(disk: Disk, folder: str, log_dirs: Iterable[str]) -> None:
    """A log that holds nothing beside partitions that it should know of is lost.

    Raises:
        MetadataDamaged: to start would be to begin anew, and to set every partition aside.
    """
    if any(file.size_bytes for file in disk.list(folder) if _is_segment(file.name)):
        return
    for log_dir in log_dirs:
        name = partition_in(disk, log_dir)
        if name:
            raise MetadataDamaged(
                f"{folder} holds no metadata, though partitions lie in {log_dir} ({name}): the "
                "metadata log of the cluster is lost",
                hint=f"restore {folder} from a backup; to begin a new cluster, format another "
                "folder",
            )


def partition_in(disk: Disk, log_dir: str) -> str:
    """The name of the first partition's folder in a log directory; "" if there is none.

    A folder that only has such a name is none: it holds neither a segment nor a topic's id.
    """
    found = disk.stat(log_dir)
    for entry in disk.list(log_dir) if found is not None and found.is_folder else ():
        name = entry.name
        topic, _, number = name.rpartition("-")
        if not topic or topic == METADATA_TOPIC or not (number.isascii() and number.isdigit()):
            continue
        files = disk.list(os.path.join(log_dir, name)) if entry.is_folder else ()
        if any(file.name == "partition.metadata" or _is_segment(file.name) for file in files):
            return name
    return ""


def _look_through(disk: Disk, folder: str, leader_epoch_max: int) -> int:
    """The epoch of the last whole batch."""
    files = [file for file in disk.list(folder) if _is_segment(file.name)]  # by their names
    paths = [os.path.join(folder, file.name) for file in files]
    next_offset, leader_epoch = (_base_offset(files[0]) if files else 0), 0
    for index, (file, path) in enumerate(zip(files, paths, strict=True)):
        base_offset = _base_offset(file)
        segment = examine_segment(
            disk,
            path,
            next_offset=base_offset,
            leader_epoch=leader_epoch,
            leader_epoch_max=leader_epoch_max,
        )
        found = _Found(path, base_offset, segment)
        if base_offset != next_offset and segment.whole_bytes + segment.later_batches:
            raise _hole(found, next_offset, paths[index:])
        next_offset, leader_epoch = segment.next_offset, segment.leader_epoch
        if segment.blank or segment.torn:
            continue
        if segment.later_batches or any(later.size_bytes for later in files[index + 1 :]):
            raise _damage(found, paths[index + 1 :])
    return leader_epoch


def _base_offset(file: File) -> int:
    return int(file.name.removesuffix(LOG_SUFFIX))


def _is_segment(name: str) -> bool:
    stem = name.removesuffix(LOG_SUFFIX)
    is_offset = len(stem) == 20 and stem.isascii() and stem.isdigit()
    return name != stem and is_offset and int(stem) <= OFFSET_MAX


def _damage(found: _Found, later: list[str]) -> MetadataDamaged:
    segment, path = found.segment, found.path
    behind = f"{segment.later_batches} whole batches follow in it" + (
        f", and {len(later)} more segments" if later else ""
    )
    cut = " && ".join([f"truncate -s {segment.whole_bytes} {quote(path)}", *_removed(later)])
    return MetadataDamaged(
        f"{path} is damaged at byte {segment.whole_bytes}, where offset {segment.next_offset} "
        f"should be; {behind}, with changes of the cluster that would be lost without a word",
        hint="restore the folder from a backup; or copy it, and give up what was changed from "
        f"offset {segment.next_offset} on (topics made since are set aside as -stray): {cut}",
    )


def _hole(found: _Found, next_offset: int, rest: list[str]) -> MetadataDamaged:
    return MetadataDamaged(
        f"{found.path} begins at offset {found.base_offset}, but the segment before it ends at "
        f"{next_offset}: what was between them is missing",
        hint="restore the folder from a backup; or copy it, and give up what was changed from "
        f"offset {next_offset} on (topics made since are set aside as -stray): "
        f"{' && '.join(_removed(rest))}",
    )


def _removed(paths: list[str]) -> list[str]:
    return [f"rm {' '.join(map(quote, paths))}"] if paths else []
