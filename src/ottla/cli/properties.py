"""Settings files and `key=value` words of commands, read as Java reads a .properties file."""

from __future__ import annotations

from collections.abc import Iterable

from ottla.cli.options import UsageError
from ottla.errors import OttlaError


def read_properties(path: str) -> dict[str, str]:
    """The keys and values of a file, values without blanks around them.

    Raises:
        OttlaError: it can't be read.
    """
    from ottla.config.properties import parse_properties

    try:
        with open(path, encoding="utf-8") as file:
            return {key: value.strip() for key, value in parse_properties(file.read()).items()}
    except OSError as error:
        from ottla.node.refusals import advice

        text = f"{path} can't be read: {error.strerror}"
        raise OttlaError(text, hint=advice(error.errno)) from None
    except ValueError as error:
        raise OttlaError(f"{path} is no properties file: {error}") from None


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
