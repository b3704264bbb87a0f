"""What a request costs: every list of every API with n entries, all equal or all different, given
to its handler on the decision thread of a node in this process, without a socket.

The requests come from the declarations (`plausible`): each array in them is a list to grow. What is
asserted of the costs is in test_costs.py; what they are in seconds is a row of the bench.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ottla
from attack.plausible import (
    METADATA,
    PLAIN,
    SHAPES,
    TRANSACTIONAL,
    Names,
    Shape,
    request_of,
)
from ottla.broker.asked import Asked
from ottla.broker.router import ROUTES
from ottla.security.principal import ANONYMOUS
from ottla.wire.api import api, request_class
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.schema import Request, Struct, decode, encode
from servers import eventually

PARTITIONS = 128  # as many as there are different numbers in a list
TOPICS = 512
MEMBERS = frozenset((8, 11, 13, 14, 28))
"""APIs that change the group that they are asked of: each request has one of its own."""

OLD_LISTS = {8: 9, 9: 7, 20: 5}
"""Versions with lists that the newest one has in another form."""


class Handlers:
    """A node in this process, asked without sockets. It has a topic t of many partitions, topics
    t0, t1 and so on, and a group g with a member that said much of itself and an offset.
    """

    def __init__(self) -> None:
        # In memory where that is possible: thousands of folders cost the disk, not the node.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(dir=memory)
        config = {"auto.create.topics.enable": "false"}
        self.broker = ottla.Broker(dir=self._folder.name, config=config)
        self.broker.start()
        self._node: Any = self.broker._node
        self._numbers = itertools.count(1)
        topics = [CreatableTopic(name="t", num_partitions=PARTITIONS, replication_factor=1)]
        topics += [
            CreatableTopic(name=f"t{at}", num_partitions=1, replication_factor=1)
            for at in range(TOPICS)
        ]
        self.ask(CreateTopicsRequest(topics=topics), 5)
        self.topic_id: bytes = self._node._engine.context.image.topics.by_name["t"].id
        self.ask(FindCoordinatorRequest(coordinator_keys=["g"]), 6)
        self.ask(FindCoordinatorRequest(key_type=1, coordinator_keys=["x"]), 6)
        self.member = self.settled("g")
        offset = OffsetCommitRequestPartition(committed_offset=1, committed_metadata="m" * 4000)
        commit = OffsetCommitRequest(
            group_id="g",
            generation_id_or_member_epoch=1,
            member_id=self.member,
            topics=[OffsetCommitRequestTopic(name="t", partitions=[offset])],
        )
        assert not self.ask(commit, 8).topics[0].partitions[0].error_code

    def close(self) -> None:
        """End the node."""
        self.broker.close()
        self._folder.cleanup()

    def settled(self, group: str) -> str:
        """The only member of a group, which is stable."""
        protocol = JoinGroupRequestProtocol(name="range", metadata=METADATA + b"\0" * 2000)
        join = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=60_000,
            rebalance_timeout_ms=60_000,
            protocol_type="consumer",
            protocols=[protocol],
        )
        joined = self.ask(join, 3)
        while joined.error_code:  # its coordinator loads a piece at each turn
            joined = self.ask(join, 3)
        mine = [SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"a" * 2000)]
        sync = SyncGroupRequest(
            group_id=group, generation_id=1, member_id=joined.member_id, assignments=mine
        )
        assert not self.ask(sync, 2).error_code
        return str(joined.member_id)

    def began(self, transactional_id: str) -> int:
        """The producer id of a new transactional id."""
        request = InitProducerIdRequest(
            transactional_id=transactional_id, transaction_timeout_ms=60_000
        )
        while (answer := self.ask(request, 4)).error_code:  # its coordinator loads
            assert answer.error_code in (14, 15, 16), answer
        return int(answer.producer_id)

    def request(self, key: int, version: int, shape: Shape) -> Any:
        """One plausible request; for those that change a group, of a fresh one."""
        group, member = "g", self.member
        if key in MEMBERS:
            group = f"fresh-{next(self._numbers)}"
            member = self.settled(group)
        names = Names(f"made-{next(self._numbers)}-", group, member, self.topic_id, b"")
        if key in TRANSACTIONAL:
            fresh = f"x{next(self._numbers)}"
            names = names._replace(transactional_id=fresh, producer_id=self.began(fresh))
        return request_of(key, version, shape, names)

    def ask(
        self,
        request: Request,
        version: int,
        around: Callable[[Callable[[], None]], None] = lambda handle: handle(),
    ) -> Any:
        """The reply; `around` runs the handler, on the decision thread."""
        replies: list[Any] = []

        def handle() -> None:
            node = self._node
            token = node._engine.desk.internal(replies.append)
            here = ("PLAINTEXT", "127.0.0.1", 9092, "127.0.0.1", 1, ANONYMOUS)
            asked = Asked(token, request.api_key, version, "attack", request, *here)
            response = node._engine.desk._router.handler(request.api_key)(
                node._engine.context, asked
            )
            if response is not None:
                node._engine.desk.reply(token, response)
            node._engine.commit()

        self._node._engine.turner.call(lambda: around(handle))
        eventually(lambda: replies, f"an answer to {type(request).__name__}")
        return replies[0]


class List(NamedTuple):
    """One list of one API: where it is in the request, and whether its entries are all equal."""

    key: int
    version: int
    shape: Shape
    path: tuple[Any, ...]
    distinct: bool

    def __str__(self) -> str:
        path = ".".join(str(step) for step in self.path)
        kind = "different" if self.distinct else "equal"
        return f"{api(self.key).name} v{self.version} ({self.shape.name}), {kind} {path}"


def lists() -> list[List]:
    """Every list of every API that Python answers."""
    found = []
    for route in ROUTES:
        if route.handler is None:
            continue
        newest = api(route.key).max_version
        for version in {newest, OLD_LISTS.get(route.key, newest)}:
            for shape in SHAPES.get(route.key, PLAIN):
                names = Names("made", "g", "m", bytes(16), b"")
                message = request_of(route.key, version, shape, names)
                found += [
                    List(route.key, version, shape, path, distinct)
                    for path in _lists(message, version, ())
                    for distinct in (False, True)
                ]
    return found


def _lists(found: Any, version: int, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for name, field in type(found).__fields__.items():
        inner = getattr(found, name)
        if not (field.versions[0] <= version <= field.versions[1] and isinstance(inner, list)):
            continue
        if not inner:
            continue
        yield (*path, name)
        if isinstance(inner[0], Struct):
            yield from _lists(inner[0], version, (*path, name, 0))


def grown(handlers: Handlers, which: List, count: int) -> Any:
    """A request whose list has `count` entries."""
    message = handlers.request(which.key, which.version, which.shape)
    owner = message
    for step in which.path[:-1]:
        owner = owner[step] if isinstance(step, int) else getattr(owner, step)
    name = which.path[-1]
    (entry,) = getattr(owner, name)
    entries = [_different(entry, at) if which.distinct else entry for at in range(count)]
    setattr(owner, name, entries)
    return message


def _different(entry: Any, at: int) -> Any:
    if isinstance(entry, str):
        return f"{entry}{at}"
    if isinstance(entry, bytes):
        return at.to_bytes(16, "big") if len(entry) == 16 else entry
    if isinstance(entry, int):
        return at % 128
    fields = {name: getattr(entry, name) for name in entry.__fields__}
    for name, value in fields.items():
        if name in _NAMES and value is not None:
            fields[name] = _different(value, at)
    return type(entry)(**fields)


_NAMES = frozenset(
    (
        *("name", "topic", "topic_id", "topic_name", "group_id", "member_id", "resource_name"),
        *("partition", "partition_index"),
    )
)
"""Fields that tell the entries of a list apart."""


class Text(str):
    """A text whose comparisons are steps that can be counted."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


class Number(int):
    """As Text, for numbers."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return int.__eq__(self, other)

    def __hash__(self) -> int:
        return int.__hash__(self)


def countable(found: Any) -> Any:
    """The message with objects of its own everywhere, as after decoding, that can be counted."""
    if isinstance(found, Struct):
        fields = {name: countable(getattr(found, name)) for name in found.__fields__}
        return type(found)(**fields)
    if isinstance(found, list):
        return [countable(one) for one in found]
    if isinstance(found, str):
        return Text(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return Number(found)
    return found


class Steps(NamedTuple):
    """What one request costs, without a clock."""

    steps: int
    """Lines and calls of Python, comparisons of its texts and numbers among them."""
    asked_bytes: int
    answered_bytes: int


def steps(handlers: Handlers, which: List, count: int) -> Steps:
    """The steps of a request with `count` entries."""
    message = grown(handlers, which, count)
    asked_bytes = len(encode(message, which.version))
    counted = 0

    def trace(_frame: Any, _event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += 1
        return trace

    def around(handle: Callable[[], None]) -> None:
        sys.settrace(trace)
        try:
            handle()
        finally:
            sys.settrace(None)

    reply = handlers.ask(countable(message), which.version, around)
    return Steps(counted, asked_bytes, len(encode(reply, which.version)))


class Seconds(NamedTuple):
    """What one request costs."""

    decode: float
    handle: float
    encode: float
    asked_bytes: int
    answered_bytes: int


def seconds(handlers: Handlers, which: List, count: int) -> Seconds:
    """CPU seconds of a request with `count` entries, by its stages."""
    data = encode(grown(handlers, which, count), which.version)
    since = time.thread_time()
    message = decode(request_class(which.key), data, which.version)
    decoded = time.thread_time() - since
    handled = 0.0

    def around(handle: Callable[[], None]) -> None:
        nonlocal handled
        since = time.thread_time()
        handle()
        handled = time.thread_time() - since

    reply = handlers.ask(message, which.version, around)
    since = time.thread_time()
    answer = encode(reply, which.version)
    return Seconds(decoded, handled, time.thread_time() - since, len(data), len(answer))
