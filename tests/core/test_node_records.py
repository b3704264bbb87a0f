"""Produce and Fetch through raw sockets: what is written, read, parked, refused and remembered."""

from __future__ import annotations

import resource
import threading
import time
from pathlib import Path

import pytest
from node_peer import (
    PRODUCE,
    TOPIC,
    TOPIC_ID,
    Peer,
    Served,
    batch,
    bounds,
    eventually,
    led,
    place,
    serving,
)

from ottla import _core
from ottla.wire import schema
from ottla.wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from ottla.wire.records import read_batches

UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER = 3, 6
NOT_ENOUGH_REPLICAS, INVALID_REQUIRED_ACKS = 19, 21
OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, INVALID_TOPIC, STORAGE = 1, 2, 17, 56
SESSION_NOT_FOUND, SESSION_EPOCH, FENCED, UNKNOWN_EPOCH = 70, 71, 74, 75
INVALID_RECORD, UNKNOWN_TOPIC_ID, SESSION_TOPIC_ID = 87, 100, 106
TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53


@pytest.mark.parametrize("version", range(3, 14))
def test_every_produce_version(tmp_path: Path, version: int) -> None:
    """A producer of that age would not be understood."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        for acks in (-1, 1):
            done = peer.produce(batch(5), acks=acks, version=version)
            assert (done.error_code, done.log_append_time_ms) == (0, -1)
        assert done.base_offset == 5
        missing = peer.produce(batch(), partition=7, version=version)
        assert (missing.error_code, missing.base_offset) == (UNKNOWN_TOPIC_OR_PARTITION, -1)
        assert bounds(node.core) == (0, 10, 10, 10)


@pytest.mark.parametrize("version", range(4, 19))
def test_every_fetch_version(tmp_path: Path, version: int) -> None:
    """A consumer of that age would not be understood, or get other bytes than were written."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        for size in (10, 60_000):
            peer.produce(batch(2, size))
        parts = peer.fetch({0: 0, 1: 0}, version=version).responses[0].partitions
        assert [part.partition_index for part in parts] == [0, 1]
        assert [part.high_watermark for part in parts] == [4, 0]
        assert [part.error_code for part in parts] == [0, 0]
        found = read_batches(parts[0].records)
        assert [len(record.value) for read in found for record in read.records] == [
            10,
            10,
            60_000,
            60_000,
        ]
        assert parts[1].records == b""
        again = peer.fetch({0: 1}, version=version).responses[0].partitions[0]
        assert again.records == parts[0].records, "the batch that holds the offset comes whole"


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Large replies, sent from their files, would lose or mix bytes."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        for _ in range(40):
            peer.produce(batch(3, 30_000))
            peer.produce(batch(1, 10), partition=1)
        stored = node.core.read(TOPIC, 0, 0, 1 << 30), node.core.read(TOPIC, 1, 0, 1 << 30)
        parts = peer.fetch({0: 0, 1: 0}, part={"partition_max_bytes": 1 << 30})
        assert tuple(part.records for part in parts.responses[0].partitions) == stored
        peer.ask_fetch({0: 0, 1: 0}, part={"partition_max_bytes": 1 << 30})
        peer.ask_fetch({0: 0, 1: 0}, part={"partition_max_bytes": 1 << 30})
        for _ in range(2):
            parts = peer.fetched().responses[0].partitions
            assert tuple(part.records for part in parts) == stored


def test_limits_of_a_fetch(tmp_path: Path) -> None:
    """A reader's limits would be ignored, or a large batch would stop it for ever."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        one = len(batch(1, 1000))
        for index in (0, 1):
            for _ in range(10):
                peer.produce(batch(1, 1000), partition=index)
        parts = peer.fetch({0: 0, 1: 0}, max_bytes=1).responses[0].partitions
        assert [len(part.records) for part in parts] == [one, 0]
        parts = peer.fetch({0: 0, 1: 0}, part={"partition_max_bytes": 3 * one})
        assert [len(part.records) for part in parts.responses[0].partitions] == [3 * one, 3 * one]


def test_produce_refusals(tmp_path: Path) -> None:
    """Producers would take what was refused for written, or be told nothing."""
    with serving(tmp_path, config={"min.insync.replicas": 2}) as node, Peer(node.port) as peer:
        assert peer.produce(batch(), acks=7).error_code == INVALID_REQUIRED_ACKS
        assert peer.produce(batch(), topic_id=b"x" * 16).error_code == UNKNOWN_TOPIC_ID
        assert peer.produce(None).error_code == INVALID_RECORD
        broken = bytearray(batch())
        broken[-1] ^= 1
        assert peer.produce(bytes(broken)).error_code == CORRUPT_MESSAGE
        refused = peer.produce(batch(transactional=True, producer_id=5, producer_epoch=0))
        assert refused.error_code == TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "in nobody's name"
        assert node.core.partition_offsets(TOPIC, 0).log_end == 0, "nothing was written"
        assert peer.produce(batch()).error_code == 0, "one replica is all that can be in sync"


def test_acks_0_has_no_reply_and_an_error_closes(tmp_path: Path) -> None:
    """A reply would shift all later ones; a silent error would go unnoticed."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.produce(batch(), acks=0)
        assert peer.produce(batch()).base_offset == 1
        peer.produce(batch(), acks=0, partition=9)
        assert peer.receive_frame() == b""


def test_one_request_may_succeed_in_part(tmp_path: Path) -> None:
    """One bad partition would take the others of its request along."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        data = [PartitionProduceData(index=index, records=batch(2)) for index in (0, 5, 1)]
        topics = [TopicProduceData(topic_id=TOPIC_ID, partition_data=data)]
        request = ProduceRequest(acks=-1, timeout_ms=100, topic_data=topics)
        peer.send(PRODUCE, 13, schema.encode(request, 13))
        answers = peer.reply(ProduceResponse, PRODUCE, 13).responses[0].partition_responses
        assert [(a.index, a.error_code) for a in answers] == [
            (0, 0),
            (5, UNKNOWN_TOPIC_OR_PARTITION),
            (1, 0),
        ]


def test_internal_topics_take_no_clients_records(tmp_path: Path) -> None:
    """A client could forge group offsets."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        name, topic_id = "__consumer_offsets", b"o" * 16
        place(node.core, led(name, topic_id, internal=True))
        assert peer.produce(batch(), topic_id=topic_id).error_code == INVALID_TOPIC
        admin = peer.produce(batch(), topic_id=topic_id, client=b"__admin_client")
        assert admin.error_code == 0
        assert node.core.append(name, 0, batch(2)) == _core.Appended(base_offset=1, last_offset=2)
        assert len(read_batches(node.core.read(name, 0, 1, 1))) == 1


def test_fetch_refusals(tmp_path: Path) -> None:
    """Consumers would read on where they must reset or look for another leader."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        place(node.core, led(TOPIC, TOPIC_ID, leader_epoch=4))
        peer.produce(batch(3))

        def refused(offset: int = 0, index: int = 0, **asked: object) -> tuple[int, int]:
            part = peer.fetch({index: offset}, **asked).responses[0].partitions[0]  # type: ignore[arg-type]
            return part.error_code, part.high_watermark

        assert refused(4) == (OFFSET_OUT_OF_RANGE, -1)
        assert refused(-1) == (OFFSET_OUT_OF_RANGE, -1)
        assert refused(index=9) == (UNKNOWN_TOPIC_OR_PARTITION, -1)
        assert refused(topic={"topic_id": b"z" * 16}) == (UNKNOWN_TOPIC_ID, -1)
        assert refused(part={"current_leader_epoch": 3}) == (FENCED, -1)
        assert refused(part={"current_leader_epoch": 5}) == (UNKNOWN_EPOCH, -1)
        assert refused(part={"current_leader_epoch": 4}) == (0, 3)
        assert refused(version=14, replica_id=2) == (UNKNOWN_EPOCH, -1)
        diverged = peer.fetch({0: 3}, part={"last_fetched_epoch": 2}).responses[0].partitions[0]
        assert diverged.diverging_epoch.end_offset == 0
        assert diverged.records == b""


def test_a_fetch_waits_for_bytes(tmp_path: Path) -> None:
    """A consumer would poll without rest, or sleep over what arrives."""
    with serving(tmp_path) as node, Peer(node.port) as reader, Peer(node.port) as writer:
        size = len(batch())
        reader.ask_fetch({0: 0, 1: 0}, max_wait_ms=20_000, min_bytes=3 * size)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        writer.produce(batch())
        writer.produce(batch(), partition=1)
        writer.produce(batch())
        parts = reader.fetched().responses[0].partitions
        told = [len(part.records) for part in parts]
        assert told == [2 * size, size], "two of three batches are not enough for an answer"
        assert node.core.metrics()["fetch.parked"] == 0


def test_a_fetch_waits_no_longer_than_asked(tmp_path: Path) -> None:
    """An empty topic would block its reader, or a frozen clock would."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        node.core.freeze_clock(True)
        began = time.monotonic()
        assert peer.fetch({0: 0}, max_wait_ms=200).responses[0].partitions[0].records == b""
        assert 0.19 < time.monotonic() - began < 5


def test_a_parked_fetch_notices_that_its_reader_left(tmp_path: Path) -> None:
    """Requests of readers that are gone would pile up for their whole wait."""
    with serving(tmp_path) as node:
        with Peer(node.port) as peer:
            peer.ask_fetch({0: 0}, max_wait_ms=600_000)
            eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 0)
        assert node.core.metrics()["connection.count"] == 0


def test_a_parked_fetch_ends_with_its_partition(tmp_path: Path) -> None:
    """The reader of a deleted topic would wait for what cannot come."""
    with serving(tmp_path, partitions=1) as node, Peer(node.port) as peer:
        peer.ask_fetch({0: 0}, max_wait_ms=600_000)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        node.core.delete_partitions([_core.TopicPartition(TOPIC, 0)])
        assert node.core.await_wanted(timeout_ms=20_000)
        assert peer.fetched().responses[0].partitions[0].error_code == UNKNOWN_TOPIC_ID


def test_a_fetch_that_waits_lets_what_is_behind_it_go_on(tmp_path: Path) -> None:
    """A client's other questions would wait as long as its Fetch, half a second each by default; or
    their replies would overtake each other.
    """
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.ask_fetch({0: 0}, max_wait_ms=600_000)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        peer.send(3, 1, b"second")
        assert peer.fetched().responses[0].partitions[0].records == b""
        assert peer.receive_frame().endswith(b"second")


def test_a_reply_does_not_wait_for_the_request_behind_it(tmp_path: Path) -> None:
    """Replies to what came in one go leave together: if one is not made soon, those before it would
    lie here for as long.
    """
    with serving(tmp_path) as node, Peer(node.port) as peer:
        node.answer = lambda request: None if request.body == b"parked" else request.body
        asked = [peer.frame(3, 1, body) for body in (b"first", b"second", b"parked", b"last")]
        peer.socket.sendall(b"".join(asked))
        assert [peer.receive_frame()[4:] for _ in range(2)] == [b"first", b"second"]
        eventually(lambda: len(node.asked) == 3)
        node.core.reply(node.asked[-1].token, b"late")
        assert [peer.receive_frame()[4:] for _ in range(2)] == [b"late", b"last"]


def test_a_fetch_behind_a_fetch_waits_its_turn(tmp_path: Path) -> None:
    """A client with two Fetches under way would be answered as fast as it asks, for nothing."""
    with serving(tmp_path) as node, Peer(node.port) as peer, Peer(node.port) as writer:
        for _ in range(2):
            peer.ask_fetch({0: 0}, max_wait_ms=600_000)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        writer.produce(batch())
        for _ in range(2):
            assert len(peer.fetched().responses[0].partitions[0].records) > 0


def test_sessions_tell_only_what_is_new(tmp_path: Path) -> None:
    """Readers of many idle partitions would pay for all of them in every request."""
    with serving(tmp_path, partitions=3) as node, Peer(node.port) as peer:
        first = peer.fetch({0: 0, 1: 0}, session=(0, 0))
        number = first.session_id
        assert number > 0
        assert len(first.responses[0].partitions) == 2
        assert peer.fetch({}, session=(number, 1)).responses == []
        peer.produce(batch(), partition=1)
        told = peer.fetch({}, session=(number, 2)).responses[0].partitions
        assert [(part.partition_index, part.high_watermark) for part in told] == [(1, 1)]
        told = peer.fetch({1: 1}, session=(number, 3))
        assert told.responses == [], "it was told, and has nothing more"
        told = peer.fetch({2: 0}, session=(number, 4), forget=[0]).responses[0].partitions
        assert [part.partition_index for part in told] == [2]
        peer.produce(batch(), partition=0)
        assert peer.fetch({}, session=(number, 5)).responses == []
        wrong = peer.fetch({}, session=(number, 5))
        assert (wrong.error_code, wrong.session_id) == (SESSION_EPOCH, 0)
        assert peer.fetch({}, session=(number + 1, 5)).error_code == SESSION_NOT_FOUND
        by_name = peer.fetch({}, session=(number, 6), version=12)
        assert by_name.error_code == SESSION_TOPIC_ID
        assert peer.fetch({0: 0}, session=(number, -1)).session_id == 0
        assert peer.fetch({}, session=(number, 6)).error_code == SESSION_NOT_FOUND


def test_sessions_have_slots(tmp_path: Path) -> None:
    """Readers that leave would fill the node with their sessions."""
    with serving(tmp_path, fetch_session_slots=2) as node, Peer(node.port) as peer:
        numbers = [peer.fetch({0: 0}, session=(0, 0)).session_id for _ in range(3)]
        assert numbers[0] > 0
        assert numbers[1] > 0
        assert numbers[2] == 0, "no room: the reader goes on without"
        assert node.core.metrics()["session.count"] == 2


def test_a_failing_disk_takes_the_log_offline(tmp_path: Path) -> None:
    """A full disk would lose what was acknowledged, or be retried for ever."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        assert peer.produce(batch(1, 1000)).error_code == 0
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        import signal

        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            assert peer.produce(batch(1, 100_000)).error_code == STORAGE
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert peer.produce(batch()).error_code == 0, "there is room again"
        eventually(lambda: len(node.events) == 2)
        failed, healed = node.events
        assert isinstance(failed, _core.Event.LogFailed)
        assert isinstance(healed, _core.Event.LogHealed)
        assert (failed.topic, failed.partition) == (healed.topic, healed.partition) == (TOPIC, 0)
        assert peer.produce(batch(), partition=1).error_code == 0
        part = peer.fetch({0: 0}).responses[0].partitions[0]
        assert (part.error_code, len(read_batches(part.records))) == (0, 2)
        node.core.stop(1000, 1)
    with serving(tmp_path) as node:
        assert node.core.partition_offsets(TOPIC, 0).log_end == 2


def keep_house(core: _core.Node, name: str) -> None:
    """One pass of the background, to its end."""
    core.begin(name)
    assert core.settle(timeout_ms=10_000)


def test_deleted_partitions_are_renamed_then_removed(tmp_path: Path) -> None:
    """A namesake would inherit records, or the disk would never be given back."""
    with serving(tmp_path, config={"file.delete.delay.ms": 1000}) as node, Peer(node.port) as peer:
        peer.produce(batch(5))
        node.core.flush()
        keep_house(node.core, "checkpoint")
        node.core.freeze_clock(True)
        node.core.delete_partitions([_core.TopicPartition(TOPIC, 0)])
        assert node.core.await_wanted(timeout_ms=20_000)
        names = [path.name for path in tmp_path.iterdir() if path.name.endswith("-delete")]
        assert len(names) == 1
        assert peer.produce(batch()).error_code == UNKNOWN_TOPIC_OR_PARTITION
        keep_house(node.core, "deleted")
        assert (tmp_path / names[0]).exists()
        node.core.advance_clock(1000)
        keep_house(node.core, "deleted")
        assert not (tmp_path / names[0]).exists()
        place(node.core, led(TOPIC, b"n" * 16))
        assert f"{TOPIC} 0" not in (tmp_path / "recovery-point-offset-checkpoint").read_text()
        assert node.core.partition_offsets(TOPIC, 0).log_end == 0


def test_strays_and_namesakes_are_set_aside(tmp_path: Path) -> None:
    """Folders of topics that the cluster does not know would be served, or lost."""
    with serving(tmp_path, partitions=3) as node, Peer(node.port) as peer:
        peer.produce(batch(2))
    with serving(tmp_path, partitions=1) as node:
        strays = {(stray.topic, stray.partition) for stray in node.core.strays()}
        assert strays == {(TOPIC, 1), (TOPIC, 2)}
        follower = _core.PartitionState(
            topic=TOPIC,
            topic_id=TOPIC_ID,
            partition=2,
            leader=2,
            leader_epoch=0,
            partition_epoch=0,
            replicas=[1, 2],
            isr=[1, 2],
            log_dir=0,
            config=_core.TopicConfig({}),
        )
        place(node.core, follower)
        aside = node.core.set_strays_aside()
        assert len(aside) == 1
        assert (tmp_path / f"{TOPIC}-2").is_dir(), "it is ours, and only not led"
        assert all(name.endswith("-stray") for name in aside)
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    place(core, led(TOPIC, b"n" * 16))
    assert core.partition_offsets(TOPIC, 0).log_end == 0
    (opened,) = core.load_report()
    assert (opened.kind, opened.place) == ("aside", f"{TOPIC}-0")
    core.kill()


def test_a_partition_that_can_not_be_opened_stays_where_it_is(tmp_path: Path) -> None:
    """One damaged small file would have a partition's records set aside as nobody's."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.produce(batch(2))
    folder = tmp_path / f"{TOPIC}-0"
    (folder / "partition.metadata").write_text("damaged")
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    place(core, led(TOPIC, TOPIC_ID))
    (told,) = core.next(0)
    assert isinstance(told, _core.Event.LogUnopened)
    assert (told.topic, told.topic_id, told.partition) == (TOPIC, TOPIC_ID, 0)
    assert told.refused.path == str(folder / "partition.metadata")
    assert not [name for name in core.set_strays_aside() if name.startswith(str(folder))]
    assert folder.is_dir()
    core.kill()


def asked(node: Served, question: _core.Question) -> _core.Answer:
    """The answer to one question, at once or when the disk has been asked."""
    job = 1 + len(node.events)
    (answer,) = node.core.ask(job, [question]) or answers_of(node, job)
    return answer


def answers_of(node: Served, job: int) -> list[_core.Answer]:
    """What a job came to."""

    def told() -> list[list[_core.Answer]]:
        jobs = [event for event in node.events if isinstance(event, _core.Event.Answered)]
        return [event.answers for event in jobs if event.token == job]

    found: list[_core.Answer] = eventually(told)[0]
    return found


def at_time(timestamp_ms: int, isolation: int = 0) -> _core.Question:
    """What a time leads to."""
    return _core.Question.Time(TOPIC, 0, timestamp_ms, isolation)


def found(node: Served, timestamp_ms: int) -> tuple[int, int, int]:
    """(offset, timestamp, leader epoch) that a time leads to."""
    row = asked(node, at_time(timestamp_ms))
    return row.offset, row.timestamp_ms, row.leader_epoch


def test_lookups(tmp_path: Path) -> None:
    """ListOffsets, OffsetForLeaderEpoch and DeleteRecords would be wrong."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.produce(batch(5))
        core = node.core
        assert asked(node, at_time(-2)).offset == 0
        assert asked(node, at_time(-1, isolation=1)).offset == 5
        assert found(node, 1003) == (3, 1003, 0)
        assert found(node, 9999) == (-1, -1, -1)
        end = asked(node, _core.Question.EpochEnd(TOPIC, 0, 0))
        assert (end.leader_epoch, end.offset) == (0, 5)
        assert asked(node, _core.Question.DeleteBefore(TOPIC, 0, 2)).offset == 2
        assert asked(node, at_time(-2)).offset == 2
        beyond = asked(node, _core.Question.DeleteBefore(TOPIC, 0, 6))
        assert beyond.error_code == OFFSET_OUT_OF_RANGE
        with pytest.raises(_core.CoreError) as caught:
            core.partition_offsets("nobody", 0)
        assert caught.value.args[0] == "unknown-partition"


def test_what_needs_no_disk_is_answered_at_once_and_a_job_as_a_whole(tmp_path: Path) -> None:
    """The ListOffsets of every consumer that starts would go by way of another thread, or a request
    would be answered in parts.
    """
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.produce(batch(5))
        core = node.core
        light = [at_time(-1), at_time(-2), _core.Question.EpochEnd(TOPIC, 0, 0)]
        unknown = _core.Question.Time("nobody", 0, -1, 0)
        told = core.ask(1, [*light, unknown])
        assert told is not None
        assert [answer.offset for answer in told] == [5, 0, 5, -1]
        codes = [answer.error_code for answer in told]
        assert codes == [0, 0, 0, UNKNOWN_TOPIC_OR_PARTITION]
        assert core.ask(2, []) == []
        assert core.ask(3, [at_time(1002), *light, at_time(-3)]) is None
        assert [answer.offset for answer in answers_of(node, 3)] == [2, 5, 0, 5, 4]


def test_bad_configuration_is_named() -> None:
    """A topic would be served with another configuration than it has."""
    for key in ("segment.bytes", "min.insync.replicas"):
        with pytest.raises(_core.CoreError) as caught:
            _core.TopicConfig({key: "much"})
        assert caught.value.args[0] == "invalid"
        assert key in caught.value.args[1]


def test_a_follower_serves_no_clients(tmp_path: Path) -> None:
    """Two brokers would give the same offsets, or a client would read what is not committed."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        assert peer.produce(batch(2)).error_code == 0
        moved = _core.PartitionState(
            topic=TOPIC,
            topic_id=TOPIC_ID,
            partition=0,
            leader=2,
            leader_epoch=1,
            partition_epoch=1,
            replicas=[1, 2],
            isr=[1, 2],
            log_dir=0,
            config=_core.TopicConfig({}),
        )
        place(node.core, moved)
        assert peer.produce(batch()).error_code == NOT_LEADER_OR_FOLLOWER
        part = peer.fetch({0: 0}).responses[0].partitions[0]
        assert part.error_code == NOT_LEADER_OR_FOLLOWER
        assert part.current_leader.leader_id == 2
        assert asked(node, at_time(-1)).error_code == NOT_LEADER_OR_FOLLOWER
        place(node.core, led(TOPIC, TOPIC_ID, leader_epoch=2))
        assert peer.produce(batch()).base_offset == 2


def test_producers_in_parallel_lose_nothing(tmp_path: Path) -> None:
    """Appends from several threads would overwrite each other."""
    with serving(tmp_path, threads=4) as node:

        def write() -> None:
            with Peer(node.port) as peer:
                for _ in range(100):
                    assert peer.produce(batch(3)).error_code == 0

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        found = read_batches(node.core.read(TOPIC, 0, 0, 1 << 30))
        assert [read.base_offset for read in found] == list(range(0, 1200, 3))
        assert node.core.metrics()[f"topic.messages_in.{TOPIC}"] == 1200
