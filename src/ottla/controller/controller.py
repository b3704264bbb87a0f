"""The active controller: every change of the cluster is decided here, one request at a time.

It is a decider over the metadata log (`ottla.decide`): `decide` changes nothing but soft state,
`apply` takes the decided records in at once, and the records are durable before any reply goes out.
Records come as (record, version) pairs.

A request is anything with `token`, `body` and `version`. What stands in `_DECIDERS` can be asked;
everything else is not the controller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ottla.controller import (
    brokers,
    configs,
    controllers,
    directories,
    isr,
    partitions,
    producer_ids,
    reassignments,
    topics,
)
from ottla.controller.activation import activation_records
from ottla.controller.state import Outcome, State, Versioned
from ottla.decide import NOTHING, Decision, Reply, Timer
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import MetadataImage
from ottla.wire.stored.metadata import NoOpRecord

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy

SESSIONS = "controller-sessions"
"""Key of the timer that looks for brokers which are not heard of any more; runs on real time."""
NO_OP = "controller-no-op"
"""Key of the timer that writes a NoOpRecord into a log which would be idle; runs on real time."""


class Ask(Protocol):
    """One request."""

    @property
    def token(self) -> int:
        """Addresses the reply."""

    @property
    def body(self) -> Any:
        """The message."""

    @property
    def version(self) -> int:
        """The version that it came in."""


Decider = Callable[[State, Any, int, int], Outcome]
"""(state, request, version, now_ms) to what comes of it."""


def _register_broker(state: State, request: Any, version: int, now_ms: int) -> Outcome:
    return brokers.register(state, request, now_ms)


def _heartbeat(state: State, request: Any, version: int, now_ms: int) -> Outcome:
    return brokers.heartbeat(state, request, now_ms)


_DECIDERS: dict[str, Decider] = {
    "CreateTopicsRequest": topics.create,
    "DeleteTopicsRequest": topics.delete,
    "CreatePartitionsRequest": partitions.create,
    "IncrementalAlterConfigsRequest": configs.alter,
    "AlterPartitionRequest": isr.alter,
    "AssignReplicasToDirsRequest": directories.assign,
    "AllocateProducerIdsRequest": producer_ids.allocate,
    "BrokerRegistrationRequest": _register_broker,
    "BrokerHeartbeatRequest": _heartbeat,
    "ControllerRegistrationRequest": controllers.register,
    "ListPartitionReassignmentsRequest": reassignments.list_reassignments,
}


class Controller:
    """The active controller of one cluster."""

    __slots__ = ("_last_write_ms", "state")

    def __init__(
        self, *, node_id: int, cluster_id: str, config: BrokerConfig, entropy: Entropy
    ) -> None:
        self.state = State(node_id=node_id, cluster_id=cluster_id, config=config, entropy=entropy)
        self._last_write_ms = 0

    def activate(
        self,
        *,
        image: MetadataImage,
        next_offset: int,
        kraft_version: int,
        bootstrap: Sequence[Versioned],
        open_transaction: int | None,
        now_ms: int,
    ) -> Decision:
        """This node leads the quorum, and everything in its log is committed and in `image`.

        `next_offset` is where the next record lands; `bootstrap` are the records of
        `bootstrap.checkpoint`. The records of the decision are the first that this controller
        writes.
        """
        state = self.state
        state.image = image
        state.next_offset = next_offset
        state.kraft_version = kraft_version
        state.sessions.clear()
        self._last_write_ms = now_ms
        records = activation_records(state, bootstrap, open_transaction)
        return Decision(records=records, timers=(*self._session_timer(), *self._no_op_timer()))

    def decide(self, ask: Ask, now_ms: int) -> Decision:
        """Decide one request; `now_ms` is real time.

        Raises:
            KeyError: no decider is here for such a request.
        """
        decider = _DECIDERS[type(ask.body).__name__]
        try:
            outcome = decider(self.state, ask.body, ask.version, now_ms)
        except Exception:
            # Soft state may be half changed, so it is given up, as with a new controller; what was
            # decided before is in the image, which no decider writes to.
            self.state = self.state.anew()
            raise
        timers: Sequence[Timer] = ()
        if type(ask.body).__name__ in ("BrokerHeartbeatRequest", "BrokerRegistrationRequest"):
            timers = self._session_timer()
        return Decision(
            records=outcome.records, replies=(Reply(ask.token, outcome.response),), timers=timers
        )

    def fire(self, key: Any, now_ms: int) -> Decision:
        """A timer has come due."""
        if key == NO_OP:
            idle_ms: int = self.state.config["metadata.max.idle.interval.ms"]
            due = now_ms - self._last_write_ms >= idle_ms
            records: list[Versioned] = [(NoOpRecord(), 0)] if due else []
            if due:
                self._last_write_ms = now_ms
            return Decision(records=records, timers=self._no_op_timer())
        if key == SESSIONS:
            late = brokers.expired(self.state, now_ms)
            # One broker a turn: the next is judged by what fencing this one changed.
            fenced = brokers.fence(self.state, late[0]) if late else []
            timers = (Timer(SESSIONS, now_ms, real=True),) if late[1:] else self._session_timer()
            return Decision(records=fenced, timers=timers)
        return NOTHING

    def apply(self, records: Sequence[Versioned], *, now_ms: int) -> MetadataDelta:
        """Take in what was decided; the records land at `next_offset`, which moves on."""
        state = self.state
        delta = state.image.apply(
            (record for record, _ in records), offset=state.next_offset + len(records) - 1
        )
        state.image = delta.image
        state.next_offset += len(records)
        if records:
            self._last_write_ms = now_ms
        return delta

    def _session_timer(self) -> tuple[Timer, ...]:
        at_ms = brokers.next_expiry_ms(self.state)
        return (Timer(SESSIONS, at_ms, real=True),)

    def _no_op_timer(self) -> tuple[Timer, ...]:
        idle_ms: int = self.state.config["metadata.max.idle.interval.ms"]
        if idle_ms <= 0:
            return ()
        return (Timer(NO_OP, self._last_write_ms + idle_ms, real=True),)
