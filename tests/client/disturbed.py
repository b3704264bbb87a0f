"""Two clusters that are disturbed while clients are at work: an Ottla node, and two of 4.3.1.

On the pair leaders and coordinators really move; on the one node they are said to, by answers that
are errors. Both are killed and restarted, and lose answers to what they have done.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import ottla
from oracle import Oracle, free_port
from ottla.client.admin import topics
from ottla.client.client import Client
from ottla.wire.messages import alter_partition_reassignments as apr
from ottla.wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from servers import eventually

HOST = "127.0.0.1"
DISTURBANCES = ("answers lost", "leaders moved", "coordinators moved", "killed", "restarted")
INTERNAL_TOPICS = ("__consumer_offsets", "__transaction_state")
PREFERRED = 0


class World(Protocol):
    """A cluster."""

    bootstrap: str

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""

    def disturb(self, what: str, topics: list[str]) -> None:
        """Let that happen; it has happened, or will to what is asked next, on return."""


class OttlaWorld:
    """One node."""

    def __init__(self, broker: ottla.Broker) -> None:
        self._broker = broker
        self.bootstrap = broker.bootstrap_servers

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self._broker.create_topic(topic, partitions=partitions)

    def disturb(self, what: str, topics: list[str]) -> None:
        """Let that happen."""
        faults = self._broker.faults
        faults.clear()  # what of the last one has met nobody
        match what:
            case "answers lost":
                for api in ("Produce", "EndTxn", "OffsetCommit", "TxnOffsetCommit"):
                    faults.drop_reply(api=api, times=2)
            case "leaders moved":
                for api in ("Produce", "Fetch", "ListOffsets"):
                    faults.answer(api, "NOT_LEADER_OR_FOLLOWER", 3)
            case "coordinators moved":
                for api in ("Heartbeat", "OffsetCommit", "EndTxn", "TxnOffsetCommit"):
                    faults.answer(api, "NOT_COORDINATOR", 2)
            case "killed":
                self._broker.kill()
                self._broker.start()
            case "restarted":
                self._broker.close()
                self._broker.start()


class Relay:
    """A port that passes all on to another one, and can lose answers."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._to_lose = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answers(self, count: int) -> None:
        """The next ones do not arrive: their connections are closed instead."""
        with self._lock:
            self._to_lose = count

    def close(self) -> None:
        """Take nobody any more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    node = socket.create_connection((HOST, self._to))
                except OSError:
                    client.close()
                    continue
                threading.Thread(target=self._pass, args=(client, node), daemon=True).start()
                threading.Thread(
                    target=self._pass, args=(node, client), kwargs={"answers": True}, daemon=True
                ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, *, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if answers and self._loses():
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()  # the other end is the other thread's

    def _loses(self) -> bool:
        with self._lock:
            if self._to_lose <= 0:
                return False
            self._to_lose -= 1
            return True


class ApacheWorld:
    """Two nodes of 4.3.1: the first is the controller too, the second comes and goes."""

    def __init__(self, folder: Path) -> None:
        controller = free_port()
        self._relays: list[Relay] = []
        self._nodes: list[Oracle] = []
        for number in (1, 2):
            port, inner = free_port(), free_port()
            relay = Relay(port)
            listeners = f"PLAINTEXT://{HOST}:{port},INNER://{HOST}:{inner}"
            config = {
                "node.id": str(number),
                "controller.quorum.voters": f"1@{HOST}:{controller}",
                "listeners": listeners,
                "advertised.listeners": f"PLAINTEXT://{HOST}:{relay.port},INNER://{HOST}:{inner}",
                "inter.broker.listener.name": "INNER",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT,"
                "CONTROLLER:PLAINTEXT",
                "default.replication.factor": "2",
                "offsets.topic.replication.factor": "2",
                "transaction.state.log.replication.factor": "2",
                "replica.lag.time.max.ms": "5000",
            }
            if number == 1:
                config["listeners"] += f",CONTROLLER://{HOST}:{controller}"
            else:
                config["process.roles"] = "broker"
            node = Oracle(folder / str(number), config, ports=(port, controller))
            self._relays.append(relay)
            self._nodes.append(node)
        self.bootstrap = ",".join(f"{HOST}:{relay.port}" for relay in self._relays)

    def start(self) -> None:
        """Start both."""
        for node in self._nodes:
            node.start()
        with self._client() as client:
            eventually(lambda: len(client.metadata(topics=[]).brokers) == 2, "both are there")

    def stop(self) -> None:
        """Stop both."""
        for node in reversed(self._nodes):
            node.kill()
        for relay in self._relays:
            relay.close()

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic on both, and wait until both know."""
        with self._client() as client:
            assert topics.create(client, [topics.NewTopic(topic, partitions, 2)]) == {topic: None}
        self._all_in_sync([topic])

    def disturb(self, what: str, topics: list[str]) -> None:
        """Let that happen."""
        match what:
            case "answers lost":
                for relay in self._relays:
                    relay.lose_answers(5)
            case "leaders moved":
                self._move(topics)
            case "coordinators moved":
                self._move([*INTERNAL_TOPICS])
            case "killed":
                self._nodes[1].kill()
                self._nodes[1].start()
                self._all_in_sync(topics)
            case "restarted":
                self._nodes[1].restart()
                self._all_in_sync(topics)

    def _client(self) -> Client:
        return Client(self.bootstrap, timeout_ms=30_000)

    def _move(self, names: list[str]) -> None:
        """Each partition to the other of its nodes."""
        with self._client() as client:
            found = [t for t in topics.describe(client, topics.names(client)) if t.name in names]
            moved = apr.AlterPartitionReassignmentsRequest(
                topics=[
                    apr.ReassignableTopic(
                        name=topic.name,
                        partitions=[
                            apr.ReassignablePartition(
                                partition_index=p.number,
                                replicas=sorted(p.replicas, key=lambda one, p=p: one == p.leader),
                            )
                            for p in topic.partitions
                        ],
                    )
                    for topic in found
                ]
            )
            client.request(moved)
            elected = [
                TopicPartitions(topic=t.name, partitions=[p.number for p in t.partitions])
                for t in found
            ]
            before = {(t.name, p.number): p.leader for t in found for p in t.partitions}

            def is_moved() -> bool:
                request = ElectLeadersRequest(election_type=PREFERRED, topic_partitions=elected)
                client.request(request)
                now = topics.describe(client, [t.name for t in found])
                return all(
                    p.leader != before[(t.name, p.number)] and p.leader > 0
                    for t in now
                    for p in t.partitions
                )

            eventually(is_moved, f"{names} are led by the others")

    def _all_in_sync(self, names: list[str]) -> None:
        """Only what both nodes have can be moved, or outlive one of them."""
        with self._client() as client:
            wanted = {*names, *INTERNAL_TOPICS}

            def are_there() -> bool:
                present = [name for name in topics.names(client) if name in wanted]
                found = topics.describe(client, present)
                return {*names} <= {*present} and all(
                    len(p.isr) == 2 for t in found for p in t.partitions
                )

            eventually(are_there, "both nodes have all", timeout_s=60)


@contextlib.contextmanager
def ottla_world(folder: Path) -> Iterator[OttlaWorld]:
    """One node, started."""
    with ottla.Broker(dir=folder) as broker:
        yield OttlaWorld(broker)


@contextlib.contextmanager
def apache_world(folder: Path) -> Iterator[ApacheWorld]:
    """Two nodes, started."""
    world = ApacheWorld(folder)
    try:
        world.start()
        yield world
    finally:
        world.stop()


Worlds: dict[str, Callable[[Path], contextlib.AbstractContextManager[World]]] = {
    "ottla": ottla_world,
    "kafka": apache_world,
}
