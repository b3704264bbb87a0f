"""The core's log as Python sees it: what raft and the tools build upon."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from ottla._core import Appended, CoreError, EpochEnd, Log
from ottla.wire.records import Record, build_batch, read_batches

NOW_MS = 1_700_000_000_000


def batch(*values: bytes) -> bytes:
    return build_batch([Record(None, value, (), NOW_MS) for value in values])


def open_log(folder: Path, *, clean: bool = False, **config: object) -> Log:
    return Log(
        str(folder), {"segment.index.bytes": 4096, **config}, now_ms=NOW_MS, clean_shutdown=clean
    )


def values(log: Log, offset: int, bytes_max: int = 1 << 20) -> list[bytes | None]:
    read = read_batches(log.read(offset, bytes_max))
    return [record.value for batch in read for record in batch.records]


def at(base_offset: int, last_offset: int) -> Appended:
    """Where batches came to lie."""
    return Appended(base_offset=base_offset, last_offset=last_offset)


def test_append_read_and_reopen(tmp_path: Path) -> None:
    """The metadata log is read back from here after every start."""
    folder = tmp_path / "__cluster_metadata-0"
    log = open_log(folder)
    assert log.append(batch(b"a", b"b"), leader_epoch=3, now_ms=NOW_MS) == at(0, 1)
    assert log.append(batch(b"c") + batch(b"d"), leader_epoch=4, now_ms=NOW_MS) == at(2, 3)
    assert log.flush() == 4
    assert values(log, 0) == [b"a", b"b", b"c", b"d"]
    assert values(log, 3, bytes_max=1) == [b"d"]
    assert log.epoch_end_offset(3) == EpochEnd(leader_epoch=3, end_offset=2)
    log.close(clean=True)
    for clean in (True, False):
        log = open_log(folder, clean=clean)
        assert (log.start_offset, log.end_offset, log.last_epoch) == (0, 4, 4)
        assert values(log, 2) == [b"c", b"d"]
        log.close(clean=False)
    with pytest.raises(CoreError, match="closed"):
        log.read(0, 1)


def test_only_whole_batches_are_read(tmp_path: Path) -> None:
    """A batch that was cut would be taken for a corrupt one, or for the end of the log."""
    log = open_log(tmp_path / "t-0")
    one = batch(b"x" * 100)
    for _ in range(5):
        log.append(one, leader_epoch=0, now_ms=NOW_MS)
    assert len(log.read(0, len(one) * 3 - 1)) == len(one) * 2
    assert len(log.read(0, 1)) == len(one)
    assert log.read(5, 100) == b""
    with pytest.raises(CoreError) as refused:
        log.read(6, 100)
    assert refused.value.args[0] == "offset-out-of-range"
    log.close(clean=True)


def test_a_snapshot_replaces_what_is_before(tmp_path: Path) -> None:
    """Without this the metadata log grows for ever, or loses what no snapshot holds."""
    one = batch(b"x")
    log = open_log(tmp_path / "t-0", **{"segment.bytes": len(one) * 2})
    for _ in range(6):
        log.append(one, leader_epoch=1, now_ms=NOW_MS)
    log.close(clean=True)
    log = open_log(tmp_path / "t-0", clean=True)
    paths = log.forget_before(4)
    there = [path for path in map(Path, paths) if path.exists()]
    assert [path.name for path in there if path.suffix == ".log"] == [
        f"{0:020}.log",
        f"{2:020}.log",
    ]
    assert (log.start_offset, log.end_offset) == (4, 6)
    assert log.size_bytes == len(one) * 2
    with pytest.raises(CoreError):
        log.read(3, 1)
    log.start_at(100, NOW_MS)
    assert (log.start_offset, log.end_offset, log.size_bytes) == (100, 100, 0)
    renamed = [Path(path) for path in log.forget_before(100)]
    assert f"{4:020}.log.deleted" in [path.name for path in renamed if path.exists()]
    log.close(clean=True)


def test_a_follower_cuts_and_takes_over(tmp_path: Path) -> None:
    """After an election the old leader's own tail must go and the new one's must come, as it is."""
    leader, follower = open_log(tmp_path / "a-0"), open_log(tmp_path / "b-0")
    for epoch in (1, 2):
        leader.append(batch(b"leader"), leader_epoch=epoch, now_ms=NOW_MS)
    follower.append(batch(b"leader"), leader_epoch=1, now_ms=NOW_MS)
    follower.append(batch(b"mine"), leader_epoch=1, now_ms=NOW_MS)
    follower.truncate_to(leader.epoch_end_offset(1).end_offset, NOW_MS)
    follower.append_as_follower(leader.read(1, 1000), now_ms=NOW_MS)
    assert follower.read(0, 1000) == leader.read(0, 1000)
    assert follower.last_epoch == 2
    with pytest.raises(CoreError) as refused:
        follower.append_as_follower(leader.read(0, 1000), now_ms=NOW_MS)
    assert refused.value.args[0] == "refused"
    for log in (leader, follower):
        log.close(clean=True)


def test_bad_config_is_named(tmp_path: Path) -> None:
    """A wrong value must stop the start, not be passed over."""
    with pytest.raises(CoreError, match=r"segment\.bytes"):
        open_log(tmp_path / "t-0", **{"segment.bytes": "many"})


def test_rebuilt_files_are_those_that_apache_kafka_wrote(tmp_path: Path, data_dir: Path) -> None:
    """From the batches alone come the same indexes, transaction index, epochs and snapshots, byte
    for byte, as 4.3.1 wrote beside them; so either may go on where the other stopped."""
    with tarfile.open(data_dir / "apache-4.3.1-folder.tar.xz") as archive:
        archive.extractall(tmp_path / "apache", filter="data")
    compared = 0
    for theirs in sorted((tmp_path / "apache" / "data").glob("*-[0-9]")):
        ours = tmp_path / theirs.name
        ours.mkdir()
        for name in ("00000000000000000000.log", "partition.metadata"):
            shutil.copy(theirs / name, ours / name)
        newest_ms = max(
            batch.max_timestamp_ms
            for batch in read_batches(
                (theirs / "00000000000000000000.log").read_bytes(), records=False
            )
        )
        log = Log(str(ours), {}, now_ms=newest_ms)
        log.close(clean=True)
        names = sorted(path.name for path in theirs.iterdir() if path.name != "quorum-state")
        assert sorted(path.name for path in ours.iterdir()) == names
        for name in names:
            assert (ours / name).read_bytes() == (theirs / name).read_bytes(), theirs / name
            compared += 1
    assert compared > 30


def test_indexes_come_out_the_same_live_and_rebuilt(tmp_path: Path) -> None:
    """An index that depends on how it was made could not be compared, nor trusted after a crash."""
    log = open_log(tmp_path / "t-0", **{"segment.index.bytes": 1 << 20})
    for n in range(400):
        values = [bytes(n % 97) for _ in range(1 + n % 7)]
        log.append(
            build_batch([Record(b"k", v, (), NOW_MS + (n * 7) % 911) for v in values]),
            leader_epoch=n // 100,
            now_ms=NOW_MS,
        )
    log.close(clean=True)
    live = {path.name: path.read_bytes() for path in (tmp_path / "t-0").iterdir()}
    assert len(live["00000000000000000000.index"]) > 80
    for name in live:
        if not name.endswith(".log"):
            (tmp_path / "t-0" / name).unlink()
    open_log(tmp_path / "t-0", **{"segment.index.bytes": 1 << 20}).close(clean=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "t-0").iterdir()} == live
