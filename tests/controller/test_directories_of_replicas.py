"""AssignReplicasToDirs: what the controller records of replicas' places, and what it refuses."""

from __future__ import annotations

import pytest

from ottla.config.broker import BrokerConfig
from ottla.controller import brokers, directories
from ottla.controller.state import Outcome, Replayed, State
from ottla.decide import Ask
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.features import METADATA_VERSION_MAX
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.entropy import SystemEntropy
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import assign_replicas_to_dirs as messages
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.stored.metadata import (
    BrokerRegistrationChangeRecord,
    FeatureLevelRecord,
    PartitionRecord,
    RegisterBrokerRecord,
    TopicRecord,
)

BROKER, EPOCH, TOPIC = 1, 7, b"t" * 16
FIRST, SECOND, LOST = b"a" * 16, b"b" * 16, b"z" * 16


def state(level: int = METADATA_VERSION_MAX) -> State:
    """A broker with two directories, and a partition of which nobody knows where it is."""
    config = BrokerConfig(
        {
            "node.id": "1",
            "process.roles": "broker,controller",
            "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": "1@127.0.0.1:9093",
        }
    )
    made = State(
        Replayed(EMPTY_IMAGE, 0, 0, None, ()),
        node_id=1,
        cluster_id="c",
        config=config,
        entropy=SystemEntropy(),
    )
    records = [
        FeatureLevelRecord(name="metadata.version", feature_level=level),
        RegisterBrokerRecord(
            broker_id=BROKER, broker_epoch=EPOCH, fenced=False, log_dirs=[FIRST, SECOND]
        ),
        TopicRecord(name="t", topic_id=TOPIC),
        PartitionRecord(
            topic_id=TOPIC,
            partition_id=0,
            replicas=[BROKER],
            isr=[BROKER],
            leader=BROKER,
            leader_epoch=3,
        ),
        PartitionRecord(topic_id=TOPIC, partition_id=1, replicas=[2], isr=[2], leader=2),
    ]
    made.image = MetadataDelta.of(made.image, records, offset=len(records)).image
    return made


def request(
    directory: bytes, topic: bytes = TOPIC, index: int = 0, epoch: int = EPOCH
) -> messages.AssignReplicasToDirsRequest:
    """One replica in one directory."""
    row = messages.AssignReplicasToDirsRequestPartitionData(partition_index=index)
    of_topic = messages.AssignReplicasToDirsRequestTopicData(topic_id=topic, partitions=[row])
    of_directory = messages.AssignReplicasToDirsRequestDirectoryData(
        id=directory, topics=[of_topic]
    )
    return messages.AssignReplicasToDirsRequest(
        broker_id=BROKER, broker_epoch=epoch, directories=[of_directory]
    )


def assign(of: State, asked: messages.AssignReplicasToDirsRequest) -> Outcome:
    """The broker asks it."""
    return directories.assign(of, Ask(1, asked, 0, "User:broker"), 0)


def test_a_place_is_recorded_once_and_elects_nobody() -> None:
    """If this failed, every start of a broker would write a record for each of its partitions, or
    begin a leader epoch that nobody asked for.
    """
    of = state()
    outcome = assign(of, request(SECOND))
    assert outcome.response.directories[0].topics[0].partitions[0].error_code == 0
    of.image = MetadataDelta.of(of.image, (record for record, _ in outcome.records), offset=9).image
    partition = of.image.topics.by_id[TOPIC].partitions[0]
    assert (partition.directories, partition.leader_epoch) == ((SECOND,), 3)
    assert not assign(of, request(SECOND)).records


def test_who_lies_in_a_lost_directory_leads_no_more() -> None:
    """If this failed, a partition could be led by a disk that its broker has lost."""
    of = state()
    records = assign(of, request(LOST)).records
    of.image = MetadataDelta.of(of.image, (record for record, _ in records), offset=9).image
    partition = of.image.topics.by_id[TOPIC].partitions[0]
    assert (partition.directories, partition.leader) == ((LOST,), -1)


def test_a_directory_that_nobody_told_yet_is_no_lost_one() -> None:
    """If this failed, a partition that has no place yet would have no leader either."""
    assert not assign(state(), request(bytes(16))).records


def test_nobody_is_elected_who_lies_in_a_lost_directory() -> None:
    """If this failed, a broker that comes back without a disk would lead what lies there."""
    of = state()
    for records in (
        [record for record, _ in assign(of, request(LOST)).records],
        [BrokerRegistrationChangeRecord(broker_id=BROKER, broker_epoch=EPOCH, fenced=1)],
    ):
        of.image = MetadataDelta.of(of.image, records, offset=of.image.offset + 1).image
    beat = BrokerHeartbeatRequest(
        broker_id=BROKER, broker_epoch=EPOCH, current_metadata_offset=EPOCH + 100
    )
    records = [record for record, _ in brokers.heartbeat(of, Ask(1, beat, 2, "b"), 0).records]
    assert [type(record) for record in records] == [BrokerRegistrationChangeRecord]
    of.image = MetadataDelta.of(of.image, records, offset=of.image.offset + 1).image
    assert not of.image.brokers[BROKER].fenced
    assert of.image.topics.by_id[TOPIC].partitions[0].leader == -1


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (request(FIRST, b"x" * 16), ErrorCode.UNKNOWN_TOPIC_ID),
        (request(FIRST, index=2), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (request(FIRST, index=-1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (request(FIRST, index=1), ErrorCode.NOT_LEADER_OR_FOLLOWER),
    ],
)
def test_what_is_not_the_brokers_is_refused_by_itself(
    asked: messages.AssignReplicasToDirsRequest, error: ErrorCode
) -> None:
    """If this failed, a partition that was deleted meanwhile would keep others from being
    recorded.
    """
    outcome = assign(state(), asked)
    assert outcome.response.error_code == 0
    assert outcome.response.directories[0].topics[0].partitions[0].error_code == error
    assert not outcome.records


def test_another_incarnation_and_another_level_are_refused() -> None:
    """If this failed, a broker that was replaced could still say where replicas are, or a cluster
    be given records that its other brokers cannot read.
    """
    assert (
        assign(state(), request(FIRST, epoch=6)).response.error_code == ErrorCode.STALE_BROKER_EPOCH
    )
    old = assign(state(level=16), request(FIRST))
    assert old.response.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert not old.records
