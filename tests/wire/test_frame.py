"""Headers before bodies."""

from __future__ import annotations

import pytest

from ottla.wire.frame import (
    decode_response,
    encode_request,
    request_header_version,
    response_header_version,
)
from ottla.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.messages.header import RequestHeader, ResponseHeader
from ottla.wire.messages.metadata import MetadataRequest, MetadataResponse
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest
from ottla.wire.schema import ProtocolError, decode, decode_prefix, encode


@pytest.mark.parametrize(
    ("request_", "version"),
    [(MetadataRequest(), 8), (MetadataRequest(), 9), (SaslHandshakeRequest(mechanism="PLAIN"), 1)],
)
def test_requests_round_trip(request_: MetadataRequest, version: int) -> None:
    """The header's own version follows the body's; a miss shifts every byte."""
    data = encode_request(request_, version, correlation_id=7, client_id="é")
    header_version = request_header_version(request_.api_key, version)
    header, offset = decode_prefix(RequestHeader, data, header_version)
    assert (header.request_api_key, header.request_api_version) == (request_.api_key, version)
    assert (header.correlation_id, header.client_id) == (7, "é")
    assert decode(type(request_), data[offset:], version) == request_


@pytest.mark.parametrize("version", [8, 9])
def test_responses_are_read(version: int) -> None:
    """As requests."""
    response = MetadataResponse(cluster_id="c")
    header = ResponseHeader(correlation_id=-5)
    data = encode(header, response_header_version(response.api_key, version))
    data += encode(response, version)
    assert decode_response(MetadataResponse, data, version) == (-5, response)
    with pytest.raises(ProtocolError, match="1 bytes follow"):
        decode_response(MetadataResponse, data + b"\0", version)


def test_api_versions_answers_with_header_0() -> None:
    """A client that asks for versions reads the oldest header alone (KIP-511)."""
    response = ApiVersionsResponse(error_code=35)
    data = b"\0\0\0\1" + encode(response, 3)
    assert decode_response(ApiVersionsResponse, data, 3) == (1, response)
    asked = encode_request(ApiVersionsRequest(), 3, correlation_id=1, client_id=None)
    assert asked[8:11] == b"\xff\xff\x00"
