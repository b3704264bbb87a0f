"""kafka-server-start.sh: run a node from a server.properties, in the foreground or as a daemon."""

from __future__ import annotations

import os
import sys

from ottla.cli.options import Command, Option, Parsed, UsageError
from ottla.cli.run import Failed, run
from ottla.cli.server_properties import load_properties
from ottla.errors import OttlaError

COMMAND = Command(
    "kafka-server-start.sh",
    "run a node; Ctrl-C or SIGTERM stops it cleanly",
    (
        Option("-daemon", "Go to the background once it serves; logs go to logs/kafkaServer.out."),
        Option(
            "--override",
            "A property that counts instead of the file's.",
            "key=value",
            many=True,
        ),
    ),
    (
        (
            "format its folder once",
            'kafka-storage.sh format -t "$(kafka-storage.sh random-uuid)" '
            "-c config/kraft/server.properties",
        ),
        ("run it", "kafka-server-start.sh config/kraft/server.properties"),
        (
            "in the background, on another port",
            "kafka-server-start.sh -daemon config/kraft/server.properties "
            "--override listeners=PLAINTEXT://:9192,CONTROLLER://:9193",
        ),
    ),
    ((0, "stopped cleanly"), (1, "it could not start, or failed; the reason is printed")),
    words="server.properties",
)


def main(parsed: Parsed) -> int:
    """Serve until somebody asks for the end."""
    if len(parsed.words) != 1:
        raise UsageError("give the path of one server.properties")
    properties = load_properties(parsed.words[0], parsed.all("--override"))
    if parsed.has("-daemon"):
        return _daemon(properties)
    return _serve(properties, None)


def _serve(properties: dict[str, str], ready: int | None) -> int:
    from ottla.cli.server import serve
    from ottla.node.node import Node

    def started(node: Node) -> None:
        ports = ", ".join(f"{name}:{port}" for name, port in node.ports.items())
        # Scripts wait for the words "Kafka Server started".
        node.logs.info(f"Kafka Server started (Ottla, node {node.config.node_id}, {ports})")
        if ready is not None:
            os.write(ready, b"+")
            os.close(ready)

    return serve(properties, started=started)


def _daemon(properties: dict[str, str]) -> int:
    """Start in a child of its own session; return when it serves, or fail with what it said."""
    folder = os.environ.get("LOG_DIR") or os.path.join(os.environ.get("OTTLA_HOME", "."), "logs")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "kafkaServer.out")
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.close(read_end)
        os.setsid()
        _detach(path)
        try:
            code = _serve(properties, write_end)
        except OttlaError as error:
            from ottla.cli.run import tell

            tell(error)
            code = 1
        sys.stdout.flush()
        os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        if pipe.read(1) == b"+":
            return 0
    with open(path, encoding="utf-8", errors="replace") as file:
        said = file.read()[-2000:].strip()
    raise Failed(f"the server did not start; {path} ends with:\n{said}")


def _detach(path: str) -> None:
    """No terminal: input from nowhere, output to the file."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)


def entry() -> int:
    """kafka-server-start.sh."""
    return run(COMMAND, main)
