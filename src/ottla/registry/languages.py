"""Reads schemas with all that they refer to, and remembers what it has read.

References are followed from the state, each once, those that others need first. They may not go in
a circle, nor be so many that reading one schema would take the service's time from all others.
"""

from __future__ import annotations

import hashlib
import importlib
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

from ottla.registry.contracts import Reference
from ottla.registry.refusals import INVALID_SCHEMA, refusal
from ottla.registry.state import State
from ottla.registry.stored import Version
from ottla.registry.subjects import parsed, qualified
from ottla.schemas.language import (
    AVRO,
    JSON,
    PROTOBUF,
    Dependency,
    InvalidSchema,
    Language,
    Schema,
)
from ottla.web.operation import Refusal

LANGUAGES = {
    AVRO: ("ottla.schemas.avro", "AVRO_LANGUAGE"),
    JSON: ("ottla.schemas.json_schema", "JSON_LANGUAGE"),
    PROTOBUF: ("ottla.schemas.protobuf", "PROTOBUF_LANGUAGE"),
}
REFERENCES_MAX = 1000
"""Of one schema, those of its references among them."""
DEPTH_MAX = 100
"""How many references may lead from one schema to the next, one after the other."""
DIGESTS_MAX = 200_000
KEPT_MAX = 2_000
"""Schemas that are kept as they were read."""
KEPT_CHARACTERS_MAX = 2 << 20
KEPT_ONE_MAX = 200_000
"""A longer one is read anew each time: read, it takes a hundred times its text."""


def language(schema_type: str) -> Language:
    """The language of a schemaType.

    Raises:
        Refusal: 42201, there is none of that name.
    """
    home = LANGUAGES.get(schema_type)
    if home is None:
        raise refusal(
            INVALID_SCHEMA,
            f"there is no schemaType {schema_type!r}",
            hint=f"it is one of {', '.join(LANGUAGES)}",
        )
    found: Language = getattr(importlib.import_module(home[0]), home[1])
    return found


class Reading:
    """Reads schemas, from any thread."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept: OrderedDict[Any, Schema] = OrderedDict()
        self._characters = 0
        self._lock = Lock()
        self._digests: dict[tuple[bytes, str, bool], bytes] = {}

    def read(
        self, schema_type: str, text: str, references: Iterable[Reference], context: str
    ) -> Schema:
        """A schema, in a context in which its references are looked for.

        Raises:
            Refusal: 42201, with the place where the text is wrong, or the reference that is.
        """
        dependencies = self._dependencies(tuple(references), context)
        key = (schema_type, text, dependencies)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            schema = language(schema_type).read(text, dependencies)
        except InvalidSchema as error:
            raise refusal(INVALID_SCHEMA, told(schema_type, error)) from None
        self._keep(key, schema)
        return schema

    def of(self, version: Version) -> Schema:
        """The schema of a version that is registered.

        Raises:
            Refusal: 42201, another registry took what this one can't read.
        """
        context = parsed(version.subject).context
        return self.read(version.schema_type, version.text, version.references, context)

    def digest(self, version: Version, *, normalized: bool) -> bytes | None:
        """Of a version's text as this registry would keep it; None where it can't read it.

        Unlike what was read, these are all kept: a subject may have more versions than schemas are.
        """
        key = (version.hash.digest, parsed(version.subject).context, normalized)
        if key not in self._digests:
            if len(self._digests) >= DIGESTS_MAX:
                self._digests.clear()
            try:
                schema = self.of(version)
            except Refusal:  # not for ever: what it refers to may come
                return None
            else:
                text = schema.normalized() if normalized else schema.text
                self._digests[key] = text_digest(text)
        return self._digests[key]

    def _keep(self, key: tuple[str, str, tuple[Dependency, ...]], schema: Schema) -> None:
        with self._lock:
            if key not in self._kept and len(key[1]) <= KEPT_ONE_MAX:
                self._kept[key] = schema
                self._characters += len(key[1])
            while len(self._kept) > KEPT_MAX or self._characters > KEPT_CHARACTERS_MAX:
                oldest, _ = self._kept.popitem(last=False)
                self._characters -= len(oldest[1])

    def _dependencies(
        self, references: tuple[Reference, ...], context: str
    ) -> tuple[Dependency, ...]:
        if not references:
            return ()
        found: dict[str, Dependency] = {}
        under_way: list[tuple[str, int]] = []
        self._follow(references, context, found, under_way)
        return tuple(found.values())

    def _follow(
        self,
        references: tuple[Reference, ...],
        context: str,
        found: dict[str, Dependency],
        under_way: list[tuple[str, int]],
    ) -> None:
        places: dict[str, tuple[str, int]] = {}
        for reference in references:
            version = self.referred(reference, context)
            place = (version.subject, version.version)
            if places.setdefault(reference.name, place) != place:
                first = " ".join(map(str, places[reference.name]))
                raise refusal(
                    INVALID_SCHEMA,
                    f"two references are named {reference.name!r}: one to {first}, one to "
                    f"{place[0]} {place[1]}",
                    hint="a name stands for one schema: leave one of them out",
                )
            if place in under_way:
                circle = " → ".join(f"{s} {v}" for s, v in [*under_way, place])
                raise refusal(INVALID_SCHEMA, f"references go in a circle: {circle}")
            if reference.name in found:
                continue
            if len(under_way) >= DEPTH_MAX:
                raise refusal(
                    INVALID_SCHEMA, f"more than {DEPTH_MAX} references lead from one to the next"
                )
            if len(found) >= REFERENCES_MAX:
                raise refusal(INVALID_SCHEMA, f"more than {REFERENCES_MAX} references")
            under_way.append(place)
            self._follow(version.references, parsed(version.subject).context, found, under_way)
            under_way.pop()
            found[reference.name] = Dependency(reference.name, version.text)

    def referred(self, reference: Reference, context: str) -> Version:
        """The version that a reference means, from a schema in a context.

        Raises:
            Refusal: 42201, there is none.
        """
        subject = qualified(reference.subject, context)
        if reference.version == -1:
            version = self._state.latest(subject)
        else:
            version = self._state.version(subject, reference.version)
        if version is None:
            raise refusal(
                INVALID_SCHEMA,
                f"the reference {reference.name!r} is to version {reference.version} of subject "
                f"{subject!r}, which is not there",
                hint="register what is referred to first",
            )
        return version


def text_digest(text: str) -> bytes:
    """What two texts that are the same have in common."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest()


def told(schema_type: str, error: InvalidSchema) -> str:
    """One sentence of what is wrong with a text, with the place."""
    said = str(error)
    place = f" (line {error.line}, column {error.column})" if error.line else ""
    place = f" at {error.path}{place}" if error.path else place
    place = "" if f"line {error.line}, column" in said else place
    text = f"this is no {schema_type} schema{place}: {said}"
    return f"{text}; {error.hint}" if error.hint else text
