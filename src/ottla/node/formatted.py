"""What all the folders of a node say together, once each is formatted; they must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ottla.node.lost_meta_properties import holding, way_out
from ottla.node.meta_properties import (
    META_PROPERTIES,
    MetaProperties,
    MetaPropertiesError,
    Unreadable,
    read_meta_properties,
)

if TYPE_CHECKING:
    from ottla._core import Disk
    from ottla.config.broker import BrokerConfig


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


def read_directories(config: BrokerConfig, disk: Disk) -> Directories:
    """What the formatted folders of a node say; they must agree with each other and with `node.id`.

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
            hint="one is a copy of the other, or a link to it: keep only one of them in log.dirs",
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


def _formatted(directory: str, config: BrokerConfig, disk: Disk) -> MetaProperties:
    meta = read_meta_properties(directory, disk)
    if meta is None:
        full = holding(directory, disk)
        state = f"lacks {META_PROPERTIES}, though {full} is in it" if full else "is not formatted"
        raise MetaPropertiesError(f"{directory} {state}", hint=way_out(directory, config, disk))
    return meta
