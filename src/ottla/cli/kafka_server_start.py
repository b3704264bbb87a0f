"""kafka-server-start.sh: run a node from a server.properties, in the foreground or as a daemon."""

from __future__ import annotations

import os
import sys
from shlex import quote
from typing import NamedTuple

from ottla.cli.options import Command, Option, Parsed, UsageError
from ottla.cli.run import Failed, run
from ottla.cli.server_properties import load_properties
from ottla.errors import OttlaError

SAID_BYTES_MAX = 4000
"""How much of a daemon's log is shown when it could not start."""

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
    return _serve(path, properties, None)


def _serve(path: str, properties: dict[str, str], ready: _Ready | None) -> int:
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
        return serve(properties, started=started)
    except Exception as problem:
        if isinstance(problem, OttlaError) and problem.hint:
            problem.hint = problem.hint.replace(CONFIG_FILE, quote(path))
        raise tell_why_it_ended(properties, problem) from problem


def _daemon(path: str, properties: dict[str, str], name: str) -> int:
    """Start in a child of its own session; return when it serves, or fail with what it said.

    Until it serves, its complaints go to a file of its own: other servers may write to the log too.
    """
    from tempfile import TemporaryFile

    if "/" in name:
        raise UsageError(f"-name takes the name of a file, without a folder, not '{name}'")
    folder = os.environ.get("LOG_DIR") or os.path.join(os.environ.get("OTTLA_HOME", "."), "logs")
    os.makedirs(folder, exist_ok=True)
    out = os.path.join(folder, f"{name}.out")
    complaints = TemporaryFile()  # noqa: SIM115 (the child's as well, which it outlives here)
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.close(read_end)
        os.setsid()
        log = _detach(out, complaints.fileno())
        try:
            code = _serve(path, properties, _Ready(write_end, log, complaints.fileno()))
        except OttlaError as error:
            from ottla.cli.run import tell

            tell(error)
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        if pipe.read(1) == b"+":
            return 0
    with complaints:
        complaints.seek(0)
        data = complaints.read()
    with open(out, "ab") as file:
        file.write(data)
    said = data[-SAID_BYTES_MAX:].decode("utf-8", "replace").strip()
    raise Failed(f"the server did not start; it said, and {out} has:\n{said}")


class _Ready(NamedTuple):
    """Whom a daemon tells that it serves, and where its complaints go from then on."""

    told: int
    log: int
    complaints: int

    def tell(self) -> None:
        """It serves."""
        sys.stderr.flush()
        size = os.fstat(self.complaints).st_size
        os.write(self.log, os.pread(self.complaints, size, 0))
        os.dup2(self.log, 2)
        os.close(self.log)
        os.write(self.told, b"+")
        os.close(self.told)


def _detach(path: str, complaints: int) -> int:
    """No terminal: input from nowhere, output to the file, whose descriptor it returns."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(complaints, 2)
    os.close(nothing)
    return log


def entry() -> int:
    """kafka-server-start.sh."""
    return run(COMMAND, main)
