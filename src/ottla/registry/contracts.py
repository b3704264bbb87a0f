"""What a schema carries besides its text: references, metadata, rules; and the hash of it all.

They are kept as the JSON that they come as, with keys in the order in which `_schemas` has them,
empty ones left out. The registry stores, merges and checks rules; clients run them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ottla.registry.refusals import INVALID_RULE_SET, INVALID_SCHEMA, refusal
from ottla.serdes.contract import Json as Json
from ottla.serdes.contract import Reference as Reference
from ottla.web.operation import Refusal

MIGRATION_MODES = ("UPGRADE", "DOWNGRADE", "UPDOWN")
DOMAIN_MODES = ("WRITE", "READ", "WRITEREAD")
KINDS = ("TRANSFORM", "CONDITION")
ENABLED_AT = ("ALL", "CLIENT", "GATEWAY", "SERVER", "NONE")
RULE_LISTS = {
    "migrationRules": MIGRATION_MODES,
    "domainRules": DOMAIN_MODES,
    "encodingRules": DOMAIN_MODES,
}
NAME_CHARACTERS_MAX = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\- ]*\Z")
_RULE_FIELDS = ("name", "doc", "kind", "mode", "type", "tags", "params", "expr")
_RULE_ENDS = ("onSuccess", "onFailure")


class Hash(NamedTuple):
    """The MD5 of a schema's text, references, metadata and rules: its identity everywhere."""

    digest: bytes

    @property
    def stored(self) -> str:
        """As `_schemas` has it."""
        return base64.b64encode(self.digest).decode()

    @property
    def guid(self) -> str:
        """As the header of a record and the API have it."""
        return str(uuid.UUID(bytes=self.digest))


def hash_of(
    text: str, references: Iterable[Reference], metadata: Json | None, rule_set: Json | None
) -> Hash:
    """The hash that every registry of the field makes of the same schema."""
    md5 = hashlib.md5(text.encode(errors="replace"), usedforsecurity=False)
    for name, subject, version in references:
        md5.update(name.encode())
        md5.update(subject.encode())
        md5.update(version.to_bytes(4, "big", signed=True))
    if metadata is not None:
        md5.update(b"\1")
        for key, tags in sorted((metadata.get("tags") or {}).items()):
            md5.update("".join((key, *tags)).encode())
        for key, value in sorted((metadata.get("properties") or {}).items()):
            md5.update(f"{key}{value}".encode())
        md5.update("".join(metadata.get("sensitive") or ()).encode())
    if rule_set is not None:
        md5.update(b"\1")
        for group in RULE_LISTS:
            for rule in rule_set.get(group) or ():
                md5.update(_told(rule).encode())
        md5.update((rule_set.get("enableAt") or "").encode())
    return Hash(md5.digest())


def _told(rule: Json) -> str:
    parts = [rule.get(field) or "" for field in ("name", "doc", "kind", "mode", "type")]
    parts += rule.get("tags") or ()
    parts += (f"{key}{value}" for key, value in sorted((rule.get("params") or {}).items()))
    parts += [rule.get(field) or "" for field in ("expr", *_RULE_ENDS)]
    return "".join([*parts, "\1" if rule.get("disabled") else ""])


# ---------------------------------------------------------------- read from requests


def references_of(told: Any) -> tuple[Reference, ...]:
    """References as a request has them.

    Raises:
        Refusal: 42201, one is not {"name", "subject", "version"}.
    """
    if told is None:
        return ()
    references = []
    for row in _list(told, "references", INVALID_SCHEMA):
        known = _fields(row, ("name", "subject", "version"), "a reference", INVALID_SCHEMA)
        name, subject, version = (known.get(key) for key in ("name", "subject", "version"))
        if not isinstance(name, str) or not isinstance(subject, str) or not name or not subject:
            raise refusal(INVALID_SCHEMA, "a reference needs the texts `name` and `subject`")
        if type(version) is not int or (version < 1 and version != -1) or version >= 1 << 31:
            raise refusal(INVALID_SCHEMA, f"the reference {name!r} needs a `version` from 1")
        references.append(Reference(name, subject, version))
    return tuple(references)


def metadata_of(told: Any) -> Json | None:
    """Metadata as a request has it, in the order in which it is kept.

    Raises:
        Refusal: 42201, what is wrong with it.
    """
    if told is None:
        return None
    known = _fields(told, ("tags", "properties", "sensitive"), "metadata", INVALID_SCHEMA)
    tags = {
        key: sorted(set(_texts(value, f"the tags of {key!r}", INVALID_SCHEMA)))
        for key, value in sorted(_object(known.get("tags"), "tags").items())
    }
    properties = _object(known.get("properties"), "properties")
    for key, value in properties.items():
        if not isinstance(value, str):
            raise refusal(INVALID_SCHEMA, f"the property {key!r} is no text")
    sensitive = sorted(set(_texts(known.get("sensitive"), "sensitive", INVALID_SCHEMA)))
    told = {"tags": tags, "properties": dict(sorted(properties.items())), "sensitive": sensitive}
    return {key: value for key, value in told.items() if value}


def rule_set_of(told: Any) -> Json | None:
    """Rules as a request has them, checked, in the order in which they are kept.

    Raises:
        Refusal: 42210, which rule is wrong, and how.
    """
    if told is None:
        return None
    known = _fields(told, (*RULE_LISTS, "enableAt"), "a rule set", INVALID_RULE_SET)
    kept: Json = {}
    for group, modes in RULE_LISTS.items():
        names: set[str] = set()
        rules = [_rule(rule, group, modes) for rule in _list(known.get(group), group)]
        for rule in rules:
            if rule["name"] in names:
                raise _bad_rule(rule["name"], "two rules have this name")
            names.add(rule["name"])
        if rules:
            kept[group] = rules
    enabled = known.get("enableAt")
    if enabled is not None:
        if enabled not in ENABLED_AT:
            raise refusal(INVALID_RULE_SET, f"enableAt is one of {', '.join(ENABLED_AT)}")
        kept["enableAt"] = enabled
    return kept


def _rule(told: Any, group: str, modes: tuple[str, ...]) -> Json:
    fields = (*_RULE_FIELDS, *_RULE_ENDS, "disabled")
    known = _fields(told, fields, "a rule", INVALID_RULE_SET)
    name = known.get("name")
    if not isinstance(name, str) or not name:
        raise refusal(INVALID_RULE_SET, f"a rule of {group} has no name")
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.match(name):
        raise _bad_rule(
            name, "a name has up to 64 letters, digits, _, - and blanks, and begins with a letter"
        )
    mode = known.get("mode", modes[-1])
    if mode not in modes:
        raise _bad_rule(name, f"the mode of {group} is one of {', '.join(modes)}, not {mode!r}")
    kind = known.get("kind", KINDS[0])
    if kind not in KINDS:
        raise _bad_rule(name, f"its kind is TRANSFORM or CONDITION, not {kind!r}")
    if not isinstance(known.get("type"), str) or not known["type"]:
        raise _bad_rule(name, "it has no type (as CEL, JSONATA or ENCRYPT)")
    for field in ("doc", "expr", *_RULE_ENDS):
        if not isinstance(known.get(field, ""), str):
            raise _bad_rule(name, f"its {field} is no text")
    for field in _RULE_ENDS:
        _check_action(name, field, known.get(field), mode)
    params = _object(known.get("params"), "params", INVALID_RULE_SET)
    if not all(isinstance(value, str) for value in params.values()):
        raise _bad_rule(name, "the values of params are texts")
    if type(known.get("disabled", False)) is not bool:
        raise _bad_rule(name, "disabled is true or false")
    kept = {
        **{field: known[field] for field in _RULE_FIELDS if known.get(field)},
        "kind": kind,
        "mode": mode,
        "tags": sorted(set(_texts(known.get("tags"), "tags", INVALID_RULE_SET))),
        "params": dict(sorted(params.items())),
    }
    ordered = {field: kept[field] for field in _RULE_FIELDS if kept.get(field)}
    ordered |= {field: known[field] for field in _RULE_ENDS if known.get(field)}
    return {**ordered, "disabled": known.get("disabled", False)}


def _check_action(name: str, field: str, action: str | None, mode: str) -> None:
    """Where a rule works both ways, "a,b" names an action for each; other modes have one."""
    if action and "," in action and mode not in ("UPDOWN", "WRITEREAD"):
        raise _bad_rule(name, f"{field} has two actions, and the mode {mode} only one way")


def _bad_rule(name: str, text: str) -> Refusal:
    return refusal(INVALID_RULE_SET, f"rule {name!r}: {text}")


def _fields(told: Any, known: tuple[str, ...], what: str, code: int) -> Json:
    if not isinstance(told, dict):
        raise refusal(code, f"{what} is a JSON object")
    for key in told:
        if key not in known:
            raise refusal(code, f"{what} has no field {key!r}; it has {', '.join(known)}")
    return {key: value for key, value in told.items() if value is not None}


def _object(told: Any, what: str, code: int = INVALID_SCHEMA) -> Mapping[str, Any]:
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise refusal(code, f"{what} is a JSON object")
    return told


def _list(told: Any, what: str, code: int = INVALID_RULE_SET) -> list[Any]:
    if told is None:
        return []
    if not isinstance(told, list):
        raise refusal(code, f"{what} is a list")
    return told


def _texts(told: Any, what: str, code: int) -> list[str]:
    values = _list(told, what, code)
    if not all(isinstance(value, str) for value in values):
        raise refusal(code, f"{what}: a list of texts")
    return values


# ---------------------------------------------------------------- merged


def merged_metadata(*told: Json | None) -> Json | None:
    """Metadata where what comes later counts; None where nothing is told."""
    given = [metadata for metadata in told if metadata is not None]
    if not given:
        return None
    tags: dict[str, set[str]] = {}
    properties: dict[str, str] = {}
    sensitive: set[str] = set()
    for metadata in given:
        for key, values in metadata.get("tags", {}).items():
            tags.setdefault(key, set()).update(values)
        properties |= metadata.get("properties", {})
        sensitive.update(metadata.get("sensitive", ()))
    merged = {
        "tags": {key: sorted(values) for key, values in sorted(tags.items())},
        "properties": dict(sorted(properties.items())),
        "sensitive": sorted(sensitive),
    }
    return {key: value for key, value in merged.items() if value}


def merged_rule_set(*told: Json | None) -> Json | None:
    """Rules where one of a name takes the place of an earlier one; None where nothing is told."""
    given = [rules for rules in told if rules is not None]
    if not given:
        return None
    merged: Json = {}
    for group in RULE_LISTS:
        by_name = {rule["name"]: rule for rules in given for rule in rules.get(group, ())}
        last = {rule["name"]: at for at, rule in enumerate(_rules(given, group))}
        if by_name:
            merged[group] = [by_name[name] for name in sorted(by_name, key=last.__getitem__)]
    for rules in given:
        if "enableAt" in rules:
            merged["enableAt"] = rules["enableAt"]
    return merged


def _rules(given: Iterable[Json], group: str) -> Iterable[Json]:
    return (rule for rules in given for rule in rules.get(group, ()))
