"""What an invariant says when it does not hold."""

from __future__ import annotations


class Violation(AssertionError):
    """Something is so that must not be; the text says what was seen and what was promised."""


def held(condition: bool, text: str) -> None:
    """Raise a Violation unless the condition holds."""
    if not condition:
        raise Violation(text)
