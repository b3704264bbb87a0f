"""Run a node as a server: what kafka-server-start.sh and `ottla up` share.

SIGTERM, SIGINT and SIGHUP (the terminal was closed) stop it cleanly, a second one at once; a SIGHUP
that is ignored, as nohup does, stays ignored. Only here, in commands of our own, does anything
touch signal handlers, the garbage collector and the limits of the process. The main thread sleeps
in locks, so the signals are heard by a thread of their own (`ottla.cli.signals`).
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from ottla.cli import service_manager
from ottla.cli.run import Failed, refused_by_the_system
from ottla.cli.running_servers import Announcement
from ottla.cli.signals import Listener, not_ignored
from ottla.config import BrokerConfig
from ottla.errors import OttlaError
from ottla.node.logs import Logs, open_logs
from ottla.node.node import Node

if TYPE_CHECKING:
    from ottla.node.http import HttpServer

STOP_TIMEOUT_MS = 60_000
GC_THRESHOLDS = (50_000, 20, 50)


class Service(Protocol):
    """What is served beside a node."""

    @property
    def url(self) -> str:
        """Where."""

    def stop(self) -> None:
        """End it."""


class Signals:
    """What asks for the end, from the moment this is made; asked twice, the process ends now."""

    def __init__(self) -> None:
        self.asked = False
        self._over = Event()
        hangup = not_ignored([signal.SIGHUP])
        self._listener = Listener((signal.SIGTERM, signal.SIGINT, *hangup), self._hear)

    def wait(self, node: Node) -> None:
        """Until the node ended by itself, or somebody asks for its end."""

        def ended() -> None:
            node.wait()
            self._over.set()

        Thread(target=ended, name="node-end", daemon=True).start()
        self.wait_for_word()

    def wait_for_word(self) -> None:
        """Until somebody asks for the end."""
        self._over.wait()

    def _hear(self, number: int) -> None:
        if self.asked:
            os._exit(128 + number)
        self.asked = True
        self._over.set()


def serve(
    properties: Mapping[str, str],
    *,
    started: Callable[[Node], None],
    log: str | None = None,
    quiet: bool = False,
    signals: Signals | None = None,
    beside: Callable[[Node], Service | None] | None = None,
) -> int:
    """Start a node, tell `started`, run until it ends; the exit code. Who has something to tidy up
    after it brings `signals` that were heard since before there was any. `log` is the file that
    what it prints goes to, if whoever starts it knows one; `beside` starts a service on the node.

    Raises:
        OttlaError: it could not be started.
    """
    signals = signals or Signals()
    logs = _logs(properties, quiet)
    raise_descriptor_limit()
    gc.set_threshold(*GC_THRESHOLDS)
    node = Node(properties, logs=logs)
    node.start()
    config = node.config
    with ExitStack() as last, ExitStack() as ends:
        ends.callback(node.stop, STOP_TIMEOUT_MS)
        http = _http(node)
        service = beside(node) if beside is not None else None
        if service is not None:
            ends.callback(service.stop)
        announcement = Announcement(
            node_id=config.node_id,
            roles=tuple(properties.get("process.roles", "").replace(" ", "").split(",")),
            bootstrap=f"localhost:{client_port(node)}",
            folders=config.log_dirs,
            log=config["ottla.log.file"] or log,
            http=http.port if http is not None else None,
            registry=service.url if service is not None else None,
        )
        last.callback(announcement.close)
        if http is not None:
            ends.callback(http.close)
        gc.collect()
        gc.freeze()
        if not signals.asked:
            started(node)
            service_manager.serving(f"clients at port {client_port(node)}")
        signals.wait(node)
        service_manager.stopping()
    if node.failure is not None:
        raise OttlaError(
            f"the node failed: {node.failure}",
            hint="mend what is named there, then start the node again: it recovers what it "
            "acknowledged",
        )
    logs.info("stopped cleanly")
    flush_terminal()
    return 0


def tell_why_it_ended(properties: Mapping[str, str], problem: Exception) -> Failed:
    """Say why a server ends as its log says things, on stderr and in its log file; what is left to
    be raised then tells the hint, last of all.
    """
    error = refused_by_the_system(problem) if isinstance(problem, OSError) else problem
    hint = error.hint if isinstance(error, OttlaError) else _UNEXPECTED
    try:
        config = BrokerConfig(properties)
        format, file = config["ottla.log.format"], config["ottla.log.file"]
    except OttlaError:  # what is wrong with the file may be just that
        format, file = "text", None
    with suppress(OSError):
        if file:
            _write_why(open_logs(file=file, format=format), error, hint)
    _write_why(Logs(_to_stderr, format=format), error, hint if format == "json" else None)
    return Failed("", hint=None if format == "json" else hint)


_UNEXPECTED = "this is a fault of the server itself: please report the lines above"


def _write_why(logs: Logs, error: Exception, hint: str | None) -> None:
    fields = {"hint": hint} if hint else {}
    if isinstance(error, OttlaError):
        for line in str(error).splitlines():
            logs.error(line, **fields)
    else:
        logs.failure("the server can't go on", error)


def _to_stderr(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text)


def flush_terminal(text: str = "") -> None:
    """Out with what was printed and with this, if there is still a terminal to print it on; a
    server does not end for want of one.
    """
    try:
        print(text, end="", flush=True)
    except OSError:
        # Nothing is left to complain, not even the interpreter at its exit.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def raise_descriptor_limit() -> None:
    """As many open files as the system lets this user have, as the JVM does at its start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # macOS says "unlimited" and then refuses it
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _logs(properties: Mapping[str, str], quiet: bool) -> Logs:
    """The server's logs, as the `ottla.log.` keys say."""
    config = BrokerConfig(properties)
    return open_logs(
        file=config["ottla.log.file"],
        format=config["ottla.log.format"],
        level="WARN" if quiet else config["ottla.log.level"],
    )


def _http(node: Node) -> HttpServer | None:
    """/metrics, /livez and /readyz, if `ottla.http.listen` says where."""
    listen = node.config["ottla.http.listen"]
    if not listen:
        return None
    from ottla.metrics import exposition
    from ottla.node.http import HttpServer, Watched

    node.measures()  # loads what that needs now: later there may be no descriptor to do it with

    watched = Watched(
        metrics=lambda: exposition(node.measures(), node.client_metrics(), node.series()),
        live=lambda: node.failure or "",
        ready=node.unready,
    )
    server = HttpServer(listen, watched)
    server.start()
    node.logs.info(f"/metrics, /livez and /readyz are on port {server.port}")
    return server


def client_port(node: Node) -> int:
    """Where clients connect: the port of the first listener that is not the controller's."""
    controllers = node.config.controller_listener_names
    for name, port in node.ports.items():
        if name not in controllers:
            return port
    return 0
