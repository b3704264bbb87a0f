"""How data is encrypted with a data key, byte for byte as Tink does it without a prefix.

A data key is kept as Tink keeps one: a message of Protobuf with the key in it, which here is a tag,
a length and the key. GCM puts a nonce of 12 bytes before the ciphertext; SIV is deterministic, so
that equal values stay equal, and has a key of twice the length.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ottla.serdes.errors import MissingExtra

NONCE_BYTES = 12
NO_DATA = b""
"""What is authenticated besides the data: nothing."""


class Cipher(NamedTuple):
    """An algorithm: the length of its keys, and the tag of the key in Tink's message."""

    name: str
    key_bytes: int
    tag: int
    is_siv: bool

    def new_key(self) -> bytes:
        """A key at random, as it is kept."""
        return bytes((self.tag, self.key_bytes)) + os.urandom(self.key_bytes)

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        """Data encrypted with a key as it is kept.

        Raises:
            ValueError: the key is none of this algorithm.
        """
        if self.is_siv:
            return bytes(self._siv(key).encrypt(data, [NO_DATA]))
        nonce = os.urandom(NONCE_BYTES)
        return nonce + bytes(self._gcm(key).encrypt(nonce, data, NO_DATA))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        """The data again.

        Raises:
            InvalidTag: it was encrypted with another key, or changed.
            ValueError: the key is none of this algorithm.
        """
        if self.is_siv:
            return bytes(self._siv(key).decrypt(data, [NO_DATA]))
        return bytes(self._gcm(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], NO_DATA))

    def _gcm(self, key: bytes) -> Any:
        return _aead().AESGCM(self._raw(key))

    def _siv(self, key: bytes) -> Any:
        return _aead().AESSIV(self._raw(key))

    def _raw(self, key: bytes) -> bytes:
        """The key itself out of Tink's message; a version of 0 may stand before it."""
        if key[:2] == b"\x08\x00":
            key = key[2:]
        if key[:2] != bytes((self.tag, self.key_bytes)) or len(key) != 2 + self.key_bytes:
            raise ValueError(f"the data key is none of {self.name}")
        return key[2:]


CIPHERS = {
    cipher.name: cipher
    for cipher in (
        Cipher("AES128_GCM", 16, 0x1A, False),
        Cipher("AES256_GCM", 32, 0x1A, False),
        Cipher("AES256_SIV", 64, 0x12, True),
    )
}


def _aead() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers import aead
    except ImportError:
        raise MissingExtra("cryptography", "rules") from None
    return aead
