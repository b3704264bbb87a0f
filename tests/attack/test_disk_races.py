"""Disk faults that meet something else on their way: a topic that is deleted, a disk that is not
mounted, a directory that failed before.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

import ottla
from attack.faults import HELD, Fault, core_of, disk_faults, requests_of
from attack.partition_client import client_of
from attack.test_disks import CLEAN, is_offline, is_served, values
from ottla.client.admin import groups
from ottla.client.client import Client
from servers import eventually


@pytest.mark.parametrize("is_now", ["a file", "a link to nothing", "a link to a damaged folder"])
def test_the_clean_mark_counts_what_is_no_folder_now(tmp_path: Path, is_now: str) -> None:
    """If this failed, a disk that was not mounted at one start would come back with a torn log, and
    the mark of that start's clean stop would have it served.
    """
    data = tmp_path / "data"
    broker = ottla.Broker(dir=data).start()
    with client_of(broker) as client:
        assert client.create("orders") == [0]
        assert [client.produce("orders", b"x" * 100) for _ in range(3)] == [0, 0, 0]
    broker.kill()
    folder, kept = data / "orders-0", tmp_path / "kept"
    torn = bytearray((folder / f"{0:020d}.log").read_bytes())
    torn[len(torn) // 2] ^= 1
    (folder / f"{0:020d}.log").write_bytes(torn)
    folder.rename(kept)
    if is_now == "a file":
        folder.write_text("not mounted")
    elif is_now == "a link to nothing":
        folder.symlink_to(tmp_path / "away")
    else:
        garbled = tmp_path / "garbled"
        garbled.mkdir()
        (garbled / "partition.metadata").write_text("version: 0\ntopic_id: ?\n")
        folder.symlink_to(garbled)
    broker.start()
    with client_of(broker) as client:
        assert is_offline(client, "orders")
    broker.close()
    assert not (data / CLEAN).exists()
    folder.unlink()
    kept.rename(folder)
    with broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"x" * 100]


@pytest.mark.parametrize("again", [False, True])
def test_a_sync_that_fails_under_a_deleted_topic_ends_its_directory(
    tmp_path: Path, again: bool
) -> None:
    """If this failed, a directory whose disk loses what it is given would go on being trusted,
    because the partition that met it first was gone when it was told.
    """
    spare = str(tmp_path / "spare")
    two_dirs = {"log.dirs": f"{tmp_path / 'data'},{spare}", "metadata.log.dir": spare}
    with ottla.Broker(dir=tmp_path, config=two_dirs) as broker, client_of(broker) as client:
        assert client.create("orders", "elsewhere", "others") == [0, 0, 0], "by turns"
        assert client.produce("orders", b"one") == 0
        slow = Fault("sync", "data/orders-0/*.log", "EIO", delay_ms=1000, times=1)
        with disk_faults(broker, slow) as fired:
            core_of(broker).begin("roll")
            flushing = Thread(target=core_of(broker).flush)
            flushing.start()
            eventually(lambda: fired() == [1], "the sync has begun")
            assert client.delete("orders") == 0
            if again:
                assert client.create("orders") == [0]
            flushing.join()
            eventually(lambda: is_offline(client, "others"), "its neighbours are offline")


def test_a_flush_that_is_owed_is_tried_again(tmp_path: Path) -> None:
    """If this failed, one moment without descriptors would keep a producer waiting for its
    time-out, and a commit for ever.
    """
    config = {"log.flush.interval.messages": "1"}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        once = Fault("open", "orders-0/leader-epoch-checkpoint", "EMFILE", times=1)
        with disk_faults(broker, once) as fired:
            assert client.produce("orders", b"one") == 0
            assert fired() == [1]
        assert values(client.fetch("orders")) == [b"one"]


def test_a_slow_sync_of_commits_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """If this failed, a tired disk under one group's partition would stop all decisions."""
    config = {"log.flush.interval.messages": "1", "offsets.topic.num.partitions": "1"}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        place = ("orders", 0)
        with Client(broker.bootstrap_servers) as committer:
            assert groups.commit(committer, "g", {place: 1}) == {place: None}
        slow = Fault("sync", "__consumer_offsets-0/*.log", delay_ms=2000, times=1)
        with disk_faults(broker, slow) as fired, Client(broker.bootstrap_servers) as committer:
            commit = Thread(target=groups.commit, args=(committer, "g", {place: 2}))
            commit.start()
            eventually(lambda: fired() == [1], "the sync has begun")
            for _ in range(5):
                assert client.metadata("orders").leader_id == 1
            assert commit.is_alive(), "they were answered while the commit waited"
            commit.join()
        assert client.committed("g", "orders") == (0, 2)


def test_what_could_not_be_removed_is_removed_later(tmp_path: Path) -> None:
    """If this failed, one error of a disk would leave deleted segments on it until a restart."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        small = {"segment_bytes": "1048576", "retention_bytes": "1"}
        assert client.create("orders", **small, file_delete_delay_ms="1000") == [0]
        for _ in range(6):
            assert client.produce("orders", bytes(400_000)) == 0
        core = core_of(broker)
        core.begin("retention")
        assert core.settle(timeout_ms=10_000)
        deleted = tmp_path / "orders-0"
        assert len(list(deleted.glob("*.deleted"))) > 4
        with disk_faults(broker, Fault("remove", "orders-0/*.deleted", "EIO", times=1)) as fired:
            broker.advance(5)
            core.begin("deleted")
            assert core.settle(timeout_ms=10_000)
            assert fired() == [1]
        assert list(deleted.glob("*.deleted"))
        core.begin("deleted")
        assert core.settle(timeout_ms=10_000)
        assert not list(deleted.glob("*.deleted"))


def test_a_deleted_topics_folder_in_a_failed_directory_is_no_twin(tmp_path: Path) -> None:
    """If this failed, a topic's folder in one directory would keep that of its namesake in another
    for ever, and be marked clean with it.
    """
    dirs = f"{tmp_path / 'a'},{tmp_path / 'b'}"
    config = {"log.dirs": dirs, "metadata.log.dir": str(tmp_path / "b")}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"old") == 0
        with disk_faults(broker, Fault("sync", "a/orders-0/*.log", "EIO")):
            core_of(broker).flush()
            eventually(lambda: is_offline(client, "orders"), "its directory failed")
        assert client.delete("orders") == 0
        assert client.create("orders") == [0]
        eventually(lambda: is_served(client, "orders"), "its namesake is served")
    with ottla.Broker(dir=tmp_path, config=config):
        pass
    assert not (tmp_path / "a" / "orders-0").exists()
    assert (tmp_path / "b" / "orders-0").is_dir()


def test_an_earlier_topic_says_nothing_of_the_next(tmp_path: Path) -> None:
    """If this failed, a topic that was deleted while its disk was tried again would be counted as
    offline for ever, and hide the next one of its name.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        made = Fault("create", "/orders-0", "ENOSPC", times=1)
        tried = Fault("create", "/orders-0", "EMFILE", delay_ms=HELD, times=1)
        with disk_faults(broker, made, tried) as fired:
            client.create("orders")
            eventually(lambda: fired() == [1, 1], "it is tried again")
            deleting = Thread(target=client.delete, args=("orders",))
            deleting.start()
            eventually(lambda: requests_of(broker, 20), "the deletion is asked for")
        deleting.join()
        broker.advance(1)
        assert broker._running().measures()["controller.partitions_offline"] == 0
        assert client.create("orders") == [0]
        assert is_served(client, "orders")


def test_what_was_opened_anew_is_not_called_clean(tmp_path: Path) -> None:
    """If this failed, a log that broke in a run after a clean stop would have a recovery point
    above what was synced, and a crash would leave damage unseen.
    """
    config = {"log.flush.offset.checkpoint.interval.ms": "200"}
    point = tmp_path / "recovery-point-offset-checkpoint"
    broker = ottla.Broker(dir=tmp_path, config=config).start()
    with client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"synced by the stop") == 0
    broker.close()
    broker.start()
    with client_of(broker) as client:
        assert [client.produce("orders", b"not synced") for _ in range(5)] == [0] * 5
        written = Fault("write", "orders-0/*.log", "EIO", short=True, times=1)
        cut = Fault("set_len", "orders-0/*.log", "EIO", times=1)
        with disk_faults(broker, written, cut):
            assert client.produce("orders", b"refused") != 0
            eventually(lambda: client.produce("orders", b"healed") == 0, "it is opened anew")
        before = point.stat().st_mtime_ns
        eventually(lambda: point.stat().st_mtime_ns > before, "a checkpoint is written")
        assert "orders 0 1" in point.read_text().splitlines()
    broker.kill()
