"""Headers and bodies of requests and responses, without the four-byte size that sockets put before
them.

The header's version follows from the body's: flexible bodies have request header 2 and response
header 1, others 1 and 0. ApiVersions answers with response header 0 always, since the asker may
not know better (KIP-511).
"""

from __future__ import annotations

from typing import TypeVar

from ottla.wire.api import API_VERSIONS, api
from ottla.wire.messages.header import RequestHeader, ResponseHeader
from ottla.wire.schema import ProtocolError, Request, Response, decode_prefix, encode

R = TypeVar("R", bound=Response)


def request_header_version(api_key: int, version: int) -> int:
    """1 or 2.

    Raises:
        KeyError: 4.3.1 serves no such key.
    """
    return 2 if version >= api(api_key).first_flexible else 1


def response_header_version(api_key: int, version: int) -> int:
    """0 or 1.

    Raises:
        KeyError: 4.3.1 serves no such key.
    """
    if api_key == API_VERSIONS:
        return 0
    return 1 if version >= api(api_key).first_flexible else 0


def encode_request(
    request: Request, version: int, *, correlation_id: int, client_id: str | None
) -> bytes:
    """A request's header and body."""
    header = RequestHeader(
        request_api_key=request.api_key,
        request_api_version=version,
        correlation_id=correlation_id,
        client_id=client_id,
    )
    header_version = request_header_version(request.api_key, version)
    return encode(header, header_version) + encode(request, version)


def decode_response(kind: type[R], data: bytes, version: int) -> tuple[int, R]:
    """The correlation id and the response.

    Raises:
        ProtocolError: the bytes are no such response.
    """
    header_version = response_header_version(kind.api_key, version)
    header, offset = decode_prefix(ResponseHeader, data, header_version)
    response, end = decode_prefix(kind, data, version, offset)
    if end != len(data):
        raise ProtocolError(f"{kind.__name__} v{version}: {len(data) - end} bytes follow its end")
    return header.correlation_id, response
