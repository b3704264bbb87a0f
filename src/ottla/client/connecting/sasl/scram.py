"""SCRAM (RFC 5802) with SHA-256 or SHA-512: the password is proved and never sent.

The node proves too that it knows the password. Names and passwords are taken as they are, in UTF-8,
as Java's clients and brokers do: only `=` and `,` of a name are escaped, nothing is normalised
by SASLprep. A delegation token logs in the same way (`tokenauth`, KIP-48).
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from ottla.client.connecting.sasl.mechanism import MechanismFailed

ITERATIONS_MIN: Final = 4096
"""Fewer would make a stolen proof cheap to guess from; Java's clients refuse them too."""
ITERATIONS_MAX: Final = 100_000
"""Kafka stores 16,384 at most; far more would keep whoever computes them busy for a node's whim."""
NONCE_BYTES: Final = 24
_CHALLENGE_BYTES_MAX: Final = 4096
_HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_FIRST: Final = re.compile(r"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([0-9]{1,9})(?:,.*)?")


class Scram:
    """Two messages to the node, two of it."""

    def __init__(
        self, name: str, username: str, password: str, *, nonce: str, is_token: bool = False
    ) -> None:
        self.name = name
        self._hash = _HASHES[name]
        self._password = password.encode()
        self._nonce = nonce
        escaped = username.replace("=", "=3D").replace(",", "=2C")
        extension = ",tokenauth=true" if is_token else ""
        self._first_bare = f"n={escaped},r={nonce}{extension}"
        self._server_signature: bytes | None = None
        self._steps = 0

    def first(self) -> bytes:
        """Who we are, and our half of the nonce."""
        return f"n,,{self._first_bare}".encode()

    def respond(self, challenge: bytes) -> bytes | None:
        """The proof, then nothing.

        Raises:
            MechanismFailed: a challenge makes no sense, or the node does not know the password.
        """
        self._steps += 1
        if len(challenge) > _CHALLENGE_BYTES_MAX:
            raise MechanismFailed(f"a {self.name} challenge of {len(challenge)} bytes")
        try:
            text = challenge.decode()
        except UnicodeDecodeError:
            raise MechanismFailed(f"a {self.name} challenge that is no text") from None
        if text.startswith("e="):
            raise MechanismFailed(f"the node refuses: {text[2:100]}")
        if self._steps == 1:
            return self._prove(text)
        self._verify(text)
        return None

    def _prove(self, server_first: str) -> bytes:
        import hashlib
        import hmac

        found = _FIRST.fullmatch(server_first)
        if found is None:
            raise MechanismFailed(f"a first {self.name} challenge that is none")
        nonce, salt_text, iterations_text = found.groups()
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise MechanismFailed(f"a {self.name} challenge with a nonce that does not extend ours")
        iterations = int(iterations_text)
        if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
            raise MechanismFailed(
                f"{self.name} with {iterations} iterations, not {ITERATIONS_MIN} to "
                f"{ITERATIONS_MAX}"
            )
        salt = _from_base64(salt_text, "salt")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        stored_key = hashlib.new(self._hash, client_key).digest()
        final_bare = f"c=biws,r={nonce}"
        message = f"{self._first_bare},{server_first},{final_bare}".encode()
        signature = hmac.digest(stored_key, message, self._hash)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", self._hash)
        self._server_signature = hmac.digest(server_key, message, self._hash)
        return f"{final_bare},p={binascii.b2a_base64(proof, newline=False).decode()}".encode()

    def _verify(self, server_final: str) -> None:
        import hmac

        wanted, self._server_signature = self._server_signature, None
        if wanted is None or not server_final.startswith("v="):
            raise MechanismFailed(f"a last {self.name} challenge that is none")
        shown = _from_base64(server_final[2:].split(",")[0], "signature")
        if not hmac.compare_digest(shown, wanted):
            raise MechanismFailed("the node does not prove that it knows the password")


def _from_base64(text: str, what: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise MechanismFailed(f"a SCRAM {what} that is no base64") from None
