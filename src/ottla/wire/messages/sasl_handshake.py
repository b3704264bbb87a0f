"""SaslHandshake (17): choose a SASL mechanism. Never flexible: it comes before ApiVersions can
help.
"""

from __future__ import annotations

from ottla.wire.schema import Request, Response
from ottla.wire.types import array, int16, string


class SaslHandshakeRequest(Request, api_key=17, versions="0-1"):
    mechanism: str = string("0+")


class SaslHandshakeResponse(Response, api_key=17, versions="0-1"):
    error_code: int = int16("0+")
    mechanisms: list[str] = array(string, "0+")
