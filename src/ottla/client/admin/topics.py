"""Admin calls about topics: create, delete, describe, list, more partitions, delete records.

Each topic succeeds or fails by itself; functions that change several return an error or None for
each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ottla.client.client import Client
from ottla.client.errors import ApiNotSupported, BrokerError, check
from ottla.wire.types import ZERO_UUID

PARTITIONS_PER_RESPONSE = 2000

Results = dict[str, BrokerError | None]


class NewTopic(NamedTuple):
    """A topic to be made; -1 means the cluster's default, assignments replace both numbers."""

    name: str
    partitions: int = -1
    replication_factor: int = -1
    assignments: Mapping[int, Sequence[int]] = {}
    configs: Mapping[str, str] = {}


class Partition(NamedTuple):
    """A partition as the cluster describes it; eligible replicas are None where nobody tells."""

    number: int
    leader: int
    replicas: list[int]
    isr: list[int]
    eligible: list[int] | None
    last_known_eligible: list[int] | None
    offline: list[int]


class Topic(NamedTuple):
    """A topic with all its partitions, in their order."""

    name: str
    id: bytes
    internal: bool
    partitions: list[Partition]


def create(client: Client, topics: Iterable[NewTopic], *, validate_only: bool = False) -> Results:
    """Make topics, or only say whether it would work: an error, or None, for each by its name.

    Nothing is raised for a topic that is refused, such as one that is there already.
    """
    from ottla.wire.messages import create_topics as m

    request = m.CreateTopicsRequest(
        topics=[
            m.CreatableTopic(
                name=topic.name,
                num_partitions=-1 if topic.assignments else topic.partitions,
                replication_factor=-1 if topic.assignments else topic.replication_factor,
                assignments=[
                    m.CreatableReplicaAssignment(partition_index=index, broker_ids=list(ids))
                    for index, ids in topic.assignments.items()
                ],
                configs=[
                    m.CreatableTopicConfig(name=key, value=value)
                    for key, value in topic.configs.items()
                ],
            )
            for topic in topics
        ],
        timeout_ms=client.timeout_ms,
        validate_only=validate_only,
    )
    return _each(client, request, lambda response: response.topics)


def delete(client: Client, names: Iterable[str]) -> Results:
    """Delete topics with all their records: an error, or None, for each by its name."""
    from ottla.wire.messages import delete_topics as m

    wanted = list(names)
    request = m.DeleteTopicsRequest(timeout_ms=client.timeout_ms)
    if client.connection().version_for(m.DeleteTopicsRequest) >= 6:
        request.topics = [m.DeleteTopicState(name=name) for name in wanted]
    else:
        request.topic_names = wanted
    return _each(client, request, lambda response: response.responses)


def create_partitions(
    client: Client, name: str, count: int, assignments: Sequence[Sequence[int]] | None = None
) -> None:
    """Raise a topic's number of partitions to `count`; assignments are those of the new ones.

    Raises:
        BrokerError: the cluster refused.
    """
    from ottla.wire.messages import create_partitions as m

    placed = None
    if assignments is not None:
        placed = [m.CreatePartitionsAssignment(broker_ids=list(ids)) for ids in assignments]
    request = m.CreatePartitionsRequest(
        topics=[m.CreatePartitionsTopic(name=name, count=count, assignments=placed)],
        timeout_ms=client.timeout_ms,
    )
    results = _each(client, request, lambda response: response.results)
    for error in results.values():
        if error is not None:
            raise error


def names(client: Client, *, internal: bool = True) -> list[str]:
    """All topics' names, sorted."""
    found = client.attempt(lambda: client.metadata().topics)
    return sorted(topic.name for topic in found if internal or not topic.is_internal)


def describe(
    client: Client, wanted: Sequence[str], *, partitions_per_response: int = PARTITIONS_PER_RESPONSE
) -> list[Topic]:
    """Some topics with their partitions, in the order asked for.

    Raises:
        BrokerError: one of them does not exist (its name is in the text) or may not be seen.
    """
    if not wanted:
        return []
    try:
        found = client.attempt(lambda: _describe(client, wanted, partitions_per_response))
    except ApiNotSupported:
        found = client.attempt(lambda: _describe_by_metadata(client, wanted))
    by_name = {topic.name: topic for topic in found}
    return [by_name[name] for name in wanted if name in by_name]


def name_of(client: Client, topic_id: bytes) -> str | None:
    """The name of the topic with that id, or None."""
    for topic in client.attempt(lambda: client.metadata(topic_ids=[topic_id]).topics):
        if not topic.error_code and topic.topic_id == topic_id and topic_id != ZERO_UUID:
            name: str | None = topic.name
            return name
    return None


def reassigning(client: Client) -> dict[tuple[str, int], tuple[list[int], list[int]]]:
    """Partitions that are moving now: the replicas that are being added and removed."""
    from ottla.wire.messages import list_partition_reassignments as m

    request = m.ListPartitionReassignmentsRequest(timeout_ms=client.timeout_ms)

    def ask() -> Any:
        response = client.request(request)
        check(response.error_code, response.error_message)
        return response

    return {
        (topic.name, row.partition_index): (row.adding_replicas, row.removing_replicas)
        for topic in client.attempt(ask).topics
        for row in topic.partitions
    }


def _each(client: Client, request: Any, rows: Callable[[Any], Any]) -> Results:
    """Send until no topic's error is one that passes by itself."""

    def ask() -> Results:
        results: Results = {}
        for row in rows(client.request(request)):
            code, text = row.error_code, row.error_message
            results[row.name] = BrokerError(code, text) if code else None
        for error in results.values():
            # Several topics may have fared differently: then each caller sees its own.
            if error is not None and error.retriable and len(results) == 1:
                raise error
        return results

    return client.attempt(ask)


def _describe(client: Client, wanted: Sequence[str], partitions_per_response: int) -> list[Topic]:
    """By DescribeTopicPartitions, page after page (KIP-966)."""
    from ottla.wire.messages import describe_topic_partitions as m

    found: dict[str, Topic] = {}
    cursor = None
    while True:
        request = m.DescribeTopicPartitionsRequest(
            topics=[m.TopicRequest(name=name) for name in sorted(wanted)],
            response_partition_limit=partitions_per_response,
            cursor=cursor,
        )
        response = client.request(request)
        for row in response.topics:
            if row.error_code:
                raise _topic_error(row.error_code, row.name)
            topic = found.setdefault(row.name, Topic(row.name, row.topic_id, row.is_internal, []))
            topic.partitions.extend(
                Partition(
                    p.partition_index,
                    p.leader_id,
                    p.replica_nodes,
                    p.isr_nodes,
                    p.eligible_leader_replicas or [],
                    p.last_known_elr or [],
                    p.offline_replicas,
                )
                for p in row.partitions
            )
        if response.next_cursor is None:
            return list(found.values())
        # The cursor that comes back is the one to send: where the next page begins.
        cursor = m.Cursor(
            topic_name=response.next_cursor.topic_name,
            partition_index=response.next_cursor.partition_index,
        )


def _describe_by_metadata(client: Client, wanted: Sequence[str]) -> list[Topic]:
    """For nodes before 3.7, which know nothing of eligible leader replicas."""
    found = []
    for row in client.metadata(topics=list(wanted)).topics:
        if row.error_code:
            raise _topic_error(row.error_code, row.name)
        partitions = [
            Partition(
                p.partition_index,
                p.leader_id,
                p.replica_nodes,
                p.isr_nodes,
                None,
                None,
                p.offline_replicas,
            )
            for p in sorted(row.partitions, key=lambda p: int(p.partition_index))
        ]
        found.append(Topic(row.name, row.topic_id, row.is_internal, partitions))
    return found


def _topic_error(code: int, name: str | None) -> BrokerError:
    error = BrokerError(code)
    return BrokerError(code, f"topic '{name}': {error}")
