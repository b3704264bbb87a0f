"""A running node in place of a world's coordinator: each request on its own connection.

Parked requests stay parked on their connections until `hear` finds a reply. That a request is
parked is proved by what comes after it, never by time: with one network thread, one thread of
handlers, one shard and no linger (`IN_ORDER`), a node has done with whatever was sent before once a
marker that was sent later has gone the same way as often as there are places on it.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from coordinators.world import Asker
from ottla.wire import api, frame
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.leave_group import LeaveGroupRequest
from ottla.wire.messages.offset_fetch import OffsetFetchRequest

IN_ORDER = {
    "num.network.threads": "1",
    "num.io.threads": "1",
    "group.coordinator.threads": "1",
    "group.coordinator.append.linger.ms": "0",
    "offsets.topic.num.partitions": "1",
}
"""A node that does one thing after the other."""
MARKERS = 5
"""The network thread reads what has come, a handler hands it on, the shard decides, its log's high
watermark lets the reply go, and the network thread writes what it has.
"""
DEADLINE_S = 60


class Remote:
    """Stands in for the coordinator of a world: every request on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: dict[socket.socket, tuple[int, int, Callable[[Any], Any]]] = {}
        self._markers: socket.socket | None = None
        self.prefix = ""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda request, asker, done, **more: self.ask(request, asker, done)

    def leave_group(
        self, request: LeaveGroupRequest, asker: Asker, done: Callable[[Any], Any]
    ) -> None:
        if asker.version < 3:
            member_id = request.members[0].member_id
            request = LeaveGroupRequest(group_id=request.group_id, member_id=member_id)
        self.ask(request, asker, done)

    def offset_fetch(
        self, groups: list[Any], asker: Asker, done: Callable[[Any], Any], *, require_stable: bool
    ) -> None:
        for group in groups:
            group.group_id = self.prefix + group.group_id
        request = OffsetFetchRequest(groups=groups, require_stable=require_stable)
        self.ask(request, asker, lambda response: done(response.groups))

    def ask(self, request: Any, asker: Asker, done: Callable[[Any], Any]) -> None:
        """Send a request on a connection that the node knows already."""
        self._prefix(request)
        connection = self._open()
        connection.sendall(framed(request, asker.version, asker.client_id))
        self._waiting[connection] = (request.api_key, asker.version, done)

    def _open(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), DEADLINE_S)
        connection.sendall(framed(ApiVersionsRequest(), 0))
        taken(connection)
        return connection

    def _prefix(self, request: Any) -> None:
        if getattr(request, "group_id", ""):
            request.group_id = self.prefix + request.group_id
        for name in ("groups_names", "groups"):
            names = getattr(request, name, None)
            if names and isinstance(names[0], str):
                setattr(request, name, [self.prefix + one for one in names])

    def close(self) -> None:
        """Hang up on what was never answered."""
        for connection in self._waiting:
            connection.close()
        self._waiting.clear()
        if self._markers is not None:
            self._markers.close()
            self._markers = None

    def hear(self, replies: int) -> None:
        """Give out so many replies, and any that have come beside them by the time that the node
        has done with all that it was asked.
        """
        deadline = time.monotonic() + DEADLINE_S
        while replies > 0:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"{replies} replies are missing after {DEADLINE_S} s"
            replies -= self._heard(left_s)
        if self._markers is None:
            self._markers = self._open()
        for _ in range(MARKERS):
            self._markers.sendall(framed(DescribeGroupsRequest(groups=["marker"]), 0))
            taken(self._markers)
        while select.select(list(self._waiting), [], [], 0)[0]:
            self._heard(0)

    def _heard(self, timeout_s: float) -> int:
        readable, _, _ = select.select(list(self._waiting), [], [], timeout_s)
        heard = 0
        for connection in readable:
            key, version, done = self._waiting.pop(connection)
            with connection:
                body = taken(connection)
            _, response = frame.decode_response(api.response_class(key), body, version)
            heard += done(response) is not False
        return heard


def framed(request: Any, version: int, client_id: str = "") -> bytes:
    """A request as it is sent."""
    payload = frame.encode_request(request, version, correlation_id=0, client_id=client_id)
    return struct.pack(">i", len(payload)) + payload


def taken(connection: socket.socket) -> bytes:
    """One response, without its size."""
    with connection.makefile("rb") as stream:
        return stream.read(struct.unpack(">i", stream.read(4))[0])
