"""Conversations with a node that has three log dirs: moves between them, cordoned ones, and what
the controller records of replicas' places.

Where a new partition goes among dirs that hold equally many is left to the server, so cases note
only what follows from what they did; folders are named as they were first met.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import servers
from conformance.talk import Talk
from ottla.wire.messages import assign_replicas_to_dirs as assigning
from ottla.wire.messages import describe_quorum
from ottla.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from ottla.wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreateTopicsRequest,
)
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.types import ZERO_UUID

CORDONED = "cordoned.log.dirs"
RATE = "replica.alter.log.dirs.io.max.bytes.per.second"
SET, DELETE = 0, 1


class Dirs:
    """The log dirs of the node, as its tools see them."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.paths = sorted(row.log_dir for row in self._described(5))

    def _described(self, version: int) -> list[Any]:
        found = self._talk.ask(DescribeLogDirsRequest(topics=None), version, note=False)
        rows: list[Any] = found.results
        return rows

    def places(self, topic: str) -> dict[str, list[tuple[int, bool]]]:
        """In which dirs each partition is, and whether it only moves there."""
        found: dict[str, list[tuple[int, bool]]] = {}
        for row in self._described(5):
            for of_topic in row.topics:
                for partition in of_topic.partitions:
                    if of_topic.name == topic:
                        place = self.paths.index(row.log_dir), partition.is_future_key
                        found.setdefault(str(partition.partition_index), []).append(place)
        return {index: sorted(places) for index, places in sorted(found.items())}

    def cordoned(self, version: int = 5) -> list[bool]:
        """Which are."""
        rows = sorted(self._described(version), key=lambda row: row.log_dir)
        return [row.is_cordoned for row in rows]

    def counts(self) -> list[int]:
        """How many partitions each holds."""
        rows = sorted(self._described(5), key=lambda row: row.log_dir)
        return [sum(len(topic.partitions) for topic in row.topics) for row in rows]

    def move(self, place: int | str, topic: str, *indexes: int, version: int = 2) -> None:
        """Ask for partitions to be moved there, and note what is answered."""
        path = place if isinstance(place, str) else self.paths[place]
        topics = [AlterReplicaLogDirTopic(name=topic, partitions=list(indexes))]
        dirs = [AlterReplicaLogDir(path=path, topics=topics)]
        answer = self._talk.ask(AlterReplicaLogDirsRequest(dirs=dirs), version, note=False)
        for row in answer.results:  # whose partitions come in no order
            row.partitions.sort(key=lambda partition: partition.partition_index)
        self._talk.note(answer)

    def cordon(self, *places: int) -> None:
        """Let these take nothing, and wait until that is seen."""
        value = ",".join(self.paths[place] for place in places)
        configure(self._talk, CORDONED, value)
        want = [place in places for place in range(len(self.paths))]
        eventually(lambda: self.cordoned() == want)


def eventually(condition: Callable[[], Any]) -> Any:
    """Ask until it is so."""
    return servers.eventually(condition, "what was asked for is so")


def configure(talk: Talk, key: str, value: str | None, broker: str = "1") -> None:
    """Set a config of a broker, or delete it; the texts name folders as they were met."""
    operation = DELETE if value is None else SET
    config = AlterableConfig(name=key, config_operation=operation, value=value)
    resource = AlterConfigsResource(resource_type=4, resource_name=broker, configs=[config])
    request = IncrementalAlterConfigsRequest(resources=[resource])
    answer = talk.ask(request, 1, note=False)
    talk.note([(row.error_code, row.error_message) for row in answer.responses])


def create(talk: Talk, topic: str, partitions: int = 1, *, by_hand: bool = False) -> None:
    """Make a topic, and wait until its partitions have their dirs."""
    made = CreatableTopic(name=topic, num_partitions=partitions, replication_factor=1)
    if by_hand:
        rows = [CreatableReplicaAssignment(partition_index=0, broker_ids=[1])]
        made = CreatableTopic(
            name=topic, num_partitions=-1, replication_factor=-1, assignments=rows
        )
    answer = talk.ask(CreateTopicsRequest(topics=[made], timeout_ms=10000), 7, note=False)
    talk.note([(row.error_code, row.error_message) for row in answer.topics])


def case_moves_are_answered(talk: Talk) -> None:
    """A partition moves and is where it was asked to; all that can be wrong with the wish."""
    dirs, topic = Dirs(talk), talk.topic()
    create(talk, topic, 3)
    eventually(lambda: len(dirs.places(topic)) == 3)
    for place in (1, 2, 2, 0):
        dirs.move(place, topic, 0, 1, 2)
        eventually(
            lambda place=place: (
                set(map(str, dirs.places(topic).values())) == {f"[({place}, False)]"}
            )
        )
        talk.note(dirs.places(topic))
    dirs.move(1, topic, 2, version=1)
    eventually(lambda: dirs.places(topic)["2"] == [(1, False)])
    for wrong in ("/nowhere", "relative", "", dirs.paths[1] + "/"):
        dirs.move(wrong, topic, 0)
    dirs.move(1, topic, 3)
    dirs.move(1, topic, -1)
    dirs.move(1, "no such topic", 0)
    dirs.move("/nowhere", "no-such-topic", 0)
    dirs.move(1, "x" * 240, 0)
    dirs.move("/nowhere", "x" * 240, 0)
    dirs.move(1, "__cluster_metadata", 0)
    talk.ask(AlterReplicaLogDirsRequest(dirs=[]), 2)


def case_a_partition_is_made_where_it_was_wanted(talk: Talk) -> None:
    """A wish for what does not exist is refused and kept."""
    dirs, topic = Dirs(talk), talk.topic()
    dirs.move(2, topic, 0)
    dirs.move(1, topic, 1)
    create(talk, topic, 2)
    eventually(lambda: len(dirs.places(topic)) == 2)
    talk.note(dirs.places(topic))


def case_new_partitions_go_where_the_fewest_are(talk: Talk) -> None:
    """However many there were before, dirs hold equally many after enough new ones."""
    dirs, topic = Dirs(talk), talk.topic()
    total = sum(dirs.counts())
    more = 3 * max(dirs.counts()) - total + 3
    create(talk, topic, more)
    eventually(lambda: sum(dirs.counts()) == total + more)
    counts = dirs.counts()
    talk.note(max(counts) - min(counts) <= 1)


def case_a_cordoned_dir_takes_nothing(talk: Talk) -> None:
    """Nothing is made or moved there, nor asked to stay there."""
    dirs, topic = Dirs(talk), talk.topic()
    create(talk, topic, 1)
    eventually(lambda: dirs.places(topic))
    dirs.move(1, topic, 0)
    eventually(lambda: dirs.places(topic)["0"] == [(1, False)])
    dirs.cordon(1)
    talk.note(dirs.cordoned())
    talk.note(dirs.cordoned(version=4))
    dirs.move(1, topic, 0)
    dirs.move(1, "nothing", 0)
    other = talk.topic("u")
    create(talk, other, 6)
    eventually(lambda: len(dirs.places(other)) == 6)
    talk.note(any(place == 1 for places in dirs.places(other).values() for place, _ in places))
    dirs.move(0, topic, 0)
    eventually(lambda: dirs.places(topic)["0"] == [(0, False)])
    dirs.move(1, topic, 0)
    dirs.cordon()


def case_all_dirs_cordoned(talk: Talk) -> None:
    """No broker is left for a new partition, but for one that is named."""
    dirs, topic = Dirs(talk), talk.topic()
    create(talk, topic, 1)
    dirs.cordon(0, 1, 2)
    create(talk, talk.topic("u"))
    for factor in (1, 2):
        made = CreatableTopic(name="v", num_partitions=1, replication_factor=factor)
        answer = talk.ask(CreateTopicsRequest(topics=[made], timeout_ms=9000), 7, note=False)
        talk.note((answer.topics[0].error_code, answer.topics[0].error_message))
    create(talk, talk.topic("w"), by_hand=True)
    for assignments in (None, [CreatePartitionsAssignment(broker_ids=[1])]):
        more = CreatePartitionsTopic(name=topic, count=2, assignments=assignments)
        talk.ask(CreatePartitionsRequest(topics=[more], timeout_ms=9000), 3)
    configure(talk, CORDONED, "*")
    eventually(lambda: all(dirs.cordoned()))
    create(talk, talk.topic("x"))
    configure(talk, CORDONED, None)
    eventually(lambda: not any(dirs.cordoned()))


def case_what_cordoned_log_dirs_may_say(talk: Talk) -> None:
    """Folders of log.dirs, or all of them."""
    dirs = Dirs(talk)
    for wrong in ("x", "/nowhere", "*,/nowhere"):
        configure(talk, CORDONED, wrong)
    configure(talk, CORDONED, dirs.paths[1], broker="")
    configure(talk, CORDONED, "")
    configure(talk, CORDONED, None)


def case_how_fast_partitions_may_move(talk: Talk) -> None:
    """A rate of bytes, for one broker or for all."""
    for value in ("abc", "-1", "1.5", "9223372036854775808", "1000000"):
        configure(talk, RATE, value)
    configure(talk, RATE, "5000000", broker="")
    configure(talk, RATE, None, broker="")
    configure(talk, RATE, None)


def controller_of(talk: Talk) -> Talk:
    """A connection to the controller's listener."""
    partition = describe_quorum.DescribeQuorumRequestPartitionData(partition_index=0)
    topic = describe_quorum.DescribeQuorumRequestTopicData(
        topic_name="__cluster_metadata", partitions=[partition]
    )
    request = describe_quorum.DescribeQuorumRequest(topics=[topic])
    found = talk.ask(request, 2, note=False)
    return Talk(found.nodes[0].listeners[0].port, talk.case)


def assign(
    talk: Talk, rows: list[tuple[bytes, bytes, list[int]]], *, broker: int = 1, epoch: int = -1
) -> Any:
    """(directory, topic id, partitions) of a broker."""
    data = assigning.AssignReplicasToDirsRequestPartitionData
    directories = [
        assigning.AssignReplicasToDirsRequestDirectoryData(
            id=directory,
            topics=[
                assigning.AssignReplicasToDirsRequestTopicData(
                    topic_id=topic,
                    partitions=[data(partition_index=index) for index in indexes],
                )
            ],
        )
        for directory, topic, indexes in rows
    ]
    request = assigning.AssignReplicasToDirsRequest(
        broker_id=broker, broker_epoch=epoch, directories=directories
    )
    return talk.ask(request, 0, note=False)


def case_the_controller_records_places(talk: Talk) -> None:
    """What it is told by the broker of now, of partitions that are that broker's; one whose
    directory nobody knows is led no more, one that has none yet is.
    """
    topic = talk.topic()
    create(talk, topic, 3)
    described = talk.ask(MetadataRequest(topics=[MetadataRequestTopic(name=topic)]), 12, note=False)
    topic_id = described.topics[0].topic_id
    controller = controller_of(talk)
    versions = controller.ask(
        ApiVersionsRequest(client_software_name="c", client_software_version="1"), 4, note=False
    )
    talk.note([(k.api_key, k.max_version) for k in versions.api_keys if k.api_key == 73])
    talk.note(assign(controller, []).error_code)
    talk.note(assign(controller, [], broker=7, epoch=3).error_code)
    epoch = next(e for e in range(200) if not assign(controller, [], epoch=e).error_code)
    unknown, nobodys = b"q" * 16, b"z" * 16
    answer = assign(
        controller,
        [
            (unknown, topic_id, [0, 9, -1]),
            (unknown, nobodys, [0]),
            (ZERO_UUID, topic_id, [1]),
        ],
        epoch=epoch,
    )
    controller.hang_up()
    talk.note(answer.error_code)
    for directory in answer.directories:
        for of_topic in directory.topics:
            rows = [(row.partition_index, row.error_code) for row in of_topic.partitions]
            talk.note([re.sub("[^qz]", "", directory.id.decode("latin1")), rows])

    def leaders() -> list[tuple[int, int, int]]:
        asked = MetadataRequest(topics=[MetadataRequestTopic(name=topic)])
        rows = talk.ask(asked, 12, note=False).topics[0].partitions
        return sorted((row.partition_index, row.leader_id, row.error_code) for row in rows)

    eventually(lambda: leaders()[0][1] == -1)
    talk.note(leaders())
