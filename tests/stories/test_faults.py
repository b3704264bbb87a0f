"""Broken disks and broken files: the node says what it found, and keeps what is whole."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from servers import OttlaProcess, eventually
from stories.folders import read

TOPIC = "faults"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OttlaProcess]:
    """A node in a process of its own, with one topic."""
    found = OttlaProcess(tmp_path / "data")
    found.start()
    create(found.bootstrap)
    yield found
    found.kill()


def create(bootstrap: str) -> None:
    """One topic with one partition and small segments."""
    config = {"segment.bytes": "1048576", "retention.ms": "-1"}
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=config)])[TOPIC].result(20)


def produce(bootstrap: str, values: list[bytes]) -> list[KafkaError | None]:
    """Produce one batch a value and return each one's error."""
    settings = {
        "linger.ms": 0,
        "batch.num.messages": 1,
        "message.timeout.ms": 10000,
        "log_level": 0,
    }
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    errors: list[KafkaError | None] = []

    def done(error: KafkaError | None, _: Message) -> None:
        errors.append(error)

    for value in values:
        producer.produce(TOPIC, value, on_delivery=done)
    assert producer.flush(30) == 0
    return errors


def values(node: OttlaProcess) -> list[bytes | None]:
    """What the topic holds."""
    return [row.value for row in read(node.bootstrap, TOPIC, 0)]


def log_file(node: OttlaProcess) -> Path:
    """The newest segment of the topic's partition."""
    return sorted(Path(node.folder, f"{TOPIC}-0").glob("*.log"))[-1]


def test_recovery_says_what_it_did(node: OttlaProcess) -> None:
    """If this failed, a torn tail would be served, or be cut off without a word."""
    wanted = [b"%d" % i for i in range(50)]
    assert produce(node.bootstrap, wanted) == [None] * 50
    node.kill()
    with log_file(node).open("ab") as f:
        f.write(log_file(node).read_bytes()[:50])
        f.write(b"torn")
    node.start()
    assert values(node) == wanted
    said = node.log.read_text()
    assert re.search(rf"WARN {TOPIC}-0: .*cut 54 bytes", said), said
    assert produce(node.bootstrap, [b"after"]) == [None]
    assert values(node) == [*wanted, b"after"]


def test_clean_stop_needs_no_recovery(node: OttlaProcess) -> None:
    """If this failed, every start would walk through all logs."""
    assert produce(node.bootstrap, [b"x"] * 10) == [None] * 10
    node.restart()
    assert values(node) == [b"x"] * 10
    assert not re.search(rf"{TOPIC}-0: ", node.log.read_text())


def test_missing_indexes_are_rebuilt(node: OttlaProcess) -> None:
    """If this failed, a lost index would lose the log with it."""
    wanted = [b"%d" % i * 100 for i in range(500)]
    assert produce(node.bootstrap, wanted) == [None] * 500
    node.stop()
    for pattern in ("*.index", "*.timeindex"):
        for file in log_file(node).parent.glob(pattern):
            file.unlink()
    node.start()
    assert values(node) == wanted


def test_corrupt_segment_is_not_served_as_good(node: OttlaProcess) -> None:
    """If this failed, flipped bits would reach consumers, or would stop the whole node."""
    wanted = [b"%d" % i * 50 for i in range(100)]
    assert produce(node.bootstrap, wanted) == [None] * 100
    node.kill()
    file = log_file(node)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    node.start()
    found = values(node)
    assert found == wanted[: len(found)]
    assert 0 < len(found) < 100
    assert produce(node.bootstrap, [b"after"]) == [None]


@pytest.mark.parametrize("end", [OttlaProcess.stop, OttlaProcess.kill], ids=["stopped", "killed"])
def test_offsets_do_not_go_backward(
    node: OttlaProcess, end: Callable[[OttlaProcess], None]
) -> None:
    """If this failed, an older batch behind the tail would hang consumers, or have offsets given
    out twice.
    """
    wanted = [b"%d" % i for i in range(10, 20)]
    assert produce(node.bootstrap, wanted) == [None] * 10
    end(node)
    file = log_file(node)
    data = file.read_bytes()
    with file.open("ab") as f:
        f.write(data[len(data) // 10 : len(data) // 10 * 2])
    node.start()
    assert values(node) == wanted
    assert produce(node.bootstrap, [b"after"]) == [None]
    assert values(node) == [*wanted, b"after"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_full_disk(small_disk: Path) -> None:
    """If this failed, a full disk would lose acknowledged records, or end the node for good."""
    node = OttlaProcess(small_disk / "data")
    node.log = small_disk.with_name("full.log")  # the server's own lines need room
    node.start()
    try:
        create(node.bootstrap)
        acknowledged: list[bytes] = []

        def full() -> bool:
            value = os.urandom(8).hex().encode() * 30_000
            (error,) = produce(node.bootstrap, [value])
            if error is None:
                acknowledged.append(value)
            return error is not None

        eventually(full, "an error for the full disk", timeout_s=60)
        assert acknowledged
        node.kill()
        ballast = sorted((small_disk / "data").glob("__cluster_metadata-0"))
        assert ballast, "the metadata log is still there"
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        node.start()
        found = values(node)
        assert found[: len(acknowledged)] == acknowledged
        assert produce(node.bootstrap, [b"after"]) == [None]
    finally:
        node.kill()
