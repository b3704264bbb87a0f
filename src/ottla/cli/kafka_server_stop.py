"""kafka-server-stop.sh: ask the servers of this user on this machine to stop cleanly."""

from __future__ import annotations

import os
import signal
import sys

from ottla.cli.options import Command, Option, Parsed, UsageError
from ottla.cli.run import run
from ottla.cli.running_servers import running_servers

COMMAND = Command(
    "kafka-server-stop.sh",
    "stop the servers that run on this machine, or one of them",
    (
        Option("--process-role", "Only servers in this role: broker or controller.", "role"),
        Option("--node-id", "Only the server with this node.id.", "number", number=True),
    ),
    (("stop the server", "kafka-server-stop.sh"), ("stop one", "kafka-server-stop.sh --node-id 1")),
    ((0, "the servers were asked to stop"), (1, "there is none to stop")),
    words="",
)


def main(parsed: Parsed) -> int:
    """Send SIGTERM (or what the environment's SIGNAL says) to those that are meant."""
    if parsed.words:
        raise UsageError(f"'{parsed.words[0]}' is no option")
    node_id, role = parsed.number("--node-id"), parsed.text("--process-role")
    if role is not None and role not in ("broker", "controller"):
        raise UsageError(f"--process-role takes broker or controller, not '{role}'")
    name = os.environ.get("SIGNAL", "TERM").removeprefix("SIG")
    number = getattr(signal, f"SIG{name}", None)
    if number is None:
        raise UsageError(f"SIGNAL={name} in the environment is no signal")
    servers = running_servers()
    if not servers:
        print("No kafka server to stop")
        return 1
    if node_id is not None:
        servers = [server for server in servers if server.node_id == node_id]
    elif role is not None:
        servers = [server for server in servers if role in server.roles]
    if not servers:
        print("No matching kafka server to stop")
        return 1
    for server in servers:
        os.kill(server.pid, number)
        # Apache's script says nothing on stdout, where scripts read, and does not wait either.
        print(
            f"SIG{name} to process {server.pid} (node {server.node_id}, {server.bootstrap})",
            file=sys.stderr,
        )
    return 0


def entry() -> int:
    """kafka-server-stop.sh."""
    return run(COMMAND, main)
