"""Headers and bodies of requests and responses, without the four-byte size that sockets put before
them.

The header's version follows from the body's: flexible bodies have request header 2 and response
header 1, others 1 and 0. ApiVersions answers with response header 0 always, since the asker may
not know better (KIP-511).
"""

from __future__ import annotations

from typing import TypeVar

from ottla.wire.api import api
from ottla.wire.messages.header import RequestHeader, ResponseHeader
from ottla.wire.schema import ProtocolError, Request, Response, decode_prefix, encode

R = TypeVar("R", bound=Response)

API_VERSIONS_KEY = 18


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
    if api_key == API_VERSIONS_KEY:
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


def decode_request_header(data: bytes) -> tuple[RequestHeader, int]:
    """The header, and the offset of the body.

    Raises:
        ProtocolError: there is no header, or its API key is unknown.
    """
    if len(data) < 8:
        raise ProtocolError(f"a request header has at least 8 bytes, not {len(data)}")
    api_key = int.from_bytes(data[:2], "big", signed=True)
    version = int.from_bytes(data[2:4], "big", signed=True)
    try:
        header_version = request_header_version(api_key, version)
    except KeyError:
        raise ProtocolError(f"there is no API with key {api_key}") from None
    return decode_prefix(RequestHeader, data, header_version)


def encode_response(response: Response, version: int, *, correlation_id: int) -> bytes:
    """A response's header and body."""
    header = ResponseHeader(correlation_id=correlation_id)
    header_version = response_header_version(response.api_key, version)
    return encode(header, header_version) + encode(response, version)


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
