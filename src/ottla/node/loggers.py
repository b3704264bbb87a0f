"""This node's loggers: which there are, and their levels as handlers may see and set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ottla.node.logs import Logs


class Loggers(NamedTuple):
    """Who tells something in a node, each under the name of its module."""

    root: Logs
    cluster: Logs
    coordinators: Logs
    desk: Logs
    engine: Logs
    membership: Logs
    publisher: Logs
    quorum: Logs


def loggers(logs: Logs) -> Loggers:
    """All of them, whose lines go where those of `logs` do; that is the root."""
    return Loggers(logs, *(logs.named(f"ottla.node.{name}") for name in Loggers._fields[1:]))


class NodeLoggers:
    """The loggers of one node (a `broker.loggers.Loggers`); a change is told in the log."""

    __slots__ = ("_logs",)

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def in_force(self) -> Mapping[str, str]:
        """Logger to level, the root first."""
        return self._logs.levels.in_force()

    def set(self, name: str, level: str | None) -> None:
        """Let a logger tell from this level on; None: as the one above it does."""
        levels = self._logs.levels
        before = levels.of(name)
        levels.set(name, level)
        self._logs.info(f"the logger {name} tells from {levels.of(name)} on, before from {before}")
