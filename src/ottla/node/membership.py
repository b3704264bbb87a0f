"""This broker's place in the cluster: its registration, its heartbeats, and where its folders are.

Controller and broker are one process: these are requests like any other, asked without a socket.
What the disk keeps the controller from writing is told again with a later heartbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla.errors import OttlaError
from ottla.metadata.features import directory_assignment_supported
from ottla.node.registration import (
    assign_replicas,
    beyond_stable,
    heartbeat,
    register_broker,
    register_controller,
)
from ottla.raft.metadata_log import DiskUnwilling
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
from ottla.wire.messages.broker_registration import BrokerRegistrationResponse
from ottla.wire.messages.controller_registration import ControllerRegistrationResponse

if TYPE_CHECKING:
    from ottla.broker.directories import Assignment
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy
    from ottla.node.alarms import Alarms
    from ottla.node.cluster import Cluster, Identity
    from ottla.node.publisher import Publisher

NO_EPOCH = -1

APPLY_PATIENCE_MS = 1_000
"""How long the answer to a change waits for its partitions: who is told earlier, because a disk is
slow, finds them not led yet and tries again, as with Apache Kafka.
"""


class ClusterError(OttlaError):
    """This node can't take its place in the cluster."""


class Membership:
    """Keeps one broker in its cluster. Used on the decision thread only."""

    __slots__ = (
        "_alarms",
        "_cluster",
        "_config",
        "_entropy",
        "_identity",
        "_lost_directories",
        "_publisher",
        "_untold",
        "broker_epoch",
    )

    def __init__(
        self,
        identity: Identity,
        config: BrokerConfig,
        cluster: Cluster,
        publisher: Publisher,
        alarms: Alarms,
        entropy: Entropy,
    ) -> None:
        self._identity = identity
        self._config = config
        self._cluster = cluster
        self._publisher = publisher
        self._alarms = alarms
        self._entropy = entropy
        self._lost_directories: list[bytes] = []
        self._untold: list[Assignment] = []
        """Places of partitions that the controller could not write."""
        self.broker_epoch = NO_EPOCH
        """The epoch of this broker's registration."""

    def register(self, previous_epoch: int) -> None:
        """Register controller and broker, and be unfenced; from then on heartbeats are sent.

        Raises:
            OttlaError: the registration is refused.
        """
        identity, config = self._identity, self._config
        controller = register_controller(identity, config, self._entropy.uuid())
        self._expect(controller, ControllerRegistrationResponse)
        broker = register_broker(identity, config, self._entropy.uuid(), previous_epoch)
        response = self._expect(broker, BrokerRegistrationResponse)
        self.broker_epoch = response.broker_epoch
        self._heartbeat()
        period_ms = config["broker.heartbeat.interval.ms"]
        self._alarms.every("broker-heartbeat", period_ms, self._beat, real=True)

    def leave(self) -> None:
        """Fence this broker as a controlled shutdown does."""
        # The first takes the leaderships away, the second finds none and fences the broker.
        for _ in range(2):
            if self._heartbeat(want_shut_down=True).should_shut_down:
                break

    def commit(self) -> None:
        """Make safe what was decided, publish it, and let the replies go."""
        delta = self._cluster.commit()
        publisher = self._publisher
        if delta is not None and not publisher.publish(delta):
            mark = delta.image.offset
            due_ms = self._alarms.real_ms() + APPLY_PATIENCE_MS
            self._alarms.set_timer(
                ("apply", mark), due_ms, lambda _: publisher.wait_no_more(mark), real=True
            )
        self._cluster.answer(publisher.is_applied)

    def directory_lost(self, directory_id: bytes) -> None:
        """Tell the controller of a log directory that failed: its partitions lose their leader."""
        self._lost_directories.append(directory_id)
        self._beat()

    def assign(self, places: Sequence[Assignment]) -> None:
        """Tell the controller in which log directories partitions are, which is safe with the next
        commit.
        """
        if not places:
            return
        if not directory_assignment_supported(self._cluster.image.metadata_version):
            return

        def told(response: Any) -> None:
            if response.error_code == ErrorCode.KAFKA_STORAGE_ERROR:
                self._untold.extend(places)

        request = assign_replicas(self._identity, self.broker_epoch, places)
        self._cluster.ask_own(request, request.max_version, told)

    def _beat(self) -> None:
        """A heartbeat, with all that could not be told before."""
        try:
            self._heartbeat()
        except DiskUnwilling:
            return  # the log says so already
        untold, self._untold = self._untold, []
        self.assign(untold)

    def _heartbeat(self, *, want_shut_down: bool = False) -> BrokerHeartbeatResponse:
        request = heartbeat(
            self._identity,
            self.broker_epoch,
            metadata_offset=self._cluster.image.offset,
            want_shut_down=want_shut_down,
            offline_log_dirs=self._lost_directories,
        )
        response: BrokerHeartbeatResponse = self._expect(request, BrokerHeartbeatResponse)
        return response

    def _expect(self, message: Any, kind: type[Any]) -> Any:
        """The response to a request of this broker, at once: its controller is here."""
        answers: list[Any] = []
        self._cluster.ask_own(message, kind.max_version, answers.append)
        self.commit()
        response = answers[0]
        unwilling = self._cluster.unwilling
        if response.error_code == ErrorCode.KAFKA_STORAGE_ERROR and unwilling is not None:
            raise unwilling
        if response.error_code != ErrorCode.NONE:
            error = ErrorCode(response.error_code)
            raise ClusterError(
                f"the controller refused {type(message).__name__} of node "
                f"{self._identity.node_id}: {error!r}",
                hint=beyond_stable(self._cluster.image.metadata_version),
            )
        return response
