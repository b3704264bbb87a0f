"""The one thread that keeps an instance in its group, and tells the registry who leads.

    with Elector(client, identity=Identity("here", 8081), on_change=tell) as elector:
        if elector.leadership.is_mine: ...

It decides nothing: `standing` does, and the membership, which the client's own thread keeps with
its heartbeats. What stays true:

- `leadership.is_mine` looks at the lease each time it is read, so it turns false in time even if
  this thread, or the whole process, was held up.
- Whatever happens, the thread goes on until `close`: a membership that has failed is begun anew,
  after a while that doubles up to a minute, and `trouble` says why.
- `on_change` is called by this thread alone, one after the other, and has returned before this
  instance joins a round: who has led has had its chance to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from ottla.client.backoff import Backoff
from ottla.client.client import Client
from ottla.client.membership.classic_events import (
    ClassicEvent,
    ClassicSettings,
    Joined,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.events import Failed
from ottla.errors import OttlaError
from ottla.registry.election.identity import Identity
from ottla.registry.election.leadership import NOBODY, Leadership
from ottla.registry.election.member import RegistryMember, told
from ottla.registry.election.standing import PROTOCOL_TYPE, Standing

GROUP_ID = "schema-registry"
CLOSE_TIMEOUT_MS = 5_000
AGAIN_MS, AGAIN_MS_MAX = 500, 60_000
LOGGED_AFTER_MS = 2000
"""Trouble that passes sooner, as there is while a cluster starts, is not logged."""


class GroupTimes(NamedTuple):
    """How patient the group is; the defaults are those of Confluent's registry."""

    session_timeout_ms: int = 10_000
    """`kafkagroup.session.timeout.ms`: after so long a silence another instance may be elected."""
    heartbeat_interval_ms: int = 3_000
    """`kafkagroup.heartbeat.interval.ms`."""
    rebalance_timeout_ms: int = 300_000
    """`kafkagroup.rebalance.timeout.ms`: how long a round waits for each instance."""


TIMES = GroupTimes()


class Elector:
    """One instance's part in electing the leader.

    Args:
        client: a client of the cluster, which stays its owner's.
        identity: who this instance is; its URL is where others send what only a leader may do.
        on_change: told of every change. It must not take long: a round waits for it.
        times: how patient the group is.
    """

    def __init__(
        self,
        client: Client,
        *,
        identity: Identity,
        on_change: Callable[[Leadership], object],
        group_id: str = GROUP_ID,
        times: GroupTimes = TIMES,
    ) -> None:
        self._client = client
        self._identity = identity
        self._on_change = on_change
        self._settings = ClassicSettings(group_id, PROTOCOL_TYPE, **times._asdict())
        self._standing = Standing(identity)
        self._member: RegistryMember | None = None
        self._told = NOBODY
        """What `on_change` was told last."""
        self._failure: str | None = None
        """Why there is no membership."""
        self._trouble: str | None = None
        self._trouble_at_ms = 0
        self._logged: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ottla-election", daemon=True)

    # ------------------------------------------------------------ any thread

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def close(self) -> None:
        """Give up leading, and leave the group at once, so that others take over without waiting
        for the session's end. Calling it again does nothing.
        """
        self._closing.set()
        with self._client.waiting:
            self._client.waiting.look()
        if self._thread is threading.current_thread():
            return  # `on_change` has called it; what is left is done when that returns
        if self._thread.is_alive():
            self._thread.join(2 * CLOSE_TIMEOUT_MS / 1000)

    @property
    def leadership(self) -> Leadership:
        """Who leads, as far as this instance knows now. It may say `is_mine` before `on_change`
        has heard of it, or has returned.
        """
        found, member = self._standing.leadership, self._member
        if not found.is_mine:
            return found
        # In this order: a membership that is over takes its lease with it.
        if self._closing.is_set() or member is None:
            return NOBODY
        return found if member.lease.holds(self._client.waiting.now_ms()) else NOBODY

    @property
    def trouble(self) -> str | None:
        """Why there is no leader, or the group can't be reached, in words; None if all is well."""
        return self._trouble

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        backoff = Backoff(AGAIN_MS, AGAIN_MS_MAX, self._client.chance)
        while not self._closing.is_set():
            began_ms = self._client.waiting.now_ms()
            try:
                self._take_part()
            except Exception as error:  # whatever it is, this instance must find its group again
                self._failure = told(error) if isinstance(error, OttlaError) else repr(error)
            self._tell()
            if self._client.waiting.now_ms() - began_ms > AGAIN_MS_MAX:
                backoff.reset()
            self._closing.wait(backoff.next_ms() / 1000)
        self._tell()

    def _take_part(self) -> None:
        """Be a member until `close`.

        Raises:
            OttlaError: the membership has ended otherwise.
        """
        client = self._client
        way = client.network.new_way()
        member = RegistryMember(self._settings, self._standing, way, client.chance)
        client.run(member)
        self._member = member
        try:
            while not self._closing.is_set():
                self._tell()
                event = self._next_event(member)
                if event is not None:
                    self._take(event, member)
        finally:
            self._leave(member)
            client.drop(member, [way])

    def _next_event(self, member: RegistryMember) -> ClassicEvent | None:
        """What the membership says next; None if something else has changed, or after a while.

        Raises:
            OttlaError: nobody drives the membership any more.
        """
        waiting, lease = self._client.waiting, member.lease
        with waiting:
            until_ms = waiting.now_ms() + self._settings.heartbeat_interval_ms
            if self._told.is_mine and lease.until_ms is not None:
                until_ms = min(until_ms, lease.until_ms)

            def changed() -> bool:
                return (
                    member.classic.has_event
                    or member.broken is not None
                    or self._closing.is_set()
                    or self.leadership != self._told
                    or self._trouble_now() != self._trouble
                )

            waiting.wait_for(changed, until_ms)
            if member.broken is not None:
                raise member.broken
            return member.classic.event()

    def _take(self, event: ClassicEvent, member: RegistryMember) -> None:
        waiting, classic = self._client.waiting, member.classic
        match event:
            case Prepare():
                self._standing.prepare(event, holds=member.lease.holds(waiting.now_ms()))
                self._tell()
                with waiting:
                    classic.ready_to_join(waiting.now_ms())
            case NeedsAssignment(skip=False):
                shares = self._standing.assign(event)
                with waiting:
                    classic.assigned(event.generation.generation_id, shares, waiting.now_ms())
            case Joined():
                self._failure = None
                self._standing.joined(event)
            case Failed(error=error):
                raise error
        self._client.wake()

    def _leave(self, member: RegistryMember) -> None:
        """The others are told that it is gone, if they can be."""
        self._standing.left()
        self._member = None
        self._tell()
        waiting = self._client.waiting
        with waiting:
            member.lease.lost()
            if member.broken is not None:
                return
            member.classic.leave("the registry is closed", waiting.now_ms())
            self._client.wake()
            until_ms = waiting.now_ms() + CLOSE_TIMEOUT_MS
            waiting.wait_for(lambda: self._is_gone(member), until_ms)

    def _is_gone(self, member: RegistryMember) -> bool:
        away = self._client.network.last_failure() is not None
        return member.classic.is_over or away or member.broken is not None

    # ------------------------------------------------------------ what is told

    def _trouble_now(self) -> str | None:
        """The gravest: that there is no membership, no cluster, no leader."""
        if self._closing.is_set():
            return None
        if self._failure is not None:
            return self._failure
        if self._member is not None and self._member.trouble is not None:
            return self._member.trouble
        if (failure := self._client.network.last_failure()) is not None:
            return told(failure)
        return self._standing.trouble

    def _tell(self) -> None:
        """Whatever is not told yet."""
        with self._client.waiting:
            now_ms = self._client.waiting.now_ms()
            trouble = self._trouble_now()
            if trouble != self._trouble:
                self._trouble, self._trouble_at_ms = trouble, now_ms
        if trouble is None or now_ms - self._trouble_at_ms >= LOGGED_AFTER_MS:
            self._log(trouble)
        now = self.leadership
        if now == self._told:
            return
        self._told = now
        try:
            self._on_change(now)
        except Exception:  # it is the registry's, and must not end the thread
            import logging

            logging.getLogger("ottla.registry").exception("who leads could not be told")

    def _log(self, trouble: str | None) -> None:
        if trouble == self._logged:
            return
        self._logged = trouble
        import logging

        text = "all is well again" if trouble is None else trouble
        logging.getLogger("ottla.registry").warning("electing a leader: %s", text)
