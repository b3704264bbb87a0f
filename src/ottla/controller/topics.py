"""CreateTopics and DeleteTopics, decided topic by topic: one that fails does not hold up the
others.

The checks, their order, codes and texts are those of Apache Kafka 4.3.1; scripts match on some of
the texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ottla.controller.placement import PlacementError, place_replicas
from ottla.controller.state import Outcome, State, Versioned
from ottla.controller.topic_configs import EffectiveEntries, creation_config_error
from ottla.decide import Ask
from ottla.metadata.image import LEADER_RECOVERED, TOPIC_RESOURCE, Partition
from ottla.metadata.snapshot import new_partition_record
from ottla.metadata.topic_names import (
    METADATA_TOPIC,
    has_collision_characters,
    topic_name_problem,
    unified,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from ottla.wire.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
)
from ottla.wire.stored.metadata import ConfigRecord, RemoveTopicRecord, TopicRecord
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.metadata.image import Topic


_PARTITIONS_PER_REQUEST_MAX = 10_000
"""As in Apache Kafka: one request may not ask for more, so that its records fit one batch."""


class TopicError(Exception):
    """Why one topic of a request fails: a code and its text."""

    def __init__(self, code: ErrorCode, text: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


# ---------------------------------------------------------------------- create
def create(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Create topics with their configs and partitions, or only say what would come of it."""
    request: CreateTopicsRequest = ask.body
    twice = repeated(topic.name for topic in request.topics)
    asked = sum(_partitions_asked(state, topic) for topic in request.topics)
    results: list[CreatableTopicResult] = []
    records: list[Versioned] = []
    collisions, entries = _Collisions(state), EffectiveEntries(state)
    for name in twice:
        error = TopicError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
        results.append(_failed(name, error))
    for topic in request.topics:
        if topic.name in twice:
            continue
        try:
            if topic.name == METADATA_TOPIC:
                raise TopicError(
                    ErrorCode.INVALID_REQUEST,
                    "Creation of internal topic __cluster_metadata is prohibited.",
                )
            check_partitions_asked(asked)
            _check_name(state, topic.name, collisions)
            result, made = _create(state, topic, entries if ask.version >= 5 else None)
        except TopicError as error:
            result, made = _failed(topic.name, error), []
        results.append(result)
        records.extend(made)
    response = CreateTopicsResponse(topics=results)
    return Outcome(response, () if request.validate_only else records)


class _Collisions:
    """Topics that exist, by what metrics make of their names; made when the first name comes that
    could collide.
    """

    __slots__ = ("_by_unified", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_unified: dict[str, str] | None = None

    def with_name(self, name: str) -> str | None:
        """An existing topic whose name collides with this one."""
        if not has_collision_characters(name):
            return None
        if self._by_unified is None:
            names = self._state.image.topics.by_name
            self._by_unified = {unified(n): n for n in names if has_collision_characters(n)}
        return self._by_unified.get(unified(name))


def check_partitions_asked(partitions: int) -> None:
    """Check how many new partitions one request asks for in all; whoever knows that before may ask
    this, and not the controller.

    Raises:
        TopicError: too many.
    """
    if partitions > _PARTITIONS_PER_REQUEST_MAX:
        text = "Excessively large number of partitions per request."
        raise TopicError(ErrorCode.POLICY_VIOLATION, text)


def _partitions_asked(state: State, topic: CreatableTopic) -> int:
    if topic.assignments:
        return len(topic.assignments)
    if topic.num_partitions == -1:
        return int(state.config["num.partitions"])
    return max(topic.num_partitions, 0)


def _check_name(state: State, name: str, collisions: _Collisions) -> None:
    problem = topic_name_problem(name)
    if problem is not None:
        raise TopicError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {problem}")
    if name in state.image.topics.by_name:
        raise TopicError(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    other = collisions.with_name(name)
    if other is not None:
        raise TopicError(
            ErrorCode.INVALID_TOPIC_EXCEPTION,
            f"Topic '{name}' collides with existing topic: {other}",
        )


def _create(
    state: State, topic: CreatableTopic, entries: EffectiveEntries | None
) -> tuple[CreatableTopicResult, list[Versioned]]:
    configs = {config.name: config.value for config in topic.configs}
    problem = creation_config_error(state, configs)
    if problem is not None:
        raise TopicError(ErrorCode.INVALID_CONFIG, problem)
    values = {name: value for name, value in configs.items() if value is not None}
    replicas: Sequence[Sequence[int]] = (
        _manual_assignments(state, topic) if topic.assignments else _placed(state, topic)
    )
    topic_id = state.entropy.uuid()
    records: list[Versioned] = [(TopicRecord(name=topic.name, topic_id=topic_id), 0)]
    records.extend(
        (
            ConfigRecord(
                resource_type=TOPIC_RESOURCE,
                resource_name=topic.name,
                name=name,
                value=values[name],
            ),
            0,
        )
        for name in sorted(values)
    )
    level = state.image.metadata_version
    for index, of_partition in enumerate(replicas):
        partition = new_partition(state, of_partition)
        records.append(new_partition_record(topic_id, index, partition, level))
    result = CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_code=0,
        error_message=None,
        num_partitions=len(replicas),
        replication_factor=len(replicas[0]),
        configs=None if entries is None else entries.of(values),
    )
    return result, records


def _failed(name: str, error: TopicError) -> CreatableTopicResult:
    return CreatableTopicResult(
        name=name, error_code=error.code, error_message=error.text, configs=[]
    )


def new_partition(state: State, replicas: Sequence[int]) -> Partition:
    """A partition at its beginning: in sync are those replicas that are active, and the first of
    them leads."""
    isr = tuple(replica for replica in replicas if state.is_active(replica))
    return Partition(
        replicas=tuple(replicas),
        directories=tuple(state.directory_for(replica) for replica in replicas),
        isr=isr,
        removing_replicas=(),
        adding_replicas=(),
        eligible_leader_replicas=(),
        last_known_elr=(),
        leader=isr[0],
        leader_recovery_state=LEADER_RECOVERED,
        leader_epoch=0,
        partition_epoch=0,
    )


def _manual_assignments(state: State, topic: CreatableTopic) -> list[Sequence[int]]:
    if topic.replication_factor != -1:
        raise TopicError(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but "
            "replication factor was not set to -1.",
        )
    if topic.num_partitions != -1:
        raise TopicError(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        )
    assigned: dict[int, Sequence[int]] = {}
    factor: int | None = None
    for assignment in topic.assignments:
        index = assignment.partition_index
        if index in assigned:
            raise TopicError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Found multiple manual partition assignments for partition {index}",
            )
        check_assignment(state, assignment.broker_ids, factor)
        factor = len(assignment.broker_ids)
        if not any(state.is_active(broker) for broker in assignment.broker_ids):
            raise TopicError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"All brokers specified in the manual partition assignment for partition {index} "
                "are fenced or in controlled shutdown.",
            )
        assigned[index] = assignment.broker_ids
    if set(assigned) != set(range(len(assigned))):
        raise TopicError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "partitions should be a consecutive 0-based integer sequence",
        )
    return [assigned[index] for index in range(len(assigned))]


def check_assignment(state: State, replicas: Sequence[int], factor: int | None) -> None:
    """Check one partition's manual assignment; `factor` is the number of replicas that the others
    have.

    Raises:
        TopicError: it can't be.
    """
    if not replicas:
        raise TopicError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes an empty replica list.",
        )
    previous: int | None = None
    for broker in sorted(replicas):
        if broker not in state.image.brokers:
            raise TopicError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"The manual partition assignment includes broker {broker}, "
                "but no such broker is registered.",
            )
        if broker == previous:
            raise TopicError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"The manual partition assignment includes the broker {broker} more than once.",
            )
        previous = broker
    if factor is not None and factor != len(replicas):
        raise TopicError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"The manual partition assignment includes a partition with {len(replicas)} "
            "replica(s), "
            f"but this is not consistent with previous partitions, which have {factor} replica(s).",
        )


def _placed(state: State, topic: CreatableTopic) -> list[tuple[int, ...]]:
    if topic.replication_factor < -1 or topic.replication_factor == 0:
        raise TopicError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if topic.num_partitions < -1 or topic.num_partitions == 0:
        raise TopicError(
            ErrorCode.INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        )
    partitions = topic.num_partitions
    if partitions == -1:
        partitions = state.config["num.partitions"]
    factor = topic.replication_factor
    if factor == -1:
        factor = state.config["default.replication.factor"]
    return placed(state, partitions, factor)


def placed(
    state: State, partitions: int, factor: int, first_partition: int = 0
) -> list[tuple[int, ...]]:
    """Replicas for new partitions, each with at least one broker that is active.

    Raises:
        TopicError: there are not enough brokers.
    """
    try:
        replicas = place_replicas(
            state.image.brokers.values(),
            partitions=partitions,
            replication_factor=factor,
            entropy=state.entropy,
            first_partition=first_partition,
        )
    except PlacementError as error:
        # As in Apache Kafka: more partitions of a topic hear the reason alone.
        of_new = "" if first_partition else f"Unable to replicate the partition {factor} time(s): "
        text = f"{of_new}{error}"
        raise TopicError(ErrorCode.INVALID_REPLICATION_FACTOR, text) from None
    if not all(any(state.is_active(broker) for broker in chosen) for chosen in replicas):
        raise TopicError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"Unable to replicate the partition {factor} time(s): "
            "All brokers are currently fenced or in controlled shutdown.",
        )
    return replicas


# ---------------------------------------------------------------------- delete
def delete(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Delete topics by name or, from version 6 on, by id."""
    request: DeleteTopicsRequest = ask.body
    if not state.config["delete.topic.enable"]:
        return _deletion_disabled(request, ask.version)
    by_name, by_id = state.image.topics.by_name, state.image.topics.by_id
    results: list[DeletableTopicResult] = []
    records: list[Versioned] = []
    if ask.version < 6:
        asked: list[tuple[str | None, bytes]] = [(name, ZERO_UUID) for name in request.topic_names]
    else:
        asked = [(topic.name, topic.topic_id) for topic in request.topics]
    twice_named = repeated(name for name, _ in asked if name is not None)
    twice_by_id = repeated(topic_id for _, topic_id in asked if topic_id != ZERO_UUID)
    given_ids = {topic_id for name, topic_id in asked if name is None}
    named_ids = {by_name[name].id for name, _ in asked if name is not None and name in by_name}
    for name, topic_id in _distinct(asked):
        if name is None and topic_id in named_ids:
            continue  # answered under its name
        try:
            if name is None and topic_id == ZERO_UUID:
                raise TopicError(
                    ErrorCode.INVALID_REQUEST, "Neither topic name nor id were specified."
                )
            if name is not None and topic_id != ZERO_UUID:
                raise TopicError(
                    ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id."
                )
            if name in twice_named:
                raise TopicError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            if topic_id in twice_by_id:
                raise TopicError(ErrorCode.INVALID_REQUEST, "Duplicate topic id.")
            topic: Topic | None = by_id.get(topic_id) if name is None else by_name.get(name)
            if name is not None and topic is not None and topic.id in given_ids:
                topic_id = topic.id
                raise TopicError(
                    ErrorCode.INVALID_REQUEST,
                    "The provided topic name maps to an ID that was already supplied.",
                )
            if topic is None:
                raise _unknown(by_id_only=name is None)
        except TopicError as error:
            results.append(
                DeletableTopicResult(
                    name=name, topic_id=topic_id, error_code=error.code, error_message=error.text
                )
            )
        else:
            records.append((RemoveTopicRecord(topic_id=topic.id), 0))
            results.append(DeletableTopicResult(name=topic.name, topic_id=topic.id))
    return Outcome(DeleteTopicsResponse(responses=results), records)


def _unknown(*, by_id_only: bool) -> TopicError:
    if by_id_only:
        return TopicError(ErrorCode.UNKNOWN_TOPIC_ID, "This server does not host this topic ID.")
    return TopicError(
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."
    )


def _deletion_disabled(request: DeleteTopicsRequest, version: int) -> Outcome:
    code = ErrorCode.INVALID_REQUEST if version < 3 else ErrorCode.TOPIC_DELETION_DISABLED
    names = request.topic_names if version < 6 else [topic.name for topic in request.topics]
    ids = [ZERO_UUID] * len(names) if version < 6 else [topic.topic_id for topic in request.topics]
    results = [
        DeletableTopicResult(name=name, topic_id=topic_id, error_code=code)
        for name, topic_id in zip(names, ids, strict=True)
    ]
    return Outcome(DeleteTopicsResponse(responses=results))


def repeated(values: Iterable[Any]) -> set[Any]:
    """Those values that come more than once."""
    seen: set[Any] = set()
    twice: set[Any] = set()
    for value in values:
        (twice if value in seen else seen).add(value)
    return twice


def _distinct(asked: list[tuple[str | None, bytes]]) -> list[tuple[str | None, bytes]]:
    """Each name or id once: a duplicate is answered once. Entries with neither stay, each for
    itself."""
    seen: set[tuple[str | None, bytes]] = set()
    kept = []
    for entry in asked:
        if entry == (None, ZERO_UUID) or entry not in seen:
            kept.append(entry)
            seen.add(entry)
    return kept
