"""WriteTxnMarkers: the end of transactions, written to their partitions.

Asked by coordinators of transactions of other nodes, and by whoever ends a transaction that hangs
(`kafka-transactions.sh abort`). Needs ALTER or CLUSTER_ACTION on the cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ottla.broker import markers
from ottla.coordinators.questions import MarkersWritten, TopicPartition, WriteMarkers
from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[WriteTxnMarkersRequest]
) -> WriteTxnMarkersResponse | None:
    """Write them, and say of each partition what came of it."""
    if not (
        context.authorize(asked, Operation.ALTER, CLUSTER, quiet=True)
        or context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER)
    ):
        return _response(asked.body, lambda *_: ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    questions = [_question(marker) for marker in asked.body.markers]
    missing = sum(len(one.partitions) for one in questions)
    told: list[dict[TopicPartition, int]] = [{} for _ in questions]

    def written(place: int, answer: MarkersWritten) -> None:
        nonlocal missing
        told[place].update(answer.errors)
        missing -= len(answer.errors)
        if not missing:
            response = _response(asked.body, lambda place, *one: told[place][one])
            context.reply(asked.token, response)

    if not missing:
        return WriteTxnMarkersResponse(markers=[])
    markers.write(context, questions, written)
    return None


def _question(marker: WritableTxnMarker) -> WriteMarkers:
    """A partition that is named twice has one end."""
    ends = [(topic.name, index) for topic in marker.topics for index in topic.partition_indexes]
    return WriteMarkers(
        marker.producer_id,
        marker.producer_epoch,
        marker.transaction_result,
        marker.coordinator_epoch,
        marker.transaction_version,
        tuple(dict.fromkeys(ends)),
    )


def _response(
    body: WriteTxnMarkersRequest, error_of: Callable[[int, str, int], int]
) -> WriteTxnMarkersResponse:
    """What is said of each partition that a marker names: `error_of` the marker's place, the topic
    and the partition. A topic or a marker without any is not answered.
    """

    def row(place: int, marker: WritableTxnMarker) -> WritableTxnMarkerResult:
        topics = [
            WritableTxnMarkerTopicResult(
                name=topic.name,
                partitions=[
                    WritableTxnMarkerPartitionResult(
                        partition_index=index, error_code=error_of(place, topic.name, index)
                    )
                    for index in topic.partition_indexes
                ],
            )
            for topic in marker.topics
            if topic.partition_indexes
        ]
        return WritableTxnMarkerResult(producer_id=marker.producer_id, topics=topics)

    rows = [row(place, marker) for place, marker in enumerate(body.markers)]
    return WriteTxnMarkersResponse(markers=[one for one in rows if one.topics])
