"""A producer's transactions by themselves: what its coordinators are asked after each answer."""

from __future__ import annotations

from typing import Any

import pytest

from client.transacting_world import T0, T1, U0, World, added, opened, wanted, written
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut
from ottla.client.machine import Coordinator
from ottla.client.producing.transacting import (
    ABORTABLE,
    ENDING,
    FATAL,
    INITIALIZING,
    READY,
    Fenced,
    MustAbort,
    NoTransaction,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
from ottla.wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

LOST = ConnectionFailed("node", 9092, "closed")
LATE = TimedOut("no answer")
AT_X, AT_G = Coordinator(1, "x"), Coordinator(0, "g")
MOVED = [ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE]
PASSES = [
    *MOVED,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.UNSTABLE_OFFSET_COMMIT,
]
FENCED = [ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH]
FATALS = [
    ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ErrorCode.INVALID_TXN_STATE,
    ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    ErrorCode.UNSUPPORTED_VERSION,
]
ABORTS = [
    ErrorCode.TRANSACTION_ABORTABLE,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.ILLEGAL_GENERATION,
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.FENCED_INSTANCE_ID,
]


def refused(world: World) -> Any:
    """The one error that the user was told."""
    (error,) = world.ends
    world.ends.clear()
    return error


# ------------------------------------------------------------ the identity


def test_an_id_is_asked_for_as_nobody_first_and_as_itself_again() -> None:
    """If this failed, a producer would be fenced by itself, or have the epoch of another."""
    world = World()
    assert world.asks() == []
    world.machine.initialize(world.ends.append)
    ask = world.ask()
    request = ask.message
    assert (ask.to, ask.timeout_ms) == (AT_X, 30_000)
    assert (request.transactional_id, request.transaction_timeout_ms) == ("x", 60_000)
    assert (request.producer_id, request.producer_epoch) == (-1, -1)
    assert world.asks() == [], "one at a time"
    world.end(ask, InitProducerIdResponse(producer_id=7, producer_epoch=3))
    assert (refused(world), world.machine.state) == (None, READY)
    assert (world.machine.producer_id, world.machine.epoch) == (7, 3)


def test_numbers_begin_anew_before_anything_is_sent() -> None:
    """If this failed, batches of two epochs would be under way at once."""
    world = World()
    world.machine.initialize(world.ends.append)
    world.end(world.ask(), InitProducerIdResponse(producer_id=7, producer_epoch=0))
    world.machine.begin()
    assert not world.machine.is_ready()
    assert world.asks(is_idle=False) == []
    assert (world.machine.is_ready(), world.renumbered) == (False, 0)
    assert world.asks() == []
    assert (world.machine.is_ready(), world.renumbered) == (True, 1)
    world.asks()
    assert world.renumbered == 1


@pytest.mark.parametrize("code", FENCED)
def test_who_comes_too_late_for_the_id_is_fenced(code: ErrorCode) -> None:
    """If this failed, two producers of one transactional id would take it from each other."""
    world = World()
    world.machine.initialize(world.ends.append)
    world.end(world.ask(), InitProducerIdResponse(error_code=code))
    assert isinstance(refused(world), Fenced)
    assert (world.machine.state, world.machine.fatal) == (FATAL, world.machine.error)
    assert world.asks(60_000) == []
    for call in (world.machine.begin, world.machine.require_open):
        with pytest.raises(Fenced):
            call()


def test_an_id_that_is_refused_is_told() -> None:
    """If this failed, init_transactions() would wait for what nobody gives."""
    world = World()
    world.machine.initialize(world.ends.append)
    world.end(world.ask(), InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST))
    error = refused(world)
    assert isinstance(error, BrokerError)
    assert (error.code, world.machine.state) == (ErrorCode.INVALID_REQUEST, FATAL)


# ------------------------------------------------------------ calls


@pytest.mark.parametrize(
    ("state", "call", "text"),
    [
        ("new", "begin", "begin_transaction.* while the producer is new"),
        ("new", "require_open", "send.* while the producer is new"),
        ("new", "commit", "commit_transaction.* while the producer is new"),
        ("ready", "initialize", "init_transactions.* while the producer is ready"),
        ("ready", "abort", "abort_transaction.* while the producer is ready"),
        ("ready", "offsets", "send_offsets_to_transaction.* while the producer is ready"),
        ("open", "begin", "begin_transaction.* while the producer is open"),
        ("open", "initialize", "init_transactions.* while the producer is open"),
        ("ending", "require_open", "send.* while the producer is ending"),
        ("ending", "offsets", "send_offsets_to_transaction.* while the producer is ending"),
        ("ending", "abort", "ended the other way"),
    ],
)
def test_a_call_in_a_wrong_state_is_refused_by_name(state: str, call: str, text: str) -> None:
    """If this failed, a program's mistake would be done, or told in words that do not help."""
    world = World()
    if state != "new":
        world.initialize()
    if state in ("open", "ending"):
        world.machine.begin()
    if state == "ending":
        world.stop(commit=True)
    calls: dict[str, Any] = {
        "begin": world.machine.begin,
        "require_open": world.machine.require_open,
        "initialize": lambda: world.machine.initialize(world.ends.append),
        "commit": lambda: world.stop(commit=True),
        "abort": lambda: world.stop(commit=False),
        "offsets": lambda: world.send_offsets(T0),
    }
    with pytest.raises(NoTransaction, match=text):
        calls[call]()
    assert (world.machine.state, world.ends) == (state, [])


# ------------------------------------------------------------ what joins


def test_before_version_2_partitions_join_before_they_are_written_to() -> None:
    """If this failed, records would lie outside of their transaction, and count at once."""
    world = World(1)
    world.begin()
    assert [world.machine.may_send(place) for place in (U0, T1, T0)] == [False] * 3
    ask = world.ask()
    assert (ask.to, wanted(ask), world.versions[-1]) == (AT_X, [("t", [0, 1]), ("u", [0])], 3)
    assert ask.message.v3_and_below_transactional_id == "x"
    assert ask.message.v3_and_below_producer_id == 7
    assert not world.machine.may_send(("u", 1))
    world.end(ask, added(ask))
    assert all(world.machine.may_send(place) for place in (U0, T1, T0))
    assert wanted(world.ask()) == [("u", [1])]
    assert world.machine.produce_version_max == 11, "a newer one would join by itself"


def test_with_version_2_partitions_join_by_what_is_written() -> None:
    """If this failed, every transaction would cost a request more, or not be ended."""
    world = World(2)
    world.begin()
    assert world.machine.may_send(T0)
    assert world.asks() == []
    assert world.machine.produce_version_max is None
    world.stop(commit=True)
    assert isinstance(world.ask().message, EndTxnRequest)
    assert world.versions[-1] == 5


def test_partitions_do_not_join_the_next_transaction_by_themselves() -> None:
    """If this failed, the second transaction of a producer would write what is in none."""
    world = opened()
    world.stop(commit=True)
    world.end(world.ask(), EndTxnResponse())
    world.machine.begin()
    assert not world.machine.may_send(T0)


def test_before_version_2_a_group_joins_once_before_its_offsets() -> None:
    """If this failed, offsets would lie outside of their transaction, or be refused."""
    world = World(1)
    world.begin()
    world.send_offsets(T0, T1)
    world.send_offsets(T0)
    ask = world.ask()
    assert isinstance(ask.message, AddOffsetsToTxnRequest)
    assert (ask.to, ask.message.group_id, ask.message.producer_id) == (AT_X, "g", 7)
    world.end(ask, AddOffsetsToTxnResponse())
    for rows in ([0, 1], [0]):
        ask = world.ask()
        assert (ask.to, world.versions[-1]) == (AT_G, 4)
        assert [one.partition_index for one in ask.message.topics[0].partitions] == rows
        world.end(ask, written(ask))
    assert world.ends == [None, None]
    world.stop(commit=True)
    assert isinstance(world.ask().message, EndTxnRequest)
    assert world.versions[-1] == 4


def test_with_version_2_a_group_joins_by_its_offsets() -> None:
    """If this failed, offsets would not name the member that the group is to check."""
    world = World(2)
    world.begin()
    world.send_offsets(T0)
    ask = world.ask()
    request = ask.message
    assert (ask.to, world.versions[-1]) == (AT_G, 5)
    assert (request.transactional_id, request.producer_id, request.producer_epoch) == ("x", 7, 0)
    assert (request.group_id, request.member_id, request.group_instance_id) == ("g", "m", "i")
    assert request.generation_id == 4
    (row,) = request.topics[0].partitions
    assert (row.committed_offset, row.committed_leader_epoch) == (5, 2)
    assert row.committed_metadata == "m"
    world.stop(commit=True)
    assert world.asks() == [], "the end waits for it"
    world.end(ask, written(ask))
    assert isinstance(world.ask().message, EndTxnRequest)


# ------------------------------------------------------------ the end


def test_a_commit_waits_for_what_was_sent_an_abort_for_what_is_under_way() -> None:
    """If this failed, records sent before a commit would belong to no transaction."""
    for commit in (True, False):
        world = opened(2)
        world.stop(commit=commit)
        assert (world.machine.goes_on, world.machine.is_ready()) == (commit, commit)
        assert world.asks(is_idle=False, is_empty=True) == []
        asks = world.asks(is_idle=True, is_empty=False)
        assert len(asks) == (not commit)
        (ask,) = asks or world.asks()
        request = ask.message
        assert (request.transactional_id, request.committed) == ("x", commit)
        assert (request.producer_id, request.producer_epoch) == (7, 0)


def test_with_version_2_each_end_raises_the_epoch() -> None:
    """If this failed, what is late of one transaction could count in the next."""
    world = opened(2)
    world.stop(commit=True)
    world.end(world.ask(), EndTxnResponse(producer_id=8, producer_epoch=1))
    assert (world.ends.pop(), world.machine.state) == (None, READY)
    assert (world.machine.producer_id, world.machine.epoch) == (8, 1)
    world.machine.begin()
    assert not world.machine.is_ready(), "numbers begin anew first"
    before = world.renumbered
    assert world.asks() == []
    assert (world.machine.is_ready(), world.renumbered) == (True, before + 1)


def test_before_version_2_the_epoch_stays() -> None:
    """If this failed, a producer would use an epoch that nobody has given it."""
    world = opened(1)
    world.stop(commit=True)
    world.end(world.ask(), EndTxnResponse())
    assert (world.ends.pop(), world.machine.producer_id, world.machine.epoch) == (None, 7, 0)
    world.machine.begin()
    assert world.machine.is_ready()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("commit", [True, False])
def test_what_nothing_joined_ends_without_a_word(version: int, commit: bool) -> None:
    """If this failed, an empty transaction would be refused, as there is none."""
    world = World(version)
    world.begin()
    world.stop(commit=commit)
    assert world.asks() == []
    assert (refused(world), world.machine.state) == (None, READY)


def test_an_end_without_an_answer_is_asked_again_the_same() -> None:
    """If this failed, a commit whose answer is lost would be aborted, or told as failed."""
    world = opened(2)
    world.stop(commit=True)
    first = world.ask()
    for outcome in (LOST, LATE):
        world.end(first, outcome)
        assert (world.machine.last_failure, world.ends) == (outcome, [])
        assert world.asks() == []
        again = world.ask(200)
        assert again.message == first.message
        first = again
    world.end(first, EndTxnResponse(producer_id=7, producer_epoch=1))
    assert (refused(world), world.machine.state, world.machine.epoch) == (None, READY, 1)
    assert world.machine.last_failure is None


def test_an_end_may_be_waited_for_again() -> None:
    """If this failed, who has given up waiting for a commit could not learn how it went."""
    world = opened(2)
    world.stop(commit=True)
    ask = world.ask()
    world.ends.append(LATE)
    world.stop(commit=True)
    assert world.asks() == []
    world.end(ask, EndTxnResponse(producer_id=7, producer_epoch=1))
    assert world.ends == [LATE, None]


# ------------------------------------------------------------ what passes, and what does not


@pytest.mark.parametrize("code", PASSES)
def test_what_passes_is_asked_again_after_longer_and_longer(code: ErrorCode) -> None:
    """If this failed, a coordinator that is not ready would end a producer, or be hammered."""
    world = World(1)
    world.begin()
    world.machine.may_send(T0)
    ask = world.ask()
    for pause_ms in (100, 200, 400, 800, 1000, 1000):
        world.end(ask, added(ask, code))
        assert world.machine.deadline_ms == world.now_ms + pause_ms
        assert world.asks(pause_ms - 1) == []
        (ask,) = world.asks(1)
        assert wanted(ask) == [("t", [0])]
    assert (world.places.coordinator(1, "x") is None) == (code in MOVED)
    world.end(ask, added(ask))
    assert world.machine.may_send(T0)
    world.machine.may_send(T1)
    ask = world.ask()
    world.end(ask, added(ask, code))
    assert world.machine.deadline_ms == world.now_ms + 100, "from the beginning"


@pytest.mark.parametrize("code", MOVED)
def test_a_group_that_moved_is_looked_for_again(code: ErrorCode) -> None:
    """If this failed, offsets would be sent to where the group was."""
    world = World(2)
    world.begin()
    world.send_offsets(T0, T1)
    ask = world.ask()
    world.end(ask, written(ask, code))
    assert (world.places.coordinator(0, "g"), world.places.coordinator(1, "x")) == (None, 1)
    again = world.ask(100)
    assert again.message == ask.message
    world.end(again, written(again))
    assert world.ends == [None]


@pytest.mark.parametrize("code", ABORTS)
def test_what_does_not_pass_means_abort(code: ErrorCode) -> None:
    """If this failed, part of a transaction could be committed without the rest."""
    world = opened(2)
    world.send_offsets(T0, T1)
    ask = world.ask()
    world.send_offsets(T1)
    world.end(ask, written(ask, code))
    assert (world.machine.state, world.machine.goes_on) == (ABORTABLE, False)
    assert [type(error) for error in world.ends] == [MustAbort, MustAbort]
    assert "t-1" in str(world.ends[0])
    world.ends.clear()
    for commit in (world.machine.require_open, lambda: world.stop(commit=True)):
        with pytest.raises(MustAbort):
            commit()
    assert world.asks(60_000) == []
    world.stop(commit=False)
    ask = world.ask()
    assert not ask.message.committed
    world.end(ask, EndTxnResponse(producer_id=7, producer_epoch=1))
    assert (refused(world), world.machine.state, world.machine.error) == (None, READY, None)


@pytest.mark.parametrize("code", [*FENCED, *FATALS])
@pytest.mark.parametrize("commit", [True, False])
def test_what_can_not_be_mended_ends_the_producer(code: ErrorCode, commit: bool) -> None:
    """If this failed, a producer whose id is another's would go on, or wait for ever."""
    world = opened(1)
    world.stop(commit=commit)
    world.end(world.ask(), EndTxnResponse(error_code=code))
    error = refused(world)
    assert isinstance(error, Fenced) == (code in FENCED)
    assert (world.machine.state, world.machine.fatal) == (FATAL, error)
    assert not world.machine.is_ready()
    with pytest.raises(type(error)):
        world.machine.begin()


@pytest.mark.parametrize("code", [ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.UNKNOWN_SERVER_ERROR])
def test_a_refused_commit_may_be_aborted_a_refused_abort_may_not(code: ErrorCode) -> None:
    """If this failed, a commit that did not happen would end its producer."""
    world = opened(2)
    world.stop(commit=True)
    world.end(world.ask(), EndTxnResponse(error_code=code))
    assert isinstance(refused(world), MustAbort)
    assert world.machine.state == ABORTABLE
    world.stop(commit=False)
    world.end(world.ask(), EndTxnResponse(error_code=code))
    assert refused(world).code == code
    assert world.machine.state == FATAL


# ------------------------------------------------------------ batches that failed


def test_a_batch_that_failed_means_abort_and_tells_who_waits() -> None:
    """If this failed, a commit would go without one of its records."""
    world = opened(2)
    world.send_offsets(T0)
    world.stop(commit=True)
    world.machine.failed(BrokerError(ErrorCode.MESSAGE_TOO_LARGE))
    assert [type(error) for error in world.ends] == [MustAbort, MustAbort]
    assert world.asks() == []
    assert world.machine.state == ABORTABLE
    world.machine.failed(BrokerError(ErrorCode.PRODUCER_FENCED))
    assert world.machine.state == FATAL


def test_numbers_that_were_lost_raise_the_epoch_behind_the_abort() -> None:
    """If this failed, the next transaction would be refused, as numbers are missing (KIP-360)."""
    world = opened(1)
    world.machine.lost_track(LATE)
    world.stop(commit=False)
    world.end(world.ask(), EndTxnResponse())
    assert (world.machine.state, world.ends) == (INITIALIZING, [])
    ask = world.ask()
    assert isinstance(ask.message, InitProducerIdRequest)
    assert (ask.message.producer_id, ask.message.producer_epoch) == (7, 0)
    world.end(ask, InitProducerIdResponse(producer_id=7, producer_epoch=1))
    assert (refused(world), world.machine.state, world.machine.epoch) == (None, READY, 1)
    world.machine.begin()
    world.machine.may_send(T0)
    ask = world.asks()
    assert world.renumbered == 2
    world.machine.may_send(T0)
    world.stop(commit=False)
    assert world.asks() == []
    assert world.machine.state == READY, "once is enough"


def test_with_version_2_the_abort_has_raised_it_already() -> None:
    """If this failed, each lost batch would cost an epoch more than it has to."""
    world = opened(2)
    world.machine.lost_track(LATE)
    world.stop(commit=False)
    world.end(world.ask(), EndTxnResponse(producer_id=7, producer_epoch=1))
    assert (refused(world), world.machine.state) == (None, READY)


# ------------------------------------------------------------ aborts meanwhile


def test_an_abort_lets_go_of_what_waits() -> None:
    """If this failed, offsets of an aborted transaction would be written, or waited for."""
    world = opened(1)
    world.send_offsets(T0)
    world.machine.may_send(T1)
    world.stop(commit=False)
    assert isinstance(refused(world), MustAbort)
    assert isinstance(world.ask().message, EndTxnRequest)


@pytest.mark.parametrize("code", [0, *ABORTS, *FATALS])
def test_an_answer_to_what_is_being_aborted_changes_nothing(code: int) -> None:
    """If this failed, an abort would be refused by what it is there to undo."""
    world = opened(1)
    world.machine.may_send(T1)
    ask = world.ask()
    world.stop(commit=False)
    assert world.asks() == [], "one at a time"
    world.end(ask, added(ask, code))
    assert (world.machine.state, world.ends) == (ENDING, [])
    assert isinstance(world.ask().message, EndTxnRequest)


def test_offsets_that_are_answered_behind_an_abort_are_told_once_as_aborted() -> None:
    """If this failed, offsets that do not count would be told as written."""
    world = opened(2)
    world.send_offsets(T0)
    ask = world.ask()
    world.stop(commit=False)
    assert isinstance(refused(world), MustAbort)
    world.end(ask, written(ask))
    assert world.ends == []
    world.end(world.ask(), EndTxnResponse(producer_id=7, producer_epoch=1))
    assert world.ends == [None]


@pytest.mark.parametrize("code", [0, *FATALS, *ABORTS, *PASSES])
def test_a_fenced_producer_stays_so_whatever_is_answered(code: int) -> None:
    """If this failed, a late answer would bring back who has been replaced."""
    world = World(1)
    world.begin()
    world.machine.may_send(T0)
    ask = world.ask()
    world.machine.failed(BrokerError(ErrorCode.PRODUCER_FENCED))
    world.end(ask, added(ask, code))
    assert isinstance(world.machine.fatal, Fenced)
    assert world.asks(60_000) == []
    with pytest.raises(Fenced):
        world.stop(commit=False)


@pytest.mark.parametrize("outcome", [LOST, LATE, ErrorCode.COORDINATOR_NOT_AVAILABLE])
@pytest.mark.parametrize("what", ["partition", "group"])
def test_what_may_have_joined_is_ended_too(what: str, outcome: Any) -> None:
    """If this failed, a transaction that a lost request began would stay open at its coordinator
    until its time is over: then the producer, which has gone on, is fenced for it.
    """
    world = World(1)
    world.begin()
    if what == "partition":
        world.machine.may_send(T0)
    else:
        world.send_offsets(T0)
    ask = world.ask()
    coded = added(ask, outcome) if what == "partition" else None
    coded = coded or AddOffsetsToTxnResponse(error_code=outcome if outcome in MOVED else 0)
    world.end(ask, outcome if outcome in (LOST, LATE) else coded)
    world.stop(commit=False)
    again = world.ask(100)
    assert again.message == ask.message, "only an answer says whether there is one to be ended"
    world.end(again, added(again) if what == "partition" else AddOffsetsToTxnResponse())
    end = world.ask()
    assert isinstance(end.message, EndTxnRequest)
    world.end(end, EndTxnResponse())
    assert (world.ends[-1], world.machine.state) == (None, READY)


def test_what_can_not_have_joined_is_not_waited_for() -> None:
    """If this failed, a transaction with a topic that is gone could not even be aborted."""
    world = World(1)
    world.begin()
    world.machine.may_send(T0)
    ask = world.ask()
    world.end(ask, added(ask, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    world.stop(commit=False)
    assert world.asks(100) == []
    assert (refused(world), world.machine.state) == (None, READY)


def test_an_answer_that_leaves_something_out_is_none() -> None:
    """If this failed, a partition that is in no transaction would be written to, and offsets that
    were not taken would be told as written.
    """
    world = World(1)
    world.begin()
    world.machine.may_send(T0)
    world.machine.may_send(U0)
    ask = world.ask()
    answer = added(ask)
    del answer.results_by_topic_v3_and_below[1]
    world.end(ask, answer)
    assert not world.machine.may_send(T0)
    assert "u-0" in str(world.machine.last_failure)
    ask = world.ask(100)
    world.end(ask, added(ask))
    assert world.machine.may_send(U0)
    world = World(2)
    world.begin()
    world.send_offsets(T0, T1)
    ask = world.ask()
    answer = written(ask)
    del answer.topics[0].partitions[1]
    world.end(ask, answer)
    assert world.ends == []
    assert "t-1" in str(world.machine.last_failure)
    ask = world.ask(100)
    world.end(ask, written(ask))
    assert world.ends == [None]
