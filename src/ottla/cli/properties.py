"""Settings files and `key=value` words of commands, read as Java reads a .properties file."""

from __future__ import annotations

from collections.abc import Iterable

from ottla.cli.options import UsageError
from ottla.client.files import read_properties as read_properties


def key_values(option: str, words: Iterable[str], *, empty: bool = True) -> dict[str, str]:
    """`a=1`, `b=2` as a dict; the value may hold `=` itself.

    Raises:
        UsageError: a word has no `=`.
    """
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or (not value and not empty):
            raise UsageError(f"{option} takes key=value, not '{word}'")
        found[key] = value
    return found
