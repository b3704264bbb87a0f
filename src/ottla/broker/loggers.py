"""The levels of this node's loggers, as the resource BROKER_LOGGER: described, set, and given back.

They are the node's own, so no controller is asked, and they are not kept: a node that is started
again has the level of its properties file. Refusals are Apache Kafka 4.3.1's, in its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from ottla.config.alteration import DELETE, OPERATIONS, SET
from ottla.config.whole_number import whole_number
from ottla.controller.topics import TopicError
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context
    from ottla.wire.messages.incremental_alter_configs import (
        AlterableConfig,
        AlterConfigsResource,
    )

ROOT: Final = "root"
LEVELS: Final = ("DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN")


class Loggers(Protocol):
    """The loggers that a node has."""

    def in_force(self) -> Mapping[str, str]:
        """Logger to its level, or that of the one above it."""

    def set(self, name: str, level: str | None) -> None:
        """Let a logger have a level of its own, or None."""


def alter(
    context: Context, resource: AlterConfigsResource, validate_only: bool
) -> tuple[int, str | None]:
    """Set or take away the levels that are named, all of them or none; the error and its text.

    Raises:
        TopicError: one of them can't be.
    """
    _check_node(context, resource.resource_name)
    known = context.loggers.in_force()
    for config in resource.configs:
        _check(config, known)
    if not validate_only:
        for config in resource.configs:
            level = config.value if config.config_operation == SET else None
            context.loggers.set(config.name, level)
    return ErrorCode.NONE, None


def _check_node(context: Context, name: str) -> None:
    node_id = whole_number(name)
    if node_id is None:
        raise TopicError(
            ErrorCode.INVALID_REQUEST, f"Node id must be an integer, but it is: {name}"
        )
    if node_id != context.node_id:
        raise TopicError(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected node id. Expected {context.node_id}, but received {name}",
        )


def _check(config: AlterableConfig, known: Mapping[str, str]) -> None:
    name, operation = config.name, config.config_operation
    if operation not in (SET, DELETE):
        raise TopicError(
            ErrorCode.INVALID_REQUEST,
            f"{OPERATIONS[operation]} operation is not allowed for the BROKER_LOGGER resource",
        )
    if name not in known:
        raise TopicError(ErrorCode.INVALID_CONFIG, f"Logger {name} does not exist!")
    if operation == SET and config.value not in LEVELS:
        raise TopicError(
            ErrorCode.INVALID_CONFIG,
            f"Cannot set the log level of {name} to {config.value} as it is not a supported log "
            f"level. Valid log levels are {', '.join(LEVELS)}",
        )
    if operation == DELETE and name == ROOT:
        raise TopicError(
            ErrorCode.INVALID_REQUEST, "Removing the log level of the root logger is not allowed"
        )
