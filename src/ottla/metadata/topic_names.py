"""What a topic may be called. Names collide when they differ only in '.' and '_', for metrics'
sake."""

from __future__ import annotations

from ottla.wire.stored.frame import CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE

TOPIC_NAME_LENGTH_MAX = 249

_INTERNAL = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE})
METADATA_TOPIC = "__cluster_metadata"
METADATA_PARTITION = f"{METADATA_TOPIC}-0"
"""The only one that it has, as its folder is called."""

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def is_internal(name: str) -> bool:
    """Whether the topic belongs to Kafka itself, so that consumers do not match it by pattern."""
    return name in _INTERNAL


def topic_name_problem(name: str) -> str | None:
    """Why the name is no legal topic name, worded as Apache Kafka does; None if it is one."""
    if not name:
        return "the empty string is not allowed"
    if name in (".", ".."):
        return f"'{name}' is not allowed"
    if len(name) > TOPIC_NAME_LENGTH_MAX:
        return (
            f"the length of '{name}' is longer than the max allowed length {TOPIC_NAME_LENGTH_MAX}"
        )
    if not _LEGAL.issuperset(name):
        return (
            f"'{name}' contains one or more characters other than "
            "ASCII alphanumerics, '.', '_' and '-'"
        )
    return None


def has_collision_characters(name: str) -> bool:
    """Whether the name has one of the two characters that metrics can't tell apart."""
    return "." in name or "_" in name


def unified(name: str) -> str:
    """The name with every '.' as '_': two topics may not be equal in this."""
    return name.replace(".", "_")
