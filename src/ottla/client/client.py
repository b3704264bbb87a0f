"""A client of one cluster: connections to its nodes, and where to send what.

A request goes to any node, to a numbered one, to the leader of a partition or to the coordinator of
a group. Connections open on first use and are opened again after they broke. `attempt` is how admin
calls live through what passes by itself: a lost connection, a coordinator that loads, a leader that
moves.

It is not a producer or consumer, keeps no threads, and one thread at a time may use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from ottla.client.addresses import parse_bootstrap
from ottla.client.connection import Connection
from ottla.client.errors import (
    BadAddress,
    BrokerError,
    ConnectionFailed,
    TimedOut,
    Unreachable,
    check,
)
from ottla.errors import OttlaError

T = TypeVar("T")

BACKOFF_MS = 100
BACKOFF_MS_MAX = 1000
METADATA_AGE_MS_MAX = 300_000
GROUP, TRANSACTION, SHARE = 0, 1, 2
UNKNOWN_TOPIC_OR_PARTITION = 3


class ClusterNode(NamedTuple):
    """A broker as the cluster's metadata names it."""

    id: int
    host: str
    port: int
    rack: str | None


class Client:
    """Connections to one cluster, found through its bootstrap addresses.

    Args:
        bootstrap_servers: `host:port`, several with commas between.
        request_timeout_ms: for one answer on one connection.
        timeout_ms: for a whole call, its retries included.
        connect_timeout_ms: how long to keep trying while nobody answers at all; as timeout_ms if
            it is not given.
        on_wait: told once, in words, when nobody answers yet and the call keeps trying.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        client_id: str = "ottla",
        request_timeout_ms: int = 30_000,
        timeout_ms: int = 60_000,
        connect_timeout_ms: int | None = None,
        on_wait: Callable[[OttlaError], None] | None = None,
    ) -> None:
        self._bootstrap = parse_bootstrap(bootstrap_servers)
        self._client_id = client_id
        self._request_timeout_ms = request_timeout_ms
        self.timeout_ms = timeout_ms
        self._connect_timeout_ms = timeout_ms if connect_timeout_ms is None else connect_timeout_ms
        self._on_wait = on_wait
        self._bootstrapped: Connection | None = None
        self._connections: dict[int, Connection] = {}
        self._nodes: dict[int, ClusterNode] = {}
        self._nodes_known_at = 0.0
        self._leaders: dict[tuple[str, int], int] = {}
        self._coordinators: dict[tuple[int, str], int] = {}
        self.cluster_id: str | None = None
        self.controller_id = -1

    # ------------------------------------------------------------ requests

    def request(self, message: Any, *, version: int | None = None) -> Any:
        """Ask any node.

        Raises:
            OttlaError: nobody could be reached, or no common version.
        """
        return self._send(self._any(), message, version)

    def request_node(self, node_id: int, message: Any, *, version: int | None = None) -> Any:
        """Ask the node of that id.

        Raises:
            OttlaError: no such node, it can't be reached, or no common version.
        """
        return self._send(self.connection(node_id), message, version)

    def request_coordinator(self, group: str, message: Any, *, kind: int = GROUP) -> Any:
        """Ask the coordinator of a group (or of a transactional id, by `kind`).

        Raises:
            OttlaError: there is none yet, or it can't be reached.
        """
        return self.request_node(self.coordinator(group, kind=kind), message)

    def attempt(self, call: Callable[[], T]) -> T:
        """Call until it succeeds, fails for good, or `timeout_ms` is over.

        Lost connections and retriable errors of the node are tried again, after what was known of
        leaders and coordinators is forgotten. A topic that is not there is told at once: wrong
        names are more common than topics that are about to appear.
        """
        deadline = time.monotonic() + self.timeout_ms / 1000
        backoff_ms = BACKOFF_MS
        while True:
            try:
                return call()
            except (ConnectionFailed, TimedOut) as error:
                last: OttlaError = error
            except BrokerError as error:
                if not error.retriable or error.code == UNKNOWN_TOPIC_OR_PARTITION:
                    raise
                last = error
            self.forget()
            if time.monotonic() + backoff_ms / 1000 > deadline:
                raise last
            time.sleep(backoff_ms / 1000)
            backoff_ms = min(2 * backoff_ms, BACKOFF_MS_MAX)

    def _send(self, connection: Connection, message: Any, version: int | None) -> Any:
        return connection.request(message, timeout_ms=self._request_timeout_ms, version=version)

    # ------------------------------------------------------------ who is where

    def nodes(self) -> dict[int, ClusterNode]:
        """The brokers by id, as of a few minutes ago at most."""
        age_ms = (time.monotonic() - self._nodes_known_at) * 1000
        if not self._nodes or age_ms > METADATA_AGE_MS_MAX:
            self.metadata(topics=[])
        return self._nodes

    def metadata(
        self,
        *,
        topics: list[str] | None = None,
        topic_ids: Iterable[bytes] = (),
        create: bool = False,
    ) -> Any:
        """A fresh Metadata response: of some topics, or of all with None.

        What it says of brokers and leaders is remembered.
        """
        from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic

        asked = None
        if topics is not None or topic_ids:
            asked = [MetadataRequestTopic(name=name) for name in topics or ()]
            asked += [MetadataRequestTopic(name=None, topic_id=uid) for uid in topic_ids]
        response = self.request(MetadataRequest(topics=asked, allow_auto_topic_creation=create))
        self._nodes = {
            row.node_id: ClusterNode(row.node_id, row.host, row.port, row.rack)
            for row in response.brokers
        }
        self._nodes_known_at = time.monotonic()
        self.cluster_id, self.controller_id = response.cluster_id, response.controller_id
        for topic in response.topics:
            for partition in topic.partitions:
                if not partition.error_code:
                    place = (topic.name, partition.partition_index)
                    self._leaders[place] = partition.leader_id
        return response

    def leader(self, topic: str, partition: int) -> int:
        """The id of the node that leads a partition.

        Raises:
            BrokerError: no such topic or partition, or no leader right now.
        """
        place = (topic, partition)
        if place not in self._leaders:
            for found in self.metadata(topics=[topic]).topics:
                check(found.error_code)
                for row in found.partitions:
                    if row.partition_index == partition:
                        check(row.error_code)
        if place not in self._leaders:
            raise BrokerError(
                UNKNOWN_TOPIC_OR_PARTITION, f"topic '{topic}' has no partition {partition}"
            )
        return self._leaders[place]

    def coordinator(self, key: str, *, kind: int = GROUP) -> int:
        """The id of the node that coordinates a group (or a transactional id).

        Raises:
            BrokerError: there is none right now (retriable), or the cluster has none of that kind.
        """
        from ottla.wire.messages.find_coordinator import FindCoordinatorRequest

        if (kind, key) not in self._coordinators:
            connection = self._any()
            if connection.version_for(FindCoordinatorRequest) >= 4:
                question = FindCoordinatorRequest(key_type=kind, coordinator_keys=[key])
                found = self._send(connection, question, None).coordinators[0]
            else:
                question = FindCoordinatorRequest(key_type=kind, key=key)
                found = self._send(connection, question, None)
            check(found.error_code, found.error_message)
            node = ClusterNode(found.node_id, found.host, found.port, None)
            self._nodes.setdefault(found.node_id, node)
            self._coordinators[(kind, key)] = found.node_id
        return self._coordinators[(kind, key)]

    def forget(self) -> None:
        """Forget who leads and who coordinates; the next call asks again."""
        self._leaders.clear()
        self._coordinators.clear()
        self._nodes_known_at = 0.0

    # ------------------------------------------------------------ connections

    def connection(self, node_id: int | None = None) -> Connection:
        """The open connection to a node, opened if needed; to any node with None.

        Raises:
            OttlaError: no such node, or it can't be reached.
        """
        if node_id is None:
            return self._any()
        open_one = self._connections.get(node_id)
        if open_one is not None and not open_one.closed:
            return open_one
        node = self._nodes.get(node_id) or self.nodes().get(node_id)
        if node is None:
            raise BrokerError(8, f"the cluster has no node {node_id} right now")
        found = self._connections[node_id] = self._open(node.host, node.port)
        return found

    def _any(self) -> Connection:
        if self._bootstrapped is not None and not self._bootstrapped.closed:
            return self._bootstrapped
        for open_one in self._connections.values():
            if not open_one.closed:
                return open_one
        self._bootstrapped = self._bootstrap_connection()
        return self._bootstrapped

    def _bootstrap_connection(self) -> Connection:
        """Try every known address until one answers or the time is over."""
        deadline = time.monotonic() + self._connect_timeout_ms / 1000
        backoff_ms = BACKOFF_MS
        told = False
        while True:
            addresses = dict.fromkeys(self._bootstrap)
            addresses.update(dict.fromkeys((n.host, n.port) for n in self._nodes.values()))
            last: OttlaError | None = None
            for host, port in addresses:
                try:
                    return self._open(host, port)
                except BadAddress as error:
                    last = last or error
                except (ConnectionFailed, TimedOut) as error:
                    last = error
            assert last is not None
            if isinstance(last, BadAddress):
                raise last
            if time.monotonic() + backoff_ms / 1000 > deadline:
                raise Unreachable(str(last), hint=last.hint)
            if not told and self._on_wait is not None:
                told = True
                self._on_wait(last)
            time.sleep(backoff_ms / 1000)
            backoff_ms = min(2 * backoff_ms, BACKOFF_MS_MAX)

    def _open(self, host: str, port: int) -> Connection:
        timeout_ms = min(self._request_timeout_ms, self.timeout_ms)
        return Connection(host, port, client_id=self._client_id, timeout_ms=timeout_ms)

    def close(self) -> None:
        """Close every connection."""
        for connection in [self._bootstrapped, *self._connections.values()]:
            if connection is not None:
                connection.close()
        self._connections.clear()
        self._bootstrapped = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
