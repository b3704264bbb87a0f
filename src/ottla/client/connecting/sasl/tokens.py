"""Where OAUTHBEARER's tokens come from, and how long one is used.

A source is asked in a thread of its own, since it may talk to others, and never waited for: `take`
gives the token, or nothing while it is on its way. One that was given is kept until a fifth of its
life is left; connections that come meanwhile share it, and its fetching.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ottla.client.connecting.sasl.oauthbearer import problem_of
from ottla.client.errors import AuthenticationFailed, ConnectionFailed
from ottla.errors import OttlaError
from ottla.steady import steady_ms

KEPT_PART: Final = 0.8
"""As Java's sasl.login.refresh.window.factor."""
FETCH_S: Final = 10.0
_ANSWER_BYTES_MAX: Final = 1 << 20
_HINT_CLIENT: Final = "check the client id and secret, the scope, and the token endpoint's URL"


@dataclass(frozen=True)
class Token:
    """What is shown to nodes; without `lifetime_ms` it is good for one exchange only."""

    value: str = field(repr=False)
    lifetime_ms: int | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)


class Tokens:
    """The newest token of a source, for all connections of a client and from any thread.

    Args:
        blocks: whether the source may take its time; else it is asked at once.
    """

    def __init__(
        self,
        source: Callable[[], Token],
        *,
        blocks: bool = True,
        now_ms: Callable[[], int] = steady_ms,
    ) -> None:
        self.source = source
        self._blocks = blocks
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._is_new = False
        self._kept_until_ms = 0
        self._failure: OttlaError | None = None
        self._fetching: threading.Thread | None = None

    def take(self) -> Token | None:
        """The token, or None while it is fetched.

        Raises:
            OttlaError: the source gave none; the next call asks it again.
        """
        with self._lock:
            if self._fetching is not None:
                return None
            if not self._has_outcome():
                if self._blocks:
                    name = "ottla-token"
                    fetching = threading.Thread(target=self._hand_over, name=name, daemon=True)
                    self._fetching = fetching
                    fetching.start()
                    return None
                self._keep(self._fetch())
            failure, self._failure, self._is_new = self._failure, None, False
            if failure is not None:
                raise failure
            return self._token

    def _has_outcome(self) -> bool:
        """Whether the last fetching is of use; however short a token lives, one may use it."""
        if self._failure is not None or self._is_new:
            return True
        return self._token is not None and self._now_ms() < self._kept_until_ms

    def _hand_over(self) -> None:
        outcome = self._fetch()
        with self._lock:
            self._fetching = None
            self._keep(outcome)

    def _keep(self, outcome: Token | OttlaError) -> None:
        if isinstance(outcome, OttlaError):
            self._token, self._failure = None, outcome
            return
        self._token, self._is_new = outcome, True
        self._kept_until_ms = self._now_ms() + int((outcome.lifetime_ms or 0) * KEPT_PART)

    def _fetch(self) -> Token | OttlaError:
        try:
            token = self.source()
            problem = problem_of(token.value, token.extensions)
        except OttlaError as error:
            return error
        except Exception as error:
            # A callable of somebody else: its text may hold what is secret.
            kind = type(error).__name__
            failure = AuthenticationFailed(f"the source of OAUTHBEARER's tokens raised {kind}")
            failure.__cause__ = error
            return failure
        return token if problem is None else AuthenticationFailed(f"OAUTHBEARER: {problem}")


@dataclass(frozen=True)
class ClientCredentials:
    """The grant of that name (RFC 6749, 4.4): a client's id and secret for a token, over HTTP(S).

    `ca_pem` says whom to trust at the endpoint, if not whom the platform trusts.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    ca_pem: str | None = field(default=None, repr=False)
    timeout_s: float = FETCH_S

    def __call__(self) -> Token:
        """Ask for a token.

        Raises:
            AuthenticationFailed: the endpoint refuses, or answers with something else.
            ConnectionFailed: it can't be reached, or has a failure of its own.
        """
        answer = self._ask()
        value = answer.get("access_token")
        if not isinstance(value, str):
            raise AuthenticationFailed(f"{self.url} answered without an access_token")
        return Token(value, _lifetime_ms(value, answer.get("expires_in")), self.extensions)

    def _ask(self) -> dict[str, Any]:
        import urllib.error
        import urllib.request

        try:
            with urllib.request.urlopen(
                self._request(), timeout=self.timeout_s, context=self._context()
            ) as reply:
                body = reply.read(_ANSWER_BYTES_MAX)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(200).decode(errors="replace").replace(self.client_secret, "***")
            if error.code >= 500 or error.code == 429:
                raise self._unreachable(f"HTTP {error.code}") from None
            raise AuthenticationFailed(
                f"{self.url} gives no token: HTTP {error.code} {' '.join(said.split())}",
                hint=_HINT_CLIENT,
            ) from None
        except urllib.error.URLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error.reason):
                raise AuthenticationFailed(
                    f"{self.url} gives no token: its certificate is not trusted ({error.reason})",
                    hint="name its CA: https.ca.location",
                ) from None
            raise self._unreachable(str(error.reason)) from None
        except (OSError, ValueError) as error:
            raise self._unreachable(str(error)) from None
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise AuthenticationFailed(f"{self.url} answered with something else than a token")
        return found

    def _request(self) -> Any:
        import base64
        import urllib.parse
        import urllib.request

        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        both = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return urllib.request.Request(
            self.url,
            data=urllib.parse.urlencode(form).encode(),
            headers={
                "Authorization": f"Basic {both}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )

    def _context(self) -> Any:
        if not self.url.lower().startswith("https:"):
            return None
        import ssl

        return ssl.create_default_context(cadata=self.ca_pem)

    def _unreachable(self, reason: str) -> ConnectionFailed:
        import urllib.parse

        place = urllib.parse.urlsplit(self.url)
        port = place.port or (443 if place.scheme.lower() == "https" else 80)
        hint = "is sasl.oauthbearer.token.endpoint.url right, and the endpoint up?"
        text = f"no token: {reason}"
        return ConnectionFailed(place.hostname or self.url, port, text, hint=hint)


@dataclass(frozen=True)
class TokenFile:
    """A token that somebody else keeps fresh in a file."""

    path: str
    extensions: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Token:
        """What it holds by now.

        Raises:
            AuthenticationFailed: it can't be read.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                value = file.read(_ANSWER_BYTES_MAX).strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise AuthenticationFailed(f"{self.path} can't be read: {reason}") from None
        return Token(value, None, self.extensions)


@dataclass(frozen=True)
class Unsecured:
    """Tokens that nobody signed, for tests: whoever says to be somebody is believed.

    A node takes them only if its listener is told to (Java's default validator).
    """

    claims: Mapping[str, Any]
    lifetime_s: int = 3600
    extensions: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Token:
        """A new one, issued now."""
        import time

        now_s = int(time.time())
        claims = {**self.claims, "iat": now_s, "exp": now_s + self.lifetime_s}
        value = f"{_segment({'alg': 'none'})}.{_segment(claims)}."
        return Token(value, self.lifetime_s * 1000, self.extensions)


def _segment(value: Mapping[str, Any]) -> str:
    import base64

    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _lifetime_ms(token: str, expires_in: Any) -> int | None:
    """How long a token is good: by what came with it, or by its own `exp`."""
    try:
        if expires_in is not None:
            return max(0, int(float(expires_in) * 1000))
    except (TypeError, ValueError, OverflowError):
        pass
    import base64
    import binascii
    import time

    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return max(0, int((float(claims["exp"]) - time.time()) * 1000))
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, binascii.Error):
        return None
