"""How a cluster is reached: in the clear or by TLS, as anybody or as somebody.

A `Reach` is one frozen value a client. What all its connections share is in it: the TLS config,
read once, and the login, whose token is fetched once. `reach_settings.py` makes one of Java's and
librdkafka's settings; a program may make one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ottla.client.errors import BadSetting

if TYPE_CHECKING:
    from ottla.client.connecting.sasl.login import Login
    from ottla.wire.tls import TlsConfig

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""What a listener speaks, by Kafka's names: with TLS or without, with SASL or without."""


@dataclass(frozen=True)
class Tls:
    """Whom we trust, and who we are; all texts are PEM.

    Without `ca_pem` whom the platform trusts is trusted.
    """

    ca_pem: str | None = field(default=None, repr=False)
    certificate_pem: str | None = field(default=None, repr=False)
    key_pem: str | None = field(default=None, repr=False)
    verifies: bool = True
    verifies_name: bool = True
    protocols: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()

    @cached_property
    def config(self) -> TlsConfig:
        """What connections share, made when it is wanted first.

        Raises:
            BadTls: something in it is no good.
        """
        from ottla.wire.tls import tls_config

        return tls_config(
            ca_pem=self.ca_pem,
            certificate_pem=self.certificate_pem,
            key_pem=self.key_pem,
            verifies=self.verifies,
            verifies_name=self.verifies_name,
            protocols=self.protocols,
            cipher_suites=self.cipher_suites,
        )


@dataclass(frozen=True)
class Reach:
    """The security protocol and what it needs; `tls` and `sasl` are there if it has them."""

    security_protocol: str = "PLAINTEXT"
    tls: Tls | None = None
    sasl: Login | None = None

    def __post_init__(self) -> None:
        """Refuse what would not be reached as somebody thinks it is.

        Raises:
            BadSetting: the protocol is none, or does not go with the rest.
        """
        protocol = self.security_protocol
        if protocol not in PROTOCOLS:
            hint = f"there are {', '.join(PROTOCOLS)}"
            raise BadSetting("security.protocol", f"no protocol '{protocol}'", hint=hint)
        if protocol.endswith("SSL") and self.tls is None:
            object.__setattr__(self, "tls", Tls())
        if self.tls is not None and not protocol.endswith("SSL"):
            raise BadSetting("security.protocol", f"{protocol} has no TLS, which is set")
        if (self.sasl is not None) != protocol.startswith("SASL"):
            wants = "has no SASL, which is set" if self.sasl else "needs somebody to log in"
            raise BadSetting("security.protocol", f"{protocol} {wants}")
