"""PLAIN (RFC 4616): name and password as they are. Only TLS keeps them from others' eyes."""

from __future__ import annotations

from ottla.client.connecting.sasl.mechanism import MechanismFailed


class Plain:
    """One message, and an empty answer."""

    name = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._username, self._password = username, password

    def first(self) -> bytes:
        """Nobody else is acted for: the authorization id is empty."""
        return f"\0{self._username}\0{self._password}".encode()

    def respond(self, challenge: bytes) -> None:
        """It is over.

        Raises:
            MechanismFailed: the node asks for more.
        """
        if challenge:
            raise MechanismFailed("PLAIN was answered with a challenge, which it does not have")
