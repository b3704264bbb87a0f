"""What the coordinator of transactions promises beside the rules of one id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from coordinators.transaction_script import Script
from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.transaction.transaction import Transaction
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_transactions import ListTransactionsRequest


class NobodyGoesThrough(dict[str, Transaction]):
    """The transactions of a shard, which can be looked up and not be gone through."""

    def _refuse(self) -> NoReturn:
        raise AssertionError("a step that takes as long as there are ids")

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def items(self) -> Any:
        self._refuse()

    def values(self) -> Any:
        self._refuse()


def test_a_step_costs_the_same_whoever_else_there_is() -> None:
    """If this failed, a node of many transactional ids would be slow for each of them."""
    script = Script()
    script.run("init a")
    state = script.world.state_of("x")
    state.transactions = NobodyGoesThrough(state.transactions)
    for command in (
        "init a given=own",
        "add a parts=t-0,u-0",
        "add a verify=1",
        "markers hold",
        "end a commit",
        "add a patient=1",
        "wait 50",
        "markers go t-0=NOT_LEADER_OR_FOLLOWER",
        "markers go",
        "wait 100",
        "describe a x",
        "advance 1",
    ):
        script.run(command)
    assert not script.world.reports
    assert script.run("state")[0].startswith("CompleteCommit 0/2")


def test_the_operator_hears_once_of_an_end_that_takes_long() -> None:
    """If this failed, a partition that takes no marker would be found by its readers, who wait; or
    fill the node's log.
    """
    script = Script()
    for command in ("init a", "add a", "markers go t-0=KAFKA_STORAGE_ERROR", "end a commit"):
        script.run(command)
    script.run("wait 4800")
    assert script.run("notes") == []
    script.run("wait 60000")
    (line,) = script.run("notes")
    assert "x can't end: its marker could not be written to t-0" in line


def begun(world: TransactionWorld, *transactional_ids: str) -> None:
    """Each has a producer."""
    for one in transactional_ids:
        request = InitProducerIdRequest(transactional_id=one, transaction_timeout_ms=1000)
        world.submit(request, 5, lambda response: None)
        world.settle()


def test_all_shards_are_asked() -> None:
    """If this failed, operators would see some of the transactions and take them for all."""
    world = TransactionWorld(partitions=3)
    names = ["a", "b", "c", "d"]
    begun(world, *names)
    assert len({world.coordinator.partition_for(one) for one in names}) == 3
    told: list[Any] = []
    body = DescribeTransactionsRequest(transactional_ids=["d", "a", "gone", "b", "a"])
    world.coordinator.describe(world.ask(body, 0, told.append))
    listing = ListTransactionsRequest()
    world.coordinator.list_all(world.ask(listing, 2, told.append), None, lambda one: one != "b")
    world.settle()
    described, listed = told
    rows = [(one.transactional_id, one.error_code) for one in described.transaction_states]
    not_found = ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
    assert rows == [("d", 0), ("a", 0), ("gone", not_found), ("b", 0), ("a", 0)]
    assert sorted(one.transactional_id for one in listed.transaction_states) == ["a", "c", "d"]


def test_one_that_loads_makes_the_whole_list_wait() -> None:
    """If this failed, a list without the ids of one shard would pass for the whole."""
    world = TransactionWorld(partitions=3)
    begun(world, "a", "b", "c")
    world.loads = False
    world.elect(world.coordinator.partition_for("a"))
    told: list[Any] = []
    body = ListTransactionsRequest(state_filters=["Nonsense"])
    world.coordinator.list_all(world.ask(body, 2, told.append), None, lambda _: True)
    world.settle()
    (answer,) = told
    assert answer.error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert not answer.transaction_states
