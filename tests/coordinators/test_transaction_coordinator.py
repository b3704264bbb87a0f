"""What the coordinator of transactions promises beside the rules of one id."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from coordinators.transaction_script import Script
from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.transaction.listing import MAY_BE_SEEN, ROW, SLICE
from ottla.coordinators.transaction.transaction import Transaction
from ottla.decide import Timer
from ottla.regex.re2_match import ASKING, PIECE, Pattern
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
    for command in ("init a", "notes", "add a", "markers go t-0=KAFKA_STORAGE_ERROR"):
        script.run(command)
    script.run("end a commit")
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
        count = self._appended
        lines: list[str] = []

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
        lines: list[str] = []
        self.script.lines = lines
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


class Listings:
    """Three shards with ids of many letters, and who lists them by a pattern."""

    LETTERS = 9000
    IDS = 30

    def __init__(self) -> None:
        self.world = TransactionWorld(partitions=3)
        self.names = ["a" * self.LETTERS + str(number) for number in range(10, 10 + self.IDS)]
        begun(self.world, *self.names)
        self.answers: dict[str, Any] = {}

    def ask(self, name: str, pattern: str, connection: int | None = None) -> None:
        """Begin a list, whose answer will have this name."""

        def told(answer: Any) -> None:
            self.answers[name] = answer

        ask = self.world.ask(ListTransactionsRequest(), 2, told, connection)
        self.world.coordinator.list_all(ask, Pattern(pattern), lambda one: not one.endswith("7"))
        self.world.settle()

    def turn(self) -> int:
        """Take one turn; how many calls and lines it took."""
        due = self.world._due(self.world.real_ms, real=True)
        assert due is not None, "nobody does anything any more"
        count = 0

        def seen(_frame: object, _event: str, _argument: object) -> object:
            nonlocal count
            count += 1
            return seen

        sys.settrace(seen)  # type: ignore[arg-type]
        try:
            due[1]()
        finally:
            sys.settrace(None)
        self.world.wake()
        self.world.settle()
        return count

    def turns(self, name: str) -> list[int]:
        """How much each turn takes until this list is there."""
        counts = []
        while name not in self.answers:
            counts.append(self.turn())
            assert len(counts) < 10_000
        return counts

    def listed(self, name: str) -> list[str]:
        """Which ids an answer has."""
        answer = self.answers[name]
        assert answer.error_code == ErrorCode.NONE
        return sorted(one.transactional_id for one in answer.transaction_states)


@pytest.mark.parametrize(("pattern", "cost"), [("a*[0-9]+", 1), ("\\ba+[12]\\d\\b|a+3\\d", ASKING)])
def test_a_pattern_is_matched_a_slice_in_a_turn(pattern: str, cost: int) -> None:
    """If this failed, one list of long ids would hold up everybody else of a node for seconds."""
    lists = Listings()
    lists.ask("first", pattern)
    lists.ask("second", pattern)
    assert not lists.answers, "a slice belongs to a turn of its own"
    counts = [lists.turn()]
    lists.world.coordinator.describe(
        lists.world.ask(
            DescribeTransactionsRequest(transactional_ids=["x"]),
            0,
            lambda answer: lists.answers.update(described=answer),
        )
    )
    lists.world.settle()
    assert set(lists.answers) == {"described"}
    counts += lists.turns("first")
    assert set(lists.answers) == {"described", "first"}
    work = lists.IDS * ((lists.LETTERS + 2) * cost + ROW + MAY_BE_SEEN)
    assert work // (SLICE + PIECE + 2000) <= len(counts) <= work // SLICE + 3
    assert max(counts) < 15 * SLICE
    counts = lists.turns("second")
    assert len(counts) <= work // SLICE + 3
    assert max(counts) < 15 * SLICE
    wanted = [name for name in lists.names if not name.endswith("7")]
    assert lists.listed("first") == lists.listed("second") == wanted
    assert lists.world._due(lists.world.real_ms, real=True) is None, "and then nobody is busy"


def test_a_list_that_nobody_waits_for_costs_nothing() -> None:
    """If this failed, whoever asks and hangs up, again and again, would keep all others from their
    lists; or what a shard had that went elsewhere would be looked at in vain.
    """
    lists = Listings()
    lists.world.desk.gone.add(7)
    lists.ask("here", "a*1[0-9]", 6)
    for number in range(20):
        lists.ask(f"gone-{number}", "a*[0-9]+", 7)
    lists.ask("after", "a*2[0-9]", 6)
    lists.turns("here")
    assert max(lists.turn() for _ in range(20)) < 500
    lists.turns("after")
    assert lists.listed("after") == [one for one in lists.names[10:20] if one[-1] != "7"]
    lists.ask("resigned", "a*[0-9]+")
    lists.ask("next", "a*[0-9]+")
    lists.turn()
    lists.world.runtime.resign_all()
    assert len(lists.turns("resigned")) == 1
    assert lists.listed("resigned") == []
    lists.turns("next")
    assert lists.listed("next") == []


def test_a_pattern_that_is_too_much_ends_its_list_alone() -> None:
    """If this failed, a list that is refused would be the last one of that node."""
    lists = Listings()
    chance = random.Random(1)
    begun(lists.world, *("".join(chance.choices("ab", k=120)) for _ in range(60)))
    lists.ask("bomb", "(a|b)*a(a|b){200}")
    lists.ask("here", "a*1[0-9]")
    counts = lists.turns("here")
    assert max(counts) < 15 * SLICE
    assert lists.answers["bomb"].error_code == ErrorCode.INVALID_REGULAR_EXPRESSION
    assert lists.listed("here") == [one for one in lists.names[:10] if one[-1] != "7"]


def test_who_moves_the_clock_is_told_whom_it_waits_for() -> None:
    """If this failed, a test that moves the clock past a transaction's time would see nothing
    happen, and nobody say why; or a long test's log would be full of it.
    """
    script = Script()
    for command in ("init a timeout=2000 connection=7", "add a parts=t-0", "leap 1000 connected=7"):
        script.run(command)
    (begun,) = script.run("notes")
    assert "x is producer 0 in epoch 0 from now on" in begun
    for _ in range(2):
        script.run("leap 3000 connected=7")
    (line,) = script.run("notes")
    assert "transaction of x would be over; its producer is connected and is waited for" in line
    assert 'members="silent" ends it' in line
    script.run("end a commit")
    script.run("add a parts=t-0")
    script.run("leap 3000 connected=7")
    assert len(script.run("notes")) == 1, "once a transaction"


def test_an_abort_is_told_once_it_is_one() -> None:
    """If this failed, the log would tell of an abort that waits, or of one thing at each check."""
    script = Script()
    script.run("config abort_check_interval_ms=1000")
    script.run("ids hold")
    script.run("craft Ongoing 9 32766 timeout=1 start=0 tv=2")
    script.run("restart")
    script.run("advance 5000")
    assert script.run("notes") == [], "it waits for a producer id"
    script.run("ids go")
    assert script.run("state")[0].startswith(("PrepareAbort", "CompleteAbort"))
    (line,) = script.run("notes")
    assert "transaction of x is aborted" in line
