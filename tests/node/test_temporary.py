"""Where a broker without a folder of its own lies: in memory as far as that goes, then on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import ottla
from ottla.node import temporary

MEBIBYTE = 1024 * 1024
MEMORY_BYTES_MAX = 32 * MEBIBYTE

needs_memory = pytest.mark.skipif(
    not os.path.isdir(temporary.MEMORY), reason="this system has no folder in memory"
)


def segments(folder: Path) -> Iterator[Path]:
    """The segments below a folder, be they files or links."""
    return (path for path in folder.rglob("*.log") if path.suffix == ".log")


def in_memory(broker: ottla.Broker) -> int:
    """Bytes of segments that are files of the broker's own folder."""
    found = segments(Path(broker.dir))
    return sum(path.lstat().st_size for path in found if not path.is_symlink())


def overflow(broker: ottla.Broker) -> Path:
    """Where the others are."""
    found = temporary.overflow_of(broker.dir)
    assert found is not None
    return Path(found)


def write(broker: ottla.Broker, count: int) -> None:
    """Produce so many records of half a MiB."""
    for number in range(count):
        broker.produce("t", bytes([number]) * (MEBIBYTE // 2))


@needs_memory
def test_a_small_broker_lies_in_memory_and_is_gone_with_its_end() -> None:
    """If this failed, each test would wait for a disk, or leave its bytes in memory."""
    with ottla.Broker() as broker:
        folder = Path(broker.dir)
        broker.produce("t", "v")
        assert folder.parent == Path(temporary.MEMORY)
        assert not overflow(broker).exists()
    assert not folder.exists()


@needs_memory
def test_a_broker_that_grows_goes_on_in_files() -> None:
    """If this failed, a broker that somebody fills would take the machine's memory; or lose what it
    holds when it goes on elsewhere.
    """
    with ottla.Broker() as broker:
        write(broker, 80)
        assert in_memory(broker) <= MEMORY_BYTES_MAX + MEBIBYTE
        spilled = overflow(broker)
        assert sum(path.stat().st_size for path in spilled.iterdir()) >= 5 * MEBIBYTE

        broker.kill()
        broker.start()
        write(broker, 4)
        found = [(record.offset, record.value) for record in broker.records("t")]
        assert [value[:1] for _, value in found if value] == [
            bytes([n]) for n in [*range(80), *range(4)]
        ]
        assert [offset for offset, _ in found] == list(range(84))
        assert in_memory(broker) <= MEMORY_BYTES_MAX + MEBIBYTE
    assert not spilled.exists()


@needs_memory
def test_on_disk_where_that_is_wanted_or_memory_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, who wants files would get none, or a container's small memory be filled."""
    asked = ottla.Broker(in_memory=False)
    monkeypatch.setattr(temporary, "ROOM_BYTES_MIN", 1 << 60)
    small = ottla.Broker()
    for broker in (asked, small):
        with broker:
            assert Path(broker.dir).parent != Path(temporary.MEMORY)
            assert broker.produce("t", "v") == 0
