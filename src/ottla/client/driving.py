"""The client's own thread: it takes what its machines ask, sends it, and tells them how it ended.

Nothing here decides: where a request goes is the machine's word, and what comes of its end too.
What stays here is the way to a node: an address that is not known is asked for, a connection is
begun when its time has come, and a request that can't be sent fails with the reason why. The
metadata that machines wait for is asked for here, once for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.client.backoff import Backoff
from ottla.client.connecting.answer import Answer
from ottla.client.connecting.connection import Connection
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut, Unreachable
from ottla.client.lookups import find_coordinator, metadata_request
from ottla.client.machine import AnyNode, Ask, Coordinator, Destination, Driven, Node
from ottla.client.network import Network
from ottla.errors import BrokenInvariant, OttlaError
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.client.connecting.waiting import Waiting

METADATA_BACKOFF_MS = 100
METADATA_BACKOFF_MS_MAX = 1000
MISSED_TOLD = 5
"""How often a topic is asked for in vain until the log says so."""


class _Errand:
    """A request of a machine on its way: not sent yet, or waited for."""

    __slots__ = ("answer", "ask", "begun_ms", "connection", "deadline_ms", "is_over", "machine")

    def __init__(self, machine: Driven | None, ask: Ask, now_ms: int) -> None:
        self.machine = machine
        self.ask = ask
        self.begun_ms = now_ms
        self.deadline_ms = now_ms + ask.timeout_ms
        self.connection: Connection | None = None
        """The one that was begun for it."""
        self.is_over = False
        """Whether it waits for nothing any more: it was sent, or its machine was told."""
        self.answer: Answer | None = None


class _Wants(NamedTuple):
    """What one machine wants the client to know."""

    topics: frozenset[str]
    topics_to_make: frozenset[str]
    topic_ids: frozenset[bytes]
    all_topics: bool


class Driver:
    """Runs machines until it is closed.

    Args:
        alone: told whenever something is to be asked, and nobody answers.
        timeout_ms: for one answer, of what is asked here.
        metadata_max_age_ms: after so long topics and leaders are asked for again.
    """

    def __init__(
        self,
        network: Network,
        waiting: Waiting,
        alone: Callable[[OttlaError], object],
        timeout_ms: int,
        metadata_max_age_ms: int,
    ) -> None:
        self._timeout_ms = timeout_ms
        self._network = network
        self._waiting = waiting
        self._alone = alone
        self._machines: list[Driven] = []
        self._unsent: list[_Errand] = []
        self._ended: list[_Errand] = []
        self._calls: list[Callable[[], object]] = []
        self._closed = self._woken = False
        self.broken: OttlaError | None = None
        """Why the thread has ended by itself, if it has."""
        self._metadata = _Metadata(network, timeout_ms, metadata_max_age_ms)
        self._lookups: dict[Coordinator, _Errand] = {}
        self._deadline_ms: int | None = None
        self._thread = threading.Thread(target=self._run, name="ottla-client", daemon=True)

    # ------------------------------------------------------------ from any thread, inside

    def add(self, machine: Driven) -> None:
        """Drive it from now on.

        Raises:
            BrokenInvariant: the thread has failed.
        """
        if self.broken is not None:
            raise self.broken
        self._machines.append(machine)
        if not self._thread.is_alive():
            self._thread.start()
        self.wake()

    def wake(self) -> None:
        """A machine may have something to ask. Not only from inside."""
        self._woken = True
        self._waiting.wake()

    @property
    def ident(self) -> int | None:
        """The thread's."""
        return self._thread.ident

    def remove(self, machine: Driven) -> None:
        """Ask nothing and tell nothing of it any more."""
        if machine in self._machines:
            self._machines.remove(machine)

    def close(self) -> None:
        """End the thread. Called outside of the monitor."""
        with self._waiting:
            self._closed = True
        self._waiting.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            with self._waiting:
                if self._closed:
                    return
                failure: BaseException | None = None
                try:
                    calls = self._round()
                except BaseException as error:
                    failure = error
                    calls = self._break(error)
            # Callbacks of users run with nothing held.
            for call in calls:
                try:
                    call()
                except Exception:  # it is the user's, and must not end the thread
                    import logging

                    logging.getLogger("ottla.client").exception("a callback failed")
            if failure is not None:
                with self._waiting:
                    self._waiting.look()
                raise failure

    def _round(self) -> list[Callable[[], object]]:
        """One turn, and a wait for what comes next unless somebody is to be called."""
        self._turn()
        self._waiting.look()
        calls, self._calls = self._calls, []
        if not calls and not self._has_work():
            self._waiting.wait_for(self._has_work, self._deadline_ms)
        return calls

    def _break(self, error: BaseException) -> list[Callable[[], object]]:
        """A mistake of ours: whoever waits is told, for nobody will drive it any more. Who is to be
        called once more.
        """
        self.broken = BrokenInvariant(f"the client's thread has failed: {error!r}")
        self._closed = True
        return self.break_off(self.broken)

    def break_off(self, error: OttlaError) -> list[Callable[[], object]]:
        """Nobody drives these machines any more; who is to be called once more. Inside."""
        calls, self._calls = self._calls, []
        for machine in self._machines:
            machine.break_off(error)
            calls += machine.calls()
        self._waiting.look()
        return calls

    def _has_work(self) -> bool:
        return self._closed or self._woken or bool(self._ended)

    def _turn(self) -> None:
        now_ms = self._waiting.now_ms()
        self._woken = False
        ended, self._ended = self._ended, []
        for errand in ended:
            self._tell(errand, now_ms)
        wants = [
            found for machine in list(self._machines) if (found := self._hear(machine, now_ms))
        ]
        self._metadata.want(wants)
        self._unsent += self._metadata.asks(now_ms)
        # What one of them comes to may be the end of others too.
        for errand in list(self._unsent):
            if not errand.is_over and self._sent(errand, now_ms):
                errand.is_over = True
        self._unsent = [errand for errand in self._unsent if not errand.is_over]
        self._deadline_ms = self._next_deadline_ms(now_ms)

    def _hear(self, machine: Driven, now_ms: int) -> _Wants | None:
        """What a machine has to say now, and the topics that it wants to know of."""
        try:
            for doubted in machine.doubts():
                self._doubt(doubted)
            self._unsent += [_Errand(machine, ask, now_ms) for ask in machine.asks(now_ms)]
            self._calls += machine.calls()
            return _Wants(
                frozenset(machine.topics),
                frozenset(machine.topics_to_make),
                frozenset(machine.topic_ids),
                machine.wants_all_topics,
            )
        except Exception as error:
            self._end(machine, error)
            return None

    def _end(self, machine: Driven, error: Exception) -> None:
        """A mistake of ours in one machine ends that one: the others of the client go on."""
        import logging

        logging.getLogger("ottla.client").error("a bug of ottla.client", exc_info=error)
        self._machines.remove(machine)
        machine.break_off(BrokenInvariant(f"the client has failed: {error!r}"))
        self._calls += machine.calls()
        self._woken = True

    def _doubt(self, place: Destination) -> None:
        if isinstance(place, Coordinator):
            self._network.places.doubt_coordinator(place.kind, place.key)
        elif isinstance(place, Node):
            self._network.places.doubt_node(place.id)

    def _next_deadline_ms(self, now_ms: int) -> int | None:
        found = []
        for machine in list(self._machines):
            try:
                if (at := machine.deadline_ms) is not None:
                    found.append(at)
            except Exception as error:
                self._end(machine, error)
        found += [errand.deadline_ms for errand in self._unsent]
        for errand in self._unsent:
            connection = errand.connection
            if connection is not None and connection.closed:
                found.append(max(now_ms + 1, connection.dial_at_ms))
        for_any = any(isinstance(errand.ask.to, AnyNode) for errand in self._unsent)
        if for_any and (at := self._network.next_any_ms(now_ms)) is not None:
            found.append(at)
        if (at := self._metadata.deadline_ms) is not None:
            found.append(at)
        return min(found, default=None)

    # ------------------------------------------------------------ errands

    def _sent(self, errand: _Errand, now_ms: int) -> bool:
        """Whether it is sent, or has ended; else it waits for something."""
        if errand.machine is not None and errand.machine not in self._machines:
            return True  # nobody wants to know any more
        if now_ms >= errand.deadline_ms:
            return self._fail(errand, self._late(errand))
        try:
            connection = self._way(errand, now_ms)
            if connection is None:
                return False
            left_ms = max(1, errand.deadline_ms - now_ms)
            message, version = errand.ask.message, errand.ask.version
            if callable(message):
                message = message(connection)
            if isinstance(message, tuple):
                message, version = message
            errand.answer = connection.send(
                message,
                timeout_ms=left_ms,
                version=version,
                answered=errand.ask.answered,
            )
        except OttlaError as error:
            return self._fail(errand, error)
        except Exception as error:  # what a request is made of may be the user's
            return self._fail(errand, BrokenInvariant(f"a request can't be made: {error!r}"))
        if errand.answer.done:
            self._ended.append(errand)
        else:
            errand.answer.then = lambda _: self._ended.append(errand)
        return True

    def _late(self, errand: _Errand) -> OttlaError:
        """Why nothing was sent in its time."""
        text = f"no node could be asked within {errand.ask.timeout_ms} ms"
        connection = errand.connection
        known = self._network.ways() if connection is None else [connection]
        failures = [one.failure for one in known if one.failure is not None]
        if not failures:
            return TimedOut(text)
        return Unreachable(f"{text}: {failures[-1]}", hint=failures[-1].hint)

    def _fail(self, errand: _Errand, error: OttlaError) -> bool:
        self._tell_outcome(errand, error, self._waiting.now_ms())
        # The machines were asked before in this turn: what they say to this is heard in the next.
        self._woken = True
        return True

    def _way(self, errand: _Errand, now_ms: int) -> Connection | None:
        """The open connection to where an errand goes; None while there is none yet.

        Raises:
            OttlaError: there will be none.
        """
        match errand.ask.to:
            case AnyNode():
                return self._any(now_ms)
            case Node() as node:
                return self._to_node(errand, node.id, now_ms)
            case Coordinator() as wanted:
                node_id = self._network.places.coordinator(wanted.kind, wanted.key)
                if node_id is None:
                    self._look_up(wanted, now_ms)
                    return None
                return self._to_node(errand, node_id, now_ms)

    def _to_node(self, errand: _Errand, node_id: int, now_ms: int) -> Connection | None:
        connection = self._network.way_to(node_id, errand.ask.way)
        if connection is None:
            known_at_ms = self._network.nodes_known_at_ms
            if known_at_ms is not None and known_at_ms > errand.begun_ms:
                # No refusal of the node's: whoever asks looks again where to ask.
                raise TimedOut(f"the cluster has no node {node_id} right now")
            self._metadata.need_nodes()
            return None
        return self._opened(errand, connection, now_ms)

    def _opened(self, errand: _Errand, connection: Connection, now_ms: int) -> Connection | None:
        if connection.open:
            return connection
        if connection.closed:
            if errand.connection is connection and connection.dial_at_ms > now_ms:
                raise connection.failure or ConnectionFailed(
                    connection.host, connection.port, "the connection is closed"
                )
            errand.connection = connection
            if connection.dial_at_ms <= now_ms:
                connection.begin(min(self._timeout_ms, errand.deadline_ms - now_ms))
                if connection.closed and connection.failure is not None:
                    raise connection.failure
        return None

    def _any(self, now_ms: int) -> Connection | None:
        found = self._network.to_any(now_ms, self._timeout_ms)
        if found is None:
            known = self._network.ways()
            if all(connection.closed for connection in known):
                self._network.raise_what_stays(known)
                if (failure := self._network.last_failure()) is not None:
                    self._alone(failure)
        return found

    def _look_up(self, wanted: Coordinator, now_ms: int) -> None:
        """Ask for a coordinator; those who wait for it look again when that was answered."""
        if wanted in self._lookups:
            return
        ask = Ask(0, AnyNode(), find_coordinator(wanted.kind, wanted.key), self._timeout_ms)
        errand = self._lookups[wanted] = _Errand(None, ask, now_ms)
        if not self._sent(errand, now_ms):
            self._unsent.append(errand)

    # ------------------------------------------------------------ ends

    def _tell(self, errand: _Errand, now_ms: int) -> None:
        assert errand.answer is not None
        try:
            outcome = errand.answer.response() if errand.ask.answered else None
            if isinstance(errand.answer.failure, OttlaError):
                outcome = errand.answer.failure
        except OttlaError as error:
            outcome = error
        self._tell_outcome(errand, outcome, now_ms)

    def _tell_outcome(self, errand: _Errand, outcome: Any | OttlaError, now_ms: int) -> None:
        machine = errand.machine
        if machine is not None:
            if machine in self._machines:
                try:
                    machine.answered(errand.ask.token, outcome, now_ms)
                except Exception as error:
                    self._end(machine, error)
        elif isinstance(errand.ask.to, AnyNode) and errand in self._lookups.values():
            self._looked_up(errand, outcome, now_ms)
        else:
            self._metadata.answered(outcome, now_ms)

    def _looked_up(self, errand: _Errand, outcome: Any | OttlaError, now_ms: int) -> None:
        (wanted,) = [key for key, found in self._lookups.items() if found is errand]
        del self._lookups[wanted]
        error = outcome if isinstance(outcome, OttlaError) else None
        if error is None:
            try:
                self._network.learn_coordinator(wanted.kind, wanted.key, outcome)
                return
            except BrokerError as refused:
                error = refused
        # Whoever waited for it hears why there is none, and asks again when it likes to.
        for waiting in [one for one in self._unsent if one.ask.to == wanted and not one.is_over]:
            waiting.is_over = True
            self._tell_outcome(waiting, error, now_ms)


class _Metadata:
    """What is to be asked of topics and nodes, once for all who want to know."""

    def __init__(self, network: Network, timeout_ms: int, age_ms_max: int) -> None:
        self._network = network
        self._timeout_ms = timeout_ms
        self._age_ms_max = age_ms_max
        self._topics: set[str] = set()
        self._creating: set[str] = set()
        self._ids: set[bytes] = set()
        self._wants_all = self._asked_all = self._created = False
        self._all_at_ms: int | None = None
        """When all topics were told last."""
        self._needs_nodes = self._under_way = False
        self._again_ms: int | None = None
        self._backoff = Backoff(METADATA_BACKOFF_MS, METADATA_BACKOFF_MS_MAX)
        self._asked: set[str] = set()
        self._missed: dict[str, int] = {}
        """How often a topic was asked for that is not there."""

    def need_nodes(self) -> None:
        """Where a node is, is not known."""
        self._needs_nodes = True

    def want(self, wants: list[_Wants]) -> None:
        """The topics of these are of interest; some may be made by asking."""
        self._topics = {name for one in wants for name in one.topics}
        self._ids = {topic_id for one in wants for topic_id in one.topic_ids}
        wants_all = any(one.all_topics for one in wants)
        if wants_all != self._wants_all:
            self._wants_all, self._all_at_ms = wants_all, None
        self._creating = {name for one in wants for name in one.topics_to_make}

    def asks(self, now_ms: int) -> list[_Errand]:
        """The request to send, if there is one."""
        if self._under_way or (self._again_ms is not None and now_ms < self._again_ms):
            return []
        places = self._network.places
        unknown = {name for name in self._topics if places.is_doubted(name)}
        oldest = now_ms - self._age_ms_max
        old = {
            name
            for name in self._topics - unknown
            if (topic := places.topic(name)) is not None and topic.learned_at_ms <= oldest
        }
        if self._wants_all and (self._all_at_ms is None or self._all_at_ms <= oldest):
            self._under_way = self._asked_all = True
            self._asked = set()
            ask = Ask(0, AnyNode(), metadata_request(None), self._timeout_ms)
            return [_Errand(None, ask, now_ms)]
        if not (unknown or old or self._ids or self._needs_nodes):
            self._again_ms = None
            return []
        self._asked = unknown | old
        # Asking for a topic may make it: those that may not be made are asked for by themselves.
        may = self._asked & self._creating
        others = self._asked - self._creating
        # By turns, so that one kind that is never told does not keep the other waiting.
        create = self._created = bool(may) and not (others and self._created)
        self._asked = may if create else others
        self._under_way = True
        message = metadata_request(sorted(self._asked), self._ids, create=create)
        return [_Errand(None, Ask(0, AnyNode(), message, self._timeout_ms), now_ms)]

    def answered(self, outcome: Any | OttlaError, now_ms: int) -> None:
        """It was."""
        self._under_way = False
        settled = self._asked_all and not isinstance(outcome, OttlaError)
        if not isinstance(outcome, OttlaError):
            self._network.learn(outcome)
            self._needs_nodes = False
            if self._asked_all:
                self._all_at_ms = now_ms
                self._network.places.keep_only({row.name for row in outcome.topics})
            settled = not any(self._network.places.is_doubted(name) for name in self._asked)
            self._tell_missed()
        self._asked_all = False
        # What is still unknown is asked for again after a while, which grows.
        self._again_ms = now_ms + self._backoff.next_ms()
        if settled:
            self._backoff.reset()

    def _tell_missed(self) -> None:
        """Say once of each topic that it is waited for in vain."""
        places = self._network.places
        missed = {name for name in self._asked if (t := places.topic(name)) is not None and t.error}
        self._missed = {name: self._missed.get(name, 0) + 1 for name in missed}
        for name in [name for name, times in self._missed.items() if times == MISSED_TOLD]:
            import logging

            topic = places.topic(name)
            assert topic is not None
            text = ErrorCode(topic.error).text
            logging.getLogger("ottla.client").warning("topic '%s': %s; still trying", name, text)

    @property
    def deadline_ms(self) -> int | None:
        """When to ask again at the latest."""
        if self._under_way:
            return None
        places = self._network.places
        wants = bool(self._ids) or self._needs_nodes or any(map(places.is_doubted, self._topics))
        if wants:
            return self._again_ms or 0
        if self._wants_all and self._all_at_ms is not None:
            return self._all_at_ms + self._age_ms_max
        learned = [t.learned_at_ms for name in self._topics if (t := places.topic(name))]
        return min(learned) + self._age_ms_max if learned else None
