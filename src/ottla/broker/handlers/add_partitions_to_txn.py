"""AddPartitionsToTxn: partitions enter a transaction, before something is written to them in it.

Up to version 3 a producer of version 1 of transactions asks, about one transaction, which needs
WRITE on the transactional id and the topics. From version 4 on brokers ask, about several, to enter
partitions or to look whether they are in (KIP-890), which needs CLUSTER_ACTION on the cluster. Of
one transaction all partitions enter, or none does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ottla.broker.asker import as_ask
from ottla.broker.handlers.fenced import FENCED_FROM
from ottla.coordinators.questions import AddPartitions, PartitionsAdded, TopicPartition
from ottla.metadata.topic_names import is_internal
from ottla.security.resources import CLUSTER, Operation, ResourceType, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
)
from ottla.wire.producers import EPOCH_BUMPS_LEVEL

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

BROKERS_VERSION: Final = 4

Errors = dict[TopicPartition, int]
Then = Callable[[AddPartitionsToTxnTransaction, Errors], None]


def handle(
    context: Context, asked: Asked[AddPartitionsToTxnRequest]
) -> AddPartitionsToTxnResponse | None:
    """Ask about each transaction; the last answer makes the response whole."""
    if asked.version >= BROKERS_VERSION:
        if not context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER):
            error = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
            return AddPartitionsToTxnResponse(error_code=error)
        transactions = asked.body.transactions
    else:
        transactions = [_of_client(asked.body)]
    results: dict[int, AddPartitionsToTxnResult] = {}
    codes: set[int] = set()

    def settled(place: int, transaction: AddPartitionsToTxnTransaction, errors: Errors) -> None:
        results[place] = _result(transaction, errors, asked.version)
        codes.update(errors.values())
        if len(results) < len(transactions):
            return
        ordered = [results[at] for at in range(len(results))]
        response = _response(ordered, asked.version)
        if ErrorCode.UNSUPPORTED_VERSION in codes:  # as with Apache Kafka it is the request's fault
            response = AddPartitionsToTxnResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
        context.reply(asked.token, response)

    if not transactions:
        return AddPartitionsToTxnResponse()
    for place, transaction in enumerate(transactions):
        _ask(context, asked, transaction, lambda *told, place=place: settled(place, *told))
    return None


def _of_client(body: AddPartitionsToTxnRequest) -> AddPartitionsToTxnTransaction:
    return AddPartitionsToTxnTransaction(
        transactional_id=body.v3_and_below_transactional_id,
        producer_id=body.v3_and_below_producer_id,
        producer_epoch=body.v3_and_below_producer_epoch,
        topics=body.v3_and_below_topics,
    )


def _ask(
    context: Context, asked: Asked[Any], transaction: AddPartitionsToTxnTransaction, then: Then
) -> None:
    places = tuple(
        (topic.name, index) for topic in transaction.topics for index in topic.partitions
    )
    refused = _refused(context, asked, transaction, places)
    if refused:
        not_tried = int(ErrorCode.OPERATION_NOT_ATTEMPTED)
        then(transaction, {place: refused.get(place, not_tried) for place in places})
        return
    question = AddPartitions(
        transaction.transactional_id,
        transaction.producer_id,
        transaction.producer_epoch,
        places,
        # A broker asks for those of who speaks version 2; where it only looks, this says nothing.
        transaction_version=EPOCH_BUMPS_LEVEL if asked.version >= BROKERS_VERSION else 0,
        verify_only=transaction.verify_only,
    )

    def added(answer: PartitionsAdded) -> None:
        then(transaction, dict(zip(places, answer.errors, strict=True)))

    token = context.internal(added)
    context.transactions.submit(as_ask(asked, question)._replace(token=token))


def _refused(
    context: Context,
    asked: Asked[Any],
    transaction: AddPartitionsToTxnTransaction,
    places: tuple[TopicPartition, ...],
) -> Errors:
    """The partitions that can't enter, and why; of a client that may not write in this name,
    all.
    """
    names = {topic for topic, _ in places}
    if asked.version < BROKERS_VERSION:
        resource = transactional_id(transaction.transactional_id)
        if not context.authorize(asked, Operation.WRITE, resource):
            return dict.fromkeys(places, int(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
        # Into Kafka's own topics nobody writes but their coordinators.
        ours = {name for name in names if is_internal(name)}
        names = context.allowed_names(asked, Operation.WRITE, ResourceType.TOPIC, names - ours)
    refused: Errors = {}
    for topic, index in places:
        found = context.image.topics.by_name.get(topic)
        if topic not in names:
            refused[topic, index] = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        elif found is None or not 0 <= index < len(found.partitions):
            refused[topic, index] = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return refused


def _result(
    transaction: AddPartitionsToTxnTransaction, errors: Errors, version: int
) -> AddPartitionsToTxnResult:
    def told(code: int) -> int:
        if code == ErrorCode.PRODUCER_FENCED and version < FENCED_FROM:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        return code

    return AddPartitionsToTxnResult(
        transactional_id=transaction.transactional_id,
        topic_results=[
            AddPartitionsToTxnTopicResult(
                name=topic.name,
                results_by_partition=[
                    AddPartitionsToTxnPartitionResult(
                        partition_index=index,
                        partition_error_code=told(errors[topic.name, index]),
                    )
                    for index in topic.partitions
                ],
            )
            for topic in transaction.topics
        ],
    )


def _response(results: list[AddPartitionsToTxnResult], version: int) -> AddPartitionsToTxnResponse:
    if version >= BROKERS_VERSION:
        return AddPartitionsToTxnResponse(results_by_transaction=results)
    return AddPartitionsToTxnResponse(results_by_topic_v3_and_below=results[0].topic_results)
