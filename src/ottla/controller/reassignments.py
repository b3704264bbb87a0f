"""ListPartitionReassignments: what is being moved. Nothing is yet, unless the folder came from a
larger cluster."""

from __future__ import annotations

from collections.abc import Iterable

from ottla.controller.state import Outcome, State
from ottla.decide import Ask
from ottla.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment,
    OngoingTopicReassignment,
)


def list_reassignments(state: State, ask: Ask, now_ms: int) -> Outcome:
    """All partitions with replicas being added or removed, or those of the topics asked for."""
    request: ListPartitionReassignmentsRequest = ask.body
    by_name = state.image.topics.by_name
    asked: dict[str, Iterable[int]]
    if request.topics is None:
        asked = {name: range(len(topic.partitions)) for name, topic in by_name.items()}
    else:
        asked = {topic.name: topic.partition_indexes for topic in request.topics}
    found = []
    for name, indexes in asked.items():
        topic = by_name.get(name)
        if topic is None:
            continue
        moving = []
        for index in indexes:
            if not 0 <= index < len(topic.partitions):
                continue
            partition = topic.partitions[index]
            if partition.adding_replicas or partition.removing_replicas:
                moving.append(
                    OngoingPartitionReassignment(
                        partition_index=index,
                        replicas=list(partition.replicas),
                        adding_replicas=list(partition.adding_replicas),
                        removing_replicas=list(partition.removing_replicas),
                    )
                )
        if moving:
            found.append(OngoingTopicReassignment(name=name, partitions=moving))
    return Outcome(ListPartitionReassignmentsResponse(error_message=None, topics=found))
