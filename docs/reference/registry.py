"""The registry's API as its rows tell it, for `generate.py`: operations, shapes, error codes."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from typing import Any

from ottla.registry import refusals
from ottla.registry.api.description import SHAPES
from ottla.registry.instance import Instance
from ottla.registry.service import TYPES, operations
from ottla.web.openapi import EVERYWHERE
from ottla.web.operation import BOOLEAN, INTEGER, STRINGS, Operation, Switch

CODES = {
    "SUBJECT_NOT_FOUND": "there is no such subject",
    "VERSION_NOT_FOUND": "the subject has no such version",
    "SCHEMA_NOT_FOUND": "there is no such schema",
    "SUBJECT_SOFT_DELETED": "the subject was deleted already, softly",
    "SUBJECT_NOT_SOFT_DELETED": "the subject has to be deleted softly before it goes for good",
    "VERSION_SOFT_DELETED": "the version was deleted already, softly",
    "VERSION_NOT_SOFT_DELETED": "the version has to be deleted softly before it goes for good",
    "CONFIG_NOT_FOUND": "the subject has no config of its own",
    "MODE_NOT_FOUND": "the subject has no mode of its own",
    "ASSOCIATION_NOT_FOUND": "there is no such association",
    "KEY_NOT_FOUND": "there is no such key for field encryption",
    "KEY_NOT_SOFT_DELETED": "the key has to be deleted softly before it goes for good",
    "KEY_MUST_BE_UNDELETED": "the key was deleted softly: undelete it first",
    "INCOMPATIBLE_SCHEMA": "the schema may not come after the versions that are there; the text "
    "has every reason",
    "TOO_MANY_ASSOCIATIONS": "more associations in one request than are taken",
    "RESOURCE_HAS_ASSOCIATION": "the resource has such an association with another subject",
    "SUBJECT_HAS_ASSOCIATION": "the subject is associated already",
    "SUBJECT_HAS_STRONG_ASSOCIATION": "the subject goes with another resource",
    "NO_ACTIVE_VERSION": "the subject has no version to associate",
    "ASSOCIATION_FROZEN": "the association is frozen",
    "KEY_EXISTS": "there is such a key already, with something else in it",
    "TOO_MANY_KEYS": "there are as many keys as are kept",
    "INVALID_SCHEMA": "the text is no schema, or its references, metadata or fields are wrong",
    "INVALID_VERSION": "that is no version, or not the one that comes next",
    "INVALID_COMPATIBILITY_LEVEL": "there is no such level, or a field of the config is wrong",
    "INVALID_MODE": "there is no such mode, or it is not served",
    "OPERATION_NOT_PERMITTED": "the mode forbids it",
    "REFERENCE_EXISTS": "other schemas refer to it",
    "ID_DOES_NOT_MATCH": "the id is another schema's",
    "INVALID_SUBJECT": "the name can't be that of a subject",
    "SCHEMA_TOO_LARGE": "the record would be larger than the topic takes",
    "INVALID_RULE_SET": "a rule can't be meant",
    "CONTEXT_NOT_EMPTY": "the context has subjects",
    "INVALID_ASSOCIATION": "the association can't be meant",
    "INVALID_KEY": "the key can't be meant, or is of a kind that is not served",
    "KEY_IS_USED": "the key can't go: others need it",
    "STORE_FAILED": "nothing could be written, or the service has a fault: its log has the cause",
    "TOOK_TOO_LONG": "it took too long; whether it was written is not known",
    "FORWARDING_FAILED": "the leader did not answer what was sent on to it",
    "UNKNOWN_LEADER": "nobody leads just now, so nobody can write",
}
"""What each code means; who adds a code says it here."""

KINDS = {BOOLEAN: "true or false", INTEGER: "number", STRINGS: "text, repeatable"}


def text() -> str:
    """The page behind its title."""
    rows = operations(Instance({}))
    words = (
        f"All {len(rows)} operations, written from the rows that serve them. Bodies and answers "
        f"are JSON, as `{TYPES[0]}`, or `{TYPES[2]}` where that is asked for. A parameter or a "
        "field that is not told here is refused, with the nearest name where one is near. "
        "`GET /openapi.json` gives all of this as a document of OpenAPI. `format` is for Avro and "
        "JSON Schema `resolved`, for Protobuf `serialized` or `ignore_extensions`, or nothing. "
        "`/v1/metadata/version` says 8.0.0: the version of Confluent's API that clients may take "
        "for served, not Ottla's own. In a path a subject is "
        "quoted (`/` as `%2F`); `/contexts/CONTEXT` may stand before any path, and means that "
        "context."
    )
    everywhere = ", ".join(map(str, EVERYWHERE))
    return "\n\n".join(
        (
            words,
            *_sections(rows),
            "## Shapes",
            "Fields in bold have to be there. What an answer has and is empty is left out.",
            *(_shape(name, shape) for name, shape in sorted(SHAPES.items()) if _has_fields(shape)),
            "## Error codes",
            'An error is answered as `{"error_code": 40401, "message": "..."}`; the first three '
            "digits are the HTTP status. Clients should look at the code, for texts change. Any "
            f"operation may be answered with the statuses {everywhere} as codes of their own.",
            _codes(),
        )
    )


def _sections(rows: list[Operation]) -> list[str]:
    sections = run_path(str(Path(__file__).parent / "sections.py"))
    lines = [(row.path, row) for row in rows]
    return [
        f"## {title}\n\n" + "\n\n".join(_operation(row) for row in found)
        for title, found in sections["sorted_out"](sections["OPERATIONS"], lines)
    ]


def _operation(row: Operation) -> str:
    parts = [f"### {row.method} {_escaped(row.path)}", f"{row.says}."]
    if row.switches:
        head = "| parameter | kind | default | |\n|---|---|---|---|\n"
        parts.append(head + "\n".join(map(_switch, row.switches)))
    told = [f"Takes {_named(row.takes)}."] if row.takes else []
    told.append(f"Gives {_named(row.gives)}." if row.gives else "Gives nothing.")
    if row.status != 200:
        told.append(f"Status {row.status}.")
    if row.refuses:
        told.append(f"[Refuses](#error-codes): {', '.join(map(str, row.refuses))}.")
    return "\n\n".join([*parts, " ".join(told)])


def _escaped(path: str) -> str:
    return path.replace("{", "\\{").replace("}", "\\}")


def _switch(switch: Switch) -> str:
    default = switch.default
    if isinstance(default, bool):
        shown = str(default).lower()
    else:
        shown = f"`{default}`" if default not in ("", ()) else ""
    return f"| `{switch.name}` | {KINDS.get(switch.kind, 'text')} | {shown} | {switch.says} |"


def _named(name: str) -> str:
    if _has_fields(SHAPES[name]):
        return f"[{name}](#{name.lower()})"
    return _kind(SHAPES[name])


def _has_fields(shape: dict[str, Any]) -> bool:
    return "properties" in shape


def _shape(name: str, shape: dict[str, Any]) -> str:
    needed = shape.get("required", ())
    lines = [
        f"| {f'**`{field}`**' if field in needed else f'`{field}`'} | {_kind(told)} |"
        for field, told in shape["properties"].items()
    ]
    return f"### {name}\n\n| field | is |\n|---|---|\n" + "\n".join(lines)


def _kind(told: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "$ref" in told:
        name = told["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if _has_fields(SHAPES[name]) else _kind(SHAPES[name])
    if "enum" in told:
        return ", ".join(f"`{value}`" for value in told["enum"])
    match told.get("type"):
        case "array":
            return f"list of: {_kind(told['items'])}"
        case "object":
            inner = told.get("additionalProperties")
            return f"object, whose values are: {_kind(inner)}" if inner else "object"
        case "boolean":
            return "true or false"
        case "integer":
            return "number"
    return f"text, at most {told['maxLength']} characters" if "maxLength" in told else "text"


def _codes() -> str:
    found = {
        value: name
        for name, value in vars(refusals).items()
        if re.fullmatch(r"[A-Z_]+", name) and type(value) is int
    }
    lines = [f"| {code} | {CODES[found[code]]} |" for code in sorted(found)]
    return "| code | what it says |\n|---|---|\n" + "\n".join(lines)
