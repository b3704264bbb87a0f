"""kafka-server-start.sh: run a node from a server.properties, in the foreground or as a daemon."""

from __future__ import annotations

import os
from shlex import quote

from ottla.cli.daemon import Ready, start_behind
from ottla.cli.options import Command, Option, Parsed, UsageError
from ottla.cli.run import run
from ottla.cli.server_properties import load_properties
from ottla.errors import OttlaError

COMMAND = Command(
    "kafka-server-start.sh",
    "run a node; Ctrl-C or SIGTERM stops it cleanly",
    (
        Option("-daemon", "Go to the background once it serves; logs go to logs/kafkaServer.out."),
        Option("-name", "Another name than kafkaServer for the log of -daemon.", "name"),
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
    path = parsed.words[0]
    properties = load_properties(path, parsed.all("--override"))
    if parsed.has("-daemon"):
        return _daemon(path, properties, parsed.text("-name") or "kafkaServer")
    return _serve(path, properties)


def _serve(
    path: str, properties: dict[str, str], ready: Ready | None = None, *, log: str | None = None
) -> int:
    from ottla.cli.server import serve, tell_why_it_ended
    from ottla.node.lost_meta_properties import CONFIG_FILE
    from ottla.node.node import Node

    def started(node: Node) -> None:
        ports = ", ".join(f"{name}:{port}" for name, port in node.ports.items())
        # Scripts wait for the words "Kafka Server started".
        node.logs.info(f"Kafka Server started (Ottla, node {node.config.node_id}, {ports})")
        if ready is not None:
            ready.tell()

    try:
        return serve(properties, started=started, log=log)
    except Exception as problem:
        if isinstance(problem, OttlaError) and problem.hint:
            problem.hint = problem.hint.replace(CONFIG_FILE, quote(path))
        raise tell_why_it_ended(properties, problem) from problem


def _daemon(path: str, properties: dict[str, str], name: str) -> int:
    """Start in the background; return when it serves, or fail with what it said."""
    if "/" in name:
        raise UsageError(f"-name takes the name of a file, without a folder, not '{name}'")
    folder = os.environ.get("LOG_DIR") or os.path.join(os.environ.get("OTTLA_HOME", "."), "logs")
    os.makedirs(folder, exist_ok=True)
    out = os.path.abspath(os.path.join(folder, f"{name}.out"))
    start_behind(out, lambda ready: _serve(path, properties, ready, log=out))
    return 0


def entry() -> int:
    """kafka-server-start.sh."""
    return run(COMMAND, main)
