"""AlterPartition: a leader says who is in sync with it, or that it has recovered (KIP-497,
KIP-704).

No listener serves it yet, as no partition has followers: until then only the scripts of its tests
ask it.
"""

from __future__ import annotations

from ottla.controller.brokers import broker_epoch_error
from ottla.controller.elections import PartitionChange
from ottla.controller.state import Outcome, State, Versioned
from ottla.decide import Ask
from ottla.metadata.delta import merged
from ottla.metadata.features import partition_record_version
from ottla.metadata.image import (
    LEADER_RECOVERED,
    LEADER_RECOVERING,
    Partition,
    Topic,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionResponse,
    AlterPartitionResponsePartitionData,
    AlterPartitionResponseTopicData,
    BrokerState,
)


def alter(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Change ISR and recovery state of each partition as its leader asks, unless the leader is
    behind."""
    request: AlterPartitionRequest = ask.body
    error = broker_epoch_error(state, request.broker_id, request.broker_epoch)
    if error:
        return Outcome(AlterPartitionResponse(error_code=error))
    records: list[Versioned] = []
    answers = []
    for of_topic in request.topics:
        topic = state.image.topics.by_id.get(of_topic.topic_id)
        answered = []
        for asked in of_topic.partitions:
            answer, change = _alter_one(state, request.broker_id, topic, asked, ask.version)
            answered.append(answer)
            records.extend(change)
        answers.append(
            AlterPartitionResponseTopicData(topic_id=of_topic.topic_id, partitions=answered)
        )
    return Outcome(AlterPartitionResponse(topics=answers), records)


def _alter_one(
    state: State,
    broker_id: int,
    topic: Topic | None,
    asked: AlterPartitionRequestPartitionData,
    version: int,
) -> tuple[AlterPartitionResponsePartitionData, list[Versioned]]:
    index = asked.partition_index
    if topic is None:
        return _refused(index, ErrorCode.UNKNOWN_TOPIC_ID), []
    if not 0 <= index < len(topic.partitions):
        return _refused(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), []
    partition = topic.partitions[index]
    members = (
        [BrokerState(broker_id=replica, broker_epoch=-1) for replica in asked.new_isr]
        if version < 3
        else asked.new_isr_with_epochs
    )
    error = _error(state, broker_id, partition, asked, members)
    if error:
        return _refused(index, error), []
    change = PartitionChange(
        topic.id,
        index,
        partition,
        isr=[member.broker_id for member in members],
        acceptable=lambda replica: replica == partition.leader or state.is_active(replica),
        elr_enabled=state.elr_enabled,
        unclean_allowed=state.unclean_leader_election(topic.name),
        recovery_state=asked.leader_recovery_state,
    )
    min_isr = min(state.min_insync_replicas(topic.name), len(partition.replicas))
    records: list[Versioned] = []
    after = partition
    if change.build(min_isr):
        records.append((change.record, partition_record_version(state.image.metadata_version)))
        after = merged(partition, change.record)
    answer = AlterPartitionResponsePartitionData(
        partition_index=index,
        leader_id=after.leader,
        leader_epoch=after.leader_epoch,
        isr=list(after.isr),
        leader_recovery_state=after.leader_recovery_state,
        partition_epoch=after.partition_epoch,
    )
    return answer, records


def _error(
    state: State,
    broker_id: int,
    partition: Partition,
    asked: AlterPartitionRequestPartitionData,
    members: list[BrokerState],
) -> ErrorCode:
    if (
        asked.leader_epoch > partition.leader_epoch
        or asked.partition_epoch > partition.partition_epoch
    ):
        return ErrorCode.NOT_CONTROLLER
    if partition.leader != broker_id:
        return ErrorCode.INVALID_REQUEST
    if asked.leader_epoch < partition.leader_epoch:
        return ErrorCode.FENCED_LEADER_EPOCH
    if asked.partition_epoch < partition.partition_epoch:
        return ErrorCode.INVALID_UPDATE_VERSION
    isr = [member.broker_id for member in members]
    if not isr or len(set(isr)) != len(isr) or not set(isr) <= set(partition.replicas):
        return ErrorCode.INVALID_REQUEST
    if partition.leader not in isr:
        return ErrorCode.INVALID_REQUEST
    recovering = asked.leader_recovery_state == LEADER_RECOVERING
    if recovering and len(isr) > 1:
        return ErrorCode.INVALID_REQUEST
    if recovering and partition.leader_recovery_state == LEADER_RECOVERED:
        return ErrorCode.INVALID_REQUEST
    for member in members:
        broker = state.image.brokers.get(member.broker_id)
        if broker is None or not state.is_active(broker.id):
            return ErrorCode.INELIGIBLE_REPLICA
        if member.broker_epoch not in (-1, broker.epoch):
            return ErrorCode.INELIGIBLE_REPLICA
    return ErrorCode.NONE


def _refused(index: int, error: ErrorCode) -> AlterPartitionResponsePartitionData:
    return AlterPartitionResponsePartitionData(partition_index=index, error_code=error)
