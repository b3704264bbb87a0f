"""Who waits for members as a test moves the clock, and what waits for a partition on its way."""

from __future__ import annotations

from coordinators.script import Script
from ottla.coordinators.group.state import State


def run(script: Script, *commands: str) -> list[str]:
    """The replies to these commands, without what their messages say beside an error."""
    lines = [line for command in commands for line in script.run(command)]
    return [" ".join(line.split()[:4]) for line in lines if not line.startswith("+")]


def formed() -> Script:
    """A group of one, that is stable."""
    script = Script()
    run(script, "join a v=3 session=10000", "wait 0", "sync a v=3 assign=@a:1")
    return script


def state(script: Script) -> State:
    """What the shard of the group knows."""
    found: State = script.world.shard("g").state
    return found


def test_a_session_lasts_as_long_as_before_a_leap() -> None:
    """If this failed, a member would be thrown out by a leap, or never after one."""
    script = formed()
    run(script, "advance 9000")
    before = script.world.timers()
    assert run(script, "leap 86400000", "leap 5", "state")[0].startswith("Stable")
    assert script.world.timers() == before
    assert run(script, "advance 999", "state")[0].startswith("Stable")
    assert run(script, "advance 1", "state")[0].startswith("Empty")


def test_who_hung_up_is_waited_for_no_longer() -> None:
    """If this failed, a crash would look like life as long as a test moves the clock."""
    script = formed()
    (member,) = state(script).groups["g"].members.values()
    member.heard_on = 7
    script.world.leap(20_000, connected=[6, 7])
    assert run(script, "state")[0].startswith("Stable")
    script.world.leap(20_000, connected=[6])
    assert run(script, "state")[0].startswith("Empty")


def test_a_leap_leaves_what_a_heartbeat_moved() -> None:
    """If this failed, a timer that is early would be later than the deadline, or set twice."""
    script = formed()
    run(script, "advance 9000", "heartbeat a", "leap 60000", "advance 9999")
    assert run(script, "state")[0].startswith("Stable")
    assert run(script, "advance 1", "state")[0].startswith("Empty")


def test_whoever_has_an_id_and_has_to_come_back_has_as_long() -> None:
    """If this failed, a leap between the two joins of a client would cost it a second round."""
    script = Script()
    run(script, "join p session=6000", "leap 86400000", "advance 5999")
    assert list(state(script).groups["g"].pending_joins)  # type: ignore[attr-defined]
    run(script, "advance 1")
    assert not state(script).groups["g"].pending_joins  # type: ignore[attr-defined]


def test_a_round_is_as_long_as_before_a_leap() -> None:
    """If this failed, members on their way into a round would be left out of it."""
    script = formed()
    assert run(script, "join b v=3 rebalance=60000") == []
    run(script, "heartbeat a", "advance 5000", "heartbeat a", "leap 86400000")
    for _ in range(6):
        assert run(script, "advance 9000", "heartbeat a")[-1].startswith("a <- Heartbeat")
    assert run(script, "advance 1000")[0].startswith("b <- JoinGroupResponse generation_id=2")
    run(script, "leap 86400000")
    assert run(script, "advance 9999", "state")[0].startswith("CompletingRebalance")


def test_nobody_else_waits_longer_for_a_leap() -> None:
    """If this failed, offsets would not expire as a test moves the clock for just that."""
    script = Script()
    run(script, "config offsets_retention_ms=100000 offsets_retention_check_interval_ms=1000")
    run(script, "commit a", "leap 102000")
    assert not state(script).groups


def test_a_request_waits_for_its_partition_a_second_at_most() -> None:
    """If this failed, the first close of a consumer would take half a second; or a client wait for
    as long as something else is on its way.
    """
    script = Script()
    run(script, "join a v=3", "expect on", "resign g")
    assert run(script, "join a v=3", "wait 999") == []
    assert run(script, "elect g", "wait 0")[0].startswith("a <- JoinGroupResponse generation_id=1")
    run(script, "resign g")
    assert run(script, "join a v=3", "wait 500", "join b v=3", "wait 499") == []
    refused = [
        "a <- JoinGroupResponse error=NOT_COORDINATOR",
        "b <- JoinGroupResponse error=NOT_COORDINATOR",
    ]
    assert run(script, "wait 1") == refused, "one behind another waits no longer"
    assert run(script, "join c v=3") == []
    assert run(script, "expect off") == ["c <- JoinGroupResponse error=NOT_COORDINATOR"]
    assert run(script, "join d v=3") == ["d <- JoinGroupResponse error=NOT_COORDINATOR"]
