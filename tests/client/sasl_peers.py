"""Kafka nodes that ask who one is, and the server's side of SCRAM."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

from client.peers import Asked, Peer, metadata_of
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


class SaslPeer(Peer):
    """It answers each message of an exchange by `says`, and others only when that has succeeded.

    `says` gets the messages of the exchange so far; it gives bytes to go on or to end it, or a
    whole response.
    """

    def __init__(
        self,
        says: Callable[[list[bytes]], Any],
        *,
        mechanisms: Sequence[str] = MECHANISMS,
        lifetime_ms: int = 0,
    ) -> None:
        self._says = says
        self._mechanisms = mechanisms
        self.lifetime_ms = lifetime_ms
        self.heard: list[bytes] = []
        self.during: list[Asked] = []
        self._is_asking = True
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Any:
        message = asked.message
        if isinstance(message, SaslHandshakeRequest):
            self.heard, self._is_asking = [], True
            known = message.mechanism in self._mechanisms
            return SaslHandshakeResponse(
                error_code=0 if known else 33, mechanisms=list(self._mechanisms)
            )
        if isinstance(message, SaslAuthenticateRequest):
            self.heard.append(message.auth_bytes)
            said = self._says(self.heard)
            if not isinstance(said, bytes):
                return said
            return SaslAuthenticateResponse(auth_bytes=said, session_lifetime_ms=self.lifetime_ms)
        if self._is_asking:
            self.during.append(asked)
        return metadata_of([], [], asked)

    def let_in(self) -> None:
        """From now on other requests are no surprise."""
        self._is_asking = False

    @property
    def asked_others(self) -> int:
        """How many requests came that were not for this."""
        return self.count(MetadataRequest)


def refuses(text: str) -> Callable[[list[bytes]], Any]:
    """A node that does not accept anybody."""
    return lambda _: SaslAuthenticateResponse(error_code=58, error_message=text)


class ScramServer:
    """The node's side of SCRAM, with what a node stores instead of a password."""

    def __init__(
        self,
        salted: bytes,
        *,
        salt: bytes = b"salt",
        iterations: int = 4096,
        algorithm: str = "sha256",
        nonce: str = "server",
    ) -> None:
        self._algorithm = algorithm
        self._client_key = hmac.digest(salted, b"Client Key", algorithm)
        self._server_key = hmac.digest(salted, b"Server Key", algorithm)
        self._salt = base64.b64encode(salt).decode()
        self._iterations = iterations
        self._nonce = nonce
        self.is_proved = False

    def __call__(self, heard: list[bytes]) -> Any:
        """What to say to the messages so far."""
        bare = heard[0].decode().removeprefix("n,,")
        nonce = bare.split(",r=")[1].split(",")[0] + self._nonce
        first = f"r={nonce},s={self._salt},i={self._iterations}"
        if len(heard) == 1:
            return first.encode()
        final, _, proof = heard[1].decode().rpartition(",p=")
        message = f"{bare},{first},{final}".encode()
        stored = hashlib.new(self._algorithm, self._client_key).digest()
        signature = hmac.digest(stored, message, self._algorithm)
        shown = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        self.is_proved = shown == self._client_key
        if not self.is_proved:
            return SaslAuthenticateResponse(error_code=58, error_message="invalid credentials")
        verifier = hmac.digest(self._server_key, message, self._algorithm)
        return b"v=" + base64.b64encode(verifier)
