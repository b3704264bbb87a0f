"""Apache Kafka 4.3.1 as the node of a story: a broker that is killed, beside a controller that is
not.

A combined 4.3.1 can't be held to this story. Killed and started again, it knows from its metadata
that it leads all it led, and not yet that it was away: its controller, gone with it, has to wait
for a session first. What its coordinator ends meanwhile is lost: when the leaders vanish at last,
it takes their partitions for deleted, and writes that the transaction is complete, without a
marker. The records go with the next transaction of that producer. A controller of its own, as
Apache Kafka wants it where anything matters, fences the broker that was killed, and a broker that
starts after that learns it before it does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oracle import Oracle, free_port
from servers import eventually

SESSION = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "200"}
"""How soon the controller sees that the broker was killed. A broker that lives is not to miss it on
a busy machine: it would be fenced, with the same loss."""
SKIPS = "these partitions are likely deleted already and hence can be skipped"
_MARKERS = "kafka.coordinator.transaction.TransactionMarkerChannelManager"
_CONTROL = "org.apache.kafka.controller.ReplicationControlManager"
_FENCES = "Fencing broker 1 at epoch"


class Apache:
    """A broker with its controller; what is killed and started is the broker."""

    kind = "kafka"

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        controller = free_port()
        common = {
            **config,
            **SESSION,
            "controller.quorum.voters": f"2@127.0.0.1:{controller}",
        }
        self._controller = Oracle(
            folder / "controller",
            {
                **common,
                "process.roles": "controller",
                "node.id": "2",
                "listeners": f"CONTROLLER://127.0.0.1:{controller}",
            },
            ports=(controller, controller),
            heap="256m",
            jvm=(f"-Dorg.slf4j.simpleLogger.log.{_CONTROL}=info",),
        )
        port = free_port()
        self._broker = Oracle(
            folder / "broker",
            {**common, "process.roles": "broker", "listeners": f"PLAINTEXT://127.0.0.1:{port}"},
            ports=(port, controller),
            jvm=(f"-Dorg.slf4j.simpleLogger.log.{_MARKERS}=info",),
        )
        self.bootstrap = self._broker.bootstrap
        self._told: int | None = None
        """How much the controller had logged when the broker was killed."""

    @property
    def pid(self) -> int:
        """The broker's process."""
        return self._broker.pid

    def start(self, *, timeout_s: float = 90) -> None:
        """Start the broker, once its life before is over for the controller too."""
        if self._told is None:
            self._controller.start(timeout_s=timeout_s)
        else:
            eventually(self._is_fenced, "the controller fences the broker", timeout_s=timeout_s)
        self._broker.start(timeout_s=timeout_s)

    def kill(self) -> None:
        """SIGKILL to the broker."""
        self._told = self._controller.server_log.stat().st_size
        self._broker.kill()

    def end(self) -> None:
        """SIGKILL to both."""
        self._broker.kill()
        self._controller.kill()

    def void(self) -> str:
        """By its own log, why nothing follows from what it did; empty if something does."""
        skips = self._broker.server_log.read_text(errors="replace").count(SKIPS)
        return f"it says that it skipped the markers of {skips} transactions" if skips else ""

    def _is_fenced(self) -> bool:
        return _FENCES in self._controller.server_log.read_text(errors="replace")[self._told :]
