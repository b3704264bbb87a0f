"""What the handlers of transactions do before and after the coordinator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from coordinators.transaction_world import TransactionWorld
from ottla.broker.asked import Asked
from ottla.broker.handlers import add_partitions_to_txn, describe_producers
from ottla.coordinators.questions import AddPartitions, PartitionsAdded
from ottla.decide import Ask
from ottla.security.principal import Principal
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from ottla.wire.messages.describe_producers import DescribeProducersRequest, TopicRequest


class FakeContext:
    """A node where all is allowed, and a coordinator that says yes to what it is asked."""

    node_id = 1
    offline: frozenset[tuple[str, int]] = frozenset()

    def __init__(self) -> None:
        self.image = TransactionWorld(topics="t").image
        self.asked: list[AddPartitions] = []
        self.told: list[Any] = []
        self._then: list[Callable[[Any], None]] = []
        self.transactions = self
        self.logs = SimpleNamespace(ask=lambda token, questions, respond: respond([]))

    def authorize(self, *_: Any, **__: Any) -> bool:
        return True

    def allowed_names(self, _asked: Any, _what: Any, _type: Any, names: Iterable[str]) -> set[str]:
        return set(names)

    def internal(self, then: Callable[[Any], None]) -> int:
        self._then.append(then)
        return -len(self._then)

    def submit(self, ask: Ask) -> None:
        self.asked.append(ask.body)
        self._then[-ask.token - 1](PartitionsAdded((0,) * len(ask.body.partitions)))

    def reply(self, _token: int, response: Any) -> None:
        self.told.append(response)


def asked(body: Any, version: int) -> Asked[Any]:
    """The request, as it comes in."""
    return Asked(
        7, 0, version, "c", body, "PLAINTEXT", "h", 9092, "127.0.0.1", 3, Principal("User", "alice")
    )


def of_client(*topics: str) -> AddPartitionsToTxnRequest:
    """A client's request, about the first partition of each."""
    return AddPartitionsToTxnRequest(
        v3_and_below_transactional_id="x",
        v3_and_below_producer_id=1,
        v3_and_below_producer_epoch=2,
        v3_and_below_topics=[AddPartitionsToTxnTopic(name=one, partitions=[0]) for one in topics],
    )


def errors_of(topics: Any) -> dict[str, int]:
    """The error of each topic's partition."""
    return {one.name: one.results_by_partition[0].partition_error_code for one in topics}


@pytest.mark.parametrize("version", [0, 3])
def test_clients_do_not_enter_internal_topics(version: int) -> None:
    """If this failed, any producer could have markers written into a coordinator's own log."""
    context = FakeContext()
    body = of_client("t", "__transaction_state", "gone")
    add_partitions_to_txn.handle(context, asked(body, version))  # type: ignore[arg-type]
    (response,) = context.told
    assert errors_of(response.results_by_topic_v3_and_below) == {
        "t": ErrorCode.OPERATION_NOT_ATTEMPTED,
        "__transaction_state": ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        "gone": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }
    assert not context.asked


@pytest.mark.parametrize(("version", "spoken"), [(3, 0), (4, 2), (5, 2)])
def test_brokers_ask_for_producers_of_version_2(version: int, spoken: int) -> None:
    """If this failed, a transaction that another broker entered would end in the older way, and a
    late batch of it could count for the next one.
    """
    context = FakeContext()
    body = of_client("t")
    if version >= 4:
        topics = [AddPartitionsToTxnTopic(name="t", partitions=[0])]
        one = AddPartitionsToTxnTransaction(
            transactional_id="x", producer_id=1, producer_epoch=2, topics=topics
        )
        body = AddPartitionsToTxnRequest(transactions=[one])
    add_partitions_to_txn.handle(context, asked(body, version))  # type: ignore[arg-type]
    assert context.asked == [AddPartitions("x", 1, 2, (("t", 0),), spoken)]
    assert len(context.told) == 1


def test_producers_of_a_topic_that_can_not_be() -> None:
    """If this failed, a name that no topic can have would look like one that is not there yet."""
    body = DescribeProducersRequest(
        topics=[
            TopicRequest(name="no/such", partition_indexes=[0, 1]),
            TopicRequest(name="gone", partition_indexes=[0]),
            TopicRequest(name="t", partition_indexes=[9]),
        ]
    )
    response = describe_producers.handle(FakeContext(), asked(body, 0))  # type: ignore[arg-type]
    assert response is not None
    rows = [row for topic in response.topics for row in topic.partitions]
    assert [row.error_code for row in rows] == [
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]
    assert [row.error_message is None for row in rows] == [False, False, False, True]
