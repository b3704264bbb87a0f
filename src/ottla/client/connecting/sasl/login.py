"""Who a client says to be: one value a client, and from it a mechanism for every exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ottla.client.connecting.sasl.mechanism import Mechanism

if TYPE_CHECKING:
    from ottla.client.connecting.sasl.tokens import Tokens

SCRAM_NAMES = ("SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS = ("PLAIN", *SCRAM_NAMES, "OAUTHBEARER")


class Login(Protocol):
    """What a connection sees of all kinds."""

    @property
    def mechanism_name(self) -> str:
        """As SaslHandshake names it."""

    def mechanism(self) -> Mechanism | None:
        """One for a new exchange; None while it is not there yet: ask again soon.

        Raises:
            OttlaError: there will be none.
        """


@dataclass(frozen=True)
class PasswordLogin:
    """A name and a password, for PLAIN and both SCRAMs.

    With `is_token` they are a delegation token's id and HMAC, which SCRAM takes.
    """

    mechanism_name: str
    username: str
    password: str = field(repr=False)
    is_token: bool = False

    def mechanism(self) -> Mechanism:
        """At once."""
        if self.mechanism_name == "PLAIN":
            from ottla.client.connecting.sasl.plain import Plain

            return Plain(self.username, self.password)
        import binascii
        import os

        from ottla.client.connecting.sasl.scram import NONCE_BYTES, Scram

        return Scram(
            self.mechanism_name,
            self.username,
            self.password,
            nonce=binascii.b2a_base64(os.urandom(NONCE_BYTES), newline=False).decode(),
            is_token=self.is_token,
        )


@dataclass(frozen=True)
class TokenLogin:
    """Tokens of whoever gives them, for OAUTHBEARER."""

    tokens: Tokens
    mechanism_name: str = field(default="OAUTHBEARER", init=False)

    def mechanism(self) -> Mechanism | None:
        """As soon as there is a token."""
        from ottla.client.connecting.sasl.oauthbearer import OAuthBearer

        token = self.tokens.take()
        return None if token is None else OAuthBearer(token.value, token.extensions)
