"""One instance of the registry: its state, and who may write.

Reads are answered from the state. A write is decided by the leader, one at a time, and answered
when its records are in the state; every other instance sends it on to the leader, and answers when
it has read them itself. So an id that was answered is known to who answered it. What is not found
is looked for once more at the end of the log, before the answer is that it is not there: so it is
known to every instance.

What stays true: nobody decides before all that is in the log at the beginning of its leadership is
in its state; and what was decided is answered as done only if the log, as it then is, says so,
whoever else has written meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

from ottla.client import Client
from ottla.client.settings import Settings
from ottla.registry import topic
from ottla.registry.deciding.decision import Decision
from ottla.registry.election.elector import TIMES, Elector, GroupTimes
from ottla.registry.election.identity import Identity
from ottla.registry.election.leadership import Leadership
from ottla.registry.forwarding import Forwarder, ForwardingFailed
from ottla.registry.keys import records
from ottla.registry.keys.ring import Ring
from ottla.registry.languages import Reading
from ottla.registry.log import Log
from ottla.registry.refusals import (
    TOOK_TOO_LONG,
    UNKNOWN_LEADER,
    refusal,
)
from ottla.registry.state import State
from ottla.registry.topic import Topic
from ottla.steady import steady_s
from ottla.web.operation import Answer, Refusal, Request, dense

GROUP = "schema-registry"
WORKERS = 8
COMPARERS = 2
WRITE_PATIENCE_S = 20.0
LEADER_PATIENCE_S = 10.0
DECIDING_S = 5.0
"""With less time than this nothing is begun."""
GIVE_UP_S = 2.0
"""For so long a round waits for a write."""
END_PATIENCE_S = 3.0
"""For so long is Kafka asked for what was written meanwhile, before something is not there."""

_log = logging.getLogger("ottla.registry")

T = TypeVar("T")


class Instance:
    """Who answers for the state; `start` it with the address that others reach it at.

    Args:
        settings: of the client that reaches Kafka.
        is_eligible: whether it may lead.
        trusts: how a leader at https is known; by the system's authorities without it.
        times: how patient the instances are with each other.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        topic_name: str = topic.NAME,
        keys_topic_name: str = records.TOPIC,
        group: str = GROUP,
        is_eligible: bool = True,
        trusts: ssl.SSLContext | None = None,
        times: GroupTimes = TIMES,
    ) -> None:
        self._settings = dict(settings)
        self.group = group
        self._is_eligible = is_eligible
        self._times = times
        self.state = State()
        self.reading = Reading(self.state)
        self.topic = Topic(self.state.apply, topic_name)
        self.ring = Ring()
        """The keys for encryption; looked into through `keys`."""
        self.keys = Log(
            Topic(self.ring.apply, keys_topic_name), self.ring.holds, self.ring.why_unsafe
        )
        self._schemas = Log(self.topic, self.state.holds)
        self.client: Client | None = None
        self._elector: Elector | None = None
        self._forwarder = Forwarder(trusts)
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._workers = ThreadPoolExecutor(WORKERS, "ottla-registry")
        # Writes wait for a leader and for Kafka: what only reads does not wait behind them.
        self._writers = ThreadPoolExecutor(WORKERS, "ottla-registry-write")
        self._comparers = ThreadPoolExecutor(COMPARERS, "ottla-registry-compare")

    # ------------------------------------------------------------ beginning and end

    def load(self) -> None:
        """Make the topic if it is not there, and read all that is in it.

        Raises:
            OttlaError: Kafka can't be reached, or the topic can't keep schemas.
        """
        self.client = Settings("producer", self._settings).client(
            on_wait=lambda error: _log.warning("Kafka does not answer (%s); still trying", error),
            on_answer=lambda: _log.info("Kafka answers again"),
        )
        try:
            self._schemas.open(self.client, make=True)
        except BaseException:
            self.close()
            raise

    def join(self, host: str, port: int, scheme: str = "http") -> None:
        """Take part in electing a leader, under an address that the others reach."""
        assert self.client is not None
        self._elector = Elector(
            self.client,
            identity=Identity(host, port, scheme, self._is_eligible),
            on_change=self._on_leadership,
            group_id=self.group,
            times=self._times,
        )
        self._elector.start()

    def close(self) -> None:
        """Leave the group, and let go of everything; again: nothing."""
        with ExitStack() as ends:  # from the last to the first, whatever goes wrong in one
            # Those who still wait for Kafka on behalf of nobody end with the client.
            ends.callback(self._workers.shutdown, wait=True)
            ends.callback(self._comparers.shutdown, wait=True)
            if self.client is not None:
                ends.callback(self.client.close)
            ends.callback(self._forwarder.close)
            ends.callback(self.keys.close)
            ends.callback(self._schemas.close)
            ends.callback(self._writers.shutdown, wait=True)
            if self._elector is not None:
                ends.callback(self._elector.close)

    @property
    def leadership(self) -> Leadership:
        """Who leads, as far as this instance knows."""
        return self._elector.leadership if self._elector else Leadership()

    @property
    def trouble(self) -> str | None:
        """Why nothing is read or nobody is elected just now."""
        elected = self._elector.trouble if self._elector else None
        return self.topic.trouble or self.keys.topic.trouble or elected

    def _on_leadership(self, told: Leadership) -> None:
        with self._changed:
            self._changed.notify_all()
        # The round waits for this: what is being written is in the log before another may lead.
        if not told.is_mine and self._writing.acquire(timeout=GIVE_UP_S):
            self._writing.release()

    # ------------------------------------------------------------ reading

    async def read(self, look: Callable[[], T]) -> T:
        """What a look at the state gives, at once; what is not found is looked for at the end.

        Raises:
            Refusal: what `look` raises; 50001 or 50002, it is not found, and Kafka is away.
        """
        before = self.topic.applied
        try:
            return look()
        except Refusal as refusal:
            if refusal.status != 404 or not await self._has_more_than(before):
                raise
        return look()

    async def work(self, look: Callable[[], T], *, compares: bool = False) -> T:
        """The same for a look that takes time, in a thread of its own.

        Args:
            compares: whether schemas are compared, which may take seconds: what only reads does
                not wait behind that.
        """
        workers = self._comparers if compares else self._workers
        before = self.topic.applied
        try:
            return await self._in_thread(look, workers)
        except Refusal as refusal:
            if refusal.status != 404 or not await self._has_more_than(before):
                raise
        return await self._in_thread(look, workers)

    async def work_on_keys(self, look: Callable[[], T]) -> T:
        """The same for a look at the keys, whose topic is read when it is first asked for.

        Raises:
            Refusal: what `look` raises; 50001, the topic can't be read.
        """
        client = self.client
        assert client is not None
        return await self._in_thread(lambda: self.keys.look(client, look))

    async def _in_thread(
        self, call: Callable[[], T], workers: ThreadPoolExecutor | None = None
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(workers or self._workers, call)

    async def _has_more_than(self, before: int) -> bool:
        """Read up to the end of the log; whether a look at what was applied before missed a part.

        Each asks for itself: an end that another asked for before may be older than what is wanted.
        """
        end = await self._in_thread(self.topic.end)
        if end > self.topic.applied:
            await self._in_thread(lambda: self.topic.reach(end, END_PATIENCE_S))
        return self.topic.applied != before

    # ------------------------------------------------------------ writing

    async def write(
        self, request: Request, decide: Callable[[], Decision], log: Log | None = None
    ) -> Answer:
        """Decide a request and write what it comes to, or have the leader do it.

        Args:
            log: where it is written; `_schemas` unless another is named.

        Raises:
            Refusal: what `decide` raises; 50001 to 50004.
        """
        log = log or self._schemas
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writers, lambda: self._write(request, decide, log))

    def _write(self, request: Request, decide: Callable[[], Decision], log: Log) -> Answer:
        until = steady_s() + WRITE_PATIENCE_S
        other_by = steady_s() + LEADER_PATIENCE_S
        while True:
            leadership = self._leader_by(other_by)
            if leadership.is_mine:
                return self._in_turn(decide, log, until)
            try:
                return self._forward(leadership, request, log, until)
            except ForwardingFailed as error:
                # Nobody listens there: nothing was sent, and the others soon elect another.
                is_gone = isinstance(error.__cause__, ConnectionRefusedError)
                if not is_gone or not self._has_changed(leadership, other_by):
                    raise refusal(error.error_code, str(error), hint=error.hint) from None

    def _in_turn(self, decide: Callable[[], Decision], log: Log, until: float) -> Answer:
        """One decision at a time; who waited too long for the others is told before anything."""
        if not self._writing.acquire(timeout=max(until - steady_s() - DECIDING_S, 0)):
            raise refusal(TOOK_TOO_LONG, "others are being written before this: try again")
        try:
            return self._decided(decide, log, until)
        finally:
            self._writing.release()

    def _decided(self, decide: Callable[[], Decision], log: Log, until: float) -> Answer:
        leadership = self.leadership
        if not leadership.is_mine:
            raise refusal(UNKNOWN_LEADER, self._why_not_mine(leadership))
        assert self.client is not None

        def still_leads() -> bool:
            now = self.leadership
            return now.is_mine and now.generation == leadership.generation

        decision = log.decided(
            self.client, leadership.generation, decide, until, still_leads=still_leads
        )
        body = b"" if decision.status == 204 else dense(decision.answer)
        return Answer(decision.status, body)

    def _why_not_mine(self, leadership: Leadership) -> str:
        if leadership.leader is not None and not self.trouble:
            return f"{leadership.leader.url} has become the leader: try again"
        why = f": {self.trouble}" if self.trouble else ""
        return f"this instance can't say any more that it leads{why}"

    def _leader_by(self, until: float) -> Leadership:
        """Who leads; while nobody does, an election is waited for.

        Raises:
            Refusal: 50004, nobody was elected in time.
        """
        with self._changed:
            while True:
                leadership = self.leadership
                left = until - steady_s()
                if leadership.is_mine or leadership.leader is not None:
                    return leadership
                if left <= 0:
                    why = f": {self.trouble}" if self.trouble else ""
                    raise refusal(UNKNOWN_LEADER, f"no instance leads, so nothing can change{why}")
                self._changed.wait(min(left, 1.0))

    def _has_changed(self, leadership: Leadership, until: float) -> bool:
        """Wait for another leadership than this one; whether there is one in time."""
        with self._changed:
            while self.leadership == leadership:
                left = until - steady_s()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1.0))
        return True

    def _forward(self, leadership: Leadership, request: Request, log: Log, until: float) -> Answer:
        done = self._forwarder.forward(
            leadership.leader.url if leadership.leader else None,
            request.method,
            request.target,
            request.headers.items(),
            request.body,
            int((until - steady_s()) * 1000),
        )
        if done.status < 300 and self.client is not None:
            log.reach_end(self.client, until)
        kind = {name.lower(): value for name, value in done.headers}.get("content-type")
        return Answer(done.status, done.body, kind)
