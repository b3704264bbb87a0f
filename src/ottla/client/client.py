"""A client of one cluster: connections to its nodes, and where to send what.

A request goes to any node, to a numbered one, to several at once, to the leader of a partition or
to the coordinator of a group. There is one connection an address; it opens on first use and again
after it broke, not before its machine says so. `attempt` is how admin calls live through what
passes by itself: a lost connection, a coordinator that loads, a leader that moves. What is known of
other leaders and coordinators outlives that (`Places`).

It is not a producer or consumer; those are machines that it drives (`run`), in a thread that the
first of them starts. Any thread may use it: while one waits, others go on (`waiting.py`).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ottla.client import forked
from ottla.client.backoff import Backoff
from ottla.client.connecting.answer import Answer
from ottla.client.connecting.connection import PACES, Connection
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import (
    BrokerError,
    Closed,
    Unreachable,
)
from ottla.client.lookups import metadata_request
from ottla.client.network import ClusterNode, Network, passes, to_tell
from ottla.client.outcomes import answered, gravest, why_none
from ottla.client.places import COORDINATOR_ERRORS, LEADER_ERRORS, TopicPartition
from ottla.client.trouble import Trouble
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.client.connecting.paces import Paces
    from ottla.client.connecting.reach import Reach
    from ottla.client.driving import Driver
    from ottla.client.machine import Driven

T = TypeVar("T")

BACKOFF_MS = 100
BACKOFF_MS_MAX = 1000
TOLD_AFTER_MS = 2000
"""For so long a call comes again in silence."""
METADATA_AGE_MS_MAX = 300_000


P = ParamSpec("P")


def _inside(method: Callable[P, T]) -> Callable[P, T]:
    """A method of Client that is run inside of its monitor."""

    @functools.wraps(method)
    def entered(*args: P.args, **kwargs: P.kwargs) -> T:
        client: Client = args[0]  # type: ignore[assignment]
        with client.waiting:
            if client.is_closed:
                raise client.why_closed
            return method(*args, **kwargs)

    return entered


class _Own(threading.local):
    """What each thread has for itself: until when its present call may take."""

    deadline_ms: int | None = None


class Client:
    """Connections to one cluster, found through its bootstrap addresses.

    Args:
        bootstrap_servers: `host:port`, several with commas between.
        request_timeout_ms: for one answer on one connection.
        timeout_ms: for a whole call, its retries included.
        connect_timeout_ms: how long to keep trying while nobody answers at all, and for the first
            answer of a node that is connected to; as timeout_ms if it is not given.
        on_wait: told once, in words, when nobody answers yet and the call, or a producer or
            consumer, keeps trying, or when a call has been told to come again for a while. Without
            it the log says so (`ottla.client`).
        on_answer: told when somebody answers again after that.
        metadata_max_age_ms: after so long machines ask for topics and their leaders again.
        waiting: the clock, and what waits; a test may bring its own.
        reach: whether by TLS, and as whom; in the clear and as anybody without it.
        paces: how eagerly connections are made, and how large their buffers are.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        client_id: str = "ottla",
        request_timeout_ms: int = 30_000,
        timeout_ms: int = 60_000,
        connect_timeout_ms: int | None = None,
        on_wait: Callable[[OttlaError], None] | None = None,
        on_answer: Callable[[], None] | None = None,
        metadata_max_age_ms: int = METADATA_AGE_MS_MAX,
        waiting: Waiting | None = None,
        reach: Reach | None = None,
        paces: Paces = PACES,
    ) -> None:
        self.request_timeout_ms = request_timeout_ms
        self.timeout_ms = timeout_ms
        self._connect_timeout_ms = timeout_ms if connect_timeout_ms is None else connect_timeout_ms
        self._told = self._is_alone = False
        self._metadata_max_age_ms = metadata_max_age_ms
        self.waiting = waiting or Waiting()
        self.waiting.share()
        trouble = Trouble(self.waiting)
        self._on_wait = on_wait or trouble.begins
        self._on_answer = on_answer or trouble.ends
        self._own = _Own()
        self.network = Network(
            bootstrap_servers, client_id, self.waiting, reach, self._changed, paces
        )
        self.places = self.network.places
        self.is_closed = False
        self.why_closed: OttlaError = Closed("the client is closed")
        forked.tell(self)
        self._driver: Driver | None = None

    @property
    def cluster_id(self) -> str | None:
        """The cluster's id, as it was told last."""
        return self.network.cluster_id

    @property
    def controller_id(self) -> int:
        """The id of the node that was told last to be asked what changes the cluster."""
        return self.network.controller_id

    # ------------------------------------------------------------ requests

    @_inside
    def request(self, message: Any, *, version: int | None = None) -> Any:
        """Ask any node.

        Raises:
            OttlaError: nobody could be reached, or no common version.
        """
        return self._send(self._any(), message, version).wait()

    @_inside
    def request_node(self, node_id: int, message: Any, *, version: int | None = None) -> Any:
        """Ask the node of that id.

        Raises:
            OttlaError: no such node, it can't be reached, or no common version.
        """
        return self._send(self.connection(node_id), message, version).wait()

    @_inside
    def request_nodes(
        self, node_ids: Iterable[int], ask: Callable[[Connection, int], Any]
    ) -> dict[int, Any | OttlaError]:
        """Ask several nodes at once: each is sent its request before any answer is waited for.

        `ask` makes a node's request for the connection it goes to, whose versions it may want to
        know. A node that could not be asked, or did not answer, has its error for an outcome.
        """
        outcomes: dict[int, Any | OttlaError] = {}
        connections: dict[int, Connection] = {}
        for node_id in node_ids:
            try:
                connections[node_id] = self._to_node(node_id)
            except OttlaError as error:
                outcomes[node_id] = error
        self._open(connections.values())
        answers: dict[int, Answer] = {}
        for node_id, connection in connections.items():
            try:
                connection.wait_open()
                answers[node_id] = self._send(connection, ask(connection, node_id), None)
            except OttlaError as error:
                outcomes[node_id] = error
        self.waiting.wait_for(lambda: all(a.done for a in answers.values()))
        for node_id, answer in answers.items():
            try:
                outcomes[node_id] = answer.response()
            except OttlaError as error:
                outcomes[node_id] = error
        return outcomes

    @_inside
    def request_coordinator(self, group: str, message: Any, *, kind: int = GROUP) -> Any:
        """Ask the coordinator of a group (or of a transactional id, by `kind`).

        Raises:
            OttlaError: there is none yet, or it can't be reached.
        """
        return self.request_node(self.coordinator(group, kind=kind), message)

    @contextmanager
    def within(self, timeout_ms: int) -> Iterator[None]:
        """Calls that this thread makes meanwhile end by then, though `timeout_ms` may be longer."""
        outer_ms = self._own.deadline_ms
        deadline_ms = self.waiting.now_ms() + timeout_ms
        self._own.deadline_ms = min(deadline_ms, outer_ms or deadline_ms)
        try:
            yield
        finally:
            self._own.deadline_ms = outer_ms

    @_inside
    def attempt(
        self, call: Callable[[], T], *, coordinator_of: str | None = None, kind: int = GROUP
    ) -> T:
        """Call until it succeeds, fails for good, or `timeout_ms` is over.

        Lost connections and retriable errors of the node are tried again; with `coordinator_of`, an
        error that says so makes the next call ask again who coordinates that group (or what else
        `kind` says). A topic that is not there is told at once: wrong names are more common than
        topics that are about to appear.
        """
        outer_ms = self._own.deadline_ms
        began_ms = self.waiting.now_ms()
        deadline_ms = began_ms + self.timeout_ms
        self._own.deadline_ms = deadline_ms = min(deadline_ms, outer_ms or deadline_ms)
        backoff = Backoff(BACKOFF_MS, BACKOFF_MS_MAX)
        try:
            while True:
                try:
                    return call()
                except OttlaError as error:
                    if not passes(error):
                        raise
                    if coordinator_of is not None and isinstance(error, BrokerError):
                        self.doubt_coordinator(coordinator_of, error, kind=kind)
                    last = error
                again_ms = self.waiting.now_ms() + backoff.next_ms()
                if again_ms > deadline_ms:
                    raise last
                self._tell(last, again_ms - began_ms)
                self._wait_until(again_ms)
        finally:
            self._own.deadline_ms = outer_ms

    def _tell(self, error: OttlaError, waited_ms: int) -> None:
        """Say once, when that has lasted a while, that a node tells us to come again; that none
        answers is said where they are dialed.
        """
        if waited_ms < TOLD_AFTER_MS or self._told or not isinstance(error, BrokerError):
            return
        if self._on_wait is not None:
            self._told = True
            self._on_wait(error)

    def attempt_nodes(
        self,
        node_ids: Iterable[int],
        ask: Callable[[Connection, int], Any],
        read: Callable[[Any], T],
    ) -> dict[int, T]:
        """Ask several nodes the same, all at once; those that failed are asked again.

        Raises:
            OttlaError: one of them could not be asked, or `read` refused its answer.
        """
        done: dict[int, T] = {}
        wanted = list(node_ids)

        def call() -> None:
            failures: list[OttlaError] = []
            missing = [node_id for node_id in wanted if node_id not in done]
            for node_id, outcome in self.request_nodes(missing, ask).items():
                try:
                    done[node_id] = read(answered(outcome))
                except OttlaError as error:
                    failures.append(error)
            if failures:
                raise gravest(failures)

        self.attempt(call)
        return {node_id: done[node_id] for node_id in wanted}

    def _send(self, connection: Connection, message: Any, version: int | None) -> Answer:
        return connection.send(message, timeout_ms=self._patience_ms(), version=version)

    def _patience_ms(self) -> int:
        """For one answer: `request_timeout_ms`, or what is left of the whole call."""
        if self._own.deadline_ms is None:
            return self.request_timeout_ms
        return min(self.request_timeout_ms, max(1, self._own.deadline_ms - self.waiting.now_ms()))

    def chance(self) -> float:
        """A number from 0 to 1 that nobody can foresee."""
        return self.waiting.random() / 2**32

    def _wait_until(self, until_ms: int) -> None:
        """Let time pass; a connection that is lost meanwhile is noticed."""
        self.waiting.wait_for(lambda: False, until_ms)

    # ------------------------------------------------------------ who is where

    @_inside
    def nodes(self) -> dict[int, ClusterNode]:
        """The brokers by id, as of a few minutes ago at most."""
        known_at_ms = self.network.nodes_known_at_ms
        if known_at_ms is None or self.waiting.now_ms() - known_at_ms > METADATA_AGE_MS_MAX:
            self.metadata(topics=[])
        return self.network.nodes

    @_inside
    def metadata(
        self,
        *,
        topics: list[str] | None = None,
        topic_ids: Iterable[bytes] = (),
        create: bool = False,
    ) -> Any:
        """A fresh Metadata response: of some topics, or of all with None.

        What it says of brokers and leaders is remembered.
        """
        names = None if topics is None and not topic_ids else topics or ()
        response = self.request(metadata_request(names, topic_ids, create=create))
        self.network.learn(response)
        return response

    def leader(self, topic: str, partition: int) -> int:
        """The id of the node that leads a partition.

        Raises:
            BrokerError: no such topic or partition, or no leader right now.
        """
        place = (topic, partition)
        found = self.leaders([place])[place]
        if isinstance(found, BrokerError):
            raise found
        return found

    @_inside
    def leaders(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int | BrokerError]:
        """The ids of the nodes that lead partitions; one Metadata request for all it must ask for.

        Raises:
            OttlaError: nobody could be reached.
        """
        wanted = list(places)
        errors: dict[TopicPartition, BrokerError] = {}
        unknown = [place for place in wanted if self.places.leader(place) is None]
        if unknown:
            rows = {}
            for row in self.metadata(topics=list(dict.fromkeys(t for t, _ in unknown))).topics:
                rows[row.name] = row
            errors = {place: why_none(rows.get(place[0]), place) for place in unknown}
        found = {place: self.places.leader(place) for place in wanted}
        return {p: errors[p] if leader is None else leader for p, leader in found.items()}

    @_inside
    def topic_id(self, topic: str, partition: int) -> bytes:
        """The id that the topic had when the partition's leader was asked for; else zeros."""
        return self.places.topic_id((topic, partition))

    @_inside
    def doubt_leader(self, place: TopicPartition, error: BrokerError) -> None:
        """An error came back for a partition: ask again who leads it, if it says so."""
        if error.code in LEADER_ERRORS:
            self.places.doubt_leader(place)

    def coordinator(self, key: str, *, kind: int = GROUP) -> int:
        """The id of the node that coordinates a group (or a transactional id).

        Raises:
            BrokerError: there is none right now (retriable), or the cluster has none of that kind.
        """
        found = self.coordinators([key], kind=kind)[key]
        if isinstance(found, BrokerError):
            raise found
        return found

    @_inside
    def coordinators(
        self, keys: Iterable[str], *, kind: int = GROUP
    ) -> dict[str, int | BrokerError]:
        """The ids of the nodes that coordinate groups (or transactional ids); one FindCoordinator
        request for all it must ask for, where nodes take several keys.

        Raises:
            OttlaError: nobody could be reached.
        """
        wanted = list(keys)
        errors: dict[str, BrokerError] = {}
        unknown = [key for key in wanted if self.places.coordinator(kind, key) is None]
        for key, row in self._find_coordinators(unknown, kind):
            try:
                self.network.learn_coordinator_row(kind, key, row)
            except BrokerError as error:
                errors[key] = error
        found = {key: self.places.coordinator(kind, key) for key in wanted}
        none = BrokerError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        return {k: errors.get(k, none) if node is None else node for k, node in found.items()}

    def _find_coordinators(self, keys: list[str], kind: int) -> Iterator[tuple[str, Any]]:
        """Each key with what FindCoordinator says of it."""
        from ottla.wire.messages.find_coordinator import FindCoordinatorRequest

        if not keys:
            return
        connection = self._any()
        if connection.version_for(FindCoordinatorRequest) >= 4:
            question = FindCoordinatorRequest(key_type=kind, coordinator_keys=keys)
            for row in self._send(connection, question, None).wait().coordinators:
                yield row.key, row
            return
        for key in keys:
            question = FindCoordinatorRequest(key_type=kind, key=key)
            yield key, self._send(connection, question, None).wait()

    @_inside
    def doubt_coordinator(self, key: str, error: BrokerError, *, kind: int = GROUP) -> None:
        """An error came back for a group: ask again who coordinates it, if it says so."""
        if error.code in COORDINATOR_ERRORS:
            self.places.doubt_coordinator(kind, key)

    # ------------------------------------------------------------ connections

    @_inside
    def connection(self, node_id: int | None = None) -> Connection:
        """The open connection to a node, opened if needed; to any node with None.

        Raises:
            OttlaError: no such node, or it can't be reached.
        """
        if node_id is None:
            return self._any()
        connection = self._to_node(node_id)
        self._open([connection])
        connection.wait_open()
        return connection

    def _to_node(self, node_id: int) -> Connection:
        """The connection to a node, open or not."""
        node = self.network.nodes.get(node_id)
        if self.network.is_doubted(node_id):
            node = self.nodes().get(node_id)
        if node is None:
            self.places.doubt_node(node_id)
            raise BrokerError(
                ErrorCode.BROKER_NOT_AVAILABLE, f"the cluster has no node {node_id} right now"
            )
        return self.network.to_address(node.host, node.port)

    def _open(self, connections: Iterable[Connection], within_ms: int | None = None) -> None:
        """Until each is open or has failed; none is dialed before its time."""
        within_ms = self.timeout_ms if within_ms is None else within_ms
        wanted = list(connections)
        undialed = [connection for connection in wanted if connection.closed]
        while True:
            now_ms = self.waiting.now_ms()
            late = self._own.deadline_ms is not None and now_ms >= self._own.deadline_ms
            for connection in [c for c in undialed if c.dial_at_ms <= now_ms]:
                undialed.remove(connection)
                connection.begin(min(self._patience_ms(), within_ms))
            dialed = [c for c in wanted if c not in undialed]
            next_ms = min((c.dial_at_ms for c in undialed), default=None)

            def done(dialed: list[Connection] = dialed) -> bool:
                return all(c.open or c.closed for c in dialed)

            if done() and (not undialed or late):
                return
            # Those that wait for their time are dialed then, whatever becomes of the others.
            self.waiting.wait_for(done if not undialed else lambda: False, next_ms)

    def _any(self) -> Connection:
        return self.network.open_connection() or self._bootstrap_connection()

    def _bootstrap_connection(self) -> Connection:
        """Try every known address until one answers or the time is over."""
        deadline_ms = self.waiting.now_ms() + self._connect_timeout_ms
        deadline_ms = min(deadline_ms, self._own.deadline_ms or deadline_ms)
        while True:
            now_ms = self.waiting.now_ms()
            found = self.network.to_any(now_ms, min(self._patience_ms(), self._connect_timeout_ms))
            if found is not None:
                return found
            connections = self.network.ways()
            again_ms = self.network.next_any_ms(now_ms)
            if all(connection.closed for connection in connections):
                last = to_tell(connections)
                assert again_ms is not None
                if again_ms > deadline_ms:
                    raise Unreachable(str(last), hint=last.hint)
                self._alone(last)
            before = [(c.open, c.closed) for c in connections]
            moved = functools.partial(_moved, connections, before)
            self.waiting.wait_for(moved, again_ms)

    def _alone(self, failure: OttlaError) -> None:
        """Nobody answers, and it is tried again: say so, once."""
        if not self._is_alone:
            self._is_alone = True
            self._on_wait(failure)

    def _changed(self) -> None:
        """A connection has opened or was lost."""
        if self._is_alone and any(connection.open for connection in self.network.all()):
            self._is_alone = False
            self._on_answer()
        self.wake()

    def run(self, machine: Driven) -> None:
        """Drive a machine from now on, in the client's own thread, which the first one starts."""
        with self.waiting:
            if self.is_closed:
                raise self.why_closed
            if self._driver is None:
                from ottla.client.driving import Driver

                self._driver = Driver(
                    self.network,
                    self.waiting,
                    self._alone,
                    self.request_timeout_ms,
                    self._metadata_max_age_ms,
                )
            self._driver.add(machine)

    def wake(self) -> None:
        """A machine may have something to ask. Any thread may say so."""
        driver = self._driver
        if driver is not None:
            driver.wake()

    def is_own_thread(self, ident: int) -> bool:
        """Whether that is the client's own thread, in which callbacks run."""
        return self._driver is not None and self._driver.ident == ident

    def drop(self, machine: Driven, ways: Iterable[int] = ()) -> None:
        """Leave a machine alone: nothing is asked or told of it any more, and its connections are
        closed.
        """
        with self.waiting:
            if self._driver is not None:
                self._driver.remove(machine)
            for way in ways:
                self.network.close_way(way)

    def let_go(self, why: OttlaError) -> None:
        """Nothing of this client is of use in this process, and its sockets are another's."""
        self.waiting.let_go()
        self.is_closed, self.why_closed = True, why
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.break_off(why)
        self.network.let_go()

    def close(self) -> None:
        """Close every connection, and end the client's thread, if it has one. What it still drives
        ends with it. Calling it again does nothing.
        """
        calls: list[Callable[[], object]] = []
        with self.waiting:
            self.is_closed = True
            driver, self._driver = self._driver, None
            if driver is not None:
                calls = driver.break_off(Closed("its client was closed"))
        if driver is not None:
            driver.close()
        with self.waiting:
            self.network.close()
        self.waiting.close()
        for call in calls:
            call()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _moved(connections: list[Connection], before: list[tuple[bool, bool]]) -> bool:
    """Whether one of them has opened or closed since."""
    return [(c.open, c.closed) for c in connections] != before
