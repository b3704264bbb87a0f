"""A second kind of group is a row: it needs nothing of the shard, and the shard nothing of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from coordinators.world import Counter
from ottla.coordinators.group.classic.group import ClassicGroup
from ottla.coordinators.group.classic.rules import CLASSIC
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.group.foreign import FOREIGN, ForeignGroup
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.kinds import Begin, Kind, Kinds
from ottla.coordinators.group.shard import RECORDS, SHARED, GroupShard
from ottla.coordinators.group.state import ShardTurn, State
from ottla.coordinators.group.turn import Turn
from ottla.decide import Ask, Now, Record
from ottla.metadata.image import EMPTY_IMAGE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.list_groups import ListGroupsRequest

NOW = Now(0, 0, 0)
KEY_TYPE = 77
CONFIG = GroupConfig(initial_rebalance_delay_ms=0)


class Hello(NamedTuple):
    """The one request of the toy kind."""

    group_id: str


class Toy(ForeignGroup):
    """A group of one record, and of nobody."""

    def end(self, turn: Turn) -> None:
        turn.write(Record(key(self.group_id), None))


def key(group_id: str) -> bytes:
    return KEY_TYPE.to_bytes(2, "big") + group_id.encode()


def _hello(turn: ShardTurn, group: Any, ask: Ask) -> None:
    turn.wake_in(5, TimerKey("bored", group.group_id))
    turn.reply(ask.token, f"again, {group.group_id}")


def _begin(turn: ShardTurn, ask: Ask) -> None:
    turn.write(Record(key(ask.body.group_id), b""))
    turn.reply(ask.token, "welcome")


def _apply(state: State, _key_type: int, record: Record, now: Now) -> None:
    group_id = (record.key or b"")[2:].decode()
    if record.value is None:
        del state.groups[group_id]
    else:
        state.groups[group_id] = Toy(group_id, "toy")


TOY = Kind(
    names=("toy",),
    requests={
        Hello: _hello,
        HeartbeatRequest: lambda turn, group, ask: turn.reply(ask.token, "a toy's heart"),
    },
    begins={
        Hello: Begin(
            _begin,
            lambda turn, other, ask: turn.reply(ask.token, ErrorCode.GROUP_ID_NOT_FOUND),
            lambda request, error: error,
        )
    },
    records={KEY_TYPE: _apply},
    timers={"bored": lambda turn, group, key: turn.note(f"{group.group_id} is bored")},
    loaded=lambda turn: turn.note("toys are here"),
)


class Shard:
    """A shard that knows the toy kind beside those that are there."""

    def __init__(self) -> None:
        kinds = Kinds((CLASSIC, FOREIGN, TOY), SHARED, RECORDS)
        self.shard = GroupShard(lambda _: CONFIG, Counter(), kinds)

    def ask(self, body: Any, version: int = 0) -> Any:
        decision = self.shard.decide(Ask(1, body, version), NOW)
        self.shard.apply(decision.records, NOW)
        return decision.replies[0].message if decision.replies else None


def join(group_id: str) -> JoinGroupRequest:
    protocols = [JoinGroupRequestProtocol(name="range")]
    return JoinGroupRequest(group_id=group_id, protocol_type="consumer", protocols=protocols)


def test_a_second_kind_of_group_is_a_row() -> None:
    """Consumer groups could only come by changing what classic groups rest on."""
    shard = Shard()
    assert "toys are here" in shard.shard.loaded(EMPTY_IMAGE, NOW).notes
    assert shard.ask(Hello("g")) == "welcome"
    assert shard.ask(Hello("g")) == "again, g"
    assert shard.ask(HeartbeatRequest(group_id="g")) == "a toy's heart"
    beat = HeartbeatRequest(group_id="nobody")
    assert shard.ask(beat).error_code == ErrorCode.UNKNOWN_MEMBER_ID
    shard.ask(join("c"), 3)
    assert isinstance(shard.shard.state.groups["c"], ClassicGroup)
    assert shard.ask(Hello("c")) == ErrorCode.GROUP_ID_NOT_FOUND
    assert shard.ask(join("g"), 3) is None
    assert isinstance(shard.shard.state.groups["g"], ClassicGroup), "an empty one yields its name"
    shard.ask(Hello("h"))
    listed = shard.ask(ListGroupsRequest()).groups
    assert {(one.group_id, one.group_type) for one in listed} == {
        ("c", "classic"),
        ("g", "classic"),
        ("h", "toy"),
    }


def test_a_timer_finds_its_own_kind_of_group_only() -> None:
    """A timer of a group that is gone would be heard by another kind's group of the name."""
    shard = Shard()
    shard.ask(Hello("g"))
    bored = TimerKey("bored", "g")
    assert shard.shard.fire(bored, NOW).notes == ["g is bored"]
    shard.shard.state.groups["g"] = ClassicGroup("g", 0)
    assert shard.shard.fire(bored, NOW).notes == ()
    del shard.shard.state.groups["g"]
    assert shard.shard.fire(bored, NOW).notes == ()


@pytest.mark.parametrize(
    "kind",
    [
        TOY._replace(names=("classic",)),
        TOY._replace(begins={ListGroupsRequest: TOY.begins[Hello]}),
        TOY._replace(begins={JoinGroupRequest: TOY.begins[Hello]}),
        TOY._replace(records={1: _apply}),
        TOY._replace(records={5: _apply}),
        TOY._replace(timers={"session": TOY.timers["bored"]}),
        TOY._replace(by_commit=ClassicGroup),
    ],
)
def test_two_kinds_do_not_share_a_row(kind: Kind) -> None:
    """The later of the two would silently take what is the other's."""
    with pytest.raises(ValueError):  # noqa: PT011
        Kinds((CLASSIC, FOREIGN, kind), SHARED, RECORDS)
