"""Admin calls about transactions, to two nodes that are scripts: who is asked what, and what
becomes of errors, of ids that move, and of nodes that are older. And once to a running node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaException

from client.peers import HOST, Asked, Counted, versions
from client.transaction_nodes import NOT_FOUND, Nodes
from ottla.client import records
from ottla.client.admin import topics, transactions
from ottla.client.client import Client
from ottla.client.errors import ApiNotSupported, BrokerError, TimedOut
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    describe_producers,
    describe_transactions,
    find_coordinator,
    init_producer_id,
    list_transactions,
    write_txn_markers,
)
from producing import producer_of, transact, write
from servers import Server

T0, U0 = ("t", 0), ("u", 0)
CONCURRENT, LOADING = (
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
)
NOT_LEADER = ErrorCode.NOT_LEADER_OR_FOLLOWER


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """Two of them."""
    found = Nodes()
    yield found
    found.close()


def client_of(nodes: Nodes) -> Client:
    """A client that waits for no time."""
    return Client(
        f"{HOST}:{nodes.ports[0]}", timeout_ms=5000, request_timeout_ms=4000, waiting=Counted()
    )


def test_every_node_is_asked_for_its_list(nodes: Nodes) -> None:
    """If this failed, transactions of other coordinators would be invisible."""
    with client_of(nodes) as client:
        found = transactions.list_transactions(
            client, states=["Ongoing"], producer_ids=[7], longer_than_ms=5, pattern="a.*"
        )
    assert [(row.coordinator, row.transactional_id, row.producer_id) for row in found] == [
        (1, "a", 97),
        (1, "b", 98),
        (2, "c", 99),
    ]
    asked = nodes.asked(list_transactions.ListTransactionsRequest)
    assert [node for node, _ in asked] == [1, 2]
    for _, request in asked:
        assert (request.state_filters, request.producer_id_filters) == (["Ongoing"], [7])
        assert (request.duration_filter, request.transactional_id_pattern) == (5, "a.*")


def test_a_list_waits_for_who_loads_and_ends_with_who_refuses(nodes: Nodes) -> None:
    """If this failed, a list would lack what a coordinator was just loading, or an error."""
    kind = list_transactions.ListTransactionsRequest
    nodes.errors[kind] = [LOADING, 0]
    with client_of(nodes) as client:
        assert len(transactions.list_transactions(client)) == 3
        assert len(nodes.asked(kind)) == 3, "who had answered was not asked again"
        nodes.errors[kind] = [ErrorCode.INVALID_REGULAR_EXPRESSION] * 2
        with pytest.raises(BrokerError) as refused:
            transactions.list_transactions(client, pattern="(")
    assert refused.value.code == ErrorCode.INVALID_REGULAR_EXPRESSION


@pytest.mark.parametrize("wanted", [{"longer_than_ms": 0}, {"pattern": ""}], ids=str)
def test_an_older_node_is_not_asked_without_the_filter(wanted: dict[str, Any]) -> None:
    """If this failed, a filter that a node does not know would let everything through."""

    def older(asked: Asked) -> Any:
        said = versions(asked)
        for row in said.api_keys:
            row.max_version = {66: 0, 10: 3}.get(row.api_key, row.max_version)
        return said

    nodes = Nodes(older)
    try:
        with client_of(nodes) as client:
            assert len(transactions.list_transactions(client)) == 3
            with pytest.raises(ApiNotSupported, match="can't filter"):
                transactions.list_transactions(client, **wanted)
            found = transactions.describe_transactions(client, ["a", "c"])
            assert [type(row) for row in found.values()] == [transactions.Described] * 2
        keys = nodes.asked(find_coordinator.FindCoordinatorRequest)
        assert sorted(request.key for _, request in keys) == ["a", "c"], "one at a time"
    finally:
        nodes.close()


def test_ids_are_described_by_their_coordinators(nodes: Nodes) -> None:
    """If this failed, many ids would cost many requests, or one that is gone hide the others."""
    nodes.coordinators["gone"] = 2
    with client_of(nodes) as client:
        found = transactions.describe_transactions(client, ["a", "b", "c", "gone"])
    row = found["a"]
    assert isinstance(row, transactions.Described)
    assert (row.coordinator, row.producer_id, row.start_ms) == (1, 97, 5)
    assert row.partitions == [("t", 0), ("t", 1)]
    other, gone = found["c"], found["gone"]
    assert isinstance(other, transactions.Described)
    assert (other.coordinator, other.start_ms) == (2, None)
    assert isinstance(gone, BrokerError)
    assert gone.code == NOT_FOUND
    assert len(nodes.asked(find_coordinator.FindCoordinatorRequest)) == 1
    asked = nodes.asked(describe_transactions.DescribeTransactionsRequest)
    assert [(n, m.transactional_ids) for n, m in asked] == [(1, ["a", "b"]), (2, ["c", "gone"])]


def test_only_the_id_that_moved_is_asked_for_again(nodes: Nodes) -> None:
    """If this failed, a coordinator that moved would be waited for where it was."""
    with client_of(nodes) as client:
        transactions.describe_transactions(client, ["a", "b"])
        nodes.coordinators["b"] = 2
        found = transactions.describe_transactions(client, ["a", "b"])
    assert [row.coordinator for row in found.values() if not isinstance(row, BrokerError)] == [1, 2]
    keys = nodes.asked(find_coordinator.FindCoordinatorRequest)
    assert [request.coordinator_keys for _, request in keys] == [["a", "b"], ["b"]]
    last = nodes.peers[1].of(describe_transactions.DescribeTransactionsRequest)
    assert [request.transactional_ids for request in last] == [["b"]]


def test_what_an_answer_leaves_out_is_an_error(nodes: Nodes) -> None:
    """If this failed, a node that forgets an id would end the call in a traceback."""
    nodes.left_out = {"b"}
    with client_of(nodes) as client:
        found = transactions.describe_transactions(client, ["a", "b"])
    assert isinstance(found["b"], BrokerError)
    assert "left out" in str(found["b"])


def test_producers_are_told_by_leaders(nodes: Nodes) -> None:
    """If this failed, an open transaction would be looked for where nobody knows of it."""
    with client_of(nodes) as client:
        found = transactions.describe_producers(client, [T0, U0, ("u", 3)])
    assert [type(rows) for rows in found.values()] == [list, list, BrokerError]
    assert found[T0] == [transactions.ActiveProducer(9, 1, 5, -1, -1, 5)]
    assert found[U0] == [transactions.ActiveProducer(9, 1, None, -1, -1, None)]
    asked = nodes.asked(describe_producers.DescribeProducersRequest)
    assert [(node, [t.name for t in m.topics]) for node, m in asked] == [(1, ["t"]), (2, ["u"])]


def test_a_replica_that_is_named_is_asked_once(nodes: Nodes) -> None:
    """If this failed, a broker that has no replica would be asked until the time is over."""
    nodes.errors[describe_producers.DescribeProducersRequest] = [NOT_LEADER]
    with client_of(nodes) as client:
        refused = transactions.describe_producers(client, [T0], broker=2)[T0]
        assert isinstance(refused, BrokerError)
        assert refused.code == NOT_LEADER
        assert isinstance(transactions.describe_producers(client, [T0], broker=2)[T0], list)
        missing = transactions.describe_producers(client, [T0], broker=7)[T0]
    assert isinstance(missing, BrokerError)
    assert "no broker 7" in str(missing)
    assert [n for n, _ in nodes.asked(describe_producers.DescribeProducersRequest)] == [2, 2]


def test_the_marker_goes_to_the_leader(nodes: Nodes) -> None:
    """If this failed, a hanging transaction could not be aborted, or be committed instead."""
    kind = write_txn_markers.WriteTxnMarkersRequest
    nodes.errors[kind] = [NOT_LEADER]
    with client_of(nodes) as client:
        transactions.abort_transaction(client, transactions.Open("u", 0, 9, 1, 4))
        assert [node for node, _ in nodes.asked(kind)] == [2, 2]
        nodes.errors[kind] = [ErrorCode.TRANSACTION_COORDINATOR_FENCED]
        with pytest.raises(BrokerError) as refused:
            transactions.abort_transaction(client, transactions.Open("u", 0, 9, 1, 4))
    assert refused.value.code == ErrorCode.TRANSACTION_COORDINATOR_FENCED
    (marker,) = nodes.asked(kind)[0][1].markers
    assert (marker.producer_id, marker.producer_epoch, marker.coordinator_epoch) == (9, 1, 4)
    assert marker.transaction_result is False
    assert [(t.name, t.partition_indexes) for t in marker.topics] == [("u", [0])]


def test_fencing_waits_for_the_transaction_to_end(nodes: Nodes) -> None:
    """If this failed, a producer with an open transaction could not be fenced."""
    kind = init_producer_id.InitProducerIdRequest
    nodes.errors[kind] = [CONCURRENT, CONCURRENT, 0, ErrorCode.INVALID_TRANSACTION_TIMEOUT]
    with client_of(nodes) as client:
        found = transactions.fence_producers(client, ["a", "c", "a"])
        assert found["a"] == transactions.FencedProducer(7, 3)
        refused = found["c"]
        assert isinstance(refused, BrokerError)
        assert refused.code == ErrorCode.INVALID_TRANSACTION_TIMEOUT
        transactions.force_terminate_transaction(client, "c")
    asked = nodes.asked(kind)
    assert [(node, m.transactional_id) for node, m in asked] == [
        *[(1, "a")] * 3,
        *[(2, "c")] * 2,
    ]
    for _, request in asked:
        assert (request.producer_id, request.producer_epoch) == (-1, -1)
        assert request.transaction_timeout_ms == 4000, "the client's, as with Java's"


def test_a_refused_end_is_an_error(nodes: Nodes) -> None:
    """If this failed, a transaction that was not ended would be told as ended."""
    nodes.errors[init_producer_id.InitProducerIdRequest] = [
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    ]
    with client_of(nodes) as client, pytest.raises(BrokerError):
        transactions.force_terminate_transaction(client, "a")


def test_who_stays_busy_ends_the_wait(nodes: Nodes) -> None:
    """If this failed, a transaction that never ends would hang who wants to end it."""
    nodes.errors[init_producer_id.InitProducerIdRequest] = [CONCURRENT] * 100
    with client_of(nodes) as client:
        found = transactions.fence_producers(client, ["a"])["a"]
        assert isinstance(found, BrokerError)
        assert found.code == CONCURRENT


def test_a_coordinator_that_hangs_up_is_told(nodes: Nodes) -> None:
    """If this failed, ids would be told as gone whose node could not be asked."""
    with client_of(nodes) as client:
        client.nodes()
        client.coordinator("c", kind=1)
        nodes.peers[1].close()
        with pytest.raises(OttlaError) as failed:
            transactions.describe_transactions(client, ["c"])
    assert not isinstance(failed.value, BrokerError | TimedOut)


def test_a_running_node(server: Server, name: Callable[[], str]) -> None:
    """If this failed, nodes that are scripts would do what no running one does."""
    topic, key = name(), name()
    with Client(server.bootstrap, timeout_ms=20_000) as client:
        assert topics.create(client, [topics.NewTopic(topic, 1, 1)]) == {topic: None}
        place = (topic, 0)
        producer = producer_of(server.bootstrap, key)
        transact(producer, topic, "aborted", commit=False)
        transact(producer, topic, "committed")
        producer.begin_transaction()
        write(producer, topic, "open")
        assert [r.value for r in records.read(client, topic, [0])] == [b"committed"]
        (listed,) = transactions.list_transactions(client, states=["Ongoing"], pattern=key)
        described = transactions.describe_transactions(client, [key, name()])
        found, missing = described.values()
        assert isinstance(found, transactions.Described)
        assert found.producer_id == listed.producer_id
        assert found.partitions == [place]
        assert isinstance(missing, BrokerError)
        assert missing.code == NOT_FOUND
        rows = transactions.describe_producers(client, [place])[place]
        assert isinstance(rows, list)
        open_at = rows[-1].start_offset
        assert open_at is not None
        fenced = transactions.fence_producers(client, [key])[key]
        assert isinstance(fenced, transactions.FencedProducer)
        assert fenced > (found.producer_id, found.producer_epoch)
        assert transactions.list_transactions(client, states=["Ongoing"], pattern=key) == []
        with pytest.raises(KafkaException) as told:
            producer.commit_transaction(20)
        assert told.value.args[0].fatal()
        assert [r.value for r in records.read(client, topic, [0])] == [b"committed"]
