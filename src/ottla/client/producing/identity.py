"""Who a producer is to the partitions that it writes to: nobody, or an id with an epoch.

With an id a partition's leader knows a batch that it has already, so a batch may be sent again
(KIP-98). When a batch is given up whose fate nobody knows, sequence numbers can't go on: the epoch
is raised and they begin anew (KIP-360). `transacting.py` has the third kind.
"""

from __future__ import annotations

from typing import Any

from ottla.client.backoff import Backoff
from ottla.client.errors import BrokerError
from ottla.client.machine import AnyNode, Questions
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.producers import NO_PRODUCER_ID

EPOCH_MAX = 2**15 - 1


class Nobody:
    """A producer without an id: what is sent again may be there twice."""

    transactional_id: Any = None
    """A text, if it has one."""
    is_transactional = False
    producer_id = NO_PRODUCER_ID
    epoch = -1

    def is_ready(self) -> bool:
        """Whether batches can be numbered."""
        return True

    def may_send(self, place: TopicPartition) -> bool:
        """Whether that partition may be written to now."""
        return True

    @property
    def numbers(self) -> bool:
        """Whether batches have sequence numbers."""
        return False

    @property
    def goes_on(self) -> bool:
        """Whether what came back may go again."""
        return True

    def act(self, now_ms: int, *, is_idle: bool, is_empty: bool) -> bool:
        """Ask what is to be asked. True when numbers begin anew with what is asked here."""
        return False

    def lost_track(self, error: OttlaError) -> None:
        """A batch was given up, or refused in a way that says that numbers do not fit."""

    def failed(self, error: OttlaError) -> None:
        """A batch ended without being written."""

    @property
    def produce_version_max(self) -> int | None:
        """The newest Produce to be used; None for any."""
        return None

    @property
    def deadline_ms(self) -> int | None:
        """When to act again at the latest."""
        return None

    @property
    def fatal(self) -> OttlaError | None:
        """Why nothing can be sent any more."""
        return None


class Idempotent(Nobody):
    """A producer with an id of its own, that nobody else will ever have."""

    def __init__(self, questions: Questions, timeout_ms: int, backoff: Backoff) -> None:
        self.producer_id, self.epoch = NO_PRODUCER_ID, -1
        self._questions = questions
        self._timeout_ms = timeout_ms
        self._backoff = backoff
        self._asked = self._must_raise = self._is_new = False
        self._again_ms: int | None = None
        self._fatal: OttlaError | None = None

    def is_ready(self) -> bool:
        """Whether there is an id, and its epoch still counts."""
        return self.producer_id != NO_PRODUCER_ID and not (self._must_raise or self._is_new)

    @property
    def numbers(self) -> bool:
        """Always."""
        return True

    def act(self, now_ms: int, *, is_idle: bool, is_empty: bool) -> bool:
        """Get an id, or raise the epoch once nothing is under way that has the old one."""
        if self._must_raise and is_idle:
            self._must_raise = False
            if self.epoch < EPOCH_MAX:
                self.epoch += 1
                return True
            self.producer_id = NO_PRODUCER_ID
        if self._is_new and is_idle:
            self._is_new = False
            return True
        if self._again_ms is not None and now_ms >= self._again_ms:
            self._again_ms = None  # whether it is asked or nobody needs it now: that was the time
        waits = self._again_ms is not None
        if self.producer_id == NO_PRODUCER_ID and not (self._asked or waits or is_empty):
            from ottla.wire.messages.init_producer_id import InitProducerIdRequest

            self._asked = True
            request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=2**31 - 1)
            self._questions.put(AnyNode(), request, self._timeout_ms, self._told)
        return False

    def _told(self, outcome: Any | OttlaError, now_ms: int) -> None:
        self._asked = False
        if not isinstance(outcome, OttlaError) and outcome.error_code:
            outcome = BrokerError(outcome.error_code)
        if not isinstance(outcome, OttlaError):
            self.producer_id, self.epoch = outcome.producer_id, outcome.producer_epoch
            self._is_new = True
            self._backoff.reset()
        elif isinstance(outcome, BrokerError) and not outcome.retriable:
            self._fatal = outcome
        else:
            self._again_ms = now_ms + self._backoff.next_ms()

    def lost_track(self, error: OttlaError) -> None:
        """Begin anew, with a higher epoch, as soon as nothing is under way."""
        self._must_raise = True

    @property
    def deadline_ms(self) -> int | None:
        """When to ask for an id again."""
        return self._again_ms

    @property
    def fatal(self) -> OttlaError | None:
        """Why there is no id, and will be none."""
        return self._fatal
