"""What a port speaks, by what it answers to the first request of every Kafka client.

In the clear, on a socket of its own: a node that wants TLS, or is no node, shows itself by what it
says instead of an answer. Whether SASL is wanted is asked with a mechanism that nobody has: the
refusal names those that there are.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Any, Final, NamedTuple

from ottla.cli.diagnosis.cause import Cause
from ottla.client.errors import address_text
from ottla.wire import frame
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from ottla.wire.schema import ProtocolError, Request

TIMEOUT_S = 3.0
FRAME_BYTES_MAX = 1 << 20

_GREETINGS: Final = (
    (b"HTTP/", "HTTP", "a web server, or a metrics port"),
    (b"SSH-", "SSH", "a shell server"),
    (b"-ERR", "Redis's protocol", "a Redis"),
    (b"AMQP", "AMQP", "a RabbitMQ"),
    (b"220 ", "SMTP", "a mail server"),
    (b"E\x00\x00\x00", "PostgreSQL's protocol", "a PostgreSQL"),
)
_TLS_ALERT: Final = b"\x15\x03"
NO_MECHANISM: Final = "NONE-OF-THESE"


class Speaks(NamedTuple):
    """A Kafka node's first answers: versions by API key, and SASL mechanisms if it wants SASL."""

    versions: dict[int, tuple[int, int]]
    mechanisms: tuple[str, ...] | None


def probe(host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> Speaks:
    """Ask what is there.

    Raises:
        Cause: nobody listens, it does not answer, or it is something else than Kafka in the clear.
    """
    at = address_text(host, port)
    with _connected(host, port, timeout_s) as line:
        line.settimeout(timeout_s)
        try:
            answer = _ask(line, ApiVersionsRequest(), 0)
        except TimeoutError:
            if _speaks_http(host, port, timeout_s):
                raise _protocol(at, *_GREETINGS[0][1:]) from None
            raise Cause(
                "silent",
                f"{at} accepts connections and does not answer",
                hint="is its process stopped or overloaded, or is this a port of something that "
                "waits for another protocol? its log says more",
            ) from None
        except OSError as error:
            raise _hung_up(at, error) from None
        versions = _versions(at, answer)
        mechanisms = None
        with suppress(OSError):  # what is no SASL listener may hang up instead of refusing
            if SaslHandshakeRequest.api_key not in versions:
                return Speaks(versions, None)
            mechanisms = _mechanisms(_ask(line, SaslHandshakeRequest(mechanism=NO_MECHANISM), 0))
        return Speaks(versions, mechanisms)


def _connected(host: str, port: int, timeout_s: float) -> socket.socket:
    at = address_text(host, port)
    try:
        return socket.create_connection((host, port), timeout_s)
    except TimeoutError:
        raise Cause(
            "unreachable",
            f"{at} does not answer at all: no connection within {timeout_s:g} s",
            hint="a firewall, a wrong address, or a machine that is off: ping the host, and look "
            "whether the port is open to this machine",
        ) from None
    except ConnectionRefusedError:
        raise Cause(
            "refused",
            f"nothing listens at {at}",
            hint=_where_instead(host, port),
        ) from None
    except OSError as error:
        raise Cause(
            "unreachable",
            f"there is no way to {at}: {error.strerror or error}",
            hint="check the address, and the network of this machine",
        ) from None


def _where_instead(host: str, port: int) -> str:
    """Which of our own nodes runs here after all."""
    from ottla.cli.running_servers import running_servers

    if host in ("localhost", "127.0.0.1", "::1"):
        here = [server.bootstrap for server in running_servers()]
        if here:
            return f"a node of yours runs at {here[0]}: ottla doctor {here[0]}"
        return f"start the node; `ottla up --port {port}` starts one there"
    return "is the node running, and is that its client port? its `listeners` say"


def _ask(line: socket.socket, request: Request, version: int) -> bytes:
    """One frame back, or what came instead of one.

    Raises:
        OSError: nothing came.
    """
    sent = frame.encode_request(request, version, correlation_id=1, client_id="ottla-doctor")
    line.sendall(struct.pack(">i", len(sent)) + sent)
    head = line.recv(4096)
    if not head:
        raise ConnectionResetError("it hung up")
    if len(head) >= 4:
        (size,) = struct.unpack_from(">i", head)
        while 0 <= size <= FRAME_BYTES_MAX and len(head) < 4 + size:
            more = line.recv(65536)
            if not more:
                break
            head += more
    return head


def _versions(at: str, answer: bytes) -> dict[int, tuple[int, int]]:
    """The APIs that it serves.

    Raises:
        Cause: the answer is none of Kafka's.
    """
    found = _read(ApiVersionsResponse, answer)
    if found is not None and found.error_code == ErrorCode.UNSUPPORTED_VERSION:
        raise Cause(
            "version",
            f"the node at {at} knows no ApiVersions of version 0",
            hint="it is no Kafka of the last ten years: ask who runs it what it is",
        )
    if found is not None and not found.error_code:
        return {row.api_key: (row.min_version, row.max_version) for row in found.api_keys}
    if answer.startswith(_TLS_ALERT):
        raise _wants_tls(at)
    for begins, what, who in _GREETINGS:
        if answer.startswith(begins):
            raise _protocol(at, what, who)
    shown = repr(answer[:16])[2:-1]
    raise Cause(
        "protocol",
        f"the port at {at} does not speak Kafka: it answered '{shown}'",
        hint="the node's `listeners` say where clients go (often 9092)",
    )


def _protocol(at: str, what: str, who: str) -> Cause:
    return Cause(
        "protocol",
        f"the port at {at} speaks {what}, not Kafka",
        hint=f"that is {who}; the node's `listeners` say where clients go (often 9092)",
    )


def _speaks_http(host: str, port: int, timeout_s: float) -> bool:
    """Who waits for the end of a line that no Kafka request has: our own metrics port does."""
    with suppress(OSError), _connected(host, port, timeout_s) as line:
        line.settimeout(timeout_s)
        line.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        return line.recv(5) == b"HTTP/"
    return False


def _mechanisms(answer: bytes) -> tuple[str, ...] | None:
    """Those of SASL, if it is wanted."""
    found = _read(SaslHandshakeResponse, answer)
    if found is None or found.error_code != ErrorCode.UNSUPPORTED_SASL_MECHANISM:
        return None
    return tuple(found.mechanisms)


def _read(kind: type[Any], answer: bytes) -> Any | None:
    try:
        return frame.decode_response(kind, answer[4:], 0)[1]
    except (ProtocolError, struct.error, ValueError):
        return None


def _hung_up(at: str, error: OSError) -> Cause:
    return Cause(
        "hung-up",
        f"the port at {at} hangs up on a Kafka client in the clear ({error})",
        hint="if the listener wants TLS: ottla doctor -X security.protocol=SSL; else it is no "
        "Kafka: the node's `listeners` say where clients go",
    )


def _wants_tls(at: str) -> Cause:
    return Cause(
        "tls",
        f"the listener at {at} speaks TLS, and this client does not",
        hint="-X security.protocol=SSL (or SASL_SSL), and -X ssl.ca.location=ca.pem if its "
        "certificate is of a company's own",
    )
