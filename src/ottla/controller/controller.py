"""The active controller: every change of the cluster is decided here, one request at a time.

It is a decider over the metadata log (`ottla.decide`): `decide` changes nothing but soft state,
which is the sessions of brokers; `apply` takes the decided records in at once, and the records are
durable before any reply goes out. The rules of this room give their records as (message, version)
pairs.

What stands in `_DECIDERS` can be asked; everything else is not the controller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ottla.controller import (
    brokers,
    configs,
    controllers,
    directories,
    features,
    isr,
    partitions,
    producer_ids,
    reassignments,
    topics,
)
from ottla.controller.activation import activation_records
from ottla.controller.refused import Refusals
from ottla.controller.state import Outcome, Replayed, State, Versioned
from ottla.decide import NOTHING, Ask, Decision, Now, Record, Reply, Revocable, Timer
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import MetadataImage
from ottla.wire.messages.allocate_producer_ids import AllocateProducerIdsRequest
from ottla.wire.messages.alter_configs import AlterConfigsRequest
from ottla.wire.messages.alter_partition import AlterPartitionRequest
from ottla.wire.messages.assign_replicas_to_dirs import AssignReplicasToDirsRequest
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.messages.broker_registration import BrokerRegistrationRequest
from ottla.wire.messages.controller_registration import ControllerRegistrationRequest
from ottla.wire.messages.create_partitions import CreatePartitionsRequest
from ottla.wire.messages.create_topics import CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest
from ottla.wire.messages.incremental_alter_configs import IncrementalAlterConfigsRequest
from ottla.wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from ottla.wire.messages.update_features import UpdateFeaturesRequest
from ottla.wire.schema import Request
from ottla.wire.stored.metadata import NoOpRecord

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy

NO_OP = "controller-no-op"
"""Key of the timer that writes a NoOpRecord into a log which would be idle; runs on real time."""


Rule = Callable[[State, Ask, int], Outcome]
"""(state, ask, now_ms) to what comes of it."""

_DECIDERS: dict[type[Request], Rule] = {
    CreateTopicsRequest: topics.create,
    DeleteTopicsRequest: topics.delete,
    CreatePartitionsRequest: partitions.create,
    AlterConfigsRequest: configs.replace,
    IncrementalAlterConfigsRequest: configs.alter,
    UpdateFeaturesRequest: features.update,
    AlterPartitionRequest: isr.alter,
    AssignReplicasToDirsRequest: directories.assign,
    AllocateProducerIdsRequest: producer_ids.allocate,
    BrokerRegistrationRequest: brokers.register,
    BrokerHeartbeatRequest: brokers.heartbeat,
    ControllerRegistrationRequest: controllers.register,
    ListPartitionReassignmentsRequest: reassignments.list_reassignments,
}


class Mark(NamedTuple):
    """Where a controller stood before it applied something."""

    image: MetadataImage
    next_offset: int
    last_write_ms: int


class Controller(Revocable):
    """The active controller of one cluster, from the moment that this node leads (a decider)."""

    __slots__ = ("_last_write_ms", "_refusals", "_replayed", "state")

    def __init__(
        self,
        replayed: Replayed,
        *,
        node_id: int,
        cluster_id: str,
        config: BrokerConfig,
        entropy: Entropy,
    ) -> None:
        self.state = State(
            replayed, node_id=node_id, cluster_id=cluster_id, config=config, entropy=entropy
        )
        self._replayed = replayed
        self._last_write_ms = 0
        self._refusals = Refusals()

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        """Begin; the image is the one that this was made of. The records of this decision are the
        first that this controller writes.
        """
        self._last_write_ms = now.real_ms
        replayed = self._replayed
        records = activation_records(self.state, replayed.bootstrap, replayed.open_transaction)
        timers = (brokers.session_timer(self.state), *self._no_op_timer())
        return Decision(records=_written(records), timers=timers)

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request. Brokers' sessions run on real time.

        Raises:
            KeyError: no rule is here for such a request.
        """
        rule = _DECIDERS[type(ask.body)]
        try:
            outcome = rule(self.state, ask, now.real_ms)
        except Exception:
            # Soft state may be half changed, so it is given up, as with a new controller; what was
            # decided before is in the image, which no decider writes to.
            self.state = self.state.anew()
            raise
        return Decision(
            records=_written(outcome.records),
            replies=(Reply(ask.token, outcome.response),),
            timers=outcome.timers,
            notes=self._refusals.new(outcome.response, now.real_ms),
        )

    def fire(self, key: Hashable, now: Now) -> Decision:
        """A timer has come due."""
        now_ms = now.real_ms
        if key == NO_OP:
            idle_ms: int = self.state.config["metadata.max.idle.interval.ms"]
            due = now_ms - self._last_write_ms >= idle_ms
            records: list[Versioned] = [(NoOpRecord(), 0)] if due else []
            if due:
                self._last_write_ms = now_ms
            return Decision(records=_written(records), timers=self._no_op_timer())
        if key == brokers.SESSIONS:
            late = brokers.expired(self.state, now_ms)
            # One broker a turn: the next is judged by what fencing this one changed.
            fenced = brokers.fence(self.state, late[0]) if late else []
            timer = brokers.session_timer(self.state)
            if late[1:]:
                timer = timer._replace(at_ms=now_ms)
            return Decision(records=_written(fenced), timers=(timer,))
        return NOTHING

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        """Nothing follows: what is safe now was decided here, and is in this image since."""
        return NOTHING

    def apply(self, records: Sequence[Record], now: Now) -> None:
        """Take in what was decided; the records land at `next_offset`, which moves on."""
        state = self.state
        delta = MetadataDelta.of(
            state.image,
            (record.value for record in records),
            offset=state.next_offset + len(records) - 1,
        )
        state.image = delta.image
        state.next_offset += len(records)
        if records:
            self._last_write_ms = now.real_ms

    def mark(self) -> Mark:
        """Where this controller stands."""
        return Mark(self.state.image, self.state.next_offset, self._last_write_ms)

    def back_to(self, mark: Mark) -> None:
        """What was applied since then never was."""
        state = self.state = self.state.anew()
        state.image, state.next_offset, self._last_write_ms = mark

    def _no_op_timer(self) -> tuple[Timer, ...]:
        idle_ms: int = self.state.config["metadata.max.idle.interval.ms"]
        if idle_ms <= 0:
            return ()
        return (Timer(NO_OP, self._last_write_ms + idle_ms, real=True),)


def _written(records: Sequence[Versioned]) -> list[Record]:
    return [Record(None, message, version) for message, version in records]
