"""A pattern of names that a client sent. TEMPORARY."""

from __future__ import annotations

import re


class BadPattern(ValueError):
    """It is no regular expression."""


class NamePattern:
    """A regular expression for a whole name; the empty one is for every name."""

    def __init__(self, text: str) -> None:
        try:
            self._pattern = re.compile(text) if text else None
        except re.error as problem:
            raise BadPattern(str(problem)) from None

    def matches(self, name: str) -> bool:
        """Whether it is the whole name's."""
        return self._pattern is None or self._pattern.fullmatch(name) is not None
