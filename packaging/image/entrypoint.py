"""What a container runs: a server that is configured by variables, as in Kafka's own image.

    podman run -p 9092:9092 ottla                       one node, and nothing to configure
    podman run -e KAFKA_NUM_PARTITIONS=3 ottla          num.partitions=3
    podman run ottla kafka-topics.sh --list ...         any of the commands instead

KAFKA_ is left out, `_` becomes `.`, `__` becomes `_` and `___` becomes `-`, all in small letters.
Below these lie the lines of a mounted /etc/ottla/server.properties, if there is one, and
below those the settings of one node that is controller and broker. What is written into the
volume, server.properties, is made anew at each start: it is to be read, not to be changed.
"""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

BIN = Path("/usr/local/bin")
VOLUME = Path("/var/lib/ottla")
MOUNTED = Path("/etc/ottla/server.properties")

DEFAULTS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "advertised.listeners": "PLAINTEXT://localhost:9092",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": "localhost:9093",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": str(VOLUME / "data"),
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "ottla.http.listen": "0.0.0.0:9405",
}
GIVES_WAY = {
    "advertised.listeners": "listeners",
    "controller.quorum.bootstrap.servers": "controller.quorum.voters",
}
"""Defaults that mean nothing beside another setting: without the first, clients are told the
address that they came in on.
"""
NOT_SETTINGS = re.compile(
    r"KAFKA_(VERSION|HOME|(\w+_)?OPTS|JMX_\w+|(\w+_)?LOG4J_\w+|SERVICE_\w+|PORT(_\w+)?)"
)
"""What Kafka's image hands to the JVM and its logging, and what Kubernetes sets in every container
beside a service that is called kafka.
"""


def settings(
    environment: Mapping[str, str], mounted: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The server's properties, and the variables that are none."""
    given, others = dict(mounted), []
    for name, value in sorted(environment.items()):
        if not name.startswith("KAFKA_"):
            continue
        if NOT_SETTINGS.fullmatch(name):
            others.append(name)
        else:
            given[key(name)] = value
    defaults = {name: value for name, value in DEFAULTS.items() if GIVES_WAY.get(name) not in given}
    return {**defaults, **given}, others


def key(name: str) -> str:
    """KAFKA_LOG_DIRS is log.dirs."""
    signs = {1: ".", 2: "_", 3: "-"}
    return re.sub(
        "_+",
        lambda found: signs.get(len(found[0]), found[0]),
        name.removeprefix("KAFKA_").lower(),
    )


def cluster_id(folders: list[Path]) -> str | None:
    """The cluster that one of these folders belongs to already."""
    for folder in folders:
        try:
            text = (folder / "meta.properties").read_text()
        except OSError:
            continue
        if found := re.search(r"^cluster\.id=(\S+)", text, re.MULTILINE):
            return found[1]
    return None


def serve() -> None:
    """Write the properties, give new folders an identity, become the server."""
    from ottla.config.properties import parse_properties

    mounted = parse_properties(MOUNTED.read_text()) if MOUNTED.exists() else {}
    properties, others = settings(os.environ, mounted)
    if others:
        print(f"no settings of a server here: {', '.join(others)}", file=sys.stderr)
    path = VOLUME / "server.properties"
    path.write_text("".join(f"{name}={escaped(value)}\n" for name, value in properties.items()))
    folders = [Path(folder.strip()) for folder in properties["log.dirs"].split(",")]
    identity = os.environ.get("CLUSTER_ID") or cluster_id(folders)
    storage = str(BIN / "kafka-storage.sh")
    command = [storage, "format", "--ignore-formatted", "--config", str(path), "--cluster-id"]
    _run(*command, identity or _run(storage, "random-uuid", shown=False).strip())
    start = str(BIN / "kafka-server-start.sh")
    os.execv(start, [start, str(path)])


def escaped(value: str) -> str:
    """A value as a properties file spells it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _run(*command: str, shown: bool = True) -> str:
    import subprocess

    done = subprocess.run(command, stdout=None if shown else subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def healthy() -> int:
    """0 if the server of this container serves clients; what it says is shown."""
    text = (VOLUME / "server.properties").read_text()
    found = re.search(r"^ottla\.http\.listen=(.+):(\d+)$", text, re.MULTILINE)
    if found is None:
        print("ottla.http.listen is not set: nobody can be asked")
        return 0
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(found[1], found[1])
    try:
        with urllib.request.urlopen(f"http://{host}:{found[2]}/readyz", timeout=5) as answer:
            print(answer.read().decode().strip())
            return 0
    except OSError as problem:
        print(problem)
        return 1


def main() -> None:
    """Do what the container's command says."""
    words = sys.argv[1:]
    if words == ["healthy"]:
        sys.exit(healthy())
    if words:
        try:
            os.execvp(words[0], words)
        except OSError as problem:
            sys.exit(f"{words[0]}: {problem.strerror}\n\nhint: ls of what there is: /usr/local/bin")
    serve()


if __name__ == "__main__":
    main()
