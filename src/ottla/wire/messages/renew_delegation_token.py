"""RenewDelegationToken (39): let a token live longer."""

from __future__ import annotations

from ottla.wire.schema import Request, Response
from ottla.wire.types import binary, int16, int32, int64


class RenewDelegationTokenRequest(Request, api_key=39, versions="1-2", flexible="2+"):
    hmac: bytes = binary("0+")
    renew_period_ms: int = int64("0+")


class RenewDelegationTokenResponse(Response, api_key=39, versions="1-2", flexible="2+"):
    error_code: int = int16("0+")
    expiry_timestamp_ms: int = int64("0+")
    throttle_time_ms: int = int32("0+")
