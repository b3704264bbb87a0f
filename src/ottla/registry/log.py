"""A topic and how far an instance knows it: opened once, caught up with, decided on, written to.

A leader decides only on what is known to the end of the log as it was when its leadership began.
What it then writes counts as done only if the log, as it came to be, says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from ottla.client import Client, OttlaError
from ottla.registry import topic
from ottla.registry.contracts import Json
from ottla.registry.deciding.decision import Decision
from ottla.registry.refusals import STORE_FAILED, UNKNOWN_LEADER, refusal
from ottla.registry.stored import encoded
from ottla.registry.topic import Topic
from ottla.steady import steady_s
from ottla.web.operation import Refusal

CATCHING_UP_S = 10.0
TAKE_BACK_S = 5.0
OPEN_PATIENCE_MS = 10_000

T = TypeVar("T")


class Log:
    """A topic, and what it comes to.

    Args:
        holds: whether what a record says is so in the state.
        unsafe: why nothing may be written, though there is a topic; None where it may.
    """

    def __init__(
        self,
        known: Topic,
        holds: Callable[[Json, Json | None], bool],
        unsafe: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.topic = known
        self._holds = holds
        self._unsafe = unsafe
        self._caught_up: int | None = None
        """The generation as whose leader all that was there is known."""
        self._opening = threading.Lock()
        self._is_started = False
        self._is_open = False

    def open(self, client: Client, *, make: bool) -> bool:
        """Read all that is in the topic, if that was not done before.

        Args:
            make: make the topic where it is not there.

        Returns:
            Whether there is a topic.

        Raises:
            OttlaError: Kafka can't be reached, or the topic can't keep what it is for.
            Refusal: 50001 or 50002.
        """
        if self._is_open:
            return True
        with self._opening:
            if not self._is_started:
                if not make and not topic.is_there(client, self.topic.name):
                    return False
                topic.make(client, self.topic.name)
                self.topic.start(client)
                self._is_started = True
            self.topic.read_all()
            self._is_open = True
        return True

    def look(self, client: Client, look: Callable[[], T]) -> T:
        """What a look at the state gives; what is not found is looked for at the end of the log.

        Raises:
            Refusal: what `look` raises; 50001, the topic can't be read.
        """
        is_there = self._opened(client, make=False)
        before = self.topic.applied
        try:
            return look()
        except Refusal as why:
            if why.status != 404 or not is_there or not self._has_more_than(before):
                raise
        return look()

    def decided(
        self,
        client: Client,
        generation: int,
        decide: Callable[[], Decision],
        until: float,
        *,
        still_leads: Callable[[], bool] = lambda: True,
    ) -> Decision:
        """Decide as the leader of a generation, and write what it comes to.

        Args:
            until: when to give up, in seconds of the steady clock.
            still_leads: asked once more right before it is written.

        Raises:
            Refusal: what `decide` raises; 50001 or 50002, it was not written; 50004, another
                instance has become the leader meanwhile.
        """
        if self.topic.settle(until - steady_s()):
            self._caught_up = None
        if self._opened(client, make=False) and self._caught_up != generation:
            self.topic.reach(self.topic.end(), until - steady_s())
            self._caught_up = generation
        before = self.topic.applied
        decision = decide()
        if decision.entries:
            self._opened(client, make=True)
            before = max(before, 0)  # of a topic that was made just now nothing was known
            if not still_leads():
                raise refusal(UNKNOWN_LEADER, "another instance has become the leader: try again")
            try:
                self._write(decision, before, until)
            except Refusal:
                self._caught_up = None  # whatever has become of it is read before the next
                raise
        return decision

    def reach_end(self, client: Client, until: float) -> None:
        """Read all that is there now.

        Raises:
            Refusal: 50001 or 50002.
        """
        if self._opened(client, make=False):
            self.topic.reach(self.topic.end(), max(until - steady_s(), 0.001))

    def close(self) -> None:
        """Stop reading; again, or where it was never opened: nothing."""
        self.topic.close()

    def _write(self, decision: Decision, before: int, until: float) -> None:
        unsafe = self._unsafe()
        if unsafe is not None:
            raise refusal(STORE_FAILED, unsafe)
        first = self.topic.write(decision.entries, until - steady_s())
        others = self.topic.between(before, first)
        ours = {encoded(key) for key, _ in decision.entries}
        theirs = {key: value for key, value in others or () if key in ours}
        holds = all(self._holds(*entry) for entry in decision.entries)
        if theirs or others is None or not holds:
            self._take_back(decision, theirs, until)
            raise refusal(
                STORE_FAILED,
                "another instance wrote at the same time, and was first: try again",
            )

    def _take_back(
        self, decision: Decision, theirs: Mapping[bytes | None, bytes | None], until: float
    ) -> None:
        """What another instance wrote before ours stands again, and ours is gone where it only
        took an id: whoever tries again finds what the other has answered.
        """
        rows = list(theirs.items())
        for key, value in decision.entries:
            told = encoded(key)
            if told not in theirs and value is not None and not self._holds(key, value):
                rows.append((told, None))
        self.topic.write_raw(rows, max(until - steady_s(), TAKE_BACK_S))

    def _opened(self, client: Client, *, make: bool) -> bool:
        try:
            with client.within(OPEN_PATIENCE_MS):
                return self.open(client, make=make)
        except Refusal:
            raise
        except OttlaError as error:
            raise refusal(
                STORE_FAILED, f"the topic {self.topic.name} can't be used: {error}", hint=error.hint
            ) from None

    def _has_more_than(self, before: int) -> bool:
        """Read up to the end of the log; whether a look at what was applied before missed a part.

        Raises:
            Refusal: 50001 or 50002, Kafka is away: nobody can say that something is not there.
        """
        self.topic.reach(self.topic.end(), CATCHING_UP_S)
        return self.topic.applied != before
