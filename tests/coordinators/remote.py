"""A running node in place of a world's coordinator: each request on its own connection.

Parked requests stay parked on their connections until `hear` finds a reply.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from typing import Any

from coordinators.world import Asker
from ottla.wire import api, schema
from ottla.wire.messages.leave_group import LeaveGroupRequest
from ottla.wire.messages.offset_fetch import OffsetFetchRequest


class Remote:
    """Stands in for the coordinator of a world: every request on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: dict[socket.socket, tuple[int, int, Callable[[Any], None]]] = {}
        self.prefix = ""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda request, asker, done, **more: self.ask(request, asker, done)

    def leave_group(
        self, request: LeaveGroupRequest, asker: Asker, done: Callable[[Any], None]
    ) -> None:
        if asker.version < 3:
            member_id = request.members[0].member_id
            request = LeaveGroupRequest(group_id=request.group_id, member_id=member_id)
        self.ask(request, asker, done)

    def offset_fetch(
        self, groups: list[Any], asker: Asker, done: Callable[[Any], None], *, require_stable: bool
    ) -> None:
        for group in groups:
            group.group_id = self.prefix + group.group_id
        request = OffsetFetchRequest(groups=groups, require_stable=require_stable)
        self.ask(request, asker, lambda response: done(response.groups))

    def ask(self, request: Any, asker: Asker, done: Callable[[Any], None]) -> None:
        self._prefix(request)
        version = asker.version
        flexible = api.request_class(request.api_key).flexible[0] <= version
        client_id = asker.client_id.encode()
        header = struct.pack(">hhih", request.api_key, version, 0, len(client_id)) + client_id
        frame = header + b"\0" * flexible + schema.encode(request, version)
        connection = socket.create_connection(("127.0.0.1", self._port), 5)
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        self._waiting[connection] = (request.api_key, version, done)

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

    def hear(self, quiet_s: float) -> None:
        """Give out replies until there was none for a while."""
        while self._waiting:
            readable, _, _ = select.select(list(self._waiting), [], [], quiet_s)
            if not readable:
                return
            connection = readable[0]
            key, version, done = self._waiting.pop(connection)
            with connection, connection.makefile("rb") as stream:
                body = stream.read(struct.unpack(">i", stream.read(4))[0])
            kind = api.response_class(key)
            done(schema.decode(kind, body[5 if kind.flexible[0] <= version else 4 :], version))
