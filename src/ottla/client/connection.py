"""One connection to one node: a blocking socket, one request at a time.

Versions are settled per connection by ApiVersions, asked once when it opens: for each request the
newest version that both sides know. A connection that failed in any way is closed and never used
again; whoever holds it opens another.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any

from ottla.client.errors import (
    ApiNotSupported,
    BadAddress,
    ConnectionFailed,
    TimedOut,
    address_text,
    check,
)
from ottla.wire import api
from ottla.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.schema import ProtocolError, decode, encode

RESPONSE_SIZE_BYTES_MAX = 1 << 30
API_VERSIONS_KEY = 18
UNSUPPORTED_VERSION = 35
HINT_REFUSED = "is a node running there? `ottla up` starts one on localhost:9092"


class Connection:
    """A socket, the versions that its node speaks, and the count of requests sent."""

    __slots__ = ("_apis", "_client_id", "_correlation_id", "_rows", "_socket", "host", "port")

    def __init__(self, host: str, port: int, *, client_id: str, timeout_ms: int) -> None:
        """Connect and ask for the versions.

        Raises:
            BadAddress: the name resolves to nothing.
            ConnectionFailed: refused or lost.
            TimedOut: no connection or no answer in time.
        """
        self.host, self.port = host, port
        self._client_id = client_id.encode()
        self._correlation_id = 0
        self._rows = {row.key: row for row in api.apis()}
        self._socket: socket.socket | None = _dial(host, port, timeout_ms)
        self._apis = self._ask_versions(timeout_ms)

    @property
    def api_versions(self) -> ApiVersionsResponse:
        """What the node said about its APIs and features when the connection opened."""
        return self._apis

    def version_for(self, message_class: Any) -> int:
        """The newest version of a request that both sides know.

        Raises:
            ApiNotSupported: there is none.
        """
        key = message_class.api_key
        name = self._rows[key].name
        for row in self._apis.api_keys:
            if row.api_key == key:
                low = max(row.min_version, message_class.min_version)
                high = min(row.max_version, message_class.max_version)
                if low > high:
                    raise ApiNotSupported(
                        f"{self} serves {name} {row.min_version} to {row.max_version}; "
                        f"this client knows {message_class.min_version} to "
                        f"{message_class.max_version}"
                    )
                return int(high)
        raise ApiNotSupported(f"{self} does not serve {name}")

    def request(self, message: Any, *, timeout_ms: int, version: int | None = None) -> Any:
        """Send one request and wait for its response.

        Raises:
            ApiNotSupported: no common version.
            ConnectionFailed: the connection broke; whether the request was done is unknown.
            TimedOut: no answer in time; the connection is closed.
        """
        if version is None:
            version = self.version_for(type(message))
        body = self._exchange(message, version, timeout_ms)
        return decode(api.response_class(message.api_key), body, version)

    def close(self) -> None:
        """Close the socket. Calling it again does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def closed(self) -> bool:
        """Whether it can't be used any more."""
        return self._socket is None

    def __str__(self) -> str:
        return address_text(self.host, self.port)

    def _ask_versions(self, timeout_ms: int) -> ApiVersionsResponse:
        from ottla import __version__

        question = ApiVersionsRequest(
            client_software_name="ottla", client_software_version=__version__
        )
        version = ApiVersionsRequest.max_version
        body = self._exchange(question, version, timeout_ms)
        if struct.unpack_from(">h", body)[0] == UNSUPPORTED_VERSION:
            # Answered in version 0 whatever was asked, so that old nodes can be talked to
            # (KIP-511).
            served = decode(ApiVersionsResponse, body, 0).api_keys
            known = [row.max_version for row in served if row.api_key == API_VERSIONS_KEY]
            version = min(known[0] if known else 0, version)
            body = self._exchange(ApiVersionsRequest(), version, timeout_ms)
        answer = decode(ApiVersionsResponse, body, version)
        check(answer.error_code)
        return answer

    def _exchange(self, message: Any, version: int, timeout_ms: int) -> bytes:
        """One request's bytes out, one response's body in, without its header."""
        if self._socket is None:
            raise ConnectionFailed(self.host, self.port, "the connection is closed")
        self._correlation_id = (self._correlation_id + 1) & 0x7FFFFFFF
        flexible = version >= self._rows[message.api_key].first_flexible >= 0
        header = struct.pack(
            f">hhih{len(self._client_id)}s",
            message.api_key,
            version,
            self._correlation_id,
            len(self._client_id),
            self._client_id,
        )
        payload = header + (b"\0" if flexible else b"") + encode(message, version)
        try:
            self._socket.settimeout(timeout_ms / 1000)
            self._socket.sendall(struct.pack(">i", len(payload)) + payload)
            size = struct.unpack(">i", self._receive(4))[0]
            if not 4 <= size <= RESPONSE_SIZE_BYTES_MAX:
                raise ProtocolError(
                    f"{self} does not speak Kafka's protocol (a response of {size} bytes)",
                    hint="is this the port of a Kafka listener, and without TLS?",
                )
            response = self._receive(size)
        except TimeoutError:
            self.close()
            raise TimedOut(f"{self} did not answer within {timeout_ms} ms") from None
        except OSError as error:
            self.close()
            raise ConnectionFailed(self.host, self.port, error.strerror or str(error)) from None
        except ProtocolError:
            self.close()
            raise
        if struct.unpack_from(">i", response)[0] != self._correlation_id:
            self.close()
            raise ProtocolError(f"{self} answered another request than the one that was sent")
        start = 4
        if flexible and message.api_key != API_VERSIONS_KEY:
            start = _skip_tags(response, start)
        return response[start:]

    def _receive(self, size: int) -> bytes:
        assert self._socket is not None
        chunks = bytearray(size)
        view = memoryview(chunks)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                raise ConnectionResetError(104, "the other side closed the connection")
            view = view[count:]
        return bytes(chunks)


def _dial(host: str, port: int, timeout_ms: int) -> socket.socket:
    try:
        found = socket.create_connection((host, port), timeout_ms / 1000)
    except socket.gaierror as error:
        raise BadAddress(
            f"the name '{host}' can't be resolved ({error.strerror})",
            hint="check its spelling, or use an IP address",
        ) from None
    except TimeoutError:
        where = address_text(host, port)
        raise TimedOut(f"{where}: no connection within {timeout_ms} ms") from None
    except ConnectionRefusedError:
        raise ConnectionFailed(host, port, "connection refused", hint=HINT_REFUSED) from None
    except (OSError, UnicodeError) as error:
        raise ConnectionFailed(host, port, getattr(error, "strerror", None) or str(error)) from None
    with contextlib.suppress(OSError):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _skip_tags(data: bytes, at: int) -> int:
    """Where the body starts after a response header's tagged fields, which nobody uses yet."""
    count, at = _varint(data, at)
    for _ in range(count):
        _, at = _varint(data, at)
        size, at = _varint(data, at)
        at += size
    return at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 28:
            raise ProtocolError("a response header that ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
