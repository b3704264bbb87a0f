"""Scripts: commands to a group coordinator and the trace that they must leave.

A script is a text file of blocks: lines of commands, a line `----`, and the expected trace up to
the next empty line. Every command ends its turn, and the trace holds what it caused, in order:
records as they are appended (`+`), and replies as they are let go (`name <- ...`).

    python tests/coordinators/script.py --rewrite     # write the traces anew; read the diff

Commands. Arguments are key=value; `@a` is the member id that `a` was told last, `a#7` the seventh
that was made, for `a`.

    config KEY=VALUE ...         a new world with these GroupConfig fields; must come first
    reconfigure KEY=VALUE ...    a restart with other settings
    join A [v=9] [group=g] [member=@a] [instance=I] [protocols=range:md,rr:md] [type=consumer]
         [session=10000] [rebalance=60000]
    sync A [v=5] [generation=1] [member=@a] [instance=I] [assign=@a:text,@b:text] [type=]
         [protocol=]
    heartbeat A [generation=1] [member=@a] [instance=I]
    leave A [v=5] [members=@a,:instance]
    commit A [v=9] [generation=-1] [member=] [instance=] [retention=-1] [id=0]
         [offsets=t-0:5[:metadata],...]
    txn-commit A [v=5] [id=x] [producer=1] [epoch=0] [generation=-1] [member=] [instance=]
         [offsets=t-0:5[:metadata],...]
    told ERROR... [nth=0]    the coordinator of transactions answers the nth question of those open
    questions            those open
    fetch A [offsets=t-0,...|all] [stable=1] [member=@a] [epoch=-1] [id=0]
    delete-offsets A offsets=t-0,...
    describe A... | list [states=] [types=] | delete A...                  (of groups)
    advance MS | wait MS | jump MS     the node's clock, the machine's time, the wall clock alone
    leap MS                            the node's clock, of which no member knows
    expect on|off | elect A            whether more partitions come; leadership
    hold | release                     the high watermark
    fail COMMAND | restart [load=no] | load | resign A
                                       the next append; the process; loading; leadership
    topic-deleted NAME [id=0] [told=no]
    marker PRODUCER commit|abort [epoch=0] [coordinator=0] [live=1] [tv=0]
                                       as it lies in the log, or as it is asked for now
    put KEY VALUE [producer=N]         a record of somebody else, in hex digits and 'text'
    state [group=g] | timers | producers
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import scripted
from coordinators import trace
from coordinators.world import World
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.questions import MarkersWritten, WriteMarkers
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchRequestTopics
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from ottla.wire.records import Record, build_batch, control_batch
from ottla.wire.schema import Response, decode, encode
from ottla.wire.stored.frame import CONSUMER_OFFSETS

ROOM = "groups"
FOLDER = scripted.folder(ROOM)
SEPARATOR = scripted.SEPARATOR


class Script:
    """Runs commands against one world and gathers the trace."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ids: dict[str, str] = {}
        self.named: dict[str, str] = {}
        self._begin({})

    def run(self, command: str) -> list[str]:
        """The trace of one command."""
        self.lines = []
        words = command.split()
        names = [word for word in words[1:] if "=" not in word]
        args = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        getattr(self, "_do_" + words[0].replace("-", "_"))(names, args)
        self.world.settle()
        return self.lines

    def _begin(self, config: dict[str, int]) -> None:
        self.world = World(GroupConfig(**{"initial_rebalance_delay_ms": 0, **config}))
        self.world.log.appended = self._appended

    def _appended(self, _partition: int, batch: bytes) -> None:
        version = self.world.log.transaction_version
        self.lines += [f"+ {line}" for line in trace.batch_lines(batch, version)]

    def _answer(self, name: str) -> Callable[[Any], None]:
        version = self.world.asked_version

        def done(response: Any) -> None:
            if isinstance(response, Response):
                # What the client reads: fields that its version does not carry are gone.
                response = decode(type(response), encode(response, version), version)
            if isinstance(response, MarkersWritten):
                self.lines.append(f"{name} <- {trace.markers(response)}")
                return
            member_id = getattr(response, "member_id", "")
            if member_id:
                self.ids[name] = member_id
            self.lines.append(f"{name} <- {trace.message(response)}")

        return done

    def _member(self, text: str) -> str:
        if text.startswith("@"):
            return self.ids.get(text[1:], "?")
        name, sign, number = text.partition("#")
        return f"{name}-{uuid.UUID(int=int(number))}" if sign else text

    # ------------------------------------------------------------ members

    def _do_config(self, _names: list[str], args: dict[str, str]) -> None:
        self._begin({key: int(value) for key, value in args.items()})

    def _do_join(self, names: list[str], args: dict[str, str]) -> None:
        protocols = [one.partition(":") for one in args.get("protocols", "range").split(",") if one]
        request = JoinGroupRequest(
            group_id=args.get("group", "g"),
            member_id=self._member(args.get("member", "")),
            group_instance_id=args.get("instance"),
            protocol_type=args.get("type", "consumer"),
            session_timeout_ms=int(args.get("session", "10000")),
            rebalance_timeout_ms=int(args.get("rebalance", "60000")),
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=subscription(topics))
                for name, _, topics in protocols
            ],
        )
        asker = self.world.asker(int(args.get("v", "9")), names[0])
        self.world.groups.join_group(request, asker, self._answer(names[0]))

    def _do_sync(self, names: list[str], args: dict[str, str]) -> None:
        pairs = [one.partition(":") for one in args.get("assign", "").split(",") if one]
        version = int(args.get("v", "5"))
        request = SyncGroupRequest(
            group_id=args.get("group", "g"),
            member_id=self._member(args.get("member", "@" + names[0])),
            group_instance_id=args.get("instance"),
            generation_id=int(args.get("generation", "1")),
            protocol_type=args.get("type", "consumer" if version >= 5 else None),
            protocol_name=args.get("protocol", "range" if version >= 5 else None),
            assignments=[
                SyncGroupRequestAssignment(
                    member_id=self._member(member), assignment=assigned.encode()
                )
                for member, _, assigned in pairs
            ],
        )
        self.world.groups.sync_group(request, self.world.asker(version), self._answer(names[0]))

    def _do_heartbeat(self, names: list[str], args: dict[str, str]) -> None:
        request = HeartbeatRequest(
            group_id=args.get("group", "g"),
            member_id=self._member(args.get("member", "@" + names[0])),
            group_instance_id=args.get("instance"),
            generation_id=int(args.get("generation", "1")),
        )
        self.world.groups.heartbeat(request, self.world.asker(4), self._answer(names[0]))

    def _do_leave(self, names: list[str], args: dict[str, str]) -> None:
        members = [one.partition(":") for one in args.get("members", "@" + names[0]).split(",")]
        request = LeaveGroupRequest(
            group_id=args.get("group", "g"),
            members=[
                MemberIdentity(member_id=self._member(member), group_instance_id=instance or None)
                for member, _, instance in members
            ],
        )
        asker = self.world.asker(int(args.get("v", "5")))
        self.world.groups.leave_group(request, asker, self._answer(names[0]))

    # ------------------------------------------------------------ offsets

    def _do_commit(self, names: list[str], args: dict[str, str]) -> None:
        topics = told_offsets(args, OffsetCommitRequestPartition)
        for topic in topics:
            self.world.know(topic, topic_id(args))
        request = OffsetCommitRequest(
            group_id=args.get("group", "g"),
            member_id=self._member(args.get("member", "")),
            group_instance_id=args.get("instance"),
            generation_id_or_member_epoch=int(args.get("generation", "-1")),
            retention_time_ms=int(args.get("retention", "-1")),
            topics=[
                OffsetCommitRequestTopic(
                    # As the handler finds it, by name or by id.
                    name=name,
                    topic_id=self.world.image.topics.by_name[name].id,
                    partitions=partitions,
                )
                for name, partitions in topics.items()
            ],
        )
        asker = self.world.asker(int(args.get("v", "9")))
        self.world.groups.offset_commit(request, asker, self._answer(names[0]))

    def _do_txn_commit(self, names: list[str], args: dict[str, str]) -> None:
        topics = told_offsets(args, TxnOffsetCommitRequestPartition)
        request = TxnOffsetCommitRequest(
            transactional_id=args.get("id", "x"),
            group_id=args.get("group", "g"),
            producer_id=int(args.get("producer", "1")),
            producer_epoch=int(args.get("epoch", "0")),
            generation_id=int(args.get("generation", "-1")),
            member_id=self._member(args.get("member", "")),
            group_instance_id=args.get("instance"),
            topics=[
                TxnOffsetCommitRequestTopic(name=name, partitions=partitions)
                for name, partitions in topics.items()
            ],
        )
        for topic in topics:
            self.world.know(topic)
        asker = self.world.asker(int(args.get("v", "5")))
        self.world.groups.txn_offset_commit(request, asker, self._answer(names[0]))

    def _do_told(self, names: list[str], args: dict[str, str]) -> None:
        self.world.tell(int(args.get("nth", "0")), [getattr(ErrorCode, name) for name in names])

    def _do_questions(self, _names: list[str], _args: dict[str, str]) -> None:
        self.lines += [f"? {one.body}" for one in self.world.runtime.outgoing]

    def _do_producers(self, _names: list[str], args: dict[str, str]) -> None:
        known = self.world.shard(args.get("group", "g")).state.producers.known
        for producer_id, one in known.items():
            self.lines.append(
                f"{producer_id}: epoch={one.epoch} coordinator={one.coordinator_epoch} "
                f"{'open' if one.is_open else 'ended'}"
            )

    def _do_fetch(self, names: list[str], args: dict[str, str]) -> None:
        wanted = args.get("offsets", "all")
        topics = None
        if wanted != "all":
            topics = [
                OffsetFetchRequestTopics(
                    name=name, topic_id=topic_id(args), partition_indexes=[int(partition)]
                )
                for name, _, partition in (one.rpartition("-") for one in wanted.split(","))
            ]
        group = OffsetFetchRequestGroup(
            group_id=args.get("group", "g"),
            member_id=self._member(args["member"]) if "member" in args else None,
            member_epoch=int(args.get("epoch", "-1")),
            topics=topics,
        )
        told = self._answer(names[0])
        self.world.groups.offset_fetch(
            [group],
            self.world.asker(9),
            lambda answers: told(answers[0]),
            require_stable=args.get("stable") == "1",
        )

    def _do_delete_offsets(self, names: list[str], args: dict[str, str]) -> None:
        places = [one.rpartition("-") for one in args["offsets"].split(",")]
        request = OffsetDeleteRequest(
            group_id=args.get("group", "g"),
            topics=[
                OffsetDeleteRequestTopic(
                    name=topic,
                    partitions=[OffsetDeleteRequestPartition(partition_index=int(partition))],
                )
                for topic, _, partition in places
            ],
        )
        self.world.groups.offset_delete(request, self.world.asker(0), self._answer(names[0]))

    def _do_topic_deleted(self, names: list[str], args: dict[str, str]) -> None:
        """`told=no`: no delta comes, as for a partition that is led by nobody."""
        self.world.know(names[0], topic_id(args))
        self.world.delete_topic(names[0], told=args.get("told") != "no")

    # ------------------------------------------------------------ administration

    def _do_list(self, _names: list[str], args: dict[str, str]) -> None:
        request = ListGroupsRequest(
            states_filter=[one for one in args.get("states", "").split(",") if one],
            types_filter=[one for one in args.get("types", "").split(",") if one],
        )
        self.world.groups.list_groups(request, self.world.asker(5), self._answer("list"))

    def _do_describe(self, names: list[str], args: dict[str, str]) -> None:
        asker = self.world.asker(int(args.get("v", "6")))
        request = DescribeGroupsRequest(groups=names)
        self.world.groups.describe_groups(request, asker, self._answer("describe"))

    def _do_delete(self, names: list[str], _args: dict[str, str]) -> None:
        request = DeleteGroupsRequest(groups_names=names)
        self.world.groups.delete_groups(request, self.world.asker(2), self._answer("delete"))

    # ------------------------------------------------------------ the world

    def _do_advance(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.advance(int(names[0]))

    def _do_wait(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.wait(int(names[0]))

    def _do_leap(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.leap(int(names[0]))

    def _do_expect(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.expects = names[0] == "on"
        self.world.wake()

    def _do_elect(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.elect(self.world.groups.partition_for(names[0]))

    def _do_jump(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.wall_ahead_ms += int(names[0])

    def _do_hold(self, _names: list[str], _args: dict[str, str]) -> None:
        self.world.log.held = True

    def _do_release(self, _names: list[str], _args: dict[str, str]) -> None:
        self.world.release()

    def _do_fail(self, names: list[str], args: dict[str, str]) -> None:
        """Run the rest of the line with a log that takes nothing."""
        self.world.log.failing = True
        rest = [*names, *(f"{key}={value}" for key, value in args.items())]
        kept = self.lines
        self.lines = kept + self.run(" ".join(rest))
        self.world.log.failing = False
        self.lines += [f"! {report}" for report in self.world.reports]
        self.world.reports.clear()

    def _do_restart(self, _names: list[str], args: dict[str, str]) -> None:
        self.world.loads = args.get("load") != "no"
        self.world.boot()
        self.lines += [f"! {report}" for report in self.world.reports]
        self.world.reports.clear()

    def _do_reconfigure(self, _names: list[str], args: dict[str, str]) -> None:
        changed = {key: int(value) for key, value in args.items()}
        self.world.config = self.world.config._replace(**changed)
        self.world.boot()

    def _do_load(self, _names: list[str], _args: dict[str, str]) -> None:
        self.world.loads = True
        self.world.wake()

    def _do_resign(self, names: list[str], _args: dict[str, str]) -> None:
        self.world.runtime.resigned(self.world.groups.partition_for(names[0]))

    def _do_put(self, names: list[str], args: dict[str, str]) -> None:
        key, value = names
        producer_id = int(args.get("producer", "-1"))
        batch = build_batch(
            [Record(told_bytes(key), None if value == "null" else told_bytes(value))],
            producer_id=producer_id,
            producer_epoch=int(args.get("epoch", "0")) if producer_id >= 0 else -1,
            transactional=producer_id >= 0,
        )
        self._append_unseen(self.world.groups.partition_for(args.get("group", "g")), batch)

    def _append_unseen(self, partition: int, batch: bytes) -> int:
        """Append as somebody else does: it is no part of the trace."""
        hears, self.world.log.appended = self.world.log.appended, lambda partition, batch: None
        done = self.world.log.append(CONSUMER_OFFSETS, partition, batch)
        self.world.log.appended = hears
        return done.last_offset

    def _do_marker(self, names: list[str], args: dict[str, str]) -> None:
        partition = self.world.groups.partition_for(args.get("group", "g"))
        committed = names[1] == "commit"
        if args.get("live") == "1":
            marker = WriteMarkers(
                int(names[0]),
                int(args.get("epoch", "0")),
                committed,
                int(args.get("coordinator", "0")),
                int(args.get("tv", "0")),
                ((CONSUMER_OFFSETS, partition),),
            )
            asker = self.world.asker(1)
            self.world.groups.end_transaction(marker, asker, self._answer("coordinator"))
            return
        batch = control_batch(
            int(committed),
            bytes(2) + int(args.get("coordinator", "0")).to_bytes(4, "big"),
            timestamp_ms=0,
            producer_id=int(names[0]),
            producer_epoch=int(args.get("epoch", "0")),
            transactional=True,
        )
        self._append_unseen(partition, batch)

    def _do_state(self, _names: list[str], args: dict[str, str]) -> None:
        group_id = args.get("group", "g")
        group = self.world.shard(group_id).state.groups.get(group_id)
        if group is None:
            self.lines.append("no group")
            return
        members = ", ".join(group.members) or "nobody"
        self.lines.append(
            trace.shortened(
                f"{group.state} generation={group.generation_id} protocol={group.protocol_name} "
                f"leader={group.leader_id} members: {members}"
            )
        )

    def _do_timers(self, _names: list[str], _args: dict[str, str]) -> None:
        self.lines.append(str(self.world.timers()))


def subscription(topics: str) -> bytes:
    """A consumer's subscription, version 0, to topics that are separated by plus signs."""
    names = [topic for topic in topics.split("+") if topic]
    body = b"".join(len(name).to_bytes(2, "big") + name.encode() for name in names)
    return b"\0\0" + len(names).to_bytes(4, "big") + body + b"\xff\xff\xff\xff"


def told_offsets(args: dict[str, str], row: type[Any]) -> dict[str, list[Any]]:
    """The rows of each topic that a command commits to."""
    topics: dict[str, list[Any]] = {}
    for one in args.get("offsets", "t-0:5").split(","):
        place, offset, *metadata = one.split(":")
        topic, _, partition = place.rpartition("-")
        topics.setdefault(topic, []).append(
            row(
                partition_index=int(partition),
                committed_offset=int(offset),
                committed_metadata=metadata[0] if metadata else None,
            )
        )
    return topics


def topic_id(args: dict[str, str]) -> bytes:
    """The topic id that a command names by one digit."""
    return bytes(15) + bytes([int(args.get("id", "0"))])


def told_bytes(text: str) -> bytes:
    """Bytes from hex digits with quoted text between: 0003'g'."""
    parts = text.split("'")
    return b"".join(
        part.encode() if index % 2 else bytes.fromhex(part) for index, part in enumerate(parts)
    )


def replayed(text: str) -> str:
    """The script with the trace that it leaves now."""
    return scripted.replayed(text, Script().run)


if __name__ == "__main__":
    scripted.main(ROOM, lambda: Script().run)
