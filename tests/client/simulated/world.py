"""A cluster of three nodes in the same thread as the client, and a clock that jumps from one event
to the next: hours of faults in seconds, and each run is its seed's.

The client is the real one, sockets and all; only its thread is missing. Whoever waits (`Simulated`)
takes a turn of the driver, reads what has arrived, and lets the time go on to what comes next. If
nothing comes, somebody would wait for ever; if turns follow each other and no time goes by,
somebody would turn for ever. Both are failures.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import select
import socket
import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from client.peers import HOST, Asked, frame, parse
from client.simulated.cluster import AFTER_APPEND, NOT_LEADER, Cluster
from ottla.client import Client, driving
from ottla.client.connecting import dialing
from ottla.client.connecting.waiting import Waiting, Watched
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.fetch import FetchRequest

NODES = (1, 2, 3)
IDLE_TURNS_MAX = 300
TROUBLES = ("cut before", "cut after", "silent", "refused", "refused after", "garbage")


class Link:
    """One connection, as its node sees it: requests are answered in order."""

    def __init__(self, world: World, node: int, end: socket.socket) -> None:
        self.node = node
        self._world = world
        self._end = end
        self._received = b""
        self._asked: list[Asked] = []
        self._is_busy = self._is_silent = self.is_closed = False

    def pump(self) -> None:
        """Take what the client has sent."""
        while not self.is_closed:
            try:
                piece = self._end.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                piece = b""
            if not piece:
                self.close()
                return
            self._received += piece
        while len(self._received) >= 4:
            (size,) = struct.unpack_from(">i", self._received)
            if len(self._received) < 4 + size:
                break
            payload, self._received = self._received[4 : 4 + size], self._received[4 + size :]
            self._asked.append(parse(payload))
        self._next()

    def _next(self) -> None:
        if self._asked and not self._is_busy and not self._is_silent:
            self._is_busy = True
            asked = self._asked.pop(0)
            self._world.later(self._world.latency_ms(), lambda: self._handle(asked))

    def _handle(self, asked: Asked) -> None:
        """The node does what it is asked, or something happens to it before or after."""
        if self.is_closed:
            return
        trouble = self._world.trouble()
        if trouble == "cut before":
            self.close()
        elif trouble == "silent":
            self._is_silent = True
        elif isinstance(asked.message, ApiVersionsRequest):
            self._answer(frame(asked, self._world.cluster.answer(self.node, asked, 0).message))
        else:
            self._serve(asked, trouble, self._world.now_ms)

    def _serve(self, asked: Asked, trouble: str | None, came_ms: int) -> None:
        if self.is_closed:
            return
        world, message = self._world, asked.message
        if world.cluster.is_asked_of_group(message):
            self._ask_group(asked, trouble)
            return
        refusals = {"refused": world.random.choice(NOT_LEADER), "refused after": AFTER_APPEND}
        refusal = refusals.get(trouble or "", 0)
        said = world.cluster.answer(self.node, asked, refusal)
        if isinstance(message, FetchRequest):
            waits_until_ms = came_ms + message.max_wait_ms
            if not said.has_records and world.now_ms < waits_until_ms:
                world.later(20, lambda: self._serve(asked, trouble, came_ms))
                return
            world.cluster.fetched(self.node, message, said.message)
        if trouble == "cut after":
            self.close()
        elif trouble == "garbage":
            self._answer(frame(asked, said.message)[:-3] + b"\xff" * 3)
        else:
            self._answer(frame(asked, said.message))

    def _ask_group(self, asked: Asked, trouble: str | None) -> None:
        """A coordinator answers when it likes to."""

        def answered(response: Any) -> None:
            if trouble == "cut after":
                self.close()
            elif not self.is_closed:
                self._answer(frame(asked, response))

        self._world.cluster.ask_group(self.node, asked, bool(trouble == "refused"), answered)

    def _answer(self, data: bytes) -> None:
        def arrive() -> None:
            if not self.is_closed:
                with contextlib.suppress(OSError):
                    self._end.sendall(data)
            self._is_busy = False
            self._next()

        self._world.later(self._world.latency_ms(), arrive)

    def close(self) -> None:
        """The connection is gone."""
        self.is_closed = True
        self._end.close()


class World:
    """Nodes, what happens to them, and the time."""

    def __init__(self, seed: int, cluster: Cluster) -> None:
        self.random = random.Random(seed)
        self.now_ms = 1_000_000
        self.cluster = cluster
        self.links: list[Link] = []
        self.chance_of_trouble = 0.0
        self._down: dict[int, str] = {}
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self.clients: list[Client] = []
        self._idle = 0
        self._holes: list[socket.socket] = []

    # ------------------------------------------------------------ the time

    def later(self, after_ms: int, call: Callable[[], object]) -> None:
        """Something happens then."""
        heapq.heappush(self._events, (self.now_ms + after_ms, next(self._numbers), call))

    @property
    def next_ms(self) -> int | None:
        """When something happens next."""
        found = [self.cluster.next_ms, self._events[0][0] if self._events else None]
        return min((at for at in found if at is not None), default=None)

    def go_on(self, to_ms: int) -> None:
        """The time goes on, and what happens until then happens."""
        while self._events and self._events[0][0] <= to_ms:
            at_ms, _, call = heapq.heappop(self._events)
            self._pass(at_ms)
            call()
        self._pass(to_ms)

    def _pass(self, to_ms: int) -> None:
        self.now_ms = max(self.now_ms, to_ms)
        self.cluster.time(self.now_ms)

    def latency_ms(self) -> int:
        """How long something is on its way."""
        return self.random.choice((0, 0, 1, 1, 2, 5, 30))

    # ------------------------------------------------------------ what happens

    def trouble(self) -> str | None:
        """What happens to a request, if anything."""
        if self.random.random() >= self.chance_of_trouble:
            return None
        return self.random.choice(TROUBLES)

    def rage(self) -> None:
        """Something happens to a node or a partition, and so on until the trouble ends."""
        if not self.chance_of_trouble:
            return
        node = self.random.choice(NODES)
        match self.random.choice(("down", "hole", "move", "move", "forget", "rest")):
            case "rest":
                pass
            case "forget":
                self.cluster.forget_sessions()
            case "move":
                self.cluster.move(self.random.randrange(self.cluster.count), node)
            case how:
                self._down[node] = how
                self.cut(node)
                self.later(self.random.choice((50, 500, 4000)), lambda: self._down.pop(node, None))
        self.later(self.random.choice((20, 200, 1500)), self.rage)

    def cut(self, node: int) -> None:
        """All its connections are lost."""
        for link in [one for one in self.links if one.node == node]:
            link.close()

    def calm(self) -> None:
        """From now on all is well."""
        self.chance_of_trouble = 0.0
        self._down.clear()

    # ------------------------------------------------------------ connections

    def begin(self, address: dialing.Address, fit: object) -> socket.socket:
        """In place of a socket that connects: one end of a pair."""
        node: int = address[3][1]
        how = self._down.get(node)
        if how == "down":
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        if how == "hole":
            with contextlib.suppress(BlockingIOError):
                while True:
                    ours.send(b"x" * 65_536)
            self._holes.append(theirs)
        else:
            self.links.append(Link(self, node, theirs))
        return ours

    def pump(self) -> None:
        """The nodes take what was sent to them."""
        for link in self.links:
            link.pump()
        self.links = [link for link in self.links if not link.is_closed]

    def close(self) -> None:
        """Nothing is left."""
        for link in self.links:
            link.close()
        for hole in self._holes:
            hole.close()

    # ------------------------------------------------------------ who waits

    def step(self, done: Callable[[], bool], until_ms: int | None) -> None:
        """All clients take a turn and hear what has arrived; if there is nothing, the time goes on
        to what comes next.
        """
        deadlines = [] if until_ms is None else [until_ms]
        is_busy = False
        for client in self.clients:
            if (driver := client._driver) is not None:
                is_busy |= _turn(client)
                if driver._deadline_ms is not None:
                    deadlines.append(driver._deadline_ms)
        if done():
            return
        if is_busy:
            self._idles()
            return
        self.pump()
        watched = [one for c in self.clients for one in c.waiting._connections if not one.closed]
        found = _ready(watched)
        for connection, readable, writable in found:
            if not connection.closed:
                connection.ready(readable, writable)
        if found:
            self._idle = 0
            return
        deadlines += [at for one in watched if (at := one.deadline_ms) is not None]
        happens = [*deadlines, *([] if self.next_ms is None else [self.next_ms])]
        assert happens, "somebody waits for ever"
        if min(happens) <= self.now_ms:
            self._idles()
        else:
            self._idle = 0
        self.go_on(max(self.now_ms, min(happens)))
        for connection in watched:
            connection.tick()

    def _idles(self) -> None:
        self._idle += 1
        assert self._idle < IDLE_TURNS_MAX, "somebody turns for ever, and no time goes by"


def _turn(client: Client) -> bool:
    """What the client's thread does; whether there is more."""
    driver = client._driver
    assert driver is not None
    driver._turn()
    client.waiting.look()
    calls, driver._calls = driver._calls, []
    for call in calls:
        call()
    return bool(calls) or driver._has_work()


class Simulated(Waiting):
    """Waits by letting the world go on."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def now_ms(self) -> int:
        """The world's time."""
        return self.world.now_ms

    def random(self) -> int:
        """The world's chance."""
        return self.world.random.getrandbits(32)

    def wait_for(self, done: Callable[[], bool], until_ms: int | None = None) -> None:
        """Go on until it is so."""
        with self:
            while not done() and (until_ms is None or self.now_ms() < until_ms):
                self.world.step(done, until_ms)


def _ready(watched: list[Watched]) -> list[tuple[Watched, bool, bool]]:
    poll, by_fd = select.poll(), {}
    for one in watched:
        by_fd[one.fileno()] = one
        poll.register(one.fileno(), select.POLLIN | (select.POLLOUT if one.wants_write else 0))
    return [
        (by_fd[fd], bool(events & ~select.POLLOUT), bool(events & ~select.POLLIN))
        for fd, events in poll.poll(0)
    ]


class _NoThread:
    """In place of the client's thread, whose turns are taken by who waits."""

    ident = None

    def __init__(self, **_: object) -> None:
        self._lives = False

    def start(self) -> None:
        """Nothing runs."""
        self._lives = True

    def is_alive(self) -> bool:
        """As if it did."""
        return self._lives

    def join(self) -> None:
        """It is over at once."""


def client_in(world: World, patch: pytest.MonkeyPatch) -> Client:
    """A client that lives in this world."""
    waiting = Simulated(world)
    none = SimpleNamespace(Thread=_NoThread, current_thread=lambda: None)
    patch.setattr(driving, "threading", none)
    patch.setattr(dialing, "begin", world.begin)
    bootstrap = ",".join(f"{HOST}:{node}" for node in NODES)
    found = Client(bootstrap, waiting=waiting, request_timeout_ms=1_000, timeout_ms=5_000)
    world.clients.append(found)
    return found
