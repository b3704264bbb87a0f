"""One SASL exchange in Kafka's requests: SaslHandshake, then SaslAuthenticate as often as needed.

Pure: responses in, requests out. Both a connection's first authentication and every later one
(KIP-368) are such an exchange.
"""

from __future__ import annotations

from typing import Any

from ottla.client.connecting.sasl.mechanism import Mechanism, MechanismFailed
from ottla.client.errors import AuthenticationFailed, BrokerError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.sasl_authenticate import SaslAuthenticateRequest
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

HINT_WHO = (
    "check the name and the password: sasl.jaas.config, or sasl.username and sasl.password; "
    "do they go with sasl.mechanism?"
)
HINT_TOKEN = "does the node accept this issuer, audience and scope?"
HINT_NO_SASL = "set security.protocol to PLAINTEXT or SSL, as the node's listener has it"


class Exchange:
    """It says what to ask next, until nothing is left.

    Args:
        peer: who is authenticated to, for errors.
    """

    def __init__(self, mechanism: Mechanism, *, peer: str) -> None:
        self._mechanism = mechanism
        self._peer = peer
        self.session_lifetime_ms = 0

    def first(self) -> Any:
        """The first request."""
        return SaslHandshakeRequest(mechanism=self._mechanism.name)

    def next(self, response: Any) -> Any | None:
        """The next request; None when we are authenticated.

        Raises:
            AuthenticationFailed: we are not, and will not be by trying again.
            BrokerError: the node says another error.
        """
        if isinstance(response, SaslHandshakeResponse):
            self._check_handshake(response)
            return SaslAuthenticateRequest(auth_bytes=self._mechanism.first())
        if response.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED:
            why = response.error_message or "no reason given"
            raise self._failed(why)
        if response.error_code:
            raise BrokerError(response.error_code, response.error_message)
        try:
            message = self._mechanism.respond(response.auth_bytes)
        except MechanismFailed as failed:
            raise self._failed(str(failed)) from None
        if message is not None:
            return SaslAuthenticateRequest(auth_bytes=message)
        self.session_lifetime_ms = max(0, response.session_lifetime_ms)
        return None

    def _check_handshake(self, response: SaslHandshakeResponse) -> None:
        name = self._mechanism.name
        if response.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM:
            served = [mechanism[:40] for mechanism in response.mechanisms[:10]]
            raise AuthenticationFailed(
                f"{self._peer} does not take {name}, but {', '.join(served) or 'nothing'}",
                hint="set sasl.mechanism to one that it takes, or enable this one in the node's "
                "sasl.enabled.mechanisms",
            )
        if response.error_code == ErrorCode.ILLEGAL_SASL_STATE:
            raise AuthenticationFailed(
                f"{self._peer} wants no authentication, and was asked for {name}",
                hint=HINT_NO_SASL,
            )
        if response.error_code:
            raise BrokerError(response.error_code)

    def _failed(self, why: str) -> AuthenticationFailed:
        hint = HINT_TOKEN if self._mechanism.name == "OAUTHBEARER" else HINT_WHO
        text = f"{self._peer} does not let us in by {self._mechanism.name}: {why}"
        return AuthenticationFailed(text, hint=hint)
