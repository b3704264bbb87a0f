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

from ottla.config.properties import parse_properties
from ottla.errors import OttlaError
from ottla.node.refusals import in_words
from ottla.wire.types import uuid_from_text, uuid_text

if TYPE_CHECKING:
    from ottla._core import Disk

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


def read_meta_properties(directory: str, disk: Disk) -> MetaProperties | None:
    """What the folder says; None if it is not formatted.

    Raises:
        MetaPropertiesError: the file is there but can't be used.
    """
    path = os.path.join(directory, META_PROPERTIES)
    with in_words(Unreadable, hint="log.dirs must name folders that can be read"):
        contents = disk.read(path)
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


def write_meta_properties(disk: Disk, directory: str, meta: MetaProperties, now_ms: int) -> None:
    """Write the file so that it is whole and on disk, or not there."""
    written = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(now_ms // 1000))
    text = (
        f"#\n#{written}\nnode.id={meta.node_id}\ndirectory.id={uuid_text(meta.directory_id)}\n"
        f"version=1\ncluster.id={escaped(meta.cluster_id)}\n"
    )
    with in_words():
        disk.replace(os.path.join(directory, META_PROPERTIES), text.encode())


def escaped(value: str) -> str:
    """A value as Java's property files escape it."""
    return "".join(f"\\{c}" if c in ":=#!\\" else c for c in value)
