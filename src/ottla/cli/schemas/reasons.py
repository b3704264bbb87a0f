"""Why a schema may not come after another, as rows: where, what, and what to change.

Registries tell it in sentences. Ours are one a reason; Confluent's are texts that look like JSON,
with the versions and the config that were compared among them; any other sentence is a row by
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ottla.schemas.language import Difference

Row = dict[str, Any]

_OURS = re.compile(r"([A-Z][A-Z0-9_]+) at (\S+): (.*) \(([^()]*)\)", re.DOTALL)
_THEIRS = re.compile(r"\{errorType:['\"]([^'\"]+)['\"], description:['\"](.*?)['\"](?:, \w+:.*)?\}")
_THEIR_PATH = re.compile(r"at path '([^']*)'")
_THEIR_REST = re.compile(r"\{(\w+): ")
_NO_REASON = ("oldSchemaVersion", "oldSchema", "compatibility", "validateFields")


def rows_of(messages: Iterable[str]) -> list[Row]:
    """The reasons that a registry tells: kind, path, message, and what can't be read with what."""
    rows = []
    for message in messages:
        if ours := _OURS.fullmatch(message):
            kind, path, text, whole = ours.groups()
            rows.append(_row(kind, path, text, whole))
        elif theirs := _THEIRS.fullmatch(message):
            kind, text = theirs.groups()
            place = _THEIR_PATH.search(text)
            rows.append(_row(kind, place[1] if place else None, text))
        elif (rest := _THEIR_REST.match(message)) and rest[1] in _NO_REASON:
            continue
        else:
            rows.append(_row(None, None, message))
    return rows


def rows_of_differences(differences: Sequence[Difference], whole: str | None = None) -> list[Row]:
    """The same of differences that were found here."""
    return [_row(one.kind, one.path or "/", one.message, whole) for one in differences]


def lines(rows: Iterable[Row]) -> list[str]:
    """As a person reads it, two or three lines a reason."""
    told = []
    for row in rows:
        if row["kind"] is None:
            told.append(f"  {row['message']}")
            continue
        at = f"{row['path']}  " if row["path"] else ""
        told += [f"  {at}{row['kind']}", f"      {row['message']}"]
        if row["between"]:
            told.append(f"      ({row['between']})")
    return told


def _row(kind: str | None, path: str | None, message: str, between: str | None = None) -> Row:
    return {"path": path, "kind": kind, "message": message, "between": between}
