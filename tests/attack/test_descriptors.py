"""Descriptors run out: connections make way for files, one moment of EMFILE is survived, and a node
that fails then still fails in order.
"""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from attack.limited import TESTS, Limited
from attack.line import HOST, Closed, Gone, Line
from attack.partition_client import FETCH_BY_NAME, PartitionClient, downloading, take
from ottla.client.connecting.connection import Connection
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually

LIMIT = 160
RESERVE = 20
DOWNLOAD_RECORDS = 12
"""More than the system takes from the node before the peer reads."""


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many that say nothing."""
    idle: list[socket.socket] = []
    try:
        for _ in range(count):
            idle.append(socket.create_connection((HOST, port), 10))  # noqa: PERF401 (some may fail)
        yield idle
    finally:
        for connection in idle:
            connection.close()


def is_served(port: int) -> bool:
    """Whether a new client gets an answer."""
    line = Line(port, timeout_s=10)
    try:
        return line.ask(ApiVersionsRequest(), 0).error_code == 0
    except Gone:
        return False
    finally:
        line.close()


@contextmanager
def client(port: int) -> Iterator[PartitionClient]:
    """A client of the node."""
    connection = Connection(HOST, port, client_id="descriptors", timeout_ms=30_000)
    try:
        yield PartitionClient(connection)
    finally:
        connection.close()


def test_idle_connections_leave_descriptors_to_files(tmp_path: Path) -> None:
    """If this failed, a few hundred connections that ask nothing would keep a node from opening
    its own files: no topic could be made, no checkpoint written, and it would die of that.
    """
    with Limited(tmp_path, LIMIT) as node:
        assert node.do("limits()") == f"({LIMIT}, {LIMIT})", "an embedded node changes no limits"
        with idle_connections(node.port, LIMIT + 40) as idle, client(node.port) as asked:
            assert asked.create("after", partitions=4) == [0]
            assert [asked.produce("after", b"v", index) for index in range(4)] == [0] * 4
            assert node.do('core.begin("checkpoint")') == "None"
            assert node.do("core.settle(timeout_ms=10_000)") == "True"
            assert node.metric("connection.count") < LIMIT - RESERVE
            assert node.metric("connection.shed") > RESERVE
            idle[0].settimeout(10)
            assert idle[0].recv(1) == b"", "those idle longest go first"
            assert is_served(node.port)
        assert node.end() == 0


def test_a_busy_connection_stays(tmp_path: Path) -> None:
    """If this failed, a flood of idle connections would cut off whoever waits for an answer."""
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked:
        assert asked.create("t") == [0]
        part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
        request = FetchRequest(
            max_wait_ms=60_000, min_bytes=1, topics=[FetchTopic(topic="t", partitions=[part])]
        )
        waits = Line(node.port, timeout_s=60)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(waits.ask, request, FETCH_BY_NAME)
            assert eventually(lambda: node.metric("fetch.parked") == 1, "the fetch waits")
            with idle_connections(node.port, LIMIT + 40), client(node.port) as other:
                assert other.produce("t", b"v") == 0
                assert answer.result(30).responses[0].partitions[0].records
        waits.close()


def test_a_download_stays(tmp_path: Path) -> None:
    """If this failed, whoever still takes a large reply would be closed as the one that has been
    idle longest.
    """
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked:
        assert asked.create("t") == [0]
        for _ in range(DOWNLOAD_RECORDS):
            assert asked.produce("t", b"v" * 900_000) == 0
        with downloading(node.port, "t") as (reader, size):
            with idle_connections(node.port, LIMIT + 40):
                assert is_served(node.port)
                assert node.metric("connection.shed") > RESERVE
            assert size > DOWNLOAD_RECORDS * 900_000
            assert take(reader, size) == size


@pytest.mark.long  # a reader has at least ten seconds
def test_who_takes_nothing_of_a_reply_goes_first(tmp_path: Path) -> None:
    """If this failed, peers that leave a large reply unread would keep their descriptors for ten
    minutes, and connections that may ask something next would go instead.
    """
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked, ExitStack() as unread:
        assert asked.create("t") == [0]
        for _ in range(DOWNLOAD_RECORDS):
            assert asked.produce("t", b"v" * 900_000) == 0
        with idle_connections(node.port, 60) as idle:
            for _ in range(40):
                unread.enter_context(downloading(node.port, "t"))
            began = time.monotonic()
            assert node.metric("connection.count") == 101
            eventually(lambda: time.monotonic() - began > 12, "they had their time")
            with idle_connections(node.port, 50):
                eventually(lambda: node.metric("connection.shed") > 0, "some had to go")
                assert is_served(node.port)
                assert select.select(idle, [], [], 0) == ([], [], []), "the idle ones stayed"
                assert asked.produce("t", b"v") == 0


def test_one_moment_without_descriptors_is_survived(tmp_path: Path) -> None:
    """If this failed, a process that has everything open for a moment would never again accept a
    connection, or spin meanwhile, or leave those who come without an answer.
    """
    with Limited(tmp_path, LIMIT) as node:
        known = Line(node.port)
        assert known.ask(ApiVersionsRequest(), 0).error_code == 0
        assert int(node.do("hoard()")) > RESERVE
        for _ in range(5):
            with pytest.raises(Closed):  # and not Silent: whoever waits in vain comes again later
                Line(node.port).ask(ApiVersionsRequest(), 0)
        with suppress(Gone):
            known.ask(MetadataRequest(topics=[]), 1)
        known.close()
        assert node.do("release()") == "None"
        assert eventually(lambda: is_served(node.port), "it accepts again")
        assert node.metric("connection.count") <= 2
        assert node.end() == 0


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("descriptors", ["enough", "none"])
@pytest.mark.parametrize("end", ["failure", "stop"])
def test_an_end_needs_nothing_new(tmp_path: Path, end: str, descriptors: str, format: str) -> None:
    """If this failed, a node that fails while nothing can be opened or imported would be undead:
    its ports accept, nobody answers, and `close` returns as if all were well.
    """
    command = [sys.executable, "-m", "attack.ending", str(tmp_path), end, descriptors, format]
    done = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported" not in done.stdout
    assert done.stdout.endswith("refused\n"), "the port still listens"
    if end == "failure":
        assert "the node serves no more" in done.stdout
        assert "RuntimeError: for the test\\" in done.stdout, "a control character as an escape"


def test_a_server_raises_its_limit(tmp_path: Path) -> None:
    """If this failed, a server would serve 1,024 files where its machine allows a million."""
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)
    code = (
        "import resource; from ottla.cli.server import raise_descriptor_limit as f;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (128, {hard})); f();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == f"({hard}, {hard})\n"


def test_ports_close_with_a_node_whose_threads_hang(tmp_path: Path) -> None:
    """If this failed, a node that ended while its threads are stuck would go on taking clients."""
    with Limited(tmp_path, LIMIT) as node:
        assert is_served(node.port)
        node.do("__import__('threading').Thread(target=core.kill).start() or core.kill()")
        with closing(socket.socket()) as late, pytest.raises(ConnectionRefusedError):
            late.connect((HOST, node.port))
