"""AssignReplicasToDirs: a broker says in which of its directories it keeps a replica (KIP-858)."""

from __future__ import annotations

from ottla.controller.brokers import broker_epoch_error
from ottla.controller.elections import leader_and_isr_changes
from ottla.controller.state import Outcome, State, Versioned
from ottla.decide import Ask
from ottla.metadata.features import directory_assignment_supported, partition_record_version
from ottla.metadata.image import Partition, Topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.assign_replicas_to_dirs import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
    AssignReplicasToDirsResponseDirectoryData,
    AssignReplicasToDirsResponsePartitionData,
    AssignReplicasToDirsResponseTopicData,
)
from ottla.wire.stored.metadata import PartitionChangeRecord


def assign(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Record each replica's directory; where that is offline, the broker leads it no more."""
    request: AssignReplicasToDirsRequest = ask.body
    level = state.image.metadata_version
    if not directory_assignment_supported(level):
        return _refused(ErrorCode.UNSUPPORTED_VERSION)
    broker = state.image.brokers.get(request.broker_id)
    error = broker_epoch_error(state, request.broker_id, request.broker_epoch)
    if error or broker is None:
        return _refused(error)
    records: list[Versioned] = []
    offline: list[tuple[Topic, int, Partition]] = []
    answers = []
    for directory in request.directories:
        of_directory = []
        for asked in directory.topics:
            rows = []
            topic = state.image.topics.by_id.get(asked.topic_id)
            for row in asked.partitions:
                index = row.partition_index
                error = _error(topic, index, broker.id)
                if topic is not None and not error:
                    partition = topic.partitions[index]
                    if partition.directory_of(broker.id) != directory.id:
                        change = _change(topic, index, broker.id, directory.id)
                        records.append((change, partition_record_version(level)))
                    if not state.holds_online(broker.id, directory.id):
                        offline.append((topic, index, partition))
                rows.append(
                    AssignReplicasToDirsResponsePartitionData(
                        partition_index=index, error_code=error
                    )
                )
            of_directory.append(
                AssignReplicasToDirsResponseTopicData(topic_id=asked.topic_id, partitions=rows)
            )
        answers.append(
            AssignReplicasToDirsResponseDirectoryData(id=directory.id, topics=of_directory)
        )
    records.extend(leader_and_isr_changes(state, offline, without=broker.id))
    return Outcome(AssignReplicasToDirsResponse(directories=answers), records)


def _refused(error: ErrorCode) -> Outcome:
    return Outcome(AssignReplicasToDirsResponse(error_code=error))


def _error(topic: Topic | None, index: int, broker_id: int) -> ErrorCode:
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_ID
    if not 0 <= index < len(topic.partitions):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if broker_id not in topic.partitions[index].replicas:
        return ErrorCode.NOT_LEADER_OR_FOLLOWER
    return ErrorCode.NONE


def _change(topic: Topic, index: int, broker_id: int, directory: bytes) -> PartitionChangeRecord:
    partition = topic.partitions[index]
    places = zip(partition.replicas, partition.directories, strict=True)
    directories = [directory if replica == broker_id else place for replica, place in places]
    return PartitionChangeRecord(partition_id=index, topic_id=topic.id, directories=directories)
