"""What is wrong with the meaning of a schema's text, before anybody knows lines and columns."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

SHOWN_LENGTH_MAX = 80


class Where(NamedTuple):
    """One value in a JSON text: the step that leads to it from the value above."""

    above: Where | None
    step: str | int


class Fault(Exception):
    """A text that is JSON and no schema; whoever holds the text makes an `InvalidSchema` of it."""

    def __init__(self, text: str, where: Where | None, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.where = where
        self.hint = hint


def steps(where: Where | None) -> tuple[str | int, ...]:
    """The whole way, from the top."""
    found: list[str | int] = []
    while where is not None:
        found.append(where.step)
        where = where.above
    return tuple(reversed(found))


def pointer(way: tuple[str | int, ...]) -> str:
    """The way as a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in way)


def shown(name: str) -> str:
    """A name inside a message, shortened."""
    return name if len(name) <= SHOWN_LENGTH_MAX else name[: SHOWN_LENGTH_MAX - 1] + "…"


def shown_value(value: Any) -> str:
    """A JSON value inside a message, shortened; what is in containers is left out."""
    if isinstance(value, list | dict) and value:
        return "[…]" if isinstance(value, list) else "{…}"
    if isinstance(value, str):
        value = value[:SHOWN_LENGTH_MAX]
    return shown(json.dumps(value, ensure_ascii=False))
