"""What is wrong with a schema's text, where: file:line:column, the line itself, and a caret.

A registry judges first; it tells of its own way, or of none, where it stumbled. The text is then
read here, too, and if this stumbles as well, the place is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ottla.cli.schemas.files import SchemaFile
from ottla.errors import OttlaError
from ottla.schemas.language import AVRO, JSON, PROTOBUF, Dependency, InvalidSchema, Schema

SHOWN_COLUMNS_MAX = 90
_PLACES_TOLD = re.compile(r"\s*(?:\(line \d+, column \d+\)|at line \d+, column \d+)")
"""The place, which stands before the sentence anyhow."""


def read_schema(file: SchemaFile, dependencies: Sequence[Dependency] = ()) -> Schema:
    """Read a schema here.

    Raises:
        OttlaError: it is none, with the place; or its language needs a package that is not there.
    """
    from ottla.registry.languages import language

    try:
        return language(file.type).read(file.text, dependencies)
    except InvalidSchema as error:
        hint = error.hint
        if hint and "references" in hint:
            hint = "--reference NAME=FILE says where that is"
        if _comma_too_many(file, error):
            hint = None
        if file.type == JSON and _is_avro(file.text):
            hint = f"it looks like an Avro schema: --type {AVRO} reads it as one"
        raise OttlaError(fault(file, error), hint=hint) from None


def fault(file: SchemaFile, error: InvalidSchema) -> str:
    """The lines that show what is wrong."""
    text = _comma_too_many(file, error) or _PLACES_TOLD.sub("", str(error))
    if not error.line:
        at = f" at {error.path}" if error.path else ""
        return f"{file.name}: this is no {file.type} schema{at}: {text}"
    head = f"{file.name}:{error.line}:{error.column}: {text}"
    lines = file.text.splitlines()
    if error.line > len(lines):
        return head
    shown, caret = _cut(lines[error.line - 1], error.column)
    return f"{head}\n\n  {shown}\n  {caret}^"


def _comma_too_many(file: SchemaFile, error: InvalidSchema) -> str | None:
    """What is to be said of a bracket after a comma, where the text is JSON."""
    lines = file.text.splitlines()
    if file.type == PROTOBUF or not 0 < (error.line or 0) <= len(lines):
        return None
    line, column = lines[error.line - 1], max(error.column - 1, 0)
    before = "\n".join([*lines[: error.line - 1], line[:column]]).rstrip()
    # Some readers tell the place of the comma itself, and not of the bracket.
    after = line[column:].lstrip().removeprefix(",").lstrip()
    if after[:1] in ("]", "}") and (before.endswith(",") or line[column : column + 1] == ","):
        return f"a value is missing before {after[0]}: is there a comma too many?"
    return None


def _is_avro(text: str) -> bool:
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("type") in ("record", "enum", "fixed", "error")


def _cut(line: str, column: int) -> tuple[str, str]:
    """A part of a line around a column, and what stands before a caret under it."""
    line = line.replace("\t", " ")
    at = min(max(column - 1, 0), len(line))
    begin = max(0, at - SHOWN_COLUMNS_MAX * 2 // 3) if len(line) > SHOWN_COLUMNS_MAX else 0
    part = line[begin : begin + SHOWN_COLUMNS_MAX]
    before = "…" if begin else ""
    after = "…" if begin + SHOWN_COLUMNS_MAX < len(line) else ""
    return f"{before}{part}{after}", " " * (len(before) + at - begin)
