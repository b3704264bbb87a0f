"""Texts as a test may give them, in the form in which they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ottla.testing.errors import BadType

CLIENT_ID = "ottla-test"
"""What the broker's own calls are called, as a client."""

Text = str | bytes | None
"""A key or a value; text goes as UTF-8."""

Headers = Mapping[str, Text] | Iterable[tuple[str, Text]]


def as_bytes(text: Text, what: str) -> bytes | None:
    """What is sent for a value, key or header.

    Raises:
        BadType: it is neither str, bytes nor None.
    """
    if text is None or isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, (bytearray, memoryview)):
        return bytes(text)
    raise BadType(
        f"{what} is str, bytes or None, not {type(text).__name__}",
        hint="of something else give its bytes, such as json.dumps(...)",
    )


def as_property(value: str | int | float | bool) -> str:
    """As a properties file would say it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
