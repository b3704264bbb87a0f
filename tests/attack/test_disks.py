"""Every kind of disk fault at every moment, against the table in docs/design/faults.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ottla
from attack.faults import METADATA_LOG, Fault, core_of, disk_faults
from attack.partition_client import PartitionClient, Read, client_of
from ottla._core import CoreError
from ottla.client.admin import groups
from ottla.client.client import Client
from ottla.node.node import NodeFailed
from ottla.wire.errors import ErrorCode
from ottla.wire.records import read_batches
from servers import eventually

STORAGE = ErrorCode.KAFKA_STORAGE_ERROR
CHECKPOINT = "recovery-point-offset-checkpoint"
CLEAN = ".kafka_cleanshutdown"
COMES_BACK = {
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.NOT_COORDINATOR,
}
OPENING = [
    Fault("create", "/orders-0", "ENOSPC"),
    Fault("create", "/orders-0/partition.metadata", "EMFILE"),
    Fault("write", "/orders-0/partition.metadata", "ENOSPC"),
    Fault("write", "/orders-0/partition.metadata", "ENOSPC", short=True),
    Fault("open", "/orders-0/partition.metadata", "EIO"),
    Fault("stat", "/orders-0", "EIO"),
]
FIRST_APPEND = [
    Fault("create", "/orders-0/*.log", "EMFILE"),
    Fault("create", "/orders-0/*.index", "ENOSPC"),
    Fault("create", "/orders-0/*.timeindex", "EIO"),
    Fault("create", "/orders-0/leader-epoch-checkpoint.tmp", "EMFILE"),
    Fault("write", "/orders-0/leader-epoch-checkpoint.tmp", "ENOSPC"),
    Fault("write", "/orders-0/leader-epoch-checkpoint.tmp", "EIO", short=True),
    Fault("rename", "/orders-0/leader-epoch-checkpoint.tmp", "EIO"),
]


def one_topic_each(faults: list[Fault]) -> tuple[list[str], list[Fault]]:
    """A topic's name for each fault, and the faults at the files of these topics."""
    names = [f"orders{number}" for number in range(len(faults))]
    return names, [
        Fault(fault.verb, fault.path.replace("orders", name), fault.errno, short=fault.short)
        for name, fault in zip(names, faults, strict=True)
    ]


def values(read: Read) -> list[bytes]:
    """The records' values."""
    assert read.error_code == 0
    return [record.value or b"" for batch in read_batches(read.records) for record in batch.records]


def is_offline(client: PartitionClient, topic: str) -> bool:
    """Whether partition 0 is refused by all that ask its log, and shown as offline."""
    codes = {
        client.produce(topic, b"refused"),
        client.fetch(topic).error_code,
        client.end_offset(topic)[0],
        client.epoch_end(topic),
        client.delete_records(topic, 0),
    }
    shown = client.metadata(topic)
    described = client.described(topic)
    return codes == {STORAGE} and all(
        (row.error_code, row.leader_id, list(row.offline_replicas))
        == (ErrorCode.LEADER_NOT_AVAILABLE, -1, [1])
        for row in (shown, described)
    )


def is_served(client: PartitionClient, topic: str) -> bool:
    """Whether partition 0 takes a record and is shown as led."""
    shown = client.metadata(topic)
    led = (shown.error_code, shown.leader_id, list(shown.offline_replicas)) == (0, 1, [])
    return led and client.produce(topic, b"taken") == 0


@pytest.fixture
def two_dirs(tmp_path: Path) -> dict[str, str]:
    """The metadata log in the second directory, the first partition in the first."""
    return {
        "log.dirs": f"{tmp_path / 'data'},{tmp_path / 'spare'}",
        "metadata.log.dir": str(tmp_path / "spare"),
    }


def test_faults_reach_every_file_of_the_node(tmp_path: Path) -> None:
    """All other tests here would prove nothing if their faults fell beside the files they name."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        seen = [
            Fault("write", "orders-0/*.log"),
            Fault("create", "orders-0/*.log"),
            Fault("write", METADATA_LOG),
            Fault("sync", METADATA_LOG),
            Fault("create", "orders-0/partition.metadata"),
            Fault("write", "another-0/*.log"),
        ]
        with disk_faults(broker, *seen) as fired:
            assert client.create("orders") == [0]
            assert client.produce("orders", b"one") == 0
            counts = fired()
        assert all(counts[:5]), counts
        assert counts[5] == 0
        assert core_of(broker).disk_faults_fired() == []
        with pytest.raises(CoreError, match="verb"):
            core_of(broker).set_disk_faults([Fault("fly", "")])


# ---------------------------------------------------------------- appends
@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("short", [False, True])
def test_a_failed_append_ends_writes_until_the_disk_takes_them(
    tmp_path: Path, errno: str, short: bool
) -> None:
    """A full disk would cost readers their records, other partitions theirs, or a restart."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders", "others") == [0, 0]
        assert client.produce("orders", b"kept") == 0
        with disk_faults(broker, Fault("write", "orders-0/*.log", errno, short=short)) as fired:
            assert client.produce("orders", b"refused") == STORAGE
            assert client.produce("orders", b"refused") == STORAGE
            assert fired() == [2]
            assert values(client.fetch("orders")) == [b"kept"]
            assert client.metadata("orders").leader_id == 1
            assert client.produce("others", b"kept") == 0
        assert client.produce("orders", b"later") == 0
        assert values(client.fetch("orders")) == [b"kept", b"later"]
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept", b"later"]


def test_a_log_that_breaks_under_a_write_is_opened_again(tmp_path: Path) -> None:
    """If what was half written can't be cut back either, nobody knows what is there; it would take
    a restart to find out.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
        faults = [
            Fault("write", "orders-0/*.log", "EIO", short=True),
            Fault("set_len", "orders-0/*.log", "EIO"),
        ]
        with disk_faults(broker, *faults):
            assert client.produce("orders", b"refused") == STORAGE
            assert values(client.fetch("orders")) == [b"kept"]
        eventually(lambda: client.produce("orders", b"later") == 0, "it is opened again")
        assert values(client.fetch("orders")) == [b"kept", b"later"]


# ---------------------------------------------------------------- syncs
def test_a_failed_sync_ends_its_log_directory(tmp_path: Path, two_dirs: dict[str, str]) -> None:
    """A later sync would call safe what the page cache has dropped, and acknowledge into the
    void.
    """
    with ottla.Broker(config=two_dirs) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("orders", "elsewhere", "others") == [0, 0, 0], "by turns"
        assert client.produce("orders", b"kept") == 0
        core.flush()
        core.begin("checkpoint")
        assert core.settle(timeout_ms=10_000)
        checkpoint = (tmp_path / "data" / CHECKPOINT).read_text()
        assert "orders 0 " in checkpoint
        assert client.produce("orders", b"unsafe") == 0
        with disk_faults(broker, Fault("sync", "orders-0/*.log", "EIO", times=1)):
            core.flush()
        for topic in ("orders", "others"):
            eventually(lambda topic=topic: is_offline(client, topic), "its partitions are offline")
        assert is_served(client, "elsewhere")
        assert client.create("latecomer") == [0]
        assert is_served(client, "latecomer"), "the other directory takes it"
        core.flush()
        core.begin("checkpoint")
        assert core.settle(timeout_ms=10_000)
        assert (tmp_path / "data" / CHECKPOINT).read_text() == checkpoint
    assert not (tmp_path / "data" / CLEAN).exists()
    assert (tmp_path / "spare" / CLEAN).exists()
    with ottla.Broker(config=two_dirs) as broker, client_of(broker) as client:
        assert values(client.fetch("orders"))[:1] == [b"kept"]
        for topic in ("orders", "others", "latecomer"):
            assert is_served(client, topic)


def test_what_a_failed_sync_left_is_recovered_and_not_served(
    tmp_path: Path, two_dirs: dict[str, str]
) -> None:
    """EIO once on the fsync of a sealed segment, and the next timed flush "succeeded": the recovery
    point moved to the log's end, and after a kill the page that was lost was served.
    """
    with ottla.Broker(config=two_dirs) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("orders", segment_bytes="1048576") == [0]
        big = bytes(300_000)
        with disk_faults(
            broker, Fault("sync", "orders-0/00000000000000000000.log", "EIO", times=1)
        ):
            for _ in range(6):
                client.produce("orders", big)
            eventually(lambda: is_offline(client, "orders"), "the roll's flush failed")
        for name in ("roll", "checkpoint"):
            core.begin(name)
            assert core.settle(timeout_ms=10_000)
        broker.kill()
    segment = tmp_path / "data" / "orders-0" / "00000000000000000000.log"
    with segment.open("r+b") as file:
        file.seek(310_000)  # a page of the second batch
        file.write(b"lost" * 1024)
    with ottla.Broker(config=two_dirs) as broker, client_of(broker) as client:
        assert client.end_offset("orders") == (0, 1)
        assert values(client.fetch("orders")) == [big]


def test_what_could_not_be_opened_to_be_synced_is_not_safe(tmp_path: Path) -> None:
    """A moment without descriptors while a sealed segment is flushed: the recovery point moved over
    what nobody had synced, and after a power cut nobody would have looked at it.
    """

    def recovery_point() -> int:
        for name in ("roll", "checkpoint"):
            core.begin(name)
            assert core.settle(timeout_ms=10_000)
        rows = (tmp_path / CHECKPOINT).read_text().splitlines()
        return next((int(row.split()[2]) for row in rows if row.startswith("orders 0 ")), 0)

    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("orders", segment_bytes="1048576", flush_ms="0") == [0]
        sealed = Fault("open", "/orders-0/00000000000000000000.*index", "EMFILE")
        with disk_faults(broker, sealed) as fired:
            for _ in range(5):
                assert client.produce("orders", bytes(300_000)) == 0
            core.flush()
            eventually(lambda: fired()[0] > 0, "the sealed segment is flushed")
            assert recovery_point() <= 3, "the first segment is not safe"
            assert is_served(client, "orders"), "and no disk has failed"
        core.flush()
        assert recovery_point() > 3, "now it is"


def test_a_directory_that_the_controller_placed_partitions_in_loses_its_leaders(
    tmp_path: Path,
) -> None:
    """Other brokers and clients learn it from the cluster's image, which this broker must tell."""
    one = {"log.dirs": str(tmp_path / "data"), "metadata.log.dir": str(tmp_path / "meta")}
    with ottla.Broker(config=one) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
    two = {**one, "log.dirs": f"{tmp_path / 'data'},{tmp_path / 'more'}"}
    with ottla.Broker(config=two) as broker, client_of(broker) as client:
        assert client.produce("orders", b"kept") == 0
        before = client.metadata("orders").leader_epoch
        with disk_faults(broker, Fault("sync", "orders-0/*.log", "EIO", times=1)):
            core_of(broker).flush()
        eventually(lambda: client.metadata("orders").leader_epoch > before, "a leaderless epoch")
        assert is_offline(client, "orders")
        node = broker._running()
        assert node._engine.context.image.topics.by_name["orders"].partitions[0].leader == -1
    with ottla.Broker(config=two) as broker, client_of(broker) as client:
        eventually(lambda: is_served(client, "orders"), "the mended disk is led again")
        assert values(client.fetch("orders"))[0] == b"kept"


def test_when_every_log_directory_failed_the_node_ends_and_says_why(tmp_path: Path) -> None:
    """A node without a disk would go on answering, or take its process with it."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"one") == 0
        node = broker._running()
        with disk_faults(broker, Fault("sync", "orders-0/*.log", "EIO")):
            core_of(broker).flush()
            assert node.wait(20)
        with pytest.raises(NodeFailed, match=r"log directory .*orders-0"):
            broker.bootstrap_servers  # noqa: B018
        assert not (tmp_path / CLEAN).exists()
        broker.start()
        with client_of(broker) as again:
            assert is_served(again, "orders")


def test_when_the_metadata_log_fails_the_node_ends_and_says_why(tmp_path: Path) -> None:
    """What was decided would be answered and lost."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        node = broker._running()
        with disk_faults(broker, Fault("sync", METADATA_LOG, "EIO")):
            with pytest.raises(ottla.OttlaError):
                client.create("orders")
            assert node.wait(20)
        with pytest.raises(NodeFailed, match="metadata log"):
            broker.bootstrap_servers  # noqa: B018


SERVER = """
import sys
from ottla.cli.server import serve
from ottla._core import DiskFault
from ottla.errors import OttlaError
from ottla.testing.broker import _DEFAULTS
from ottla.node.format import ensure_formatted

folder = sys.argv[1]
properties = {**_DEFAULTS, "log.dirs": folder, "controller.quorum.bootstrap.servers": "localhost:1",
              "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"}
ensure_formatted(properties)

def started(node):
    node._core.set_disk_faults([DiskFault("sync", "__cluster_metadata-0/*.log", "EIO")])

try:
    sys.exit(serve(properties, started=started))
except OttlaError as error:
    sys.exit(f"{error}")
"""


def test_a_server_whose_disk_failed_exits_with_the_reason(tmp_path: Path) -> None:
    """Who supervises it would see a server that runs, or one that ended well."""
    server = [sys.executable, "-c", SERVER, str(tmp_path)]
    ended = subprocess.run(server, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "the metadata log failed" in ended.stderr
    assert "the metadata log failed" in ended.stdout, "its own log says so too"


# ---------------------------------------------------------------- opening
def test_a_topic_made_while_the_disk_fails_is_offline_and_heals(tmp_path: Path) -> None:
    """It was answered 0, shown with a healthy leader, and unknown to Produce for ever."""
    names, faults = one_topic_each(OPENING)
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        with disk_faults(broker, *faults) as fired:
            assert set(client.create(*names)) == {0}
            assert all(fired())
            assert all(is_offline(client, name) for name in names)
            assert client.create("others") == [0]
            assert is_served(client, "others")
        for name in names:
            eventually(lambda name=name: is_served(client, name), f"{name} is tried again")
            assert values(client.fetch(name)) == [b"taken"]
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert all(values(client.fetch(name)) == [b"taken"] for name in names)


def test_a_first_append_that_fails_is_taken_when_the_disk_mends(tmp_path: Path) -> None:
    """A log without files that can't make them would be offline, or keep its half made ones."""
    names, faults = one_topic_each(FIRST_APPEND)
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert set(client.create(*names)) == {0}
        for name in names:
            assert [f.name for f in (tmp_path / f"{name}-0").iterdir()] == ["partition.metadata"]
        with disk_faults(broker, *faults) as fired:
            for name in names:
                assert client.produce(name, b"refused") == STORAGE
                assert values(client.fetch(name)) == []
                assert client.metadata(name).leader_id == 1
            assert all(fired())
        broker.kill()
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert all(is_served(client, name) for name in names)
        assert all(values(client.fetch(name)) == [b"taken"] for name in names)


@pytest.mark.parametrize("file", ["partition.metadata", "00000000000000000000.log"])
def test_a_damaged_partition_is_offline_until_it_is_mended(tmp_path: Path, file: str) -> None:
    """One damaged file would stop the start, or need another one once it is mended."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders", "others") == [0, 0]
        assert client.produce("orders", b"kept") == 0
    path = tmp_path / "orders-0" / file
    whole = path.read_bytes()
    path.unlink()
    if file.endswith(".log"):
        path.mkdir()
    else:
        path.write_bytes(b"damaged")
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert is_offline(client, "orders")
        assert is_served(client, "others")
        if path.is_dir():
            path.rmdir()
        path.write_bytes(whole)
        eventually(lambda: is_served(client, "orders"), "it is tried again")
        assert values(client.fetch("orders")) == [b"kept", b"taken"]


def test_a_folder_that_is_away_while_it_is_mended_is_not_made_anew(tmp_path: Path) -> None:
    """Who moves a damaged folder to mend it would find an empty one in its place."""
    with ottla.Broker(dir=tmp_path / "data") as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
    place = tmp_path / "data" / "orders-0"
    name = place / "partition.metadata"
    whole = name.read_bytes()
    name.write_bytes(b"damaged")
    with ottla.Broker(dir=tmp_path / "data") as broker, client_of(broker) as client:
        place.rename(tmp_path / "away")
        eventually(
            lambda: any("bring it back" in line.text for line in broker.log), "it is tried again"
        )
        assert not place.exists()
        assert is_offline(client, "orders")
        (tmp_path / "away" / "partition.metadata").write_bytes(whole)
        (tmp_path / "away").rename(place)
        eventually(lambda: is_served(client, "orders"), "it is tried again")
        assert values(client.fetch("orders")) == [b"kept", b"taken"]
        assert any("orders-0 is open" in line.text for line in broker.log)


def test_an_offline_partition_can_be_deleted_and_made_again(tmp_path: Path) -> None:
    """Who tries to open it would bring back what was deleted, or keep the name from being used."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        with disk_faults(broker, Fault("create", "/orders-0/partition.metadata", "ENOSPC")):
            assert client.create("orders") == [0]
            assert is_offline(client, "orders")
            assert client.delete("orders") == 0
        assert client.create("orders") == [0]
        assert is_served(client, "orders")
        assert len(list(tmp_path.glob("orders-0*-delete"))) == 1


# ---------------------------------------------------------------- stops, marks, checkpoints
def test_the_clean_mark_says_nothing_of_a_partition_that_was_not_opened(tmp_path: Path) -> None:
    """A crash; at the next start one partition can't be opened; a clean stop; it is mended; a
    start: the mark of the clean stop made recovery be skipped, and the damaged batch was served.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders", "others") == [0, 0]
        for value in (b"kept", b"torn"):
            assert client.produce("orders", value) == 0
        broker.kill()
    segment = tmp_path / "orders-0" / "00000000000000000000.log"
    torn = segment.read_bytes()
    segment.write_bytes(torn[:-2] + b"??")
    name = tmp_path / "orders-0" / "partition.metadata"
    whole = name.read_bytes()
    name.write_bytes(b"damaged")
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert is_offline(client, "orders")
        assert is_served(client, "others")
    assert not (tmp_path / CLEAN).exists()
    name.write_bytes(whole)
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept"]
        assert client.end_offset("orders") == (0, 1)
    assert (tmp_path / CLEAN).exists()


def test_the_clean_mark_says_nothing_of_a_log_that_broke(tmp_path: Path) -> None:
    """What was half written and could not be cut back would be taken for whole by the next start,
    which looks at nothing behind a mark.
    """
    broker = ottla.Broker(dir=tmp_path).start()
    with client_of(broker) as client:
        assert client.create("orders", "others") == [0, 0]
        assert client.produce("orders", b"kept") == 0
        faults = [
            Fault("write", "orders-0/*.log", "EIO", short=True),
            Fault("set_len", "orders-0/*.log", "EIO"),
        ]
        core_of(broker).set_disk_faults(faults)
        assert client.produce("orders", b"refused") == STORAGE
    broker.close()
    assert not (tmp_path / CLEAN).exists()
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept"]
    assert (tmp_path / CLEAN).exists()


@pytest.mark.parametrize("errno", ["EMFILE", "ENOSPC"])
def test_a_checkpoint_that_can_not_be_written_ends_nothing(tmp_path: Path, errno: str) -> None:
    """A server with many idle connections died of its checkpoint after a minute."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("orders") == [0]
        assert client.produce("orders", b"one") == 0
        core.flush()
        with disk_faults(broker, Fault("create", "-checkpoint.tmp", errno)) as fired:
            for count in (1, 2):
                core.begin("checkpoint")
                assert core.settle(timeout_ms=10_000)
                assert fired() == [count]
            assert is_served(client, "orders")
        assert not (tmp_path / CHECKPOINT).exists()
        core.begin("checkpoint")
        assert core.settle(timeout_ms=10_000)
        assert "orders 0 " in (tmp_path / CHECKPOINT).read_text()


def test_a_namesake_is_not_recovered_from_where_the_old_one_ended(tmp_path: Path) -> None:
    """If a checkpoint can't forget a deleted topic, one of the same name must wait for that: after
    a crash it would not be looked at below the old one's end.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("orders") == [0]
        for _ in range(3):
            assert client.produce("orders", b"old") == 0
        core.flush()
        core.begin("checkpoint")
        assert core.settle(timeout_ms=10_000)
        with disk_faults(broker, Fault("write", CHECKPOINT + ".tmp", "ENOSPC")):
            assert client.delete("orders") == 0
            assert client.create("orders") == [0]
            assert is_offline(client, "orders")
        eventually(lambda: is_served(client, "orders"), "the checkpoint could be written")
        assert "orders" not in (tmp_path / CHECKPOINT).read_text()


def test_groups_of_an_offsets_partition_that_is_offline_come_back_with_it(tmp_path: Path) -> None:
    """One damaged file of `__consumer_offsets` stopped the whole start; or, mended, its groups
    would stay without a coordinator until another one.
    """
    config = {"offsets.topic.num.partitions": 1}
    place = ("orders", 0)
    with (
        ottla.Broker(dir=tmp_path, config=config) as broker,
        Client(broker.bootstrap_servers) as admin,
        client_of(broker) as client,
    ):
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
        assert groups.commit(admin, "readers", {place: 1}) == {place: None}
    name = tmp_path / "__consumer_offsets-0" / "partition.metadata"
    whole = name.read_bytes()
    name.write_bytes(b"damaged")
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert is_served(client, "orders")
        assert client.committed("readers", "orders")[0] in COMES_BACK
        name.write_bytes(whole)
        eventually(lambda: client.committed("readers", "orders") == (0, 1), "it is tried again")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("write", f"{CLEAN}.tmp", "ENOSPC"),
        Fault("write", "-checkpoint.tmp", "ENOSPC"),
        Fault("sync", "orders-0/*", "EIO"),
        Fault("create", "orders-0/*.snapshot", "ENOSPC"),
    ],
    ids=lambda fault: fault.path,
)
def test_a_stop_that_the_disk_refuses_says_so_and_leaves_no_mark(
    tmp_path: Path, fault: Fault
) -> None:
    """The next start would take for clean what was not written."""
    broker = ottla.Broker(dir=tmp_path).start()
    with client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
    core_of(broker).set_disk_faults([fault])
    with pytest.raises(NodeFailed, match=tmp_path.name):
        broker.close()
    assert not (tmp_path / CLEAN).exists()
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept"]


@pytest.mark.parametrize("acks", [-1, 1])
def test_who_waits_for_a_sync_that_fails_is_told(
    tmp_path: Path, two_dirs: dict[str, str], acks: int
) -> None:
    """With flush.messages=1 a producer would wait for its timeout, or be told what is not so."""
    with ottla.Broker(config=two_dirs) as broker, client_of(broker) as client:
        assert client.create("orders", flush_messages="1") == [0]
        assert client.produce("orders", b"kept", acks=acks) == 0
        with disk_faults(broker, Fault("sync", "orders-0/*.log", "EIO")):
            assert client.produce("orders", b"refused", acks=acks) == STORAGE
        eventually(lambda: is_offline(client, "orders"), "its log directory failed")
    assert (tmp_path / "data").is_dir()
