"""Schemas in files: their text, and the language that a name's suffix says.

The suffixes are also those of files that are written (`archive`). `-` is standard input.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from ottla.cli.options import WrongWords
from ottla.errors import OttlaError
from ottla.schemas.language import AVRO, JSON, PROTOBUF

SUFFIXES = {".avsc": AVRO, ".json": JSON, ".proto": PROTOBUF}
TYPES = tuple(SUFFIXES.values())
SUFFIX_OF = {schema_type: suffix for suffix, schema_type in SUFFIXES.items()}
STDIN = "-"
BYTES_MAX = 16 << 20
"""More than any registry takes; a log file named by mistake is not read to its end."""


class SchemaFile(NamedTuple):
    """A schema as somebody wrote it."""

    name: str
    text: str
    type: str


def is_schema_name(word: str) -> bool:
    """Whether a word is a file by its looks."""
    return word == STDIN or word.lower().endswith(tuple(SUFFIXES))


def read_file(path: str, schema_type: str | None = None) -> SchemaFile:
    """Read a schema; `schema_type` says what it is where its name does not.

    Raises:
        WrongWords: nothing says which language it is.
        OttlaError: it is empty, too large, or no text in UTF-8.
        OSError: the system does not let us read it.
    """
    told = schema_type or next(
        (kind for suffix, kind in SUFFIXES.items() if path.lower().endswith(suffix)), None
    )
    name = "standard input" if path == STDIN else path
    if told is None:
        known = ", ".join(SUFFIXES)
        raise WrongWords(
            f"{name}: its name does not say what it is",
            hint=f"--type AVRO, JSON or PROTOBUF says it; so do the suffixes {known}",
        )
    return SchemaFile(name, read_text(path), told)


def read_text(path: str) -> str:
    """The text of a file, or of standard input.

    Raises:
        OttlaError: it is empty, too large, or no text in UTF-8.
        OSError: the system does not let us read it.
    """
    name = "standard input" if path == STDIN else path
    data = _bytes(path)
    if len(data) > BYTES_MAX:
        raise OttlaError(f"{name} has more than {BYTES_MAX >> 20} MiB: that is no schema")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OttlaError(f"{name} is no text in UTF-8") from None
    if not text.strip():
        raise OttlaError(f"{name} is empty")
    return text


def _bytes(path: str) -> bytes:
    if path != STDIN:
        with open(path, "rb") as file:
            return file.read(BYTES_MAX + 1)
    if sys.stdin is None:
        raise OttlaError("standard input is closed")
    return sys.stdin.buffer.read(BYTES_MAX + 1)
