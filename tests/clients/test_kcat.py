"""kcat (librdkafka in C), as a black box: the client that people reach for first."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable

import pytest

from servers import Server


def kcat(server: Server, *args: str, stdin: str = "") -> str:
    """Run kcat to its end and return what it printed."""
    program = shutil.which("kcat")
    assert program is not None, "kcat is not installed (Debian: `apt-get install kcat`)"
    done = subprocess.run(
        [program, "-b", server.bootstrap, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def consume(server: Server, topic: str, *args: str) -> str:
    """All of a topic from its beginning to its end."""
    return kcat(server, "-C", "-t", topic, "-e", "-q", *args)


def test_writes_reads_and_finds_its_records_after_a_restart(
    server: Server, name: Callable[[], str]
) -> None:
    """If this failed, a newcomer's first five minutes would fail."""
    topic = name()
    lines = "".join(f"line {i}\n" for i in range(100))
    kcat(server, "-P", "-t", topic, stdin=lines)
    assert consume(server, topic) == lines
    server.restart()
    assert consume(server, topic) == lines
    kcat(server, "-P", "-t", topic, stdin="after\n")
    assert consume(server, topic) == lines + "after\n"


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec(server: Server, name: Callable[[], str], codec: str) -> None:
    """If this failed, a batch compressed by librdkafka would be refused or come back changed."""
    topic = name()
    lines = "".join(f"{i} {'x' * (i % 50)}\n" for i in range(500))
    kcat(server, "-P", "-t", topic, "-z", codec, stdin=lines)
    assert consume(server, topic) == lines


def test_keys_headers_nulls(server: Server, name: Callable[[], str]) -> None:
    """If this failed, keys, headers or nulls would be lost or confused with empty values."""
    topic = name()
    kcat(server, "-P", "-t", topic, "-K:", "-Z", "-H", "a=1", "-H", "b=2", stdin="k:v\nonly:\n")
    out = consume(server, topic, "-J")
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["key"], first["payload"]) == ("k", "v")
    assert first["headers"] == ["a", "1", "b", "2"]
    assert (second["key"], second["payload"]) == ("only", None)


def test_metadata_listing(server: Server, name: Callable[[], str]) -> None:
    """If this failed, `kcat -L` would not show brokers, topics and leaders."""
    topic = name()
    kcat(server, "-P", "-t", topic, stdin="x\n")
    listing = json.loads(kcat(server, "-L", "-J", "-t", topic))
    assert listing["brokers"][0]["name"] == server.bootstrap
    (found,) = listing["topics"]
    assert found["topic"] == topic
    assert all(p["leader"] == listing["brokers"][0]["id"] for p in found["partitions"])


def test_from_a_timestamp(server: Server, name: Callable[[], str]) -> None:
    """If this failed, `-o s@TIME` would start at a wrong record."""
    topic = name()
    kcat(server, "-P", "-t", topic, stdin="one\n")
    stamp = json.loads(consume(server, topic, "-J"))["ts"]
    kcat(server, "-P", "-t", topic, stdin="two\n")
    assert consume(server, topic, "-o", f"s@{stamp}") == "one\ntwo\n"
    assert consume(server, topic, "-o", f"s@{stamp + 3_600_000}") == ""


def test_query_of_offsets(server: Server, name: Callable[[], str]) -> None:
    """If this failed, `kcat -Q` (ListOffsets) would not find earliest and latest."""
    topic = name()
    kcat(server, "-P", "-t", topic, "-p", "0", stdin="a\nb\nc\n")
    assert kcat(server, "-Q", "-t", f"{topic}:0:-1").split()[-1] == "3"
    assert kcat(server, "-Q", "-t", f"{topic}:0:-2").split()[-1] == "0"


def test_balanced_group(server: Server, name: Callable[[], str]) -> None:
    """If this failed, kcat -G would not join a group and read its share."""
    topic = name()
    kcat(server, "-P", "-t", topic, stdin="a\nb\nc\n")
    options = ("-X", "auto.offset.reset=earliest")
    out = kcat(server, "-q", "-G", name(), "-c", "3", *options, topic)
    assert out == "a\nb\nc\n"
