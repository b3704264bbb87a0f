"""A process in which a node ends while nothing can be imported and, if so told, nothing opened.

    python -m attack.ending FOLDER failure|stop enough|none text|json

Prints the node's log, "imported NAME" for each try, and at the end whether its port is "refused".
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from contextlib import suppress
from typing import Any

from attack.line import HOST
from ottla.errors import OttlaError
from ottla.node.format import ensure_formatted
from ottla.node.logs import Logs
from ottla.node.node import Node

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listeners": f"PLAINTEXT://{HOST}:0,CONTROLLER://{HOST}:0",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.quorum.bootstrap.servers": f"{HOST}:9093",
}


class NoImports:
    """Refuses and tells of every import of what is not loaded."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Called by Python before it looks for files."""
        os.write(1, f"imported {name}\n".encode())
        raise ImportError(name)


def _fail() -> None:
    raise RuntimeError("for the test\x1b")


def _main() -> None:
    folder, end, descriptors, format = sys.argv[1:]
    properties = {**PROPERTIES, "log.dirs": folder}
    ensure_formatted(properties)
    node = Node(
        properties,
        logs=Logs(lambda line: (os.write(1, line.encode()), None)[1], format=format, level="ERROR"),
    )
    node.start()
    port, client = node.ports["PLAINTEXT"], socket.socket()
    sys.meta_path.insert(0, NoImports())  # type: ignore[arg-type]
    if descriptors == "none":
        limit = client.fileno() + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        with suppress(OSError):
            while True:
                os.dup(client.fileno())
    if end == "failure":
        node._engine.alarms.every("fail", 1, _fail, real=True)
        node._core.wake()
        assert node.wait(10), "it does not notice"
        assert node.failure, "it does not say why"
        node.stop(1000)
        node.kill()
    else:
        # Without a descriptor its files cannot be closed in order, and it says so.
        with suppress(OttlaError):
            node.stop(5000)
    try:
        client.connect((HOST, port))
        print("accepted")
    except ConnectionRefusedError:
        print("refused")


if __name__ == "__main__":
    _main()
