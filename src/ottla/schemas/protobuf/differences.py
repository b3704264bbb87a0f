"""Why a reader with one Protobuf file can't read what was written with another.

The judgement is that of the registries in the field, with their words for what they find: fields
are known by their numbers, messages by their names without the package. Where the wire forgives (a
renamed field, another integer of the same coding, a string that is repeated now), so does this;
where it would not fail but lose or mix up values (fields moved into one oneof), it does not.
Syntax, services, options, names of fields and the values of enums make no difference.

Pairs of messages are compared once each, from a list, so neither recursion nor a circle of types
costs more than there are pairs that fields lead to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ottla.schemas.language import Difference
from ottla.schemas.protobuf.descriptor import (
    BOOL,
    BYTES_,
    ENUM,
    FIXED32,
    FIXED64,
    GROUP,
    INT32,
    INT64,
    MESSAGE,
    REPEATED,
    REQUIRED,
    SCALARS,
    SFIXED32,
    SFIXED64,
    SINT32,
    SINT64,
    STRING,
    UINT32,
    UINT64,
    Field,
    File,
    Message,
)
from ottla.schemas.protobuf.scope import Scope, extensions_of, messages_of, prefix_of

_ALIKE: Final = (
    {INT32, UINT32, INT64, UINT64, BOOL, ENUM},
    {SINT32, SINT64},
    {STRING, BYTES_},
    {FIXED32, SFIXED32},
    {FIXED64, SFIXED64},
)
"""Kinds of fields that share their coding, so that each reads what the others wrote."""

CODING: Final = {kind: min(alike) for alike in _ALIKE for kind in alike}
"""One kind for all that share its coding."""

_OPTIONS: Final = ".google.protobuf."
"""What extends options is in no data."""


class _Side:
    """One of the two: its file, and the names of its types without their packages."""

    def __init__(self, file: File, scope: Scope) -> None:
        self.file = file
        self.scope = scope

    def local(self, name: str) -> str:
        """A full name without the package of the file that it is declared in."""
        file = self.scope.file_of.get(name)
        return name.removeprefix(prefix_of(file)) if file is not None else name

    def messages(self) -> dict[str, str]:
        """Full names by local ones, of the file's own messages."""
        found = messages_of(self.file)
        return {self.local(name): name for name, message in found if not message.is_map_entry}


def unreadable(reader: File, reads: Scope, writer: File, writes: Scope) -> list[Difference]:
    """All differences that are in the way, those of a message together."""
    return list(_Comparison(_Side(reader, reads), _Side(writer, writes)).run())


class _Comparison:
    def __init__(self, reader: _Side, writer: _Side) -> None:
        self.reader = reader
        self.writer = writer
        self.seen: set[tuple[str, str]] = set()
        self.pending: list[tuple[str, str]] = []

    def run(self) -> Iterator[Difference]:
        if self.reader.file.package != self.writer.file.package:
            yield Difference(
                "PACKAGE_CHANGED",
                "#/",
                f"the package is {_named(self.reader.file.package)} in the reader and "
                f"{_named(self.writer.file.package)} in the writer: keep the writer's",
            )
        yield from self.messages()
        while self.pending:
            yield from self.message(*self.pending.pop())
        yield from self.extensions()

    def messages(self) -> Iterator[Difference]:
        """The file's own messages, as the writer has them."""
        own = self.reader.messages()
        removed = ""
        for name, full in self.writer.messages().items():
            if name in own:
                self.later(own[name], full)
            elif not (removed and name.startswith(removed + ".")):
                removed = name
                yield Difference(
                    "MESSAGE_REMOVED",
                    _path(name),
                    f"message {name} of the writer is missing in the reader: add it again, "
                    "unchanged and at its old place",
                )
        self.pending.reverse()

    def later(self, reads: str, writes: str) -> None:
        if (reads, writes) not in self.seen:
            self.seen.add((reads, writes))
            self.pending.append((reads, writes))

    def message(self, reads: str, writes: str) -> Iterator[Difference]:
        reader, writer = self.reader.scope.messages[reads], self.writer.scope.messages[writes]
        local = self.reader.local(reads)
        mine = {one.number: one for one in reader.field}
        theirs = {one.number: one for one in writer.field}
        for number in sorted(mine.keys() | theirs.keys()):
            yield from self.field(local, mine.get(number), theirs.get(number))
        yield from _oneofs(local, reader, writer)

    def field(self, local: str, mine: Field | None, theirs: Field | None) -> Iterator[Difference]:
        if mine is not None and theirs is not None:
            yield from self.both(_path(local, mine.number), f"of message {local}", mine, theirs)
        elif mine is not None and mine.label == REQUIRED:
            yield Difference(
                "REQUIRED_FIELD_ADDED",
                _path(local, mine.number),
                f"{_field(mine)} of message {local} is required in the reader, and the writer has "
                "no such field: make it optional",
            )
        elif theirs is not None and theirs.label == REQUIRED:
            yield Difference(
                "REQUIRED_FIELD_REMOVED",
                _path(local, theirs.number),
                f"{_field(theirs)} of message {local} is required in the writer and missing in the "
                "reader: keep it",
            )

    def both(self, path: str, where: str, mine: Field, theirs: Field) -> Iterator[Difference]:
        """A field that both have."""
        changed = self.types(path, f"{_field(mine)} {where}", mine, theirs)
        if changed is not None:
            yield changed
            return
        if mine.label == REQUIRED and theirs.label != REQUIRED:
            yield Difference(
                "REQUIRED_FIELD_ADDED",
                path,
                f"{_field(mine)} {where} is required in the reader, but not in the writer, who may "
                "leave it out: make it optional",
            )
        if (mine.label == REPEATED) != (theirs.label == REPEATED) and not _forgives(mine):
            now, then = ("repeated", "single") if mine.label == REPEATED else ("single", "repeated")
            yield Difference(
                "FIELD_NUMERIC_LABEL_CHANGED",
                path,
                f"{_field(mine)} {where} is {now} in the reader and {then} in the writer: keep its "
                "label, or give the new field another number",
            )

    def types(self, path: str, what: str, mine: Field, theirs: Field) -> Difference | None:
        kinds = self.kind(self.reader, mine), self.kind(self.writer, theirs)
        told = f"{what} is {{}} in the reader and {{}} in the writer: "
        advice = "keep its type, or give the new field another number"
        if kinds[0] != kinds[1]:
            text = told.format(self.name(self.reader, mine), self.name(self.writer, theirs))
            return Difference("FIELD_KIND_CHANGED", path, text + advice)
        if kinds[0] == "map":
            return self.maps(path, what, mine, theirs)
        if kinds[0] == "scalar":
            if CODING.get(mine.type, mine.type) == CODING.get(theirs.type, theirs.type):
                return None
            text = told.format(self.name(self.reader, mine), self.name(self.writer, theirs))
            return Difference("FIELD_SCALAR_KIND_CHANGED", path, text + advice)
        names = self.reader.local(mine.type_name), self.writer.local(theirs.type_name)
        if names[0] != names[1]:
            text = told.format(f"a {names[0]}", f"a {names[1]}")
            return Difference("FIELD_NAMED_TYPE_CHANGED", path, text + advice)
        self.later(mine.type_name, theirs.type_name)
        return None

    def maps(self, path: str, what: str, mine: Field, theirs: Field) -> Difference | None:
        entries = self.reader.scope.map_entry(mine), self.writer.scope.map_entry(theirs)
        if entries[0] is None or entries[1] is None:
            return None
        for word, own, other in zip(
            ("key", "value"), entries[0].field, entries[1].field, strict=True
        ):
            changed = self.types(path, f"the {word} of {what}", own, other)
            if changed is not None:
                return changed
        return None

    @staticmethod
    def kind(side: _Side, field: Field) -> str:
        if field.type == GROUP:
            return "group"
        if field.type != MESSAGE:
            return "scalar"
        return "map" if side.scope.map_entry(field) is not None else "message"

    def name(self, side: _Side, field: Field) -> str:
        """The type of a field, for people."""
        if (entry := side.scope.map_entry(field)) is not None:
            key, value = (self.name(side, one) for one in entry.field)
            return f"map<{key}, {value}>"
        if field.type in SCALARS:
            return SCALARS[field.type]
        article = {ENUM: "the enum ", GROUP: "the group "}.get(field.type, "the message ")
        return article + side.local(field.type_name)

    def extensions(self) -> Iterator[Difference]:
        """Extensions of data, which are fields declared elsewhere."""
        mine = self.extending(self.reader)
        for key, other in self.extending(self.writer).items():
            own = mine.get(key)
            if own is not None:
                path = _path(key[0], key[1])
                yield from self.both(path, f"that extends {key[0]}", own, other)

    @staticmethod
    def extending(side: _Side) -> dict[tuple[str, int], Field]:
        return {
            (side.local(one.extendee), one.number): one
            for _, one in extensions_of(side.file)
            if not one.extendee.startswith(_OPTIONS)
        }


def _oneofs(local: str, reader: Message, writer: Message) -> Iterator[Difference]:
    """What changed about which fields exclude each other."""
    before = _oneof_numbers(writer)
    in_one = {number: name for name, numbers in before.items() for number in numbers}
    plain = {one.number for one in writer.field if one.number not in in_one}
    now = _oneof_numbers(reader)
    for name, numbers in now.items():
        moved = sorted(numbers & plain)
        sources = {in_one[number] for number in numbers if number in in_one}
        if moved and (sources or name in before):
            for number in moved:
                yield Difference(
                    "FIELD_MOVED_TO_EXISTING_ONEOF",
                    _path(local, number),
                    f"field {number} of message {local} stands alone in the writer and in the "
                    f"oneof {name}, with fields that were in one before, in the reader: leave it "
                    "out of the oneof",
                )
        elif len(moved) > 1 or len(sources) > 1:
            yield Difference(
                "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
                _path(local, name),
                f"the oneof {name} of message {local} in the reader has fields that the writer may "
                "set together: move no more than one of them into it",
            )
    for name, numbers in before.items():
        for number in sorted(numbers - now[name]) if name in now else ():
            yield Difference(
                "ONEOF_FIELD_REMOVED",
                _path(local, name, number),
                f"field {number} of the oneof {name} of message {local} in the writer is not in it "
                "in the reader: put it back",
            )


def _oneof_numbers(message: Message) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for one in message.field:
        oneof = message.real_oneof_of(one)
        if oneof is not None:
            found.setdefault(oneof.name, set()).add(one.number)
    return found


def _forgives(field: Field) -> bool:
    """Whether a single value reads as a repeated one, and the other way about."""
    return field.type in (STRING, BYTES_, MESSAGE, GROUP)


def _field(field: Field) -> str:
    return f"field {field.number} ({field.name})"


def _named(package: str) -> str:
    return package or "none"


def _path(local: str, *parts: str | int) -> str:
    return "/".join(["#", *local.removeprefix(".").split("."), *map(str, parts)])
