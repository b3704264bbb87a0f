"""TLS behind our own connections, for the rooms that do not reach the core.

`TlsConfig` is what all connections of one client share, read once; `Tls` is one connection's end of
it, which has no socket: bytes that arrived go in and plaintext comes out, and the other way round.
What goes wrong is a `TlsFault` with a kind of `_core.pyi`'s; whom it is told to is the transport's
business (`ottla.client.connecting.transport`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ottla import _core
from ottla._core import Tls, TlsConfig, TlsFault
from ottla.errors import OttlaError

__all__ = ["BadTls", "Tls", "TlsConfig", "TlsFault", "session", "tls_config"]


class BadTls(OttlaError):
    """Settings, or a name, that no TLS connection can be made of; `kind` says which of them."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


def tls_config(
    *,
    ca_pem: str | None = None,
    certificate_pem: str | None = None,
    key_pem: str | None = None,
    verifies: bool = True,
    verifies_name: bool = True,
    protocols: Sequence[str] = (),
    cipher_suites: Sequence[str] = (),
) -> TlsConfig:
    """What is shared by connections; the platform says whom to trust if there is no `ca_pem`.

    Raises:
        BadTls: one of the settings is no good.
    """
    try:
        return TlsConfig(
            ca_pem=_bytes(ca_pem),
            certificate_pem=_bytes(certificate_pem),
            key_pem=_bytes(key_pem),
            verifies=verifies,
            verifies_name=verifies_name,
            protocols=list(protocols),
            cipher_suites=list(cipher_suites),
        )
    except _core.CoreError as refused:
        raise BadTls(refused.kind, refused.text) from None


def session(config: TlsConfig, server_name: str) -> Tls:
    """One connection's end, whose peer must have that name.

    Raises:
        BadTls: no certificate could have it.
    """
    try:
        return Tls(config, server_name)
    except _core.CoreError as refused:
        raise BadTls(refused.kind, refused.text) from None


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
