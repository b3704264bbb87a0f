"""A member of a KIP-848 group against a coordinator that says what these scripts say: our node
serves no such group yet.
"""

from __future__ import annotations

from typing import Any

import pytest

from ottla.client.errors import ConnectionFailed
from ottla.client.machine import Coordinator
from ottla.client.membership.events import Assigned, Event, Failed, KnownTopics, Lost, Revoke
from ottla.client.membership.modern import ModernMember, ModernSettings
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from ottla.wire.schema import decode, encode

T, U = b"t" * 16, b"u" * 16
KNOWN = KnownTopics({"t": 4, "u": 4}, names={T: "t", U: "u"})
INTERVAL_MS = 5_000
FATAL = [
    ErrorCode.UNRELEASED_INSTANCE_ID,
    ErrorCode.FENCED_INSTANCE_ID,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    ErrorCode.UNSUPPORTED_VERSION,
]


class Talk:
    """One member, its clock, and the heartbeat that is not answered yet."""

    def __init__(self, topics: str = "tu", **settings: Any) -> None:
        self.member = ModernMember(ModernSettings("g", "me", **settings))
        self.now_ms = 0
        self.token = 0
        self.member.metadata_changed(KNOWN, 0)
        self.member.subscribe(frozenset(topics), 0)
        self.member.polled(0)

    def ask(self) -> dict[str, Any]:
        """What its one heartbeat says that is not the default."""
        (ask,) = self.member.asks(self.now_ms)
        assert ask.to == Coordinator(0, "g")
        self.token = ask.token
        kind = ConsumerGroupHeartbeatRequest
        request = decode(kind, encode(ask.message, 1), 1)
        plain = kind()
        found = {
            name: getattr(request, name)
            for name in kind.__fields__
            if getattr(request, name) != getattr(plain, name)
        }
        if "topic_partitions" in found:
            rows = found["topic_partitions"]
            found["topic_partitions"] = {row.topic_id: row.partitions for row in rows}
        del found["group_id"], found["member_id"]
        return found

    def silent(self) -> bool:
        return self.member.asks(self.now_ms) == []

    def answer(self, epoch: int = 1, assignment: dict[bytes, list[int]] | None = None) -> None:
        given = None
        if assignment is not None:
            given = Assignment(
                topic_partitions=[
                    TopicPartitions(topic_id=uid, partitions=rows)
                    for uid, rows in assignment.items()
                ]
            )
        response = ConsumerGroupHeartbeatResponse(
            member_id="me",
            member_epoch=epoch,
            heartbeat_interval_ms=INTERVAL_MS,
            assignment=given,
        )
        self.member.answered(self.token, response, self.now_ms)

    def refuse(self, code: ErrorCode) -> None:
        response = ConsumerGroupHeartbeatResponse(error_code=code)
        self.member.answered(self.token, response, self.now_ms)

    def advance(self, by_ms: int = INTERVAL_MS) -> None:
        self.now_ms += by_ms

    def events(self) -> list[Event]:
        """All events, each confirmed at once."""
        found: list[Event] = []
        while self.member.has_event:
            event = self.member.event(self.now_ms)
            if event is not None:
                found.append(event)
            self.member.confirmed(self.now_ms)
        assert self.member.event(self.now_ms) is None
        return found

    def settle(self, assignment: dict[bytes, list[int]], epoch: int = 1) -> None:
        """Bring it in, with that."""
        self.ask()
        self.answer(epoch, assignment)
        self.events()
        self.ask()
        self.answer(epoch)


def test_joining_taking_and_acknowledging() -> None:
    """If this failed, a member would not come in, or the coordinator never know that it has."""
    talk = Talk(server_assignor="uniform", rack_id="r")
    assert talk.ask() == {
        "rack_id": "r",
        "rebalance_timeout_ms": 300_000,
        "subscribed_topic_names": ["t", "u"],
        "server_assignor": "uniform",
        "topic_partitions": {},
    }
    assert talk.silent()
    talk.answer(3, {T: [1, 0], U: [2]})
    assert talk.member.generation == ("g", "me", None, 3)
    assert talk.member.deadline_ms == INTERVAL_MS
    places = (("t", 0), ("t", 1), ("u", 2))
    assert talk.events() == [Assigned(places, places)]
    assert talk.ask() == {"member_epoch": 3, "topic_partitions": {T: [0, 1], U: [2]}}
    talk.answer(3)
    assert talk.silent()
    talk.advance()
    assert talk.ask() == {"member_epoch": 3}


def test_what_moves_is_let_go_of_before_anything_is_taken() -> None:
    """If this failed, a partition would be read by two members, or a heartbeat missed meanwhile."""
    talk = Talk()
    talk.settle({T: [0, 1]})
    talk.advance()
    talk.ask()
    talk.answer(2, {T: [1], U: [0]})
    event = talk.member.event(talk.now_ms)
    assert event == Revoke((("t", 0),))
    assert talk.member.owned == {("t", 0), ("t", 1)}
    talk.advance()
    assert talk.ask() == {"member_epoch": 2}  # it lives, and has not acknowledged
    talk.answer(2)
    assert talk.member.event(talk.now_ms) is None
    talk.member.confirmed(talk.now_ms)
    assert talk.silent()
    assert talk.events() == [Assigned((("u", 0),), (("t", 1), ("u", 0)))]
    assert talk.ask() == {"member_epoch": 2, "topic_partitions": {T: [1], U: [0]}}


def test_a_target_that_changes_meanwhile_is_followed() -> None:
    """If this failed, a member would take what is another's by now."""
    talk = Talk()
    talk.settle({T: [0]})
    talk.advance()
    talk.ask()
    talk.answer(2, {T: [1]})
    assert talk.member.event(talk.now_ms) == Revoke((("t", 0),))
    talk.advance()
    talk.ask()
    talk.answer(3, {T: [2]})
    talk.member.confirmed(talk.now_ms)
    assert talk.events() == [Assigned((("t", 2),), (("t", 2),))]


def test_a_topic_of_an_unknown_id_waits_for_its_name() -> None:
    """If this failed, a topic that was made a moment ago would be read by nobody."""
    talk = Talk()
    talk.member.metadata_changed(KnownTopics({}, names={T: "t"}), 0)
    talk.ask()
    talk.answer(1, {T: [0], U: [0]})
    assert talk.member.awaited_topic_ids == {U}
    assert talk.events() == [Assigned((("t", 0),), (("t", 0),))]
    assert talk.ask()["topic_partitions"] == {T: [0]}
    talk.answer(1)
    talk.member.metadata_changed(KNOWN, 0)
    assert talk.events() == [Assigned((("u", 0),), (("t", 0), ("u", 0)))]
    assert talk.ask()["topic_partitions"] == {T: [0], U: [0]}


@pytest.mark.parametrize("code", [ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID])
def test_who_is_fenced_has_lost_all_and_joins_again(code: ErrorCode) -> None:
    """If this failed, a member that was thrown out would go on with what others have by now."""
    talk = Talk()
    talk.settle({T: [0]})
    talk.advance()
    talk.ask()
    talk.refuse(code)
    assert talk.member.generation is None
    assert talk.silent()
    assert talk.member.event(talk.now_ms) == Lost((("t", 0),))
    assert talk.silent()
    talk.member.confirmed(talk.now_ms)
    assert talk.member.owned == frozenset()
    assert talk.ask() == {
        "rebalance_timeout_ms": 300_000,
        "subscribed_topic_names": ["t", "u"],
        "topic_partitions": {},
    }


def test_after_a_heartbeat_without_an_answer_all_is_said_again() -> None:
    """If this failed, the coordinator might never hear what was lost on the way."""
    talk = Talk()
    talk.settle({T: [0]})
    talk.advance()
    talk.ask()
    talk.member.answered(talk.token, ConnectionFailed("node", 9092, "closed"), talk.now_ms)
    assert talk.member.doubts() == [Coordinator(0, "g")]
    assert talk.member.deadline_ms == talk.now_ms + 100
    talk.advance(100)
    assert talk.ask() == {
        "member_epoch": 1,
        "rebalance_timeout_ms": 300_000,
        "subscribed_topic_names": ["t", "u"],
        "topic_partitions": {T: [0]},
    }
    talk.refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    assert talk.member.doubts() == []
    talk.advance(200)
    assert "topic_partitions" in talk.ask()


def test_subscriptions_change() -> None:
    """If this failed, a member would be given topics that it does not read any more."""
    talk = Talk("t")
    talk.settle({T: [0]})
    talk.member.subscribe(frozenset("u"), talk.now_ms)
    assert talk.ask() == {"member_epoch": 1, "subscribed_topic_names": ["u"]}
    talk.answer(2, {U: [0]})
    assert talk.events() == [Revoke((("t", 0),)), Assigned((("u", 0),), (("u", 0),))]
    talk.ask()
    talk.answer(2)
    talk.member.subscribe_pattern("t.*", talk.now_ms)
    assert talk.ask() == {
        "member_epoch": 2,
        "subscribed_topic_names": [],
        "subscribed_topic_regex": "t.*",
    }
    talk.answer(3)
    talk.member.subscribe(frozenset("t"), talk.now_ms)
    assert talk.ask() == {
        "member_epoch": 3,
        "subscribed_topic_names": ["t"],
        "subscribed_topic_regex": "",
    }


@pytest.mark.parametrize(("instance_id", "epoch"), [(None, -1), ("i", -2)])
def test_leaving(instance_id: str | None, epoch: int) -> None:
    """If this failed, the others would wait for the end of a session; or a static member that is
    restarted would lose its place.
    """
    talk = Talk(instance_id=instance_id)
    talk.settle({T: [0]})
    talk.member.close(talk.now_ms)
    assert talk.events() == [Revoke((("t", 0),))]
    assert not talk.member.is_over
    assert talk.ask()["member_epoch"] == epoch
    talk.answer(epoch)
    assert talk.member.is_over
    assert talk.silent()


def test_unsubscribing_and_coming_back() -> None:
    """If this failed, a consumer could be used for one subscription only."""
    talk = Talk()
    talk.settle({T: [0]})
    talk.member.subscribe(frozenset(), talk.now_ms)
    assert talk.events() == [Revoke((("t", 0),))]
    assert talk.ask()["member_epoch"] == -1
    talk.member.subscribe(frozenset("t"), talk.now_ms)
    talk.member.polled(talk.now_ms)
    assert talk.silent()  # until it has left
    talk.answer(-1)
    assert talk.ask()["subscribed_topic_names"] == ["t"]


def test_who_does_not_poll_leaves_and_comes_back() -> None:
    """If this failed, a consumer that hangs would keep its partitions for ever."""
    talk = Talk(poll_interval_ms_max=8_000)
    talk.settle({T: [0]})
    talk.advance()
    talk.ask()
    talk.answer(1)
    assert talk.member.deadline_ms == 8_000
    talk.advance(3_000)
    assert talk.ask() == {"member_epoch": -1}
    talk.answer(-1)
    assert talk.silent()
    talk.member.polled(talk.now_ms)
    assert talk.events() == [Lost((("t", 0),))]
    assert talk.ask()["subscribed_topic_names"] == ["t", "u"]


@pytest.mark.parametrize("code", FATAL)
def test_what_nothing_mends_ends_it_with_one_error(code: ErrorCode) -> None:
    """If this failed, a user would wait for a group that will never take this member."""
    talk = Talk()
    talk.settle({T: [0]})
    talk.advance()
    talk.ask()
    talk.refuse(code)
    lost, failed = talk.events()
    assert lost == Lost((("t", 0),))
    assert isinstance(failed, Failed)
    assert failed.error.hint
    assert talk.member.is_over
    assert talk.silent()


def test_answers_of_a_life_before_change_nothing() -> None:
    """If this failed, a late answer would give a member that has left an assignment."""
    talk = Talk()
    talk.ask()
    joining = talk.token
    talk.member.subscribe(frozenset(), 0)
    assert talk.events() == []
    talk.ask()
    leaving, talk.token = talk.token, joining
    talk.answer(1, {T: [0]})
    assert talk.member.generation is None
    talk.token = leaving
    talk.answer(-1)
    assert talk.events() == []
