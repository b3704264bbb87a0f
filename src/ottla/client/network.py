"""The nodes of a cluster as far as they are known, and the connections to them.

It asks nobody and waits for nothing: whoever does (`Client`, `driving.py`) takes a connection from
here, open or not, and tells what it learned. Each machine that lets a node wait has connections of
its own (`way`): a node answers what comes by one connection in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.client.connecting.addresses import parse_bootstrap
from ottla.client.connecting.connection import PACES, Connection
from ottla.client.errors import (
    AuthenticationFailed,
    BadAddress,
    BrokerError,
    ConnectionFailed,
    TimedOut,
    TlsFailed,
)
from ottla.client.places import Places
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.client.connecting.paces import Paces
    from ottla.client.connecting.reach import Reach
    from ottla.client.connecting.waiting import Waiting

NEXT_ADDRESS_MS = 250
"""How long one of several addresses has before the next is tried beside it."""
HINT_NO_COORDINATOR = (
    "the brokers' log says why; where there are fewer than three, they need "
    "offsets.topic.replication.factor=1 and transaction.state.log.replication.factor=1"
)


class ClusterNode(NamedTuple):
    """A broker as the cluster's metadata names it."""

    id: int
    host: str
    port: int
    rack: str | None


class Network:
    """Nodes, connections, and what lies where (`places`).

    Args:
        on_change: told when a connection has opened or was lost.

    Raises:
        BadAddress: an address that makes no sense.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        client_id: str,
        waiting: Waiting,
        reach: Reach | None,
        on_change: Callable[[], None],
        paces: Paces = PACES,
    ) -> None:
        protocol = reach.security_protocol if reach is not None else "PLAINTEXT"
        self.places = Places()
        self.nodes: dict[int, ClusterNode] = {}
        self.nodes_known_at_ms: int | None = None
        self.cluster_id: str | None = None
        self.controller_id = -1
        self._bootstrap = parse_bootstrap(bootstrap_servers, protocol)
        self.client_id = client_id
        self._waiting = waiting
        self._reach = reach
        self._paces = paces
        self._on_change = on_change
        self._connections: dict[tuple[str, int, int], Connection] = {}
        self._next_way = 1
        self._doubted: set[int] = set()

    # ------------------------------------------------------------ what was told

    def learn(self, response: Any) -> None:
        """Remember what a Metadata response says."""
        now_ms = self._waiting.now_ms()
        self.nodes = {
            row.node_id: ClusterNode(row.node_id, row.host, row.port, row.rack)
            for row in response.brokers
        }
        self.nodes_known_at_ms = now_ms
        self._doubted.clear()
        self.cluster_id, self.controller_id = response.cluster_id, response.controller_id
        self.places.learn(response.topics, now_ms)

    def learn_coordinator(self, kind: int, key: str, response: Any) -> None:
        """Remember what a FindCoordinator response says of one.

        Raises:
            BrokerError: there is none right now, or the cluster has none of that kind.
        """
        self.learn_coordinator_row(kind, key, (response.coordinators or [response])[0])

    def learn_coordinator_row(self, kind: int, key: str, row: Any) -> None:
        """The same of one row.

        Raises:
            BrokerError: there is none right now, or the cluster has none of that kind.
        """
        if row.error_code:
            is_none = row.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
            hint = HINT_NO_COORDINATOR if is_none else None
            raise BrokerError(row.error_code, row.error_message, hint=hint)
        node_id = int(row.node_id)
        self.nodes[node_id] = ClusterNode(node_id, row.host, row.port, None)
        self._doubted.discard(node_id)
        self.places.learn_coordinator(kind, key, node_id)

    def rack_of(self, node_id: int) -> str | None:
        """The rack of a node, if it is known to have one."""
        node = self.nodes.get(node_id)
        return None if node is None else node.rack

    def is_doubted(self, node_id: int) -> bool:
        """Whether a node must be asked for: it is not known, or may be elsewhere by now."""
        return node_id not in self.nodes or node_id in self._doubted

    # ------------------------------------------------------------ connections

    def new_way(self) -> int:
        """A number for connections that one machine has to itself."""
        self._next_way += 1
        return self._next_way

    def close_way(self, way: int) -> None:
        """Close the connections of that number."""
        for key in [key for key in self._connections if key[2] == way]:
            self._connections.pop(key).close()

    def way_to(self, node_id: int, way: int = 0) -> Connection | None:
        """The connection to a node, open or not, without asking anybody; None if where it is has
        to be asked.
        """
        node = self.nodes.get(node_id)
        if node is None or node_id in self._doubted:
            return None
        return self.to_address(node.host, node.port, way)

    def ways(self) -> list[Connection]:
        """The connections to all addresses that are known, open or not."""
        addresses = dict.fromkeys(self._bootstrap)
        addresses.update(dict.fromkeys((n.host, n.port) for n in self.nodes.values()))
        return [self.to_address(host, port) for host, port in addresses]

    def to_any(self, now_ms: int, timeout_ms: int) -> Connection | None:
        """The connection to whichever address is open; else None, and the next one is begun if its
        turn has come: one that is silent holds up the others for no more than `NEXT_ADDRESS_MS`.
        """
        ways = self.ways()
        for connection in ways:
            if connection.open:
                return connection
        if now_ms >= (self._turn_ms(ways) or now_ms):
            for connection in ways:
                if connection.closed and connection.dial_at_ms <= now_ms:
                    connection.begin(timeout_ms)
                    if not connection.closed:
                        break
        return None

    def next_any_ms(self, now_ms: int) -> int | None:
        """When to call `to_any` again, if no connection has opened or failed before."""
        ways = self.ways()
        closed = [connection.dial_at_ms for connection in ways if connection.closed]
        if not closed:
            return None
        return max(now_ms + 1, min(closed), self._turn_ms(ways) or now_ms)

    def _turn_ms(self, ways: list[Connection]) -> int | None:
        """When another may be begun beside those that are being dialed."""
        begun = [c.begun_at_ms for c in ways if not c.closed and c.begun_at_ms is not None]
        return max(begun) + NEXT_ADDRESS_MS if begun else None

    def raise_what_stays(self, connections: list[Connection]) -> None:
        """Raise why nobody can be reached, if that does not pass by itself."""
        if (told := stays(connections)) is not None:
            raise told

    def what_stays(self) -> OttlaError | None:
        """Why nobody can be reached, if that does not pass by itself.

        Who was reached before is waited for whatever its name and its bytes say by now, unless it
        is a matter of trust.
        """
        if self.is_reached:
            return None
        told = stays(self.ways())
        trust = isinstance(told, TlsFailed | AuthenticationFailed)
        return told if trust or not self.nodes else None

    def to_address(self, host: str, port: int, way: int = 0) -> Connection:
        found = self._connections.get((host, port, way))
        if found is None:
            found = self._connections[(host, port, way)] = Connection(
                host,
                port,
                client_id=self.client_id,
                waiting=self._waiting,
                on_lost=self._lost,
                on_open=self._opened,
                reach=self._reach,
                paces=self._paces,
            )
        return found

    def _opened(self, connection: Connection) -> None:
        self.places.learn_features(connection.api_versions)
        self._on_change()

    def _lost(self, connection: Connection) -> None:
        """Whatever lay on that node may lie elsewhere now, and the node too."""
        for node in self.nodes.values():
            if (node.host, node.port) == (connection.host, connection.port):
                self.places.doubt_node(node.id)
                self._doubted.add(node.id)
                self.nodes_known_at_ms = None
        self._on_change()

    @property
    def is_reached(self) -> bool:
        """Whether any node can be asked now."""
        return any(connection.open for connection in self._connections.values())

    def last_failure(self) -> OttlaError | None:
        """Why a node could not be reached, if none can."""
        if self.is_reached:
            return None
        failures = [f for c in self._connections.values() if (f := c.last_failure) is not None]
        return failures[-1] if failures else None

    def open_connection(self) -> Connection | None:
        """One that is open and answers at once, to whichever node."""
        for (_, _, way), connection in self._connections.items():
            if way == 0 and connection.open:
                return connection
        return None

    def all(self) -> list[Connection]:
        """Every connection that there is, open or not."""
        return list(self._connections.values())

    def let_go(self) -> None:
        """Close every socket without a word to whom it leads."""
        for connection in self._connections.values():
            connection.let_go()
        self._connections.clear()

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


def stays(connections: list[Connection]) -> OttlaError | None:
    """Why none of these can be reached, if that does not pass by itself."""
    if any(connection.failure is None for connection in connections):
        return None
    try:
        to_tell(connections)
    except OttlaError as told:
        return told
    return None


def to_tell(connections: list[Connection]) -> OttlaError:
    """Why nobody could be reached; what a retry can't mend is raised at once.

    That one of several names means nothing is told only if there is nothing else to tell.
    """
    failures = [c.failure for c in connections if c.failure is not None]
    for failure in failures:
        if not isinstance(failure, BadAddress) and not passes(failure):
            raise failure
    passing = [f for f in failures if not isinstance(f, BadAddress)]
    if not passing:
        raise failures[0]
    return passing[-1]


def passes(error: OttlaError) -> bool:
    """Whether the same call may succeed later without anybody doing anything."""
    if isinstance(error, BrokerError):
        return error.retriable and error.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return isinstance(error, ConnectionFailed | TimedOut)
