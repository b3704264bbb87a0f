"""A producer's transactions, at their coordinator: begun, joined by partitions and groups, ended.

One request at a time goes to the coordinator. With transaction.version 2 (KIP-890) partitions and
groups join with what is written to them, and each end raises the epoch; before that they are told
to the coordinator first. What went wrong with a batch or an offset means that the transaction must
be aborted; that another producer has the transactional id ends this one for good.

It is who the producer is (`identity.py`) to the machine that sends, and knows no connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

from ottla.client.backoff import Backoff
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.errors import BrokerError
from ottla.client.machine import Coordinator, Questions
from ottla.client.membership.events import GroupGeneration
from ottla.client.places import COORDINATOR_ERRORS, Places, TopicPartition
from ottla.client.producing.identity import Nobody
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP, TRANSACTION
from ottla.wire.errors import ErrorCode
from ottla.wire.producers import NO_PRODUCER_ID
from ottla.wire.schema import ProtocolError

NEW, INITIALIZING, READY, OPEN, ENDING, ABORTABLE, FATAL = (
    "new",
    "initializing",
    "ready",
    "open",
    "ending",
    "abortable",
    "fatal",
)
"""Where a transactional producer stands."""

Offsets = Mapping[TopicPartition, OffsetAndMetadata]
Done = Callable[[OttlaError | None], None]

_PRODUCE_BEFORE_V2, _OFFSETS_BEFORE_V2, _END_BEFORE_V2, _ADD_OF_CLIENTS = 11, 4, 4, 3
_AGAIN = frozenset(
    {
        *COORDINATOR_ERRORS,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
    }
)
_NOT_JOINED = frozenset({ErrorCode.UNKNOWN_TOPIC_OR_PARTITION})
"""Of those, the ones that a node says before it does anything."""
_FENCED = frozenset({ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH})
_FATAL = frozenset(
    {
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ErrorCode.INVALID_TXN_STATE,
        ErrorCode.INVALID_PRODUCER_ID_MAPPING,
        ErrorCode.INVALID_TRANSACTION_TIMEOUT,
        ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
        ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ErrorCode.UNSUPPORTED_VERSION,
    }
)


class Fenced(OttlaError):
    """Another producer has the transactional id now; this one can only be closed."""


class MustAbort(OttlaError):
    """The transaction can't be committed: abort it, and do it again."""


class NoTransaction(OttlaError):
    """A call that does not fit to where the producer stands."""


class _Offsets(NamedTuple):
    """Positions that are to count with the transaction."""

    offsets: Offsets
    group: GroupGeneration
    done: Done


class Transactional(Nobody):
    """The producer of a transactional id."""

    is_transactional = True

    def __init__(
        self,
        transactional_id: str,
        places: Places,
        questions: Questions,
        *,
        transaction_timeout_ms: int,
        request_timeout_ms: int,
        backoff: Backoff,
    ) -> None:
        self.transactional_id: str = transactional_id
        self.producer_id, self.epoch = NO_PRODUCER_ID, -1
        self.state = NEW
        self.error: OttlaError | None = None
        """Why it must be aborted, or can't go on."""
        self.last_failure: OttlaError | None = None
        """What stood in the way of the last request, which is tried again."""
        self._places = places
        self._questions = questions
        self._to = Coordinator(TRANSACTION, transactional_id)
        self._transaction_timeout_ms = transaction_timeout_ms
        self._request_timeout_ms = request_timeout_ms
        self._backoff = backoff
        self._is_v2 = self._is_new = self._asked = False
        self._must_raise = False
        self._again_ms: int | None = None
        self._added: set[TopicPartition] = set()
        self._wanted: set[TopicPartition] = set()
        self._groups: set[str] = set()
        self._has_joined = False
        """Whether anything belongs to the transaction: else its end is nobody's business."""
        self._joining: Callable[[], None] | None = None
        """Asks once more what was asked to join last, and may have: only an answer says whether."""
        self._jobs: deque[_Offsets] = deque()
        self._done: Done | None = None
        self._commits = False

    # ------------------------------------------------------------ what the producer's user does

    def initialize(self, done: Done) -> None:
        """Take the transactional id from whoever had it, and end what that had open.

        Raises:
            NoTransaction: it was done before.
        """
        self._require("init_transactions", NEW, INITIALIZING)
        self.state, self._done = INITIALIZING, done

    def begin(self) -> None:
        """What is sent from now on belongs together.

        Raises:
            NoTransaction: there is one, or init_transactions() was not called.
        """
        self._require("begin_transaction", READY)
        self._is_v2 = self._places.features.get("transaction.version", 0) >= 2
        self.state = OPEN

    def send_offsets(self, offsets: Offsets, group: GroupGeneration, done: Done) -> None:
        """Let these positions of a group count when the transaction is committed.

        Raises:
            NoTransaction: none is open.
            MustAbort: it can't be committed any more.
        """
        self._require("send_offsets_to_transaction", OPEN)
        self._jobs.append(_Offsets(dict(offsets), group, done))

    def end(self, commit: bool, done: Done) -> None:
        """Commit or abort, once nothing is under way.

        Raises:
            NoTransaction: none is open.
            MustAbort: it can't be committed any more.
        """
        states = (OPEN, ENDING) if commit else (OPEN, ENDING, ABORTABLE)
        self._require("commit_transaction" if commit else "abort_transaction", *states)
        if self.state == ENDING and commit != self._commits:
            raise NoTransaction("the transaction is being ended the other way")
        self._commits, self._done = commit, done
        if not commit:
            for job in self._jobs:
                job.done(MustAbort("the transaction was aborted"))
            self._jobs.clear()
            self._wanted.clear()
        self.state = ENDING

    def require_open(self) -> None:
        """Raise why nothing can be sent, unless a transaction is open.

        Raises:
            NoTransaction, MustAbort, Fenced.
        """
        self._require("send", OPEN)

    def _require(self, call: str, *states: str) -> None:
        if self.state in states:
            return
        if self.state == FATAL and self.error is not None:
            raise self.error
        if self.state == ABORTABLE:
            raise MustAbort(
                f"the transaction must be aborted: {self.error}",
                hint="abort_transaction(), then begin it again",
            )
        hints = {
            NEW: "call init_transactions() first",
            READY: "call begin_transaction() first",
            OPEN: "a transaction is open: commit or abort it first",
        }
        text = f"{call}() while the producer is {self.state}"
        raise NoTransaction(text, hint=hints.get(self.state))

    # ------------------------------------------------------------ the identity

    def is_ready(self) -> bool:
        """Whether batches may be numbered and sent."""
        ends_well = self.state == ENDING and self._commits
        return (self.state == OPEN or ends_well) and not self._is_new

    @property
    def numbers(self) -> bool:
        """Always."""
        return True

    @property
    def goes_on(self) -> bool:
        """Not while it is aborted: what came back would be part of the next transaction."""
        return self.state == OPEN or (self.state == ENDING and self._commits)

    def may_send(self, place: TopicPartition) -> bool:
        """Whether a partition belongs to the transaction; if not, it will soon."""
        if self._is_v2:
            self._has_joined = True
            return True
        if place not in self._added:
            self._wanted.add(place)
        return place in self._added

    @property
    def produce_version_max(self) -> int | None:
        """Newer ones would join the transaction by themselves."""
        return None if self._is_v2 else _PRODUCE_BEFORE_V2

    def lost_track(self, error: OttlaError) -> None:
        """A batch was given up: the transaction is not whole any more."""
        self.failed(error)
        self._must_raise = True

    def failed(self, error: OttlaError) -> None:
        """Something of the transaction failed for good."""
        code = error.code if isinstance(error, BrokerError) else None
        if code == ErrorCode.PRODUCER_FENCED:
            self._end_for_good(_fenced(self.transactional_id, error))
        elif self.state == OPEN or (self.state == ENDING and self._commits):
            self.state, self.error = ABORTABLE, error
            told = MustAbort(
                f"the transaction must be aborted: {error}",
                hint="abort_transaction(), then begin it again",
            )
            done, self._done = self._done, None
            self._fail_jobs(told)
            if done is not None:
                done(told)

    def _fail_jobs(self, error: OttlaError) -> None:
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            job.done(error)

    def _end_for_good(self, error: OttlaError) -> None:
        self.state, self.error = FATAL, error
        self._fail_jobs(error)
        done, self._done = self._done, None
        if done is not None:
            done(error)

    @property
    def fatal(self) -> OttlaError | None:
        """Why nothing can be sent any more."""
        return self.error if self.state == FATAL else None

    @property
    def deadline_ms(self) -> int | None:
        """When to ask again."""
        return self._again_ms

    # ------------------------------------------------------------ asking

    def act(self, now_ms: int, *, is_idle: bool, is_empty: bool) -> bool:
        """Ask what is to be asked next. True when numbers begin anew with what is asked here."""
        if self._is_new and is_idle:
            self._is_new = False
            return True
        if self._asked or (self._again_ms is not None and now_ms < self._again_ms):
            return False
        self._again_ms = None
        if self.state == INITIALIZING:
            self._ask_id()
        elif self.state in (OPEN, ENDING) and self._wanted:
            self._ask_partitions()
        elif self.state in (OPEN, ENDING) and self._jobs:
            self._ask_offsets()
        elif self.state == ENDING and is_idle and (is_empty or not self._commits):
            if self._joining is not None and not self._has_joined:
                self._joining()
            else:
                self._ask_end()
        return False

    def _put(
        self,
        message: Any,
        done: Callable[[Any], None],
        to: Coordinator | None = None,
        *,
        is_end: bool = False,
        joins: bool = False,
        about: Collection[TopicPartition] = (),
    ) -> None:
        """Ask; what passes by itself is asked again, what does not is decided here. An answer that
        is not `about` each of these partitions is none.
        """
        self._asked = True
        if joins:
            self._joining = partial(self._put, message, done, joins=True, about=about)
        place = self._to if to is None else to

        def told(outcome: Any | OttlaError, now_ms: int) -> None:
            self._asked = False
            error = outcome if isinstance(outcome, OttlaError) else _refusal(outcome, about)
            self.last_failure = error
            code = error.code if isinstance(error, BrokerError) else None
            if joins and (code in _NOT_JOINED or (code is not None and code not in _AGAIN)):
                self._joining = None
            if error is None:
                self._has_joined |= joins
                self._backoff.reset()
                done(outcome)
                return
            if code in COORDINATOR_ERRORS:
                self._places.doubt_coordinator(place.kind, place.key)
            if code is None or code in _AGAIN:
                self._again_ms = now_ms + self._backoff.next_ms()
            else:
                self._refused(error, code, is_end=is_end)

        self._questions.put(place, message, self._request_timeout_ms, told)

    def _refused(self, error: OttlaError, code: ErrorCode, *, is_end: bool) -> None:
        if self.state == FATAL:
            return  # it is known why
        if code in _FENCED:
            self._end_for_good(_fenced(self.transactional_id, error))
        elif not (is_end or self._may_fail()):
            return  # what it was about is being aborted
        elif code in _FATAL or self.state == INITIALIZING or not self._may_fail():
            self._end_for_good(error)
        else:
            self.failed(error)

    def _may_fail(self) -> bool:
        """Whether aborting is still to come."""
        return self.state != ENDING or self._commits

    def _ask_id(self) -> None:
        from ottla.wire.messages.init_producer_id import InitProducerIdRequest

        request = InitProducerIdRequest(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=self._transaction_timeout_ms,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
        )
        self._put(request, self._have_id)

    def _have_id(self, outcome: Any) -> None:
        self.producer_id, self.epoch = outcome.producer_id, outcome.producer_epoch
        self._is_new = True
        self._must_raise = False
        self._become_ready()

    def _become_ready(self) -> None:
        self.state, self.error = READY, None
        self._added.clear()
        self._wanted.clear()
        self._groups.clear()
        self._has_joined, self._joining = False, None
        done, self._done = self._done, None
        if done is not None:
            done(None)

    def _ask_partitions(self) -> None:
        from ottla.wire.messages import add_partitions_to_txn as m

        wanted = sorted(self._wanted)
        topics: dict[str, m.AddPartitionsToTxnTopic] = {}
        for name, number in wanted:
            topic = topics.setdefault(name, m.AddPartitionsToTxnTopic(name=name))
            topic.partitions.append(number)
        request = m.AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self.producer_id,
            v3_and_below_producer_epoch=self.epoch,
            v3_and_below_topics=list(topics.values()),
        )

        def added(_: Any) -> None:
            self._added.update(wanted)
            self._wanted.difference_update(wanted)

        self._put(partial(_capped, request, _ADD_OF_CLIENTS), added, joins=True, about=wanted)

    def _ask_offsets(self) -> None:
        job = self._jobs[0]
        group_id = job.group.group_id
        if not self._is_v2 and group_id not in self._groups:
            from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest

            request = AddOffsetsToTxnRequest(
                transactional_id=self.transactional_id,
                producer_id=self.producer_id,
                producer_epoch=self.epoch,
                group_id=group_id,
            )

            def added(_: Any) -> None:
                self._groups.add(group_id)

            self._put(request, added, joins=True)
            return
        self._has_joined = True
        cap = None if self._is_v2 else _OFFSETS_BEFORE_V2

        def written(_: Any) -> None:
            if job in self._jobs:  # else it was told as aborted
                self._jobs.remove(job)
                job.done(None)

        message = partial(_capped, self._offsets_request(job), cap)
        self._put(message, written, Coordinator(GROUP, group_id), about=job.offsets)

    def _offsets_request(self, job: _Offsets) -> Any:
        from ottla.wire.messages import txn_offset_commit as m

        topics: dict[str, m.TxnOffsetCommitRequestTopic] = {}
        for (name, number), at in job.offsets.items():
            topic = topics.setdefault(name, m.TxnOffsetCommitRequestTopic(name=name))
            row = m.TxnOffsetCommitRequestPartition(
                partition_index=number,
                committed_offset=at.offset,
                committed_leader_epoch=at.leader_epoch,
                committed_metadata=at.metadata,
            )
            topic.partitions.append(row)
        return m.TxnOffsetCommitRequest(
            transactional_id=self.transactional_id,
            group_id=job.group.group_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            generation_id=job.group.generation_id,
            member_id=job.group.member_id,
            group_instance_id=job.group.instance_id,
            topics=list(topics.values()),
        )

    def _ask_end(self) -> None:
        from ottla.wire.messages.end_txn import EndTxnRequest

        if not self._has_joined:
            self._ended_or_raise()
            return
        request = EndTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            committed=self._commits,
        )

        def ended(outcome: Any) -> None:
            if self._is_v2 and outcome.producer_id >= 0:
                self.producer_id, self.epoch = outcome.producer_id, outcome.producer_epoch
                self._is_new = True
                self._must_raise = False
            self._ended_or_raise()

        cap = None if self._is_v2 else _END_BEFORE_V2
        self._put(partial(_capped, request, cap), ended, is_end=True)

    def _ended_or_raise(self) -> None:
        """The transaction has ended; if numbers were lost on the way, a higher epoch is due."""
        if self._must_raise:
            self.state = INITIALIZING
        else:
            self._become_ready()


def _capped(request: Any, cap: int | None, connection: Any) -> Any:
    """A request and its version: the newest that both sides know, up to a cap."""
    version = connection.version_for(type(request))
    return request, version if cap is None else min(version, cap)


def _refusal(response: Any, about: Collection[TopicPartition]) -> OttlaError | None:
    """The first error in a response of a coordinator, wherever it stands, or that it leaves one of
    these partitions out.
    """
    if getattr(response, "error_code", 0):
        return BrokerError(response.error_code, getattr(response, "error_message", None))
    codes = {
        (topic.name, row.partition_index): row.partition_error_code
        for topic in getattr(response, "results_by_topic_v3_and_below", ())
        for row in topic.results_by_partition
    }
    for topic in getattr(response, "topics", ()):
        codes.update(
            ((topic.name, row.partition_index), row.error_code) for row in topic.partitions
        )
    for (name, number), found in codes.items():
        if found:
            code = ErrorCode(found)
            return BrokerError(code, f"{name}-{number}: {code.text}")
    for name, number in about:
        if (name, number) not in codes:
            return ProtocolError(f"the coordinator's answer has nothing of {name}-{number}")
    return None


def _fenced(transactional_id: str, error: OttlaError) -> Fenced:
    return Fenced(
        f"another producer has the transactional id '{transactional_id}' now ({error})",
        hint="close this one; of each transactional id one producer can be at work",
    )
