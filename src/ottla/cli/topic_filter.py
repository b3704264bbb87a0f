"""Which topics a pattern of Apache's tools means: Java regular expressions, commas for "or"."""

from __future__ import annotations

from collections.abc import Callable

from ottla.cli.options import BadValue


def topic_filter(pattern: str) -> Callable[[str], bool]:
    """Whether a topic's whole name matches.

    Raises:
        BadValue: it is no regular expression.
    """
    cleaned = pattern.strip().replace(",", "|").replace(" ", "").strip("\"'")
    if not set(cleaned) & set("\\^$*+?{}[]|().\\"):
        return lambda name: name == cleaned
    import re

    try:
        compiled = re.compile(cleaned)
    except re.error as error:
        raise BadValue(f"'{pattern}' is no regular expression: {error}") from None
    return lambda name: compiled.fullmatch(name) is not None
