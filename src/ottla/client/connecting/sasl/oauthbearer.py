"""OAUTHBEARER (RFC 7628, KIP-255): a token of somebody whom the node believes.

Where tokens come from is `tokens.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ottla.client.connecting.sasl.mechanism import MechanismFailed

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_EXTENSION_NAME: Final = re.compile(r"[A-Za-z]+")
_EXTENSION_VALUE: Final = re.compile(r"[\x21-\x7e \t\r\n]+")


def problem_of(token: str, extensions: Mapping[str, str]) -> str | None:
    """Why these can't be sent; None if they can. The text does not hold the token."""
    if not _TOKEN.fullmatch(token):
        return "the token is empty, or holds letters that no bearer token has"
    for name, value in extensions.items():
        if not _EXTENSION_NAME.fullmatch(name) or name == "auth":
            return f"'{name}' is no name of a SASL extension: letters only, and not auth"
        if not _EXTENSION_VALUE.fullmatch(value):
            return f"the SASL extension {name} is empty, or holds letters that none may have"
    return None


class OAuthBearer:
    """One message and an empty answer; or the node's reasons, which we take note of."""

    name = "OAUTHBEARER"

    def __init__(self, token: str, extensions: Mapping[str, str] | None = None) -> None:
        self._token = token
        self._extensions = dict(extensions or {})
        self._refused: str | None = None

    def first(self) -> bytes:
        """The token, and what goes with it."""
        pairs = "".join(f"{name}={value}\x01" for name, value in self._extensions.items())
        return f"n,,\x01auth=Bearer {self._token}\x01{pairs}\x01".encode()

    def respond(self, challenge: bytes) -> bytes | None:
        """It is over; if the node gave reasons, it wants an empty message to end it.

        Raises:
            MechanismFailed: it gave reasons, and has had the message.
        """
        if self._refused is not None:
            raise MechanismFailed(f"the node refuses the token: {self._refused}")
        if not challenge:
            return None
        self._refused = challenge[:200].decode(errors="replace")
        return b"\x01"
