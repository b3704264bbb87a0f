"""Records that a rule failed on, sent to a topic of their own.

A dead letter is the record as it came, or, where it was to be written, the value as JSON; never
with a field in it that a rule would have encrypted. Its headers say which rule failed, on which
way, and why; the same rule is left out when the record is sent through again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ottla.errors import OttlaError
from ottla.serdes.codec import Field
from ottla.serdes.errors import RuleFailed
from ottla.serdes.rules.rule import Call

PREFIX = "__rule."
RULE_NAME = f"{PREFIX}name"
TOPIC_PARAMETER = "dlq.topic"
HIDING = ("ENCRYPT", "ENCRYPT_PAYLOAD")
REDACTED = "<REDACTED>"
TEXT_CHARACTERS_MAX = 2000


def failed_before(headers: Any) -> str | None:
    """The rule that a record's headers say it has failed on."""
    found = None
    for name, value in pairs(headers):
        if name == RULE_NAME:
            found = value
    if isinstance(found, bytes | bytearray):
        return bytes(found).decode(errors="replace")
    return found


def pairs(headers: Any) -> list[tuple[str, Any]]:
    """Headers as pairs, however they were given."""
    if not headers:
        return []
    rows: Iterable[Any] = headers.items() if isinstance(headers, Mapping) else headers
    return [(row[0], row[1]) for row in rows]


def send(producer: Any, topic: str | None, call: Call, error: RuleFailed) -> None:
    """Send what the rule failed on; the caller raises the error.

    Raises:
        RuleFailed: there is no topic or no producer, or it could not be sent.
    """
    topic = call.parameter(TOPIC_PARAMETER) or topic
    rule = call.rule
    if not topic or producer is None:
        what = "topic" if producer is not None else "producer"
        raise rule.failed(
            f"failed, and there is no {what} for dead letters",
            hint="Rules(producer=Producer(…), dead_letter_topic='…')",
        ) from error
    told = {
        "name": rule.name,
        "mode": call.mode,
        "subject": call.place.subject,
        "topic": call.place.topic,
        "exception": str(error)[:TEXT_CHARACTERS_MAX],
    }
    headers = [*pairs(call.place.headers), *((PREFIX + k, v.encode()) for k, v in told.items())]
    original = _bytes(call)
    key = original if call.place.is_key else call.place.key
    value = None if call.place.is_key else original
    try:
        producer.send(topic, value, key=key, headers=headers)
    except OttlaError as cause:
        raise rule.failed(
            f"failed, and the dead letter could not be sent to {topic}: {cause}"
        ) from cause


def _bytes(call: Call) -> bytes | None:
    value = call.place.original
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    hiding = [rule for rule in call.rules if rule.type in HIDING]
    if hiding:
        if call.fields is None or any(not rule.tags for rule in hiding):
            return None  # all of it is to be hidden
        tags = frozenset(tag for rule in hiding for tag in rule.tags)
        try:
            value = call.fields(value, lambda field, of: _redacted(call, field, of, tags))
        except Exception:
            return None
    if isinstance(value, str):
        return value.encode(errors="replace")
    if hasattr(value, "DESCRIPTOR"):
        as_json: Any = import_module("google.protobuf.json_format")
        value = as_json.MessageToDict(value)
    return json.dumps(value, default=_shown, ensure_ascii=False).encode(errors="replace")


def _redacted(call: Call, field: Field, value: Any, tags: frozenset[str]) -> Any:
    if not tags & call.tags_of(field) or value is None:
        return value
    return {"STRING": REDACTED, "BYTES": REDACTED.encode()}.get(field.kind, value)


def _shown(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
