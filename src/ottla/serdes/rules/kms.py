"""Key management: what wraps the keys that data is encrypted with, so that they may be stored.

One service is here: `local-kms`, whose key comes of a secret that every program is told. Others are
the program's to bring: two calls to a cloud's API, by the type's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from ottla.serdes.errors import MissingExtra, RuleFailed

LOCAL = "local-kms"
SECRET = "secret"
LOCAL_SECRET = "LOCAL_SECRET"
LOCAL_KEY_BYTES = 16
NONCE_BYTES = 12


class Kms(Protocol):
    """A key management service, called from any thread."""

    def wrap(self, key_id: str, key: bytes) -> bytes:
        """A key, encrypted under the service's key of that id.

        Raises:
            Exception: whatever it fails with.
        """

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The key again.

        Raises:
            Exception: whatever it fails with.
        """


class LocalKms:
    """Wraps by AES-128 in GCM, with a key made of the secret by HKDF with SHA-256, as the field
    does; the id of a key means nothing to it.
    """

    def __init__(self, secret: str) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        except ImportError:
            raise MissingExtra("cryptography", "rules") from None
        key = HKDF(algorithm=SHA256(), length=LOCAL_KEY_BYTES, salt=None, info=b"")
        self._aead = AESGCM(key.derive(secret.encode()))

    def wrap(self, key_id: str, key: bytes) -> bytes:
        """A nonce, and the key encrypted."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, b"")

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The key.

        Raises:
            InvalidTag: it was wrapped with another secret.
        """
        return self._aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"")


def kms_of(
    kind: str, given: Mapping[str, Kms], secret: str | None, properties: Mapping[str, str]
) -> Kms:
    """The service of a type.

    Raises:
        RuleFailed: there is none, or the local one has no secret.
    """
    if kind in given:
        return given[kind]
    if kind != LOCAL:
        raise RuleFailed(
            "",
            f"the key management {kind!r} is not known here",
            hint=f"bring what talks to it: Rules(kms={{{kind!r}: …}}), with wrap() and unwrap()",
        )
    secret = properties.get(SECRET) or secret or os.environ.get(LOCAL_SECRET)
    if not secret:
        raise RuleFailed(
            "",
            "the key management local-kms has no secret",
            hint=f"Rules(secret='…'), or {LOCAL_SECRET} in the environment",
        )
    return LocalKms(secret)
