"""Who may ask: names with passwords (basic), or tokens (bearer), compared in constant time.

This is for a service that a team runs for itself: there is one list of people, and whoever is on
it may do everything. A file of people has a line for each, as `alice:secret` or
`alice:sha256:HEX`; a file of tokens has a token and whose it is, parted by a space. Empty lines
and lines that begin with # count for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

from ottla.errors import OttlaError

SHA256 = "sha256:"


class BadAccess(OttlaError):
    """A line of people or tokens that can't be meant."""


class Access:
    """Those who may ask; nobody in it means that everybody may."""

    def __init__(self) -> None:
        self._people: dict[str, bytes] = {}
        self._tokens: dict[bytes, str] = {}

    def __bool__(self) -> bool:
        return bool(self._people or self._tokens)

    def add_people(self, lines: Iterable[str]) -> None:
        """Let people in by name and password, one a line.

        Raises:
            BadAccess: a line is not "name:password"; it names the line's number, not the line.
        """
        for number, line in _told(lines):
            name, colon, password = line.partition(":")
            if not name or not colon or not password:
                raise BadAccess(
                    f"line {number} of the people is not NAME:PASSWORD",
                    hint="a password can be given as sha256:HEX instead",
                )
            if password.startswith(SHA256):
                try:
                    digest = bytes.fromhex(password.removeprefix(SHA256))
                except ValueError:
                    digest = b""
                if len(digest) != 32:
                    raise BadAccess(f"line {number} of the people has no SHA-256 of 64 hex digits")
            else:
                digest = hashlib.sha256(password.encode()).digest()
            self._people[name] = digest

    def add_tokens(self, lines: Iterable[str]) -> None:
        """Let whoever has a token in, one a line: the token, a space, whose it is.

        Raises:
            BadAccess: a line has only one of them; it names the line's number, not the line.
        """
        for number, line in _told(lines):
            token, _, name = line.partition(" ")
            if not name.strip():
                raise BadAccess(f"line {number} of the tokens is not TOKEN NAME")
            self._tokens[hashlib.sha256(token.encode()).digest()] = name.strip()

    def who(self, authorization: str | None) -> str | None:
        """The name of who sent such a header; None for nobody that is known."""
        scheme, _, given = (authorization or "").partition(" ")
        given = given.strip()
        match scheme.lower():
            case "basic":
                return self._by_password(given)
            case "bearer":
                return self._by_token(given)
        return None

    def challenges(self) -> list[str]:
        """What the header WWW-Authenticate says, one a scheme."""
        return [
            *(['Basic realm="ottla"'] if self._people else []),
            *(["Bearer"] if self._tokens else []),
        ]

    def _by_password(self, given: str) -> str | None:
        try:
            name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:  # it is no base64, or no UTF-8
            return None
        digest = hashlib.sha256(password.encode()).digest()
        # An unknown name costs as much as a known one.
        known = hmac.compare_digest(self._people.get(name, b"\0" * 32), digest)
        return name if known and colon and name in self._people else None

    def _by_token(self, given: str) -> str | None:
        digest = hashlib.sha256(given.encode()).digest()
        found = [name for kept, name in self._tokens.items() if hmac.compare_digest(kept, digest)]
        return found[0] if found else None


def _told(lines: Iterable[str]) -> Iterable[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if (line := line.strip()) and not line.startswith("#"):
            yield number, line
