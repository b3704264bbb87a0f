"""This broker's place in the cluster: its registration, its heartbeats, and where its folders are.

These are requests to the controller like any other, asked without a socket while it is in this
process; what follows from an answer is done when the answer comes, in this turn or a later one.
What the disk keeps the controller from writing is told again with a later heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

if TYPE_CHECKING:
    from ottla.broker.directories import Assignment
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy
    from ottla.node.alarms import Alarms
    from ottla.node.cluster import Cluster, Identity
    from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
    from ottla.wire.messages.broker_registration import BrokerRegistrationResponse

NO_EPOCH = -1

LEAVE_ATTEMPTS = 2
"""Heartbeats of an end: the first takes the leaderships away, the second finds none and fences."""


class ClusterError(OttlaError):
    """This node can't take its place in the cluster."""


class Membership:
    """Keeps one broker in its cluster. Used on the decision thread only."""

    __slots__ = (
        "_alarms",
        "_beating",
        "_beats_again",
        "_cluster",
        "_config",
        "_entropy",
        "_farewells",
        "_identity",
        "_lost_directories",
        "_untold",
        "broker_epoch",
        "joined",
        "left",
    )

    def __init__(
        self,
        identity: Identity,
        config: BrokerConfig,
        cluster: Cluster,
        alarms: Alarms,
        entropy: Entropy,
    ) -> None:
        self._identity = identity
        self._config = config
        self._cluster = cluster
        self._alarms = alarms
        self._entropy = entropy
        self._lost_directories: list[bytes] = []
        self._untold: list[Assignment] = []
        """Places of partitions that the controller does not know: it could not write them, or has
        not let this broker in yet.
        """
        self._beating = False
        """Whether a heartbeat is not answered yet."""
        self._beats_again = False
        """Whether there was something new to tell meanwhile."""
        self._farewells = 0
        """Heartbeats that are left to a broker that ends."""
        self.broker_epoch = NO_EPOCH
        """The epoch of this broker's registration."""
        self.joined = False
        """Whether this broker is registered, and was let in since it started."""
        self.left = False
        """Whether the controller has seen this broker out, as far as it goes."""

    # ------------------------------------------------------------------ coming and going
    def join(self, previous_epoch: int) -> None:
        """Register controller and broker, and be unfenced, one answer after the other; from then on
        heartbeats are sent. A refusal is raised in the turn that brings it.
        """
        identity, config = self._identity, self._config

        def controller_registered(_response: Any) -> None:
            broker = register_broker(identity, config, self._entropy.uuid(), previous_epoch)
            self._ask(broker, self._registered)

        controller = register_controller(identity, config, self._entropy.uuid())
        self._ask(controller, controller_registered)

    def _registered(self, response: BrokerRegistrationResponse) -> None:
        self.broker_epoch = response.broker_epoch
        period_ms = self._config["broker.heartbeat.interval.ms"]
        self._alarms.every("broker-heartbeat", period_ms, self._beat, real=True)
        self._beat()

    def leave(self) -> None:
        """Be fenced as in a controlled shutdown; `left` says when."""
        self._farewells = LEAVE_ATTEMPTS
        self._beat()

    # ------------------------------------------------------------------ while it is here
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
        if not self.joined:
            self._untold.extend(places)
            return
        if not directory_assignment_supported(self._cluster.image.metadata_version):
            return

        def told(response: Any) -> None:
            if response.error_code == ErrorCode.KAFKA_STORAGE_ERROR:
                self._untold.extend(places)

        request = assign_replicas(self._identity, self.broker_epoch, places)
        self._cluster.ask_own(request, request.max_version, told)

    def _beat(self) -> None:
        """A heartbeat, with all that could not be told before; one at a time."""
        if self._beating:
            self._beats_again = True
            return
        self._beating, self._beats_again = True, False
        farewell = self._farewells > 0
        request = heartbeat(
            self._identity,
            self.broker_epoch,
            metadata_offset=self._cluster.image.offset,
            want_shut_down=farewell,
            offline_log_dirs=self._lost_directories,
        )

        def beaten(response: BrokerHeartbeatResponse) -> None:
            self._beating = False
            problem = self._problem(request, response)
            # While it is here the log has said so already, and the next one tells it again.
            waits = self.joined and not farewell and isinstance(problem, DiskUnwilling)
            if problem is not None and not waits:
                raise problem
            if farewell:
                self._farewells -= 1
                self.left = response.should_shut_down or not self._farewells
            elif problem is None:
                self.joined = self.joined or not response.is_fenced
                untold, self._untold = self._untold, []
                self.assign(untold)
            if self._beats_again or (self._farewells and not self.left):
                self._beat()

        self._cluster.ask_own(request, request.max_version, beaten)

    # ------------------------------------------------------------------ questions and answers
    def _ask(self, message: Any, then: Callable[[Any], None]) -> None:
        """Ask the controller, wherever it is; `then` gets a response that is no refusal."""

        def answered(response: Any) -> None:
            problem = self._problem(message, response)
            if problem is not None:
                raise problem
            then(response)

        self._cluster.ask_own(message, message.max_version, answered)

    def _problem(self, message: Any, response: Any) -> OttlaError | None:
        """What the controller refused, if it did."""
        unwilling = self._cluster.unwilling
        if response.error_code == ErrorCode.KAFKA_STORAGE_ERROR and unwilling is not None:
            return unwilling
        if response.error_code == ErrorCode.NONE:
            return None
        error = ErrorCode(response.error_code)
        return ClusterError(
            f"the controller refused {type(message).__name__} of node "
            f"{self._identity.node_id}: {error!r}",
            hint=beyond_stable(self._cluster.image.metadata_version),
        )
