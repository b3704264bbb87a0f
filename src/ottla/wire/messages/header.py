"""What stands before every request and response body.

Request header v2 and response header v1 are the flexible ones (KIP-482); the client id keeps its
classic form in all.
"""

from __future__ import annotations

from ottla.wire.schema import Message
from ottla.wire.types import int16, int32, string


class RequestHeader(Message, versions="1-2", flexible="2+"):
    request_api_key: int = int16("0+")
    request_api_version: int = int16("0+")
    correlation_id: int = int32("0+")
    client_id: str | None = string("1+", nullable="1+", fixed=True)


class ResponseHeader(Message, versions="0-1", flexible="1+"):
    correlation_id: int = int32("0+")
