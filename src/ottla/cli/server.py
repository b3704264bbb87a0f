"""Run a node as a server: what kafka-server-start.sh and `ottla up` share.

SIGTERM and SIGINT stop it cleanly, a second one at once. Only here, in commands of our own, does
anything touch signal handlers and the garbage collector.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ottla.cli.running_servers import Announcement
from ottla.errors import OttlaError
from ottla.node.logs import open_logs
from ottla.node.node import Node

if TYPE_CHECKING:
    from types import FrameType

STOP_TIMEOUT_MS = 60_000
GC_THRESHOLDS = (50_000, 20, 50)


class Stop(BaseException):
    """Somebody asked the server to stop."""


class Signals:
    """SIGTERM and SIGINT: noted while the node starts, raised while it runs."""

    def __init__(self) -> None:
        self.asked = False
        self._raises = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def wait(self, node: Node) -> None:
        """Until the node ended by itself, or somebody asks for its end."""
        try:
            self._raises = True
            if not self.asked:
                node.wait()
        except Stop:
            pass
        finally:
            self._raises = False

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and not self._raises:
            os._exit(128 + number)  # asked twice: it is to end now
        self.asked = True
        if self._raises:
            raise Stop


def serve(
    properties: Mapping[str, str],
    *,
    started: Callable[[Node], None],
    log_file: str | None = None,
    quiet: bool = False,
) -> int:
    """Start a node, tell `started`, run until it ends; the exit code.

    Raises:
        OttlaError: it could not be started.
    """
    signals = Signals()
    level = "WARN" if quiet else "INFO"
    logs = open_logs(file=log_file, format=properties.get("ottla.log.format", "text"), level=level)
    node = Node(properties, logs=logs)
    node.start()
    config = node.config
    announcement = None
    try:
        clients = _client_port(node)
        announcement = Announcement(
            node_id=config.node_id,
            roles=tuple(properties.get("process.roles", "").replace(" ", "").split(",")),
            bootstrap=f"localhost:{clients}",
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        if not signals.asked:
            started(node)
        signals.wait(node)
    finally:
        node.stop(STOP_TIMEOUT_MS)
        if announcement is not None:
            announcement.close()
    if node.failure is not None:
        raise OttlaError(f"the node failed: {node.failure}")
    logs.info("stopped cleanly")
    sys.stdout.flush()
    return 0


def _client_port(node: Node) -> int:
    """The port of the first listener that is not the controller's."""
    controllers = node.config.controller_listener_names
    for name, port in node.ports.items():
        if name not in controllers:
            return port
    return 0


def client_port(node: Node) -> int:
    """Where clients connect."""
    return _client_port(node)
