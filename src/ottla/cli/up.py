"""`ottla up`: a node for this machine, formatted if it is new, with nothing to configure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ottla.cli.options import Command, Option, Parsed, UsageError
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.server import Signals

PORT = 9092
DIR = "ottla-data"

COMMAND = Command(
    "ottla up",
    "start a Kafka node here; Ctrl-C stops it",
    (
        Option(
            "--port",
            f"Where clients connect; {PORT} if left out, 0 for any free one.",
            "port",
            number=True,
        ),
        Option("--dir", f"Where records are kept; ./{DIR} if left out.", "folder"),
        Option("--dev", "Keep nothing: a temporary folder, removed at the end."),
        Option(
            "--advertise",
            "Listen on all interfaces and tell clients to come to this address.",
            "host[:port]",
        ),
        Option("--json", "Say where to connect as one line of JSON."),
        Option("--verbose", "Print the node's log."),
    ),
    (
        ("a node at localhost:9092, its data in ./ottla-data", "ottla up"),
        ("a node that leaves nothing behind", "ottla up --dev"),
        ("one that other machines reach", "ottla up --advertise 192.168.1.20"),
    ),
    ((0, "stopped cleanly"), (1, "it could not start; the reason is printed")),
    words="",
    help_exit_code=0,
)


def main(parsed: Parsed) -> int:
    """Serve until somebody asks for the end."""
    if parsed.words:
        raise UsageError(f"'{parsed.words[0]}' is no option of ottla up")
    parsed.not_together("--dev", "--dir")
    if not parsed.has("--dev"):
        return _up(parsed, os.path.abspath(parsed.text("--dir") or DIR))
    from ottla.cli.server import Signals
    from ottla.node import temporary

    signals = Signals()  # from here on none ends the process before the folder is gone again
    temporary.sweep()
    folder = temporary.make_folder(in_memory=False)
    try:
        return _up(parsed, folder, signals)
    finally:
        temporary.remove(folder)


def _up(parsed: Parsed, folder: str, signals: Signals | None = None) -> int:
    from ottla.cli.server import client_port, flush_terminal, serve
    from ottla.node.format import ensure_formatted
    from ottla.node.node import Node

    properties = _properties(parsed, folder)
    is_new = not os.path.exists(folder)
    os.makedirs(folder, exist_ok=True)
    ensure_formatted(properties)

    def started(node: Node) -> None:
        host = parsed.text("--advertise", "localhost") or "localhost"
        where = host if _has_port(host) else f"{host}:{client_port(node)}"
        if parsed.has("--json"):
            import json

            row = {"bootstrap_servers": where, "dir": folder, "pid": os.getpid()}
            flush_terminal(json.dumps(row) + "\n")
        else:
            kept = "nothing is kept" if parsed.has("--dev") else f"data in {folder}"
            flush_terminal(f"Kafka is ready at {where} ({kept}; Ctrl-C stops it)\n")

    try:
        quiet = not parsed.has("--verbose")
        return serve(properties, started=started, quiet=quiet, signals=signals)
    except OttlaError as error:
        from ottla.node.folder_lock import FolderInUse
        from ottla.node.node import Unbound

        if isinstance(error, Unbound):
            if is_new:  # nobody wrote a record to it
                import shutil

                shutil.rmtree(folder, ignore_errors=True)
            error.hint = "--port names another port, --port 0 takes any free one"
        elif isinstance(error, FolderInUse):
            error.hint = f"{error.hint} with --dir"
        raise
    finally:
        flush_terminal()


def _properties(parsed: Parsed, folder: str) -> dict[str, str]:
    port = parsed.number("--port", PORT)
    assert port is not None
    if not 0 <= port < 65536:
        raise UsageError(f"--port takes 0 to 65535, not {port}")
    advertised = parsed.text("--advertise")
    host = "127.0.0.1" if advertised is None else "0.0.0.0"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:0",
        "controller.quorum.bootstrap.servers": "127.0.0.1:9093",
        "log.dirs": folder,
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    if advertised is not None:
        _check_address(advertised)
        if not _has_port(advertised):
            if port == 0:
                raise UsageError("--advertise needs a port when --port is 0")
            advertised = f"{advertised}:{port}"
        properties["advertised.listeners"] = f"PLAINTEXT://{advertised}"
    return properties


def _check_address(address: str) -> None:
    host, colon, port = address.rpartition(":") if _has_port(address) else (address, "", "1")
    host = host if not host.startswith("[") else host[1:].removesuffix("]").replace(":", ".")
    if not host or set(host) & set(":/[] ,") or (colon and not 0 < int(port) < 65536):
        raise UsageError(
            f"--advertise takes host or host:port, not '{address}'",
            hint="an IPv6 address stands in brackets: [fd00::1]:9092",
        )


def _has_port(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in host or host.endswith("]"))
