"""What a node keeps in compacted topics of its own, over time that a test moves."""

from __future__ import annotations

from pathlib import Path

import ottla
from attack.line import Line
from ottla.client.admin import configs
from ottla.client.client import Client
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import find_coordinator, offset_commit, offset_fetch
from ottla.wire.stored.frame import CONSUMER_OFFSETS, TRANSACTION_STATE
from servers import eventually
from transacting import Transacting

CONFIG = {
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "log.cleaner.min.cleanable.ratio": "0.1",
}
SMALL = "internal.segment.bytes"
GROUP = "busy"
PARTITIONS = 20


def _alter(broker: ottla.Broker, topic: str, key: str, value: str) -> None:
    with Client(broker.bootstrap_servers) as client:
        configs.alter(client, configs.TOPIC, {topic: [configs.Change(key, configs.SET, value)]})


def _ready(line: Line) -> None:
    request = find_coordinator.FindCoordinatorRequest(key_type=0, coordinator_keys=[GROUP])
    eventually(
        lambda: not line.ask(request, 4).coordinators[0].error_code, "a coordinator", timeout_s=20
    )


def _commit(line: Line, offset: int) -> None:
    rows = [
        offset_commit.OffsetCommitRequestPartition(partition_index=n, committed_offset=offset + n)
        for n in range(PARTITIONS)
    ]
    topic = offset_commit.OffsetCommitRequestTopic(name="t", partitions=rows)
    request = offset_commit.OffsetCommitRequest(group_id=GROUP, topics=[topic])

    def committed() -> bool:
        answer = line.ask(request, 8).topics[0].partitions
        return not any(row.error_code for row in answer)

    eventually(committed, "a commit", timeout_s=20)


def _committed(line: Line) -> list[int]:
    topic = offset_fetch.OffsetFetchRequestTopics(name="t", partition_indexes=[*range(PARTITIONS)])
    group = offset_fetch.OffsetFetchRequestGroup(group_id=GROUP, topics=[topic])
    request = offset_fetch.OffsetFetchRequest(groups=[group])
    (found,) = line.ask(request, 8).groups
    assert found.error_code == 0, ErrorCode(found.error_code)
    return [row.committed_offset for row in found.topics[0].partitions]


def _bytes(broker: ottla.Broker, topic: str) -> int:
    folder = Path(broker.dir) / f"{topic}-0"
    return sum(path.stat().st_size for path in folder.glob("*.log"))


def test_the_offsets_of_a_busy_group_take_little_room(tmp_path: Path) -> None:
    """`__consumer_offsets` would grow for ever, or lose a group's offsets as it is compacted."""
    broker = ottla.Broker(dir=tmp_path, config=CONFIG)
    with broker:
        broker.create_topic("t", partitions=PARTITIONS)
        line = Line(broker.port)
        _ready(line)
        _alter(broker, CONSUMER_OFFSETS, SMALL, "20000")
        written = 0
        for minute in range(60):
            before = _bytes(broker, CONSUMER_OFFSETS)
            _commit(line, minute * 100)
            written += max(_bytes(broker, CONSUMER_OFFSETS) - before, 0)
            broker.advance(60)
        assert written > 60_000
        assert _bytes(broker, CONSUMER_OFFSETS) < 40_000
        line.close()
    with broker:
        line = Line(broker.port)
        _ready(line)
        assert _committed(line) == [59 * 100 + n for n in range(PARTITIONS)]
        line.close()


def test_ids_that_did_much_take_little_room(tmp_path: Path) -> None:
    """`__transaction_state` would grow for ever, or forget an id's epoch as it is compacted."""
    broker = ottla.Broker(dir=tmp_path, config=CONFIG)
    with broker:
        asking = Transacting(broker.port)
        asking.create("t")
        first = who = asking.begin("busy-id")
        _alter(broker, TRANSACTION_STATE, SMALL, "4000")
        for _ in range(60):
            asking.write(who, "t", 0, b"v")
            who = asking.finish(who, commit=True)
            broker.advance(16)
        assert _bytes(broker, TRANSACTION_STATE) < 12_000
        asking.close()
    with broker:
        asking = Transacting(broker.port)
        asking.ready("busy-id")
        assert asking.state("busy-id").transaction_state == "CompleteCommit"
        again = asking.begin("busy-id")
        assert (again.id, again.epoch > who.epoch >= first.epoch + 60) == (first.id, True)
        asking.close()
