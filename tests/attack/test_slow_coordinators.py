"""Disks take their time for partitions; groups, whose state lies in others, must not notice.

The disk holds each call until the block of the fault ends: what is answered inside of the block did
not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ottla
from attack.faults import HELD, Fault, disk_faults
from attack.partition_client import PartitionClient, client_of
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from servers import eventually

JOIN_S = 60
BY_NAME = 9
"""The last version of OffsetCommit and OffsetFetch that has topics' names."""


def find(client: PartitionClient, *groups: str) -> list[int]:
    """FindCoordinator: an error code a group."""
    request = FindCoordinatorRequest(key_type=0, coordinator_keys=list(groups))
    return [row.error_code for row in client.ask(request).coordinators]


def commit(client: PartitionClient, group: str, topic: str, offset: int) -> int:
    """OffsetCommit of one offset: its error code."""
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    rows = [OffsetCommitRequestTopic(name=topic, partitions=[part])]
    answer = client.ask(OffsetCommitRequest(group_id=group, topics=rows), BY_NAME)
    code: int = answer.topics[0].partitions[0].error_code
    return code


def committed(client: PartitionClient, group: str, topic: str) -> int:
    """OffsetFetch: the offset, -1 if there is none."""
    rows = [OffsetFetchRequestTopics(name=topic, partition_indexes=[0])]
    groups = [OffsetFetchRequestGroup(group_id=group, topics=rows)]
    answer = client.ask(OffsetFetchRequest(groups=groups), BY_NAME).groups[0]
    assert answer.error_code == 0
    offset: int = answer.topics[0].partitions[0].committed_offset
    return offset


def two_dirs(path: Path) -> dict[str, str]:
    """The metadata log in the second directory, the first partition in the first."""
    return {
        "log.dirs": f"{path / 'one'},{path / 'two'}",
        "metadata.log.dir": str(path / "two"),
        "offsets.topic.num.partitions": "1",
    }


@contextmanager
def hanging(broker: ottla.Broker, name: str) -> Iterator[None]:
    """A topic is created whose folder's directory hangs."""
    with (
        client_of(broker) as other,
        disk_faults(broker, Fault("create", f"/{name}-0/*", delay_ms=HELD)) as fired,
    ):
        creating = threading.Thread(target=other.create, args=(name,))
        creating.start()
        eventually(lambda: fired()[0] > 0, "its disk hangs")
        yield
    creating.join(JOIN_S)
    assert not creating.is_alive()


def test_groups_begin_while_another_directory_hangs(tmp_path: Path) -> None:
    """No group of the node could be joined for as long as a disk that has none of them hung."""
    with (
        ottla.Broker(dir=tmp_path, config=two_dirs(tmp_path)) as broker,
        client_of(broker) as client,
        hanging(broker, "stuck"),
    ):
        eventually(lambda: find(client, "g") == [0], "the group has a coordinator")
        assert client.create("t") == [0]
        eventually(lambda: commit(client, "g", "t", 7) == 0, "it is loaded")
        assert (tmp_path / "two" / "__consumer_offsets-0").is_dir()
        assert committed(client, "g", "t") == 7


def test_a_commit_to_a_new_topic_is_not_forgotten_with_the_old_one(tmp_path: Path) -> None:
    """What was committed to the topic that a name has now would go with the one that had it, once a
    disk that neither has to do with is done.
    """
    with (
        ottla.Broker(dir=tmp_path, config=two_dirs(tmp_path)) as broker,
        client_of(broker) as client,
    ):
        assert client.create("filler", "t") == [0, 0]
        eventually(lambda: find(client, "g") == [0], "the group has a coordinator")
        eventually(lambda: commit(client, "g", "t", 5) == 0, "it is loaded")
        with hanging(broker, "stuck"):
            assert client.delete("t") == 0
            assert client.create("t") == [0]
            assert committed(client, "g", "t") == -1
            assert commit(client, "g", "t", 7) == 0
        assert client.create("after") == [0]
        assert committed(client, "g", "t") == 7


def test_a_coordinator_is_found_among_the_partitions_that_there_are(tmp_path: Path) -> None:
    """A topic with fewer partitions than the config says, not open yet: the lookup ended the
    connection.
    """

    def create(client: PartitionClient) -> Any:
        topic = CreatableTopic(name="__consumer_offsets", num_partitions=1, replication_factor=1)
        return client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=60_000))

    config = {"offsets.topic.num.partitions": "50"}
    with (
        ottla.Broker(dir=tmp_path, config=config) as broker,
        client_of(broker) as client,
        client_of(broker) as other,
    ):
        names = [f"g{number}" for number in range(20)]
        with disk_faults(
            broker, Fault("create", "/__consumer_offsets-0/*", delay_ms=HELD)
        ) as fired:
            creating = threading.Thread(target=create, args=(other,))
            creating.start()
            eventually(lambda: fired()[0] > 0, "its disk hangs")
            assert set(find(client, *names)) == {ErrorCode.COORDINATOR_NOT_AVAILABLE}
        creating.join(JOIN_S)
        eventually(lambda: set(find(client, *names)) == {0}, "all are found")
