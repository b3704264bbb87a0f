"""CreatePartitions: topics grow, placed by the controller or as the request assigns."""

from __future__ import annotations

from collections.abc import Sequence

from ottla.controller.state import Outcome, State, Versioned
from ottla.controller.topics import (
    TopicError,
    check_assignment,
    check_partitions_asked,
    new_partition,
    placed,
    repeated,
)
from ottla.decide import Ask
from ottla.metadata.snapshot import new_partition_record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)


def create(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Add partitions to topics, each topic for itself."""
    request: CreatePartitionsRequest = ask.body
    twice = repeated(topic.name for topic in request.topics)
    results = [
        CreatePartitionsTopicResult(
            name=name,
            error_code=ErrorCode.INVALID_REQUEST,
            error_message="Duplicate topic name.",
        )
        for name in twice
    ]
    records: list[Versioned] = []
    for topic in request.topics:
        if topic.name in twice:
            continue
        try:
            made = _grow(state, topic)
            check_partitions_asked(len(records) + len(made))
        except TopicError as error:
            results.append(
                CreatePartitionsTopicResult(
                    name=topic.name, error_code=error.code, error_message=error.text
                )
            )
        else:
            records.extend(made)
            results.append(CreatePartitionsTopicResult(name=topic.name))
    response = CreatePartitionsResponse(results=results)
    return Outcome(response, () if request.validate_only else records)


def _grow(state: State, asked: CreatePartitionsTopic) -> list[Versioned]:
    topic = state.image.topics.by_name.get(asked.name)
    if topic is None:
        raise TopicError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    has, wants = len(topic.partitions), asked.count
    if wants == has:
        raise TopicError(ErrorCode.INVALID_PARTITIONS, f"Topic already has {has} partition(s).")
    if wants < has:
        raise TopicError(
            ErrorCode.INVALID_PARTITIONS,
            f"The topic {asked.name} currently has {has} partition(s); "
            f"{wants} would not be an increase.",
        )
    check_partitions_asked(wants - has)
    if asked.assignments is not None and len(asked.assignments) != wants - has:
        raise TopicError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"Attempted to add {wants - has} additional partition(s), but only "
            f"{len(asked.assignments)} assignment(s) were specified.",
        )
    factor = len(topic.partitions[0].replicas)
    replicas: Sequence[Sequence[int]]
    if asked.assignments is not None:
        replicas = _assigned(state, asked, factor, has)
    else:
        replicas = placed(state, wants - has, factor, first_partition=has)
    level = state.image.metadata_version
    return [
        new_partition_record(topic.id, has + index, new_partition(state, chosen), level)
        for index, chosen in enumerate(replicas)
    ]


def _assigned(
    state: State, asked: CreatePartitionsTopic, factor: int, has: int
) -> list[Sequence[int]]:
    chosen: list[Sequence[int]] = []
    for index, assignment in enumerate(asked.assignments or ()):
        check_assignment(state, assignment.broker_ids, factor)
        if not any(state.is_active(broker) for broker in assignment.broker_ids):
            raise TopicError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                "All brokers specified in the manual partition assignment for partition "
                f"{has + index} are fenced or in controlled shutdown.",
            )
        chosen.append(assignment.broker_ids)
    return chosen
