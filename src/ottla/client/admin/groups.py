"""Admin calls about groups: list, describe, delete, and their committed offsets.

A group's calls go to its coordinator; listing goes to every node, each of which knows its own
groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ottla.client.admin.offsets import by_topic
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import ApiNotSupported, BrokerError, check
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError

STATES = (
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
    "Empty",
    "Assigning",
    "Reconciling",
    "NotReady",
)
REBALANCING = ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling")
INACTIVE = ("Empty", "Dead")
TYPES = ("Classic", "Consumer", "Share", "Streams")
GROUP_ID_NOT_FOUND, UNSUPPORTED_VERSION, UNSTABLE_OFFSET_COMMIT = 69, 35, 88


class Listed(NamedTuple):
    """A group in a list; state and type are empty where an old node does not tell."""

    group: str
    protocol_type: str
    state: str
    type: str


class Member(NamedTuple):
    """A member of a group with its partitions; epochs and target are the newer protocol's."""

    id: str
    instance_id: str | None
    client_id: str
    host: str
    partitions: list[TopicPartition]
    epoch: int | None = None
    target: list[TopicPartition] | None = None


class Described(NamedTuple):
    """A group with its members."""

    group: str
    type: str
    state: str
    protocol_type: str
    assignor: str
    members: list[Member]
    coordinator: int
    epoch: int | None = None
    target_epoch: int | None = None


class Committed(NamedTuple):
    """An offset that a group committed."""

    offset: int
    leader_epoch: int
    metadata: str


def list_groups(
    client: Client, *, states: Iterable[str] = (), types: Iterable[str] = ()
) -> list[Listed]:
    """All groups of the cluster, of some states and types if given, sorted by name.

    Raises:
        OttlaError: a node could not be asked.
    """
    from ottla.wire.messages.list_groups import ListGroupsRequest

    def ask(connection: Connection, _: int) -> Any:
        version = connection.version_for(ListGroupsRequest)
        request = ListGroupsRequest(states_filter=list(states) if version >= 4 else [])
        if version >= 5:
            request.types_filter = list(types)
        return request

    def read(response: Any) -> Any:
        check(response.error_code)
        return response.groups

    found: dict[str, Listed] = {}
    nodes = client.attempt(client.nodes)
    for rows in client.attempt_nodes(nodes, ask, read).values():
        for row in rows:
            group = Listed(row.group_id, row.protocol_type, row.group_state, row.group_type)
            found.setdefault(group.group, group)
    return [found[name] for name in sorted(found)]


def describe(client: Client, group: str) -> Described:
    """One group, by ConsumerGroupDescribe or, for a classic one, by DescribeGroups.

    Raises:
        BrokerError: GROUP_ID_NOT_FOUND, or the coordinator's error.
    """

    def ask() -> Described:
        try:
            return _describe_consumer(client, group)
        except ApiNotSupported:
            pass
        except BrokerError as error:
            if error.code not in (GROUP_ID_NOT_FOUND, UNSUPPORTED_VERSION):
                raise
        return _describe_classic(client, group)

    return client.attempt(ask, coordinator_of=group)


def delete(client: Client, group: str) -> None:
    """Delete an empty group with its offsets.

    Raises:
        BrokerError: it is not empty, or there is none of that name.
    """
    from ottla.wire.messages.delete_groups import DeleteGroupsRequest

    def ask() -> None:
        response = client.request_coordinator(group, DeleteGroupsRequest(groups_names=[group]))
        for row in response.results:
            check(row.error_code)

    client.attempt(ask, coordinator_of=group)


def committed(
    client: Client, group: str, partitions: Iterable[TopicPartition] | None = None
) -> dict[TopicPartition, Committed]:
    """The offsets that a group committed, for some partitions or (None) for all.

    Raises:
        BrokerError: the coordinator's error.
    """
    return client.attempt(lambda: _committed(client, group, partitions), coordinator_of=group)


def pending(
    client: Client, group: str, partitions: Iterable[TopicPartition]
) -> set[TopicPartition]:
    """Those of the partitions for which offsets lie in a transaction that is open.

    Raises:
        ApiNotSupported: the coordinator can't tell.
        BrokerError: the coordinator's error.
    """
    from ottla.wire.messages import offset_fetch as m

    def ask() -> set[TopicPartition]:
        version, ids = _version_and_ids(client, group, m.OffsetFetchRequest, wanted)
        if version < 8:
            raise ApiNotSupported("the coordinator can't be asked for pending offsets")
        topics = [
            m.OffsetFetchRequestTopics(**_named(version, topic, ids), partition_indexes=rows)
            for topic, rows in by_topic(wanted).items()
        ]
        question = m.OffsetFetchRequest(
            groups=[m.OffsetFetchRequestGroup(group_id=group, topics=topics)], require_stable=True
        )
        answer = _ask_version(client, group, question, version).groups[0]
        check(answer.error_code)
        names = {uid: name for name, uid in ids.items()}
        return {
            (topic.name or names[topic.topic_id], row.partition_index)
            for topic in answer.topics
            for row in topic.partitions
            if row.error_code == UNSTABLE_OFFSET_COMMIT
        }

    wanted = list(partitions)
    return client.attempt(ask, coordinator_of=group) if wanted else set()


def commit(
    client: Client, group: str, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, BrokerError | None]:
    """Set a group's offsets from outside; works while it has no members.

    Raises:
        BrokerError: the group as a whole was refused.
    """
    from ottla.wire.messages import offset_commit as m

    def ask() -> dict[TopicPartition, BrokerError | None]:
        version, ids = _version_and_ids(client, group, m.OffsetCommitRequest, offsets)
        request = m.OffsetCommitRequest(
            group_id=group,
            topics=[
                m.OffsetCommitRequestTopic(
                    **_named(version, topic, ids),
                    partitions=[
                        m.OffsetCommitRequestPartition(
                            partition_index=p,
                            committed_offset=offsets[(topic, p)],
                            committed_metadata="",
                        )
                        for p in partitions
                    ],
                )
                for topic, partitions in by_topic(offsets).items()
            ],
        )
        response = _ask_version(client, group, request, version)
        results = _partition_errors(response.topics, ids)
        for error in results.values():
            if error is not None and error.retriable and error.code != 3:
                raise error
        return results

    return client.attempt(ask, coordinator_of=group)


def delete_offsets(
    client: Client, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, BrokerError | None]:
    """Forget what a group committed for some partitions.

    Raises:
        BrokerError: the group as a whole was refused.
    """
    from ottla.wire.messages import offset_delete as m

    wanted = list(partitions)

    def ask() -> dict[TopicPartition, BrokerError | None]:
        request = m.OffsetDeleteRequest(
            group_id=group,
            topics=[
                m.OffsetDeleteRequestTopic(
                    name=topic,
                    partitions=[m.OffsetDeleteRequestPartition(partition_index=p) for p in rows],
                )
                for topic, rows in by_topic(wanted).items()
            ],
        )
        response = client.request_coordinator(group, request)
        check(response.error_code)
        return _partition_errors(response.topics, {})

    return client.attempt(ask, coordinator_of=group)


def _describe_consumer(client: Client, group: str) -> Described:
    """A group of the newer protocol (KIP-848)."""
    from ottla.wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest

    coordinator = client.coordinator(group)
    request = ConsumerGroupDescribeRequest(group_ids=[group])
    row = client.request_node(coordinator, request).groups[0]
    check(row.error_code, row.error_message)
    members = [
        Member(
            m.member_id,
            m.instance_id,
            m.client_id,
            m.client_host,
            _places(m.assignment),
            m.member_epoch,
            _places(m.target_assignment),
        )
        for m in row.members
    ]
    return Described(
        group,
        "Consumer",
        row.group_state,
        "consumer",
        row.assignor_name,
        members,
        coordinator,
        row.group_epoch,
        row.assignment_epoch,
    )


def _describe_classic(client: Client, group: str) -> Described:
    from ottla.wire.messages.describe_groups import DescribeGroupsRequest

    coordinator = client.coordinator(group)
    request = DescribeGroupsRequest(groups=[group])
    row = client.request_node(coordinator, request).groups[0]
    check(row.error_code, row.error_message)
    if row.group_state == "Dead":
        # Before version 6 a group that does not exist is described as dead and without members.
        raise BrokerError(GROUP_ID_NOT_FOUND, f"Group {group} not found.")
    members = [
        Member(
            m.member_id,
            m.group_instance_id,
            m.client_id,
            m.client_host,
            _assigned(m.member_assignment) if row.protocol_type == "consumer" else [],
        )
        for m in row.members
    ]
    return Described(
        group,
        "Classic",
        row.group_state,
        row.protocol_type,
        row.protocol_data,
        members,
        coordinator,
    )


def _places(assignment: Any) -> list[TopicPartition]:
    return [
        (row.topic_name, partition)
        for row in assignment.topic_partitions
        for partition in row.partitions
    ]


def _assigned(data: bytes) -> list[TopicPartition]:
    """Partitions in a classic member's assignment, which the leader wrote in a form of its own.

    int16 version, then an array of (string topic, array of int32): the same in every version so
    far.
    """
    import struct

    if len(data) < 6:
        return []
    try:
        at = 2
        (topics,) = struct.unpack_from(">i", data, at)
        at += 4
        found: list[TopicPartition] = []
        for _ in range(topics):
            (size,) = struct.unpack_from(">h", data, at)
            topic = data[at + 2 : at + 2 + size].decode()
            at += 2 + size
            (count,) = struct.unpack_from(">i", data, at)
            found += [(topic, p) for p in struct.unpack_from(f">{count}i", data, at + 4)]
            at += 4 + 4 * count
    except (struct.error, UnicodeDecodeError):
        raise OttlaError(
            "a member's assignment is not in the form that consumers use",
            hint="the group's members are programs with a protocol of their own",
        ) from None
    return found


def _committed(
    client: Client, group: str, partitions: Iterable[TopicPartition] | None
) -> dict[TopicPartition, Committed]:
    from ottla.wire.messages import offset_fetch as m

    wanted = None if partitions is None else by_topic(partitions)
    version, ids = _version_and_ids(client, group, m.OffsetFetchRequest, partitions or ())
    if version >= 8:
        topics = None
        if wanted is not None:
            topics = [
                m.OffsetFetchRequestTopics(**_named(version, topic, ids), partition_indexes=rows)
                for topic, rows in wanted.items()
            ]
        question = m.OffsetFetchRequest(
            groups=[m.OffsetFetchRequestGroup(group_id=group, topics=topics)]
        )
        answer = _ask_version(client, group, question, version).groups[0]
    else:
        old_topics = None
        if wanted is not None:
            old_topics = [
                m.OffsetFetchRequestTopic(name=topic, partition_indexes=rows)
                for topic, rows in wanted.items()
            ]
        question = m.OffsetFetchRequest(group_id=group, topics=old_topics)
        answer = _ask_version(client, group, question, version)
    check(answer.error_code)
    names = {uid: name for name, uid in ids.items()}
    found: dict[TopicPartition, Committed] = {}
    for topic in answer.topics:
        name = topic.name or names.get(topic.topic_id) or _name(client, topic.topic_id)
        for row in topic.partitions:
            check(row.error_code)
            if row.committed_offset >= 0:
                found[(name, row.partition_index)] = Committed(
                    row.committed_offset, row.committed_leader_epoch, row.metadata or ""
                )
    return found


def _name(client: Client, topic_id: bytes) -> str:
    from ottla.client.admin import topics
    from ottla.wire.types import uuid_text

    return topics.name_of(client, topic_id) or uuid_text(topic_id)


def _version_and_ids(
    client: Client, group: str, kind: Any, partitions: Iterable[TopicPartition]
) -> tuple[int, dict[str, bytes]]:
    """The version to use with a group's coordinator, and topic ids where it goes by ids.

    A topic that does not exist has no id: then the last version that goes by names is used, whose
    answer says what is wrong with it.
    """
    version: int = client.connection(client.coordinator(group)).version_for(kind)
    ids: dict[str, bytes] = {}
    if version >= 10:
        wanted = list(by_topic(partitions))
        if wanted:
            for topic in client.metadata(topics=wanted).topics:
                if not topic.error_code:
                    ids[topic.name] = topic.topic_id
        if len(ids) != len(wanted):
            return 9, {}
    return version, ids


def _named(version: int, topic: str, ids: Mapping[str, bytes]) -> dict[str, Any]:
    return {"topic_id": ids[topic]} if version >= 10 else {"name": topic}


def _ask_version(client: Client, group: str, request: Any, version: int) -> Any:
    return client.request_node(client.coordinator(group), request, version=version)


def _partition_errors(
    topics: Iterable[Any], ids: Mapping[str, bytes]
) -> dict[TopicPartition, BrokerError | None]:
    names = {uid: name for name, uid in ids.items()}
    return {
        (names.get(topic.topic_id) or topic.name if ids else topic.name, row.partition_index): (
            BrokerError(row.error_code) if row.error_code else None
        )
        for topic in topics
        for row in topic.partitions
    }
