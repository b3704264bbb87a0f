"""Keys of Avro fields that look like slips: Avro ignores a key that it does not know, so that
`"defualt"` is no error, and no default either.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from ottla.cli.schemas.files import SchemaFile
from ottla.schemas.language import AVRO

FIELD_KEYS = ("name", "type", "default", "aliases", "doc", "order")
ALIKE = 0.8
"""How much of two words has to be the same, as difflib counts it."""
TOLD_MAX = 5


def slips(file: SchemaFile) -> list[str]:
    """A sentence for each key of a field that is nearly one that means something."""
    if file.type != AVRO:
        return []
    try:
        found = json.loads(file.text)
    except (ValueError, RecursionError):  # what is wrong with it others say
        return []
    told = []
    for field in _fields(found):
        for key in field:
            meant = _meant(key, field)
            if meant is not None:
                told.append(
                    f"{file.name}: the field {str(field.get('name'))[:80]} has a key "
                    f'"{key}", which Avro ignores: did you mean "{meant}"?'
                )
                if len(told) == TOLD_MAX:
                    return told
    return told


def _fields(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            fields = one.get("fields")
            told = fields if isinstance(fields, list) else []
            rows = [row for row in told if isinstance(row, dict)]
            yield from rows
            inner = (one.get("type"), one.get("items"), one.get("values"))
            waiting += [part for part in inner if isinstance(part, dict | list)]
            waiting += [
                row["type"] for row in rows[::-1] if isinstance(row.get("type"), dict | list)
            ]


def _meant(key: str, field: dict[str, Any]) -> str | None:
    """The key that is nearly this one, unless the field has it as well."""
    if key in FIELD_KEYS:
        return None
    close = difflib.get_close_matches(key.lower(), FIELD_KEYS, 1, ALIKE) if len(key) < 20 else []
    return close[0] if close and close[0] not in field else None
