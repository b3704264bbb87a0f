"""A minimal instance of another registry, as far as its group sees it.

It speaks the facts of the protocol and shares nothing with the code under test but the frames of
Kafka's requests: its JSON, its choice of a leader and its thread are its own. As the leader of the
group it elects as Confluent's does (the least URL that is eligible; the same URL twice is error 1),
as a follower it keeps what it was told. `leave` says farewell; `die` does not.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

OK, NOT_THERE_YET = 0, (14, 15, 16)
REBALANCE, MEMBER_ID_REQUIRED, UNKNOWN_MEMBER, OLD_GENERATION = 27, 79, 25, 22
BEAT_S = 0.03
Elects = Callable[[dict[str, bytes]], dict[str, Any]]


def said(
    host: str, port: int = 8081, *, eligible: bool = True, scheme: str = "http", **more: Any
) -> dict[str, Any]:
    """What a member says of itself, in the order of a running group of Confluent's 7.4."""
    return {
        "host": host,
        "port": port,
        "master_eligibility": eligible,
        "scheme": scheme,
        "version": 1,
        **more,
    }


def url(identity: dict[str, Any]) -> str:
    """Where that member is."""
    return f"{identity['scheme']}://{identity['host']}:{identity['port']}"


def least_url(members: dict[str, bytes]) -> dict[str, Any]:
    """The assignment that Confluent's would make of these members."""
    known = {}
    for member_id, metadata in members.items():
        with suppress(ValueError, RecursionError):
            known[member_id] = json.loads(metadata)
    urls = [url(one) for one in known.values()]
    able = {url(one): m for m, one in known.items() if one["master_eligibility"]}
    found: dict[str, Any] = {"error": 0 if len(set(urls)) == len(urls) else 1}
    if able:
        found["master"] = able[min(able)]
        found["master_identity"] = known[found["master"]]
    return {**found, "version": 1}


class Wire:
    """One connection, one request at a time."""

    def __init__(self, port: int, client_id: str) -> None:
        self._client_id = client_id
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._correlation_id = 0

    def ask(self, request: Any, version: int) -> Any:
        """Send, and wait for the answer."""
        self._correlation_id += 1
        sent = frame.encode_request(
            request, version, correlation_id=self._correlation_id, client_id=self._client_id
        )
        self._socket.sendall(struct.pack(">i", len(sent)) + sent)
        (size,) = struct.unpack(">i", self._exactly(4))
        kind = response_class(request.api_key)
        return frame.decode_response(kind, self._exactly(size), version)[1]

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            if not more:
                raise ConnectionError("the node hung up")
            found += more
        return found

    def close(self) -> None:
        """Hang up, also while another thread waits for an answer."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Peer:
    """One member, on a thread of its own from `start` to `leave` or `die`.

    Args:
        identity: what it says of itself, as JSON; or bytes, whatever they are.
        elects: what it tells all members when it leads the group.
        tells: the bytes that it tells instead, if given.
        kind: the group's protocol type.
    """

    def __init__(
        self,
        port: int,
        group: str,
        identity: dict[str, Any] | bytes,
        *,
        elects: Elects = least_url,
        tells: bytes | None = None,
        kind: str = "sr",
    ) -> None:
        self._port, self._group = port, group
        if not isinstance(identity, bytes):
            identity = json.dumps(identity).encode()
        self.metadata = identity
        self._elects, self._tells = elects, tells
        self._kind = kind
        self.member_id, self.generation = "", -1
        self.leads_group = False
        self.seen: dict[str, bytes] = {}
        """As the group's leader: what each member has said of itself."""
        self.assignment: dict[str, Any] | None = None
        """What it was told last; None during a round, or if it was no JSON."""
        self.raw = b""
        self._joins = True
        self._stop = threading.Event()
        self._wire = Wire(port, "peer")
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def is_master(self) -> bool:
        """Whether it would write."""
        told = self.assignment
        return told is not None and not told["error"] and told.get("master") == self.member_id

    @property
    def master_url(self) -> str | None:
        """Where it would forward to."""
        told = self.assignment
        if told is None or told["error"] or told.get("master_identity") is None:
            return None
        return url(told["master_identity"])

    def start(self) -> Peer:
        """Join the group."""
        self._thread.start()
        return self

    def leave(self) -> None:
        """Say farewell."""
        self.die()
        request = LeaveGroupRequest(
            group_id=self._group, members=[MemberIdentity(member_id=self.member_id)]
        )
        wire = Wire(self._port, "peer")
        wire.ask(request, 4)
        wire.close()

    def die(self) -> None:
        """Say nothing any more."""
        self._stop.set()
        self._wire.close()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            self._find()
            while not self._stop.wait(BEAT_S):
                if self._joins:
                    self._join()
                else:
                    self._beat()

    def _find(self) -> None:
        request = FindCoordinatorRequest(key_type=0, coordinator_keys=[self._group])
        while self._wire.ask(request, 4).coordinators[0].error_code in NOT_THERE_YET:
            self._stop.wait(BEAT_S)

    def _join(self) -> None:
        protocol = JoinGroupRequestProtocol(name="v0", metadata=self.metadata)
        request = JoinGroupRequest(
            group_id=self._group,
            session_timeout_ms=10_000,
            rebalance_timeout_ms=300_000,
            member_id=self.member_id,
            protocol_type=self._kind,
            protocols=[protocol],
        )
        joined = self._wire.ask(request, 7)
        if joined.error_code == MEMBER_ID_REQUIRED:
            self.member_id = joined.member_id
        elif joined.error_code == UNKNOWN_MEMBER:
            self.member_id = ""
        elif joined.error_code == OK:
            self.member_id, self.generation = joined.member_id, joined.generation_id
            self.leads_group = joined.leader == joined.member_id
            self.seen = {m.member_id: bytes(m.metadata) for m in joined.members}
            self._sync()
        else:
            assert joined.error_code in (*NOT_THERE_YET, REBALANCE), joined

    def _sync(self) -> None:
        shares = []
        if self.leads_group:
            told = self._tells or json.dumps(self._elects(self.seen)).encode()
            shares = [SyncGroupRequestAssignment(member_id=m, assignment=told) for m in self.seen]
        request = SyncGroupRequest(
            group_id=self._group,
            generation_id=self.generation,
            member_id=self.member_id,
            protocol_type=self._kind,
            protocol_name="v0",
            assignments=shares,
        )
        synced = self._wire.ask(request, 5)
        if synced.error_code == OK:
            self.raw = bytes(synced.assignment)
            self._joins = False
            with suppress(ValueError, RecursionError):
                self.assignment = json.loads(self.raw)

    def _beat(self) -> None:
        request = HeartbeatRequest(
            group_id=self._group, generation_id=self.generation, member_id=self.member_id
        )
        code = self._wire.ask(request, 4).error_code
        if code in (REBALANCE, UNKNOWN_MEMBER, OLD_GENERATION):
            self._joins, self.assignment = True, None
            if code == UNKNOWN_MEMBER:
                self.member_id = ""
