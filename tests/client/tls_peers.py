"""Kafka nodes that speak TLS by Python's own ssl, which is OpenSSL and not what we speak it by."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from client.certificates import Issued
from client.peers import Peer, Script, versions


def server_context(
    own: Issued,
    *,
    clients_ca: Path | None = None,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """What a node shows, and whom it lets in: everybody, or those with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    if clients_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_ca)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


class TlsPeer(Peer):
    """A peer behind TLS; `spoken` has the version and cipher of each handshake that succeeded."""

    def __init__(
        self, script: Script, context: ssl.SSLContext, *, versions: Script = versions
    ) -> None:
        self._context = context
        self.spoken: list[tuple[str | None, str]] = []
        self.names: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(script, versions=versions)

    def _serve(self, accepted: socket.socket) -> None:
        try:
            wrapped = self._context.wrap_socket(accepted, server_side=True)
        except OSError:
            accepted.close()
            return
        cipher = wrapped.cipher()
        self.spoken.append((wrapped.version(), cipher[0] if cipher else ""))
        # Closed under it by `close`, which knows only the socket that TLS has taken over.
        self._sockets.append(wrapped)
        # A socket whose TLS has ended under it reads on in the clear.
        with contextlib.suppress(OSError, KeyError):
            super()._serve(wrapped)
