"""The message definitions that Apache Kafka's own jars carry, as rows for comparison."""

from __future__ import annotations

import functools
import json
import re
import zipfile
from typing import Any, NamedTuple

from oracle import LIBS, classpath
from ottla.wire.types import NO_VERSIONS, VERSION_MAX, ZERO_UUID

_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)

PYTHON_TYPES = {
    "bool": "bool",
    "int8": "int",
    "int16": "int",
    "uint16": "int",
    "int32": "int",
    "uint32": "int",
    "int64": "int",
    "float64": "float",
    "string": "str",
    "uuid": "bytes",
    "bytes": "bytes",
    "records": "bytes",
}


class FieldRow(NamedTuple):
    """One field as a definition has it; `nested` are the fields of the struct inside."""

    name: str
    kind: str
    versions: tuple[int, int]
    nullable: tuple[int, int]
    tagged: tuple[int, int]
    tag: int | None
    ignorable: bool
    fixed: bool
    default: Any
    struct: str
    nested: tuple[FieldRow, ...]


class MessageRow(NamedTuple):
    """One message as a definition has it."""

    name: str
    type: str
    api_key: int
    versions: tuple[int, int]
    flexible: tuple[int, int]
    unstable: bool
    listeners: tuple[str, ...]
    fields: tuple[FieldRow, ...]


@functools.cache
def definitions() -> dict[str, MessageRow]:
    """Every definition that has a valid version, by name."""
    assert classpath()
    found = {}
    for jar in sorted(LIBS.glob("kafka-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            for path in archive.namelist():
                if path.endswith(".json"):
                    text = archive.read(path).decode()
                    document = json.loads(_STRING_OR_COMMENT.sub(lambda m: m[1] or "", text))
                    if document.get("validVersions", "none") != "none":
                        found[document["name"]] = _message(document)
    return found


def span(text: str | None) -> tuple[int, int]:
    """(first, last) of a range of versions."""
    if text is None or text == "none":
        return NO_VERSIONS
    if text.endswith("+"):
        return int(text[:-1]), VERSION_MAX
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def snake(name: str) -> str:
    """Apache's own way to snake case: a run of capitals is one word."""
    return re.sub(r"(?<=[^A-Z])([A-Z])", r"_\1", name).lower()


def _message(document: dict[str, Any]) -> MessageRow:
    common = {struct["name"]: struct["fields"] for struct in document.get("commonStructs", ())}
    return MessageRow(
        document["name"],
        document["type"],
        document.get("apiKey", -1),
        span(document["validVersions"]),
        span(document["flexibleVersions"]),
        bool(document.get("latestVersionUnstable", False)),
        tuple(document.get("listeners", ())),
        tuple(_field(field, common) for field in document["fields"]),
    )


def _field(field: dict[str, Any], common: dict[str, Any]) -> FieldRow:
    element = field["type"].removeprefix("[]")
    is_struct = element[0].isupper()
    kind = field["type"].replace(element, "struct") if is_struct else field["type"]
    inner = field.get("fields") or common.get(element, ()) if is_struct else ()
    return FieldRow(
        name=snake(field["name"]),
        kind=kind,
        versions=span(field.get("versions", field.get("taggedVersions"))),
        nullable=span(field.get("nullableVersions")),
        tagged=span(field.get("taggedVersions")),
        tag=field.get("tag"),
        ignorable=str(field.get("ignorable", "false")).lower() == "true",
        fixed=field.get("flexibleVersions") == "none",
        default=_default(kind, field.get("default")),
        struct=element if is_struct else "",
        nested=tuple(_field(deeper, common) for deeper in inner),
    )


def _default(kind: str, given: Any) -> Any:
    """The default as Python sees it; () is an empty list, or a struct with its own defaults."""
    text = "" if given is None else str(given)
    if text == "null":
        return None
    if kind.startswith("[]") or kind == "struct":
        return ()
    if kind == "bool":
        return text.lower() == "true"
    if kind == "string":
        return text
    if kind == "uuid":
        return ZERO_UUID
    if kind in ("bytes", "records"):
        return b""
    if kind == "float64":
        return float(text or 0)
    return int(text or "0", 0)
