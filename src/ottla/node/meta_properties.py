"""`meta.properties`: which cluster, node and directory a folder of logs belongs to; written by
format, last of all.

A folder without it is not formatted. Files of version 0 (from clusters of the ZooKeeper days) are
read as Apache Kafka 4.x reads them, and refused by it and by us at start.
"""

from __future__ import annotations

import os
import time
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from ottla._core import Disk
from ottla.config.properties import parse_properties
from ottla.errors import OttlaError
from ottla.node.refusals import in_words
from ottla.wire.types import uuid_from_text, uuid_text

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig

META_PROPERTIES = "meta.properties"


class MetaPropertiesError(OttlaError):
    """The folders of logs are not (or not alike) formatted."""


class Unreadable(MetaPropertiesError):
    """A disk that fails keeps a folder from being looked at."""


class MetaProperties(NamedTuple):
    """What one folder says of itself."""

    cluster_id: str
    node_id: int
    directory_id: bytes

    def described(self) -> str:
        """As `kafka-storage.sh info` prints it."""
        return (
            f"{{cluster.id={self.cluster_id}, directory.id={uuid_text(self.directory_id)}, "
            f"node.id={self.node_id}, version=1}}"
        )


class Directories(NamedTuple):
    """What all folders of one node say together."""

    cluster_id: str
    node_id: int
    directory_ids: tuple[bytes, ...]
    """In the order of `log_dirs`."""
    log_dirs: tuple[str, ...]
    """`log.dirs`, but for those that are `lost`."""
    lost: dict[str, str]
    """Folders that can't be read, and why; not that of the metadata log."""


def read_meta_properties(directory: str, disk: Disk | None = None) -> MetaProperties | None:
    """What the folder says; None if it is not formatted. Before there is a core there is no `disk`.

    Raises:
        MetaPropertiesError: the file is there but can't be used.
    """
    path = os.path.join(directory, META_PROPERTIES)
    with in_words(Unreadable, hint="log.dirs must name folders that can be read"):
        contents = (disk or Disk()).read(path)
    if contents is None:
        return None
    try:
        values = parse_properties(contents.decode())
    except ValueError as error:
        raise MetaPropertiesError(f"{path} is damaged: {error}", hint=_back(path)) from error
    if "version" not in values and "cluster.id" not in values:
        raise MetaPropertiesError(
            f"{path} is damaged: neither version nor cluster.id is in it",
            hint=_back(path),
        )
    if values.get("version") != "1":
        raise MetaPropertiesError(
            f"{path} has version {values.get('version', '0')}; only version 1 (KRaft) can be used",
            hint="a folder of a ZooKeeper cluster is migrated with Apache Kafka 3.9 first",
        )
    try:
        directory_id = uuid_from_text(values["directory.id"])
        values["cluster.id"].encode()  # half of a surrogate pair has no bytes
        return MetaProperties(values["cluster.id"], int(values["node.id"]), directory_id)
    except (KeyError, ValueError) as error:
        raise MetaPropertiesError(f"{path} lacks or garbles {error}", hint=_back(path)) from None


def _back(path: str) -> str:
    """How to come by a whole file: a start says what belongs in one that is missing."""
    return (
        f"restore it from a backup; or move it away and start again, which says how to write it "
        f"anew: mv {quote(path)} {quote(path + '.damaged')}"
    )


def write_meta_properties(disk: Disk, directory: str, meta: MetaProperties) -> None:
    """Write the file so that it is whole and on disk, or not there."""
    written = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime())
    text = (
        f"#\n#{written}\nnode.id={meta.node_id}\ndirectory.id={uuid_text(meta.directory_id)}\n"
        f"version=1\ncluster.id={escaped(meta.cluster_id)}\n"
    )
    with in_words():
        disk.replace(os.path.join(directory, META_PROPERTIES), text.encode())


def read_directories(config: BrokerConfig, disk: Disk | None = None) -> Directories:
    """What the formatted folders of a node say; they must agree with each other and with `node.id`.

    Before there is a core there is no `disk`.

    Raises:
        MetaPropertiesError: a folder is not formatted, or belongs to another node or cluster; or
            that of the metadata log, or every one, can't be read.
    """
    found: dict[str, MetaProperties] = {}
    lost: dict[str, Unreadable] = {}
    for directory in config.log_dirs:
        try:
            found[directory] = _formatted(directory, config, disk)
        except Unreadable as problem:
            if directory == config.metadata_log_dir:
                raise
            lost[directory] = problem
    if not found:
        raise next(iter(lost.values()))
    first = next(iter(found.values()))
    for directory, meta in found.items():
        if meta.cluster_id != first.cluster_id:
            raise MetaPropertiesError(
                f"{directory} belongs to cluster {meta.cluster_id}, "
                f"but {next(iter(found))} to {first.cluster_id}",
                hint="log.dirs may only name folders of one cluster",
            )
        if meta.node_id != config.node_id:
            raise MetaPropertiesError(
                f"{directory} belongs to node {meta.node_id}, but node.id is {config.node_id}",
                hint="correct node.id, or name this node's own folder in log.dirs",
            )
    ids = tuple(meta.directory_id for meta in found.values())
    if len(set(ids)) < len(ids):
        raise MetaPropertiesError(
            "two folders of log.dirs have the same directory.id",
            hint="one was copied from the other; keep only one of them in log.dirs",
        )
    why = {directory: str(problem) for directory, problem in lost.items()}
    return Directories(first.cluster_id, first.node_id, ids, tuple(found), why)


def metadata_directory_id(config: BrokerConfig, disk: Disk) -> bytes:
    """The id of the folder that holds the metadata log; in a dynamic quorum the voter is known by
    it.

    Raises:
        MetaPropertiesError: the folder is not formatted.
    """
    return _formatted(config.metadata_log_dir, config, disk).directory_id


def _formatted(directory: str, config: BrokerConfig, disk: Disk | None = None) -> MetaProperties:
    meta = read_meta_properties(directory, disk)
    if meta is None:
        from ottla.node.lost_meta_properties import holding, way_out

        full = holding(directory)
        state = f"lacks {META_PROPERTIES}, though {full} is in it" if full else "is not formatted"
        raise MetaPropertiesError(f"{directory} {state}", hint=way_out(directory, config))
    return meta


def escaped(value: str) -> str:
    """A value as Java's property files escape it."""
    return "".join(f"\\{c}" if c in ":=#!\\" else c for c in value)
