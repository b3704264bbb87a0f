"""A member of a classic group in conversations: what it asks after each answer."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.client.errors import ApiNotSupported, ConnectionFailed, TimedOut
from ottla.client.machine import Ask, Coordinator
from ottla.client.membership.classic import STABLE, UNJOINED, ClassicMember
from ottla.client.membership.classic_events import (
    ClassicEvent,
    ClassicSettings,
    Joined,
    Left,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.events import Failed
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.messages.join_group import (
    JoinGroupRequest,
    JoinGroupResponse,
    JoinGroupResponseMember,
)
from ottla.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

LOST = ConnectionFailed("node", 9092, "closed")
FATAL = [
    ErrorCode.FENCED_INSTANCE_ID,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    ErrorCode.INVALID_SESSION_TIMEOUT,
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    ErrorCode.INVALID_GROUP_ID,
]


class Workers:
    """The protocol of some program's own, as Connect's is."""

    def protocols(self) -> list[tuple[str, bytes]]:
        return [("sessioned", b"url"), ("default", b"old")]


class Talk:
    """One member, its clock, and what it asked that is not answered yet."""

    def __init__(self, **settings: Any) -> None:
        self.member = ClassicMember(ClassicSettings("g", "connect", **settings), Workers())
        self.now_ms = 0
        self.open: dict[type[Any], Ask] = {}
        self.member.polled(0)

    def asks(self) -> list[Any]:
        """What it sends now."""
        found = self.member.asks(self.now_ms)
        for ask in found:
            assert ask.to == Coordinator(0, "g")
            self.open[type(ask.message)] = ask
        return [ask.message for ask in found]

    def answer(self, kind: type[Any], outcome: Any) -> list[Any]:
        """Its request of this kind ends so; what it sends then."""
        self.member.answered(self.open.pop(kind).token, outcome, self.now_ms)
        return self.asks()

    def advance(self, by_ms: int) -> list[Any]:
        self.now_ms += by_ms
        return self.asks()

    def events(self) -> list[ClassicEvent]:
        found = []
        while (event := self.member.event()) is not None:
            found.append(event)
        return found

    def prepare(self) -> list[Any]:
        """Say yes to the round that it prepares."""
        assert isinstance(self.events()[-1], Prepare)
        self.member.ready_to_join(self.now_ms)
        return self.asks()

    def join(self, leader: str = "other") -> None:
        """Bring it into generation 5, as `me`."""
        self.prepare()
        self.answer(JoinGroupRequest, joined(leader))
        if leader == "me":
            self.member.assigned(5, {"me": b"mine"}, self.now_ms)
            self.asks()
        self.answer(SyncGroupRequest, SyncGroupResponse(assignment=b"mine"))
        assert self.member.state == STABLE
        self.events()


def joined(leader: str = "other", **fields: Any) -> JoinGroupResponse:
    """The answer of a round: generation 5."""
    members = [JoinGroupResponseMember(member_id=one, metadata=b"m") for one in ("me", "other")]
    return JoinGroupResponse(
        **{
            "generation_id": 5,
            "protocol_type": "connect",
            "protocol_name": "sessioned",
            "leader": leader,
            "member_id": "me",
            "members": members if leader == "me" else [],
            **fields,
        }
    )


def refused(code: ErrorCode, member_id: str = "") -> JoinGroupResponse:
    return JoinGroupResponse(error_code=code, member_id=member_id, protocol_name="")


def test_the_first_join_comes_again_with_the_id() -> None:
    """If this failed, a member could not enter a group of a broker since 2.2 (KIP-394)."""
    talk = Talk()
    assert talk.asks() == []
    assert talk.events() == [Prepare(True, "")]
    assert talk.asks() == []
    talk.member.ready_to_join(0)
    (request,) = talk.asks()
    assert (request.member_id, request.protocol_type, request.rebalance_timeout_ms) == (
        "",
        "connect",
        300_000,
    )
    assert [(one.name, one.metadata) for one in request.protocols] == Workers().protocols()
    ask = talk.open[JoinGroupRequest]
    assert ask.timeout_ms == 305_000
    (again,) = talk.answer(JoinGroupRequest, refused(ErrorCode.MEMBER_ID_REQUIRED, "me"))
    assert again.member_id == "me"
    assert again.reason
    assert talk.events() == []


def test_a_follower_syncs_and_heartbeats() -> None:
    """If this failed, a follower would never hear what it has to do, or be thrown out."""
    talk = Talk()
    talk.prepare()
    (sync,) = talk.answer(JoinGroupRequest, joined())
    assert (sync.generation_id, sync.member_id, sync.assignments) == (5, "me", [])
    assert (sync.protocol_type, sync.protocol_name) == ("connect", "sessioned")
    assert talk.member.generation is None
    assert talk.answer(SyncGroupRequest, SyncGroupResponse(assignment=b"mine")) == []
    (event,) = talk.events()
    assert isinstance(event, Joined)
    assert (event.assignment, event.is_leader, event.protocol_name) == (
        b"mine",
        False,
        "sessioned",
    )
    assert talk.member.generation == ("g", "me", None, 5)
    assert talk.member.deadline_ms == 3_000
    (beat,) = talk.advance(3_000)
    assert (beat.generation_id, beat.member_id) == (5, "me")
    assert talk.advance(3_000) == []  # one at a time
    (beat,) = talk.answer(HeartbeatRequest, HeartbeatResponse())


def test_a_leader_waits_for_its_owner_and_heartbeats_meanwhile() -> None:
    """If this failed, a leader that has to look something up first would be thrown out."""
    talk = Talk()
    talk.prepare()
    assert talk.answer(JoinGroupRequest, joined("me")) == []
    (event,) = talk.events()
    assert isinstance(event, NeedsAssignment)
    assert [one.member_id for one in event.members] == ["me", "other"]
    assert not event.skip
    (beat,) = talk.advance(3_000)
    assert isinstance(beat, HeartbeatRequest)
    talk.member.assigned(4, {"me": b"of a generation that has passed"}, talk.now_ms)
    assert talk.asks() == []
    talk.member.assigned(5, {"me": b"a", "other": b"b"}, talk.now_ms)
    assert talk.member.deadline_ms == talk.now_ms
    (sync,) = talk.asks()
    assert {one.member_id: one.assignment for one in sync.assignments} == {
        "me": b"a",
        "other": b"b",
    }


def test_a_returning_static_leader_assigns_nothing() -> None:
    """If this failed, the restart of one static member would move everybody (KIP-814)."""
    talk = Talk(instance_id="i")
    talk.prepare()
    (sync,) = talk.answer(JoinGroupRequest, joined("me", skip_assignment=True))
    assert sync.assignments == []
    assert sync.group_instance_id == "i"
    (event,) = talk.events()
    assert isinstance(event, NeedsAssignment)
    assert event.skip


def test_a_rebalance_waits_for_the_owner_and_keeps_the_id() -> None:
    """If this failed, partitions would be taken from under a callback that still runs, or the
    member would come back as another.
    """
    talk = Talk()
    talk.join()
    talk.advance(3_000)
    response = HeartbeatResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS)
    assert talk.answer(HeartbeatRequest, response) == []
    (prepare,) = talk.events()
    assert isinstance(prepare, Prepare)
    assert not prepare.lost
    assert isinstance(talk.advance(3_000)[0], HeartbeatRequest)
    assert talk.member.generation is not None  # what was read may still be committed
    talk.answer(HeartbeatRequest, response)
    talk.member.ready_to_join(talk.now_ms)
    (join,) = talk.asks()
    assert join.member_id == "me"
    assert talk.advance(9_000) == []  # nobody heartbeats while the join is under way


@pytest.mark.parametrize(
    ("code", "member_id"), [(ErrorCode.ILLEGAL_GENERATION, "me"), (ErrorCode.UNKNOWN_MEMBER_ID, "")]
)
@pytest.mark.parametrize("where", ["heartbeat", "sync", "commit"])
def test_who_is_out_has_lost_what_it_had(code: ErrorCode, member_id: str, where: str) -> None:
    """If this failed, a member that was thrown out would go on with what others have by now."""
    talk = Talk()
    if where == "sync":
        talk.prepare()
        talk.answer(JoinGroupRequest, joined())
        assert talk.answer(SyncGroupRequest, SyncGroupResponse(error_code=code)) == []
    else:
        talk.join()
        generation = talk.member.generation
        assert generation is not None
        if where == "commit":
            talk.member.commit_refused(code, generation._replace(generation_id=4), 0)
            assert talk.member.state == STABLE
            talk.member.commit_refused(code, generation, 0)
        else:
            talk.advance(3_000)
            assert talk.answer(HeartbeatRequest, HeartbeatResponse(error_code=code)) == []
    assert talk.member.generation is None
    (prepare,) = talk.events()
    assert isinstance(prepare, Prepare)
    assert prepare.lost
    talk.member.ready_to_join(talk.now_ms)
    (join,) = talk.asks()
    assert join.member_id == member_id


def test_what_is_lost_while_it_prepares_is_told_once_more() -> None:
    """If this failed, a callback that took too long would end in a round without its owner knowing
    that the membership was lost meanwhile.
    """
    talk = Talk()
    talk.join()
    talk.advance(3_000)
    response = HeartbeatResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS)
    talk.answer(HeartbeatRequest, response)
    (first,) = talk.events()
    talk.advance(3_000)
    response = HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)
    talk.answer(HeartbeatRequest, response)
    assert talk.events() == []
    talk.member.ready_to_join(talk.now_ms)
    assert talk.asks() == []
    (second,) = talk.events()
    assert isinstance(first, Prepare)
    assert isinstance(second, Prepare)
    assert (first.lost, second.lost) == (False, True)
    talk.member.ready_to_join(talk.now_ms)
    assert isinstance(talk.asks()[0], JoinGroupRequest)


def test_a_round_that_is_overtaken_begins_again_at_once() -> None:
    """If this failed, a member that syncs too late would wait, or let go of what it has twice."""
    talk = Talk()
    talk.prepare()
    talk.answer(JoinGroupRequest, joined())
    response = SyncGroupResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS)
    (join,) = talk.answer(SyncGroupRequest, response)
    assert join.member_id == "me"
    assert talk.events() == []


@pytest.mark.parametrize("lost", [LOST, TimedOut("no answer"), ErrorCode.NOT_COORDINATOR])
def test_a_coordinator_that_moved_is_looked_for_after_a_while(lost: Any) -> None:
    """If this failed, members would hammer a broker that is gone, or never find the next one."""
    talk = Talk()
    talk.prepare()
    for wait_ms in (100, 200, 400, 800, 1_000, 1_000):
        outcome = refused(lost) if isinstance(lost, ErrorCode) else lost
        assert talk.answer(JoinGroupRequest, outcome) == []
        assert talk.member.doubts() == [Coordinator(0, "g")]
        assert talk.member.doubts() == []
        assert talk.member.deadline_ms == talk.now_ms + wait_ms
        assert talk.advance(wait_ms - 1) == []
        assert len(talk.advance(1)) == 1


def test_a_session_without_answers_doubts_the_coordinator() -> None:
    """If this failed, a member would wait for ever for a broker that swallows what it sends."""
    talk = Talk()
    talk.join()
    for _ in range(14):
        talk.advance(3_000)
        assert talk.answer(HeartbeatRequest, refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)) == []
        assert talk.member.doubts() == []
    talk.advance(3_000)
    assert talk.member.doubts() == [Coordinator(0, "g")]
    assert talk.member.state == STABLE


@pytest.mark.parametrize("code", FATAL)
@pytest.mark.parametrize("where", [JoinGroupRequest, SyncGroupRequest])
def test_what_nothing_mends_ends_it_with_one_error(code: ErrorCode, where: type[Any]) -> None:
    """If this failed, a user would wait for a group that will never take this member."""
    talk = Talk()
    talk.prepare()
    if where is SyncGroupRequest:
        talk.answer(JoinGroupRequest, joined())
        talk.answer(SyncGroupRequest, SyncGroupResponse(error_code=code))
    else:
        talk.answer(JoinGroupRequest, refused(code))
    (failed,) = talk.events()
    assert isinstance(failed, Failed)
    assert failed.error.hint
    assert talk.member.is_over
    assert talk.member.deadline_ms is None
    assert talk.advance(10_000) == []


def test_a_fenced_instance_ends_at_its_heartbeat() -> None:
    """If this failed, two processes with one group.instance.id would throw each other out."""
    talk = Talk(instance_id="i")
    talk.join()
    talk.advance(3_000)
    talk.answer(HeartbeatRequest, HeartbeatResponse(error_code=ErrorCode.FENCED_INSTANCE_ID))
    assert isinstance(talk.events()[0], Failed)


def test_who_does_not_poll_leaves_and_comes_back() -> None:
    """If this failed, a consumer that hangs would keep its partitions for ever."""
    talk = Talk(poll_interval_ms_max=10_000)
    talk.join()
    for _ in range(3):
        talk.advance(3_000)
        talk.answer(HeartbeatRequest, HeartbeatResponse())
    assert talk.member.deadline_ms == 10_000
    (leave,) = talk.advance(1_000)
    assert isinstance(leave, LeaveGroupRequest)
    assert leave.members[0].member_id == "me"
    left, prepare = talk.events()
    assert isinstance(left, Left)
    assert isinstance(prepare, Prepare)
    assert prepare.lost
    talk.member.ready_to_join(talk.now_ms)
    assert talk.asks() == []
    talk.member.polled(talk.now_ms)
    (join,) = talk.asks()
    assert join.member_id == ""


def test_leaving() -> None:
    """If this failed, the others would wait for the end of a session before they share out what a
    member had that went properly.
    """
    talk = Talk()
    talk.join()
    talk.member.leave("done", 0)
    assert not talk.member.is_over
    (leave,) = talk.asks()
    assert (leave.members[0].member_id, leave.members[0].reason) == ("me", "done")
    assert not talk.member.is_over
    assert talk.answer(LeaveGroupRequest, LeaveGroupResponse()) == []
    assert talk.member.is_over
    assert talk.member.state == UNJOINED
    assert talk.events() == []
    talk.member.join("again")
    assert isinstance(talk.events()[0], Prepare)


def test_leaving_an_old_broker() -> None:
    """If this failed, a member could not leave a group of a broker before 2.4."""
    talk = Talk()
    talk.join()
    talk.member.leave("done", 0)
    talk.asks()
    (leave,) = talk.answer(LeaveGroupRequest, ApiNotSupported("too old"))
    assert (leave.member_id, leave.members) == ("me", [])
    assert talk.open[LeaveGroupRequest].version == 2
    talk.answer(LeaveGroupRequest, LeaveGroupResponse())
    assert talk.member.is_over


def test_a_static_member_stays_in_the_group() -> None:
    """If this failed, restarting a static member would move its partitions twice (KIP-345)."""
    talk = Talk(instance_id="i")
    talk.join()
    talk.member.leave("done", 0)
    assert talk.asks() == []
    assert talk.member.is_over
    talk = Talk(instance_id="i")
    talk.join()
    talk.member.leave("done", 0, even_static=True)
    (leave,) = talk.asks()
    assert leave.members[0].group_instance_id == "i"


@pytest.mark.parametrize("answer", [joined(), refused(ErrorCode.MEMBER_ID_REQUIRED, "me")])
def test_leaving_while_the_first_join_is_under_way(answer: JoinGroupResponse) -> None:
    """If this failed, a member that leaves before it knows its id would stay in the group."""
    talk = Talk()
    talk.prepare()
    talk.member.leave("done", 0)
    assert talk.asks() == []
    assert not talk.member.is_over
    (leave,) = talk.answer(JoinGroupRequest, answer)
    assert leave.members[0].member_id == "me"
    talk.answer(LeaveGroupRequest, LeaveGroupResponse())
    assert talk.member.is_over


def test_what_the_driver_can_not_send_ends_it() -> None:
    """If this failed, a broker that knows no static members would be asked again and again."""
    talk = Talk(instance_id="i")
    talk.prepare()
    talk.answer(JoinGroupRequest, ApiNotSupported("no static members"))
    (failed,) = talk.events()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, OttlaError)


def test_answers_of_a_generation_that_has_passed_change_nothing() -> None:
    """If this failed, a late answer would throw a member out of the generation that it is in."""
    talk = Talk()
    talk.join()
    talk.advance(3_000)
    late = talk.open.pop(HeartbeatRequest)
    talk.member.join("subscription")
    talk.prepare()
    talk.answer(JoinGroupRequest, joined(generation_id=6))
    code = ErrorCode.ILLEGAL_GENERATION
    talk.member.answered(late.token, HeartbeatResponse(error_code=code), talk.now_ms)
    talk.answer(SyncGroupRequest, SyncGroupResponse(assignment=b"mine"))
    assert talk.member.generation == ("g", "me", None, 6)
