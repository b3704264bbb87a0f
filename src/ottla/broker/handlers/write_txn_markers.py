"""WriteTxnMarkers: the end of transactions, written to their partitions.

Asked by coordinators of transactions, and by whoever ends a transaction that hangs
(`kafka-transactions.sh abort`). Needs ALTER or CLUSTER_ACTION on the cluster. What was committed to
groups in a transaction is ended by their coordinator, who keeps what is pending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ottla.broker.internal_topics import CoordinatorNotLoaded
from ottla.broker.partitions import leadership_error
from ottla.coordinators.group.split import marked
from ottla.coordinators.questions import THE_NODE
from ottla.decide import Ask
from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.partition_logs import Answer
    from ottla.coordinators.group.coordinator import GroupCoordinator

Place = tuple[int, str, int]
"""(the marker's place in the request, topic, partition)."""


def handle(
    context: Context, asked: Asked[WriteTxnMarkersRequest]
) -> WriteTxnMarkersResponse | None:
    """Write them, and say of each partition what came of it."""
    if not (
        context.authorize(asked, Operation.ALTER, CLUSTER, quiet=True)
        or context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER)
    ):
        return marked(asked.body, lambda *_: ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    write(context, asked.body, lambda response: context.reply(asked.token, response))
    return None


def write(
    context: Context,
    body: WriteTxnMarkersRequest,
    then: Callable[[WriteTxnMarkersResponse], None],
) -> None:
    """Write them; `then` gets the answer when all is safe."""
    errors: dict[Place, int] = {}
    places: list[Place] = []
    questions: list[Any] = []
    for place, marker in enumerate(body.markers):
        for topic in marker.topics:
            for index in topic.partition_indexes:
                error = leadership_error(context, topic.name, index)
                if marker.producer_id < 0 or marker.producer_epoch < 0:
                    error = ErrorCode.UNKNOWN_SERVER_ERROR  # a marker is somebody's, or is none
                if error:
                    errors[place, topic.name, index] = error
                elif topic.name != CONSUMER_OFFSETS:
                    places.append((place, topic.name, index))
                    questions.append(_question(context, marker, topic.name, index))
    of_groups = _of_groups(body, errors)
    groups = _group_coordinator(context, of_groups, errors)
    waiting = 2

    def settled() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            then(marked(body, lambda *at: errors[at]))

    def written(answers: Sequence[Answer]) -> None:
        errors.update(zip(places, (one.error_code for one in answers), strict=True))
        settled()

    def grouped(response: WriteTxnMarkersResponse) -> None:
        for place, marker in zip(of_groups, response.markers, strict=True):
            for topic in marker.topics:
                for row in topic.partitions:
                    errors[place, topic.name, row.partition_index] = row.error_code
        settled()

    _ask_logs(context, questions, written)
    if groups is not None:
        request = WriteTxnMarkersRequest(markers=list(of_groups.values()))
        groups.submit(Ask(context.internal(grouped), request, 2, THE_NODE))
    else:
        settled()


def _group_coordinator(
    context: Context, of_groups: dict[int, WritableTxnMarker], errors: dict[Place, int]
) -> GroupCoordinator | None:
    """Who ends what was committed to groups, if anything was; who asks comes again if that can't be
    loaded now.
    """
    if not of_groups:
        return None
    try:
        return context.groups
    except CoordinatorNotLoaded:
        for place, marker in of_groups.items():
            for topic in marker.topics:
                for index in topic.partition_indexes:
                    errors[place, topic.name, index] = ErrorCode.NOT_LEADER_OR_FOLLOWER
        return None


def _ask_logs(
    context: Context, questions: list[Any], then: Callable[[Sequence[Answer]], None]
) -> None:
    if not questions:
        then([])
        return
    token = context.internal(then)
    answers = context.logs.ask(token, questions, lambda answers: answers)
    if answers is not None:
        context.reply(token, answers)


def _question(context: Context, marker: WritableTxnMarker, topic: str, index: int) -> Any:
    return context.logs.end_transaction(
        topic,
        index,
        producer_id=marker.producer_id,
        producer_epoch=marker.producer_epoch,
        coordinator_epoch=marker.coordinator_epoch,
        committed=marker.transaction_result,
        transaction_version=marker.transaction_version,
    )


def _of_groups(
    body: WriteTxnMarkersRequest, refused: dict[Place, int]
) -> dict[int, WritableTxnMarker]:
    """What the coordinator of groups has to end, by the marker's place."""
    found: dict[int, WritableTxnMarker] = {}
    for place, marker in enumerate(body.markers):
        indexes = [
            index
            for topic in marker.topics
            if topic.name == CONSUMER_OFFSETS
            for index in topic.partition_indexes
            if (place, topic.name, index) not in refused
        ]
        if indexes:
            found[place] = WritableTxnMarker(
                producer_id=marker.producer_id,
                producer_epoch=marker.producer_epoch,
                transaction_result=marker.transaction_result,
                topics=[WritableTxnMarkerTopic(name=CONSUMER_OFFSETS, partition_indexes=indexes)],
                coordinator_epoch=marker.coordinator_epoch,
                transaction_version=marker.transaction_version,
            )
    return found
