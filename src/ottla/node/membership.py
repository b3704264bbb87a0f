"""This broker's place in the cluster: its registration, its heartbeats, and where its folders are.

These are requests to the controller like any other, asked without a socket while it is in this
process; nothing is known of it here but its answers. What follows from an answer is done when it
comes, in this turn or a later one. One request at a time is under way, places of partitions aside.

A refusal is a code. As in Apache Kafka all of them are tried again with the next heartbeat once
this broker is in. `GONE` has it register anew: the controller knows it no more, or in another life.
What waiting does not mend (all but `LATER`) ends a start, and an end, at once and by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ottla.errors import OttlaError
from ottla.metadata.features import (
    controller_registration_supported,
    directory_assignment_supported,
)
from ottla.node.registration import (
    assign_replicas,
    beyond_stable,
    heartbeat,
    register_broker,
    register_controller,
)
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.directories import Assignment
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy
    from ottla.node.alarms import Alarms
    from ottla.node.cluster import Cluster, Identity
    from ottla.node.logs import Logs
    from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
    from ottla.wire.messages.broker_registration import BrokerRegistrationResponse

NO_EPOCH = -1

LEAVE_ATTEMPTS = 2
"""Heartbeats of an end: the first takes the leaderships away, the second finds none and fences."""

LATER: Final = (
    ErrorCode.NOT_CONTROLLER,
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.DUPLICATE_BROKER_REGISTRATION,
)
"""Another controller is being elected, or the session of this broker's former life has not ended.
"""

GONE: Final = (ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED)
"""What a heartbeat hears whose registration counts no more."""

Step = tuple[Any, Callable[[Any], None]]
"""A request, and what follows from an answer that is no refusal."""


class ClusterError(OttlaError):
    """This node can't take its place in the cluster."""


class Membership:
    """Keeps one broker in its cluster. Used on the decision thread only."""

    __slots__ = (
        "_again",
        "_alarms",
        "_asking",
        "_cluster",
        "_config",
        "_cordoned",
        "_entropy",
        "_farewells",
        "_identity",
        "_incarnation_id",
        "_logs",
        "_lost_directories",
        "_next",
        "_refusal",
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
        logs: Logs,
    ) -> None:
        self._identity = identity
        self._config = config
        self._cluster = cluster
        self._alarms = alarms
        self._entropy = entropy
        self._logs = logs
        self._next: Callable[[], Step] = self._controller
        """What makes the request that comes next."""
        self._incarnation_id: bytes | None = None
        """Of this broker's life, when it is known."""
        self._lost_directories: list[bytes] = []
        self._cordoned: list[bytes] = []
        self._untold: dict[tuple[bytes, int], bytes] = {}
        """Places of partitions that the controller does not know: it refused them, has not let
        this broker in yet, or has no place for them at its metadata.version.
        """
        self._asking = False
        """Whether a request is not answered yet."""
        self._again = False
        """Whether there was something new to tell meanwhile."""
        self._refusal = ErrorCode.NONE
        """What was answered last, which the log has said."""
        self._farewells = 0
        """Heartbeats that are left to a broker that ends."""
        self.broker_epoch = NO_EPOCH
        """The epoch of this broker's registration; before that the one of its former life."""
        self.joined = False
        """Whether this broker is registered, and was let in since it started."""
        self.left = False
        """Whether the controller has seen this broker out, as far as it goes."""

    # ------------------------------------------------------------------ coming and going
    def join(self, previous_epoch: int) -> None:
        """Register controller and broker, and be unfenced, one answer after the other; from then on
        heartbeats are sent. A refusal that ends the start is raised in the turn that brings it.
        """
        self.broker_epoch = previous_epoch
        period_ms = self._config["broker.heartbeat.interval.ms"]
        self._alarms.every("broker-heartbeat", period_ms, self._tell, real=True)
        self._tell()

    def leave(self) -> None:
        """Be fenced as in a controlled shutdown; `left` says when."""
        self._farewells = LEAVE_ATTEMPTS
        self._tell()

    # ------------------------------------------------------------------ while it is here
    def directory_lost(self, directory_id: bytes) -> None:
        """Tell the controller of a log directory that failed: its partitions lose their leader."""
        self._lost_directories.append(directory_id)
        self._tell()

    def cordoned(self, directory_ids: list[bytes]) -> None:
        """Tell the controller which log directories take no new replicas."""
        if directory_ids != self._cordoned:
            self._cordoned = directory_ids
            if self.joined:
                self._tell()

    def assign(self, places: Sequence[Assignment]) -> None:
        """Tell the controller in which log directories partitions are, which is safe with the next
        commit. What it refuses as a whole is told again with a later heartbeat; what it refuses of
        single ones is that they are this broker's, or are there at all.
        """
        if not places:
            return
        untold = {(topic_id, index): directory_id for topic_id, index, directory_id in places}
        level = self._cluster.image.metadata_version
        if not self.joined or not directory_assignment_supported(level):
            self._untold |= untold
            return

        def told(response: Any) -> None:
            if response.error_code:
                self._untold = untold | self._untold

        request = assign_replicas(self._identity, self.broker_epoch, places)
        self._cluster.ask(request, request.max_version, told)

    def on_metadata_version(self, before: int, after: int) -> None:
        """Register again if a level was passed that has a place for more of what is told then."""
        if not self.joined or self._farewells:
            return
        if controller_registration_supported(after) > controller_registration_supported(before):
            self._next = self._controller
        elif directory_assignment_supported(after) > directory_assignment_supported(before):
            self._next = self._broker
        else:
            return
        self._tell()

    # ------------------------------------------------------------------ one request at a time
    def _tell(self) -> None:
        """Ask the controller what comes next."""
        if self._asking:
            self._again = True
            return
        self._asking, self._again = True, False
        request, then = self._next()

        def answered(response: Any) -> None:
            self._asking = False
            error = ErrorCode(response.error_code)
            if error:
                self._refused(request, error)
                return
            self._refusal = error
            then(response)
            if self._again:
                self._tell()

        self._cluster.ask(request, request.max_version, answered)

    def _controller(self) -> Step:
        if not controller_registration_supported(self._cluster.image.metadata_version):
            self._next = self._broker
            return self._broker()
        request = register_controller(self._identity, self._config, self._entropy.uuid())

        def registered(_response: Any) -> None:
            self._next, self._again = self._broker, True

        return request, registered

    def _broker(self) -> Step:
        if self._incarnation_id is None:
            self._incarnation_id = self._entropy.uuid()
        request = register_broker(
            self._identity, self._config, self._incarnation_id, self.broker_epoch
        )

        def registered(response: BrokerRegistrationResponse) -> None:
            self.broker_epoch = response.broker_epoch
            self._next, self._again = self._beat, True

        return request, registered

    def _beat(self) -> Step:
        """A heartbeat, with all that could not be told before."""
        farewell = self._farewells > 0
        request = heartbeat(
            self._identity,
            self.broker_epoch,
            metadata_offset=self._cluster.image.offset,
            want_shut_down=farewell,
            offline_log_dirs=self._lost_directories,
            cordoned_log_dirs=self._cordoned,
        )

        def beaten(response: BrokerHeartbeatResponse) -> None:
            if farewell:
                self._farewells -= 1
                self.left = response.should_shut_down or not self._farewells
            else:
                self.joined = self.joined or not response.is_fenced
                untold, self._untold = self._untold, {}
                self.assign([(*replica, place) for replica, place in untold.items()])
            self._again |= bool(self._farewells) and not self.left

        return request, beaten

    def _refused(self, request: Any, error: ErrorCode) -> None:
        """See what follows; the next attempt is the next period's, so that a refusal that is there
        at once keeps nobody.

        Raises:
            ClusterError: waiting does not mend it, and this broker is not in yet or on its way out.
        """
        text = (
            f"the controller refused {type(request).__name__} of node "
            f"{self._identity.node_id}: {error!r}"
        )
        if error in GONE and self._next == self._beat:
            self._next = self._broker
            self.left = self._farewells > 0  # who counts no more need not be seen out
        elif error not in LATER and (not self.joined or self._farewells):
            raise ClusterError(text, hint=beyond_stable(self._cluster.image.metadata_version))
        if error != self._refusal:
            self._refusal = error
            self._logs.warn(f"{text}; it is tried again with each heartbeat")
