"""Who speaks on a connection: a type and a name, as in `User:alice`."""

from __future__ import annotations

from typing import Final, NamedTuple

_NOBODY: Final = "User:ANONYMOUS"


class Principal(NamedTuple):
    """Somebody, as an authenticator named them."""

    type: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Principal:
        """What `str` wrote; a name may have colons."""
        if text == _NOBODY:  # most often, and once a request
            return ANONYMOUS
        kind, _, name = text.partition(":")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.type}:{self.name}"


ANONYMOUS: Final = Principal(*_NOBODY.split(":"))
"""Whoever comes in where nobody has to say who they are (PLAINTEXT)."""

NODE: Final = Principal("Node", "itself")
"""A node that asks for something itself. No authenticator gives this type to anybody."""
