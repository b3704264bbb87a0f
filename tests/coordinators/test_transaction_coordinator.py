"""What the coordinator of transactions promises beside the rules of one id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from coordinators.transaction_script import Script
from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.transaction.transaction import Transaction
from ottla.decide import Timer
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_transactions import ListTransactionsRequest
from ottla.wire.records import read_batches


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


class Crowd:
    """One shard with so many ids: how many records each of its turns writes."""

    def __init__(self, count: int, config: str, *commands: str) -> None:
        self.counts: list[int] = []
        self.script = Script()
        self.script.run(config)
        for number in range(count):
            for command in commands:
                self.script.run(f"{command} id=id-{number}")
        self.script.world.log.appended = self._appended

    def _appended(self, _partition: int, batch: bytes) -> None:
        (one,) = read_batches(batch)
        self.counts.append(len(one.records))

    def told_between(self, command: str, request: str) -> list[str]:
        """What a request is told that comes after the first turn of what a command makes happen."""
        count, lines = self._appended, []

        def once(partition: int, batch: bytes) -> None:
            count(partition, batch)
            world.log.appended = count
            world.set(Timer("between", world.now_ms), lambda: lines.extend(self._ask(request)))

        world = self.script.world
        world.log.appended = once
        self.script.run(command)
        return lines

    def _ask(self, request: str) -> list[str]:
        name, *words = request.split()
        lines = self.script.lines = []
        getattr(self.script, "_do_" + name)(words, {})
        for _ in range(3):
            self.script.world.runtime.flush()
        return [*lines, f"after {len(self.counts)}"]


def test_ids_are_forgotten_some_at_a_time() -> None:
    """If this failed, a node whose ids all expire at once would serve nobody meanwhile."""
    config = "config expiration_ms=10000 expiration_check_interval_ms=1000"
    crowd = Crowd(2500, config, "init a")
    told, after = crowd.told_between("advance 10000", "describe a id-0 id-2499")
    assert "TRANSACTIONAL_ID_NOT_FOUND transactional_id=id-0}" in told
    assert "transactional_id=id-2499 transaction_state=Empty" in told
    assert after == "after 1"
    crowd.script.run("advance 2")
    assert crowd.counts == [1000, 1000, 500]
    crowd.script.run("advance 5000")
    assert crowd.counts == [1000, 1000, 500]
    assert crowd.script.run("state id=id-7") == ["nothing"]
    # Who comes after it was found is not forgotten.
    crowd = Crowd(1100, config, "init a")
    crowd.script.run("advance 9999")
    crowd.told_between("advance 1", "init a")
    crowd.script.run("init a id=id-1099")
    crowd.script.run("advance 1")
    (line,) = crowd.script.run("state id=id-1099")
    assert line.startswith("Empty")


def test_transactions_are_aborted_some_at_a_time() -> None:
    """If this failed, a node whose producers all died at once would serve nobody meanwhile; or one
    transaction that can't be aborted yet would keep those behind it open.
    """
    crowd = Crowd(250, "config abort_check_interval_ms=1000", "init a timeout=2000", "add a")
    crowd.script.run("markers hold")
    crowd.script.run("advance 3000")
    assert crowd.counts == [100]
    crowd.script.run("advance 1")
    assert crowd.counts == [100, 100]
    # The rest is looked at again when its turn comes: this one has ended by itself.
    crowd.script.run("end a commit id=id-249")
    crowd.script.run("advance 1")
    assert crowd.counts == [100, 100, 1, 49]
    # More than one turn takes can't be ended as long as no producer id is there.
    crowd.script.run("ids hold")
    for number in range(150):
        crowd.script.run(f"craft Ongoing {5000 + number} 32766 id=stuck-{number} timeout=1 start=0")
    crowd.script.run("craft Ongoing 9000 5 id=last timeout=2 start=0")
    crowd.script.run("restart")
    crowd.script.run("advance 1001")
    assert crowd.script.run("state id=last")[0].startswith("CompleteAbort 9000/6")


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
