"""The membership as the client's thread sees it: its lease and its trouble, by a script."""

from __future__ import annotations

from typing import Any

from ottla.client.errors import ConnectionFailed
from ottla.client.membership.classic_events import ClassicSettings, Joined, Prepare
from ottla.errors import OttlaError
from ottla.registry.election.identity import Identity
from ottla.registry.election.member import RegistryMember
from ottla.registry.election.standing import Standing
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatResponse
from ottla.wire.messages.join_group import JoinGroupResponse
from ottla.wire.messages.sync_group import SyncGroupResponse

SETTINGS = ClassicSettings("g", "sr", session_timeout_ms=10_000, heartbeat_interval_ms=3_000)


class Script:
    """A member, and the coordinator's answers to it."""

    def __init__(self) -> None:
        self.member = RegistryMember(SETTINGS, Standing(Identity("a", 1)), way=7)
        assert isinstance(self.member.classic.event(), Prepare)
        self.member.classic.ready_to_join(0)

    def asked(self, now_ms: int) -> int:
        """The token of the one request that is due."""
        (ask,) = self.member.asks(now_ms)
        return ask.token

    def answer(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """How it ended."""
        self.member.answered(token, outcome, now_ms)

    def stable(self) -> None:
        """In generation 1, by a SyncGroup of 400 that was answered at 500."""
        join = self.asked(100)
        joined = JoinGroupResponse(
            generation_id=1, protocol_type="sr", protocol_name="v0", leader="x", member_id="me"
        )
        self.answer(join, joined, 400)
        sync = self.asked(400)
        self.answer(sync, SyncGroupResponse(protocol_type="sr", protocol_name="v0"), 500)
        assert isinstance(self.member.classic.event(), Joined)


def test_each_good_answer_renews_the_lease() -> None:
    """If this failed, a healthy leader would give up, or a sick one would not."""
    script = Script()
    script.stable()
    lease = script.member.lease
    assert lease.until_ms == 400 + 9_000
    beat = script.asked(3_400)
    script.answer(beat, HeartbeatResponse(), 9_000)
    assert lease.until_ms == 3_400 + 9_000


def test_a_heartbeat_in_a_rebalance_renews_it_and_a_sync_does_not() -> None:
    """If this failed, the member would take for its session what the coordinator does not."""
    script = Script()
    script.stable()
    rebalance = ErrorCode.REBALANCE_IN_PROGRESS
    beat = script.asked(3_400)
    script.answer(beat, HeartbeatResponse(error_code=rebalance), 3_500)
    assert script.member.lease.until_ms == 12_400
    assert isinstance(script.member.classic.event(), Prepare)
    script.member.classic.ready_to_join(3_500)
    join = script.asked(3_500)
    again = JoinGroupResponse(
        generation_id=2, protocol_type="sr", protocol_name="v0", leader="x", member_id="me"
    )
    script.answer(join, again, 3_600)
    sync = script.asked(3_700)
    script.answer(sync, SyncGroupResponse(error_code=rebalance), 3_800)
    assert script.member.lease.until_ms == 12_500
    assert script.member.trouble is None


def test_a_member_that_was_put_out_has_no_lease() -> None:
    """If this failed, it would write on until its time was over, beside a new leader."""
    script = Script()
    script.stable()
    beat = script.asked(3_400)
    script.answer(beat, HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID), 3_500)
    assert script.member.lease.until_ms is None
    assert script.member.trouble is None
    event = script.member.classic.event()
    assert isinstance(event, Prepare)
    assert event.lost


def test_a_lost_way_renews_nothing_and_is_told() -> None:
    """If this failed, an instance would be silent about a cluster that it does not reach."""
    script = Script()
    script.stable()
    beat = script.asked(3_400)
    script.answer(beat, ConnectionFailed("h", 1, "it is away"), 3_500)
    assert script.member.lease.until_ms == 9_400
    assert "away" in (script.member.trouble or "")
    beat = script.asked(8_000)
    code = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    script.answer(beat, HeartbeatResponse(error_code=code), 8_100)
    assert script.member.lease.until_ms == 9_400
    assert script.member.trouble is not None
    beat = script.asked(12_000)
    script.answer(beat, HeartbeatResponse(), 12_100)
    assert script.member.trouble is None
    assert script.member.lease.until_ms == 21_000


def test_nobody_drives_it_any_more() -> None:
    """If this failed, a leader would lead on by a client that has failed."""
    script = Script()
    script.stable()
    script.member.break_off(OttlaError("a bug"))
    assert script.member.lease.until_ms is None
    assert script.member.asks(20_000) == []
    assert script.member.deadline_ms is None
