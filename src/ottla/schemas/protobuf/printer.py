"""A Protobuf file as text: the canonical layout, in which a registry keeps it.

One printer does for a file as its author wrote it (names stay as short as they were, things stay in
their order) and for a linked one (names in full). Comments are not kept. What stays true: what is
printed reads to the same descriptor again, and printing that changes nothing.

`normal` sorts what may be told in any order: imports, options, fields and values by their numbers,
reserved names and numbers. Messages keep theirs: their places are in the data.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from ottla.schemas.protobuf.descriptor import (
    GROUP,
    REPEATED,
    REQUIRED,
    SCALARS,
    Enum,
    Field,
    File,
    Message,
    Method,
    Range,
    Service,
)
from ottla.schemas.protobuf.options import rows_of
from ottla.schemas.protobuf.scope import Scope
from ottla.schemas.protobuf.values import default_text, json_name_of, quoted, value_text

FIELD_END, ENUM_END = 536_870_912, 2_147_483_647
"""What ends a range "to max": one past the last number of a field, the last of an enum."""

_KIND: Final = ".google.protobuf.{}Options"
_Path = tuple[int, ...]


def printed(file: File, scope: Scope, *, normal: bool = False, extensions: bool = True) -> str:
    """The text of a file; without `extensions`, what extends others and options are left out."""
    return _Printer(file, scope, normal=normal, extensions=extensions).text()


class _Printer:
    def __init__(self, file: File, scope: Scope, *, normal: bool, extensions: bool) -> None:
        self.file = file
        self.scope = scope
        self.normal = normal
        self.extensions = extensions
        self.begins = file.begins()
        self._group_indexes: dict[_Path, int] = {}
        self._nested: dict[_Path, dict[str, tuple[int, Message]]] = {}

    @property
    def is_proto3(self) -> bool:
        return self.file.syntax == "proto3"

    def text(self) -> str:
        file = self.file
        head = [f'syntax = "{file.syntax or "proto2"}";']
        if file.package:
            head.append(f"package {file.package};")
        parts = [head, self.imports(), self.statements("File", file.options)]
        extends = self.extends(file.extension, (7,)) if self.extensions else []
        items = [*self.types(file.message_type, file.enum_type, (), (4, 5)), *extends]
        parts.append(self.in_order(items))
        parts.append([line for one in file.service for line in self.service(one)])
        return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)

    def imports(self) -> list[str]:
        file = self.file
        found = []
        for number, path in enumerate(file.dependency):
            word = "public " if number in file.public_dependency else ""
            word = "weak " if number in file.weak_dependency else word
            found.append(f"import {word}{quoted(path.encode())};")
        return sorted(found) if self.normal else found

    # ---------------------------------------------------------------- order

    def types(
        self,
        messages: Sequence[Message],
        enums: Sequence[Enum],
        path: _Path,
        lists: tuple[int, int],
    ) -> list[tuple[_Path, list[str]]]:
        """Each message and enum with its path; groups and maps are told where their fields are."""
        items = []
        hidden = self.hidden(path)
        for number, message in enumerate(messages):
            at = (*path, lists[0], number)
            if not message.is_map_entry and message.name not in hidden:
                items.append((at, self.message(message, at)))
        named = list(enumerate(enums))
        if self.normal:
            named.sort(key=lambda one: one[1].name)
        return items + [((*path, lists[1], number), self.enum(enum)) for number, enum in named]

    def hidden(self, path: _Path) -> set[str]:
        """The messages at a path that are groups: they are told with their fields."""
        holder = self.holder(path)
        if isinstance(holder, File):
            own: Iterable[Field] = holder.extension
        else:
            own = [*holder.field, *holder.extension]
        return {one.type_name.rpartition(".")[2] for one in own if one.type == GROUP}

    def holder(self, path: _Path) -> File | Message:
        holder: File | Message = self.file
        for number in path[1::2]:
            nested = holder.message_type if isinstance(holder, File) else holder.nested_type
            holder = nested[number]
        return holder

    def nested(self, path: _Path) -> dict[str, tuple[int, Message]]:
        """The messages right in what is at a path, by name, with their places."""
        if path not in self._nested:
            holder = self.holder(path)
            found = holder.message_type if isinstance(holder, File) else holder.nested_type
            self._nested[path] = {one.name: (at, one) for at, one in enumerate(found)}
        return self._nested[path]

    def in_order(self, items: list[tuple[_Path, list[str]]]) -> list[str]:
        """Lines of items in the order of their text; of what has no place in one, messages come
        first, and an extension that is a group where its message has its place among them.
        """
        if not self.normal and all(path in self.begins for path, _ in items):
            items = sorted(items, key=lambda item: self.begins[item[0]])
        else:
            items = sorted(items, key=lambda item: self.index_of(item[0]))
        return [line for _, lines in items for line in lines]

    def index_of(self, path: _Path) -> int:
        """The index of what is at a path among the messages; after all where it is none."""
        if path[-2] == (4 if len(path) == 2 else 3):
            return path[-1]
        return self._group_indexes.get(path, sys.maxsize)

    # ---------------------------------------------------------------- messages

    def message(self, message: Message, path: _Path) -> list[str]:
        head = [f"message {message.name} {{"]
        return head + self.indented(self.body(message, path)) + ["}"]

    def body(self, message: Message, path: _Path) -> list[str]:
        """What is in a message, a blank line between kinds of things."""
        members = message.field
        if self.normal:
            members = sorted(members, key=lambda one: one.number)
        before = self.hidden_before(message, path)
        items = self.types(message.nested_type, message.enum_type, path, (3, 4))
        early = deque(item for item in items if item[0] in before)
        plain: list[str] = []
        oneofs: dict[int, list[Field]] = {}
        hidden = 0
        for one in members:
            if message.real_oneof_of(one) is not None and one.oneof_index is not None:
                oneofs.setdefault(one.oneof_index, []).append(one)
                continue
            if one.type == GROUP or self.map_entry_of(one, path) is not None:
                while early and before[early[0][0]] <= hidden:
                    plain += early.popleft()[1]
                hidden += 1
            plain += self.field(one, path)
        items = [*early, *(item for item in items if item[0] not in before)]
        told = [
            line for at, among in oneofs.items() for line in self.oneof(message, at, among, path)
        ]
        if self.extensions:
            items += self.extends(message.extension, (*path, 6))
        parts = [
            self.reserved(message.reserved_range, message.reserved_name, FIELD_END, past_end=1),
            self.statements("Message", message.options),
            plain,
            told,
            [line for one in self.ranges(message) for line in self.extension_range(one)],
            self.in_order(items),
        ]
        return self.spaced(parts)

    def hidden_before(self, message: Message, path: _Path) -> dict[_Path, int]:
        """How many maps and groups stand before each nested message, where not all of them do.

        They are messages too, with places in the same list. Indexes in data count them, so a
        message that was told before a map is printed before it.
        """
        groups = self.hidden(path)
        counts: dict[_Path, int] = {}
        hidden = 0
        for number, one in enumerate(message.nested_type):
            if one.is_map_entry or one.name in groups:
                hidden += 1
            else:
                counts[(*path, 3, number)] = hidden
        return {at: count for at, count in counts.items() if count < hidden}

    @staticmethod
    def spaced(parts: list[list[str]]) -> list[str]:
        lines: list[str] = []
        for part in parts:
            if part and lines:
                lines.append("")
            lines += part
        return lines

    @staticmethod
    def indented(lines: list[str]) -> list[str]:
        return [f"  {line}" if line else line for line in lines]

    def oneof(self, message: Message, at: int, among: list[Field], path: _Path) -> list[str]:
        declared = message.oneof_decl[at]
        lines = self.statements("Oneof", declared.options)
        for one in among:
            lines += self.field(one, path, in_oneof=True)
        return [f"oneof {declared.name} {{", *self.indented(lines), "}"]

    def ranges(self, message: Message) -> list[Range]:
        ranges = message.extension_range
        return sorted(ranges, key=lambda one: one.start) if self.normal else ranges

    def extension_range(self, one: Range) -> list[str]:
        told = self.numbers(one, FIELD_END, past_end=1)
        return self.with_options(f"extensions {told}", self.options("ExtensionRange", one.options))

    def reserved(
        self, ranges: Sequence[Range], names: Sequence[str], end: int, *, past_end: int
    ) -> list[str]:
        if self.normal:
            ranges = sorted(ranges, key=lambda one: (one.start, one.end))
            names = sorted(names)
        told = [self.numbers(one, end, past_end=past_end) for one in ranges]
        lines = [f"reserved {', '.join(told)};"] if told else []
        if names:
            lines.append(f"reserved {', '.join(quoted(name.encode()) for name in names)};")
        return lines

    @staticmethod
    def numbers(one: Range, end: int, *, past_end: int) -> str:
        last = one.end - past_end
        if one.end >= end:
            return f"{one.start} to max"
        return str(one.start) if last == one.start else f"{one.start} to {last}"

    # ---------------------------------------------------------------- fields

    def field(self, one: Field, path: _Path, *, in_oneof: bool = False) -> list[str]:
        if (entry := self.map_entry_of(one, path)) is not None:
            key, value = entry.field
            kind = f"map<{self.type_of(key)}, {self.type_of(value)}>"
            label = ""
        else:
            kind = self.type_of(one)
            label = "" if in_oneof else self.label(one)
        options = self.field_options(one)
        if one.type != GROUP:
            return self.with_options(f"{label}{kind} {one.name} = {one.number}", options)
        name, group, at = self.group_of(one, path)
        lines = self.with_options(f"{label}group {name} = {one.number}", options)
        lines[-1] = lines[-1].removesuffix(";") + " {"
        inner = self.body(group, at) if group is not None else []
        return lines + self.indented(inner) + ["}"]

    def group_of(self, one: Field, path: _Path) -> tuple[str, Message | None, _Path]:
        """The name of a group, the message that its fields are in, and the path of that."""
        name = one.type_name.rpartition(".")[2]
        number, message = self.nested(path).get(name, (0, None))
        return name, message, (*path, 3 if path else 4, number)

    def map_entry_of(self, one: Field, path: _Path) -> Message | None:
        if one.label != REPEATED or not one.type_name:
            return None
        _, message = self.nested(path).get(one.type_name.rpartition(".")[2], (0, None))
        return message if message is not None and message.is_map_entry else None

    @staticmethod
    def type_of(one: Field) -> str:
        return SCALARS.get(one.type) or one.type_name

    def label(self, one: Field) -> str:
        if one.label == REPEATED:
            return "repeated "
        if one.label == REQUIRED:
            return "required "
        return "" if self.is_proto3 and not one.proto3_optional else "optional "

    def field_options(self, one: Field) -> list[str]:
        rows: list[str] = []
        if one.default_value is not None:
            rows.append(f"default = {default_text(one)}")
        if (
            one.json_name is not None
            and not one.extendee
            and one.json_name != json_name_of(one.name)
        ):
            rows.append(f"json_name = {quoted(one.json_name.encode())}")
        return rows + self.options("Field", one.options)

    def extends(self, extensions: Sequence[Field], path: _Path) -> list[tuple[_Path, list[str]]]:
        """Extensions, those that follow each other and extend the same together; a group alone,
        for it has a place among the messages.
        """
        numbered = list(enumerate(extensions))
        if self.normal:
            numbered.sort(key=lambda one: (one[1].extendee, one[1].number))
        items: list[tuple[_Path, list[str]]] = []
        extended = None
        for number, one in numbered:
            at = (*path, number)
            lines = self.indented(self.field(one, path[:-1]))
            if one.type == GROUP:
                self._group_indexes[at] = self.group_of(one, path[:-1])[2][-1]
            if one.extendee == extended and one.type != GROUP:
                items[-1][1][-1:] = [*lines, "}"]
            else:
                items.append((at, [f"extend {one.extendee} {{", *lines, "}"]))
            extended = one.extendee if one.type != GROUP else None
        return items

    # ---------------------------------------------------------------- enums, services

    def enum(self, enum: Enum) -> list[str]:
        values = enum.value
        if self.normal and values:  # the first one is what a field is without a value
            values = [values[0], *sorted(values[1:], key=lambda one: one.number)]
        lines = []
        for one in values:
            lines += self.with_options(
                f"{one.name} = {one.number}", self.options("EnumValue", one.options)
            )
        parts = [
            self.reserved(enum.reserved_range, enum.reserved_name, ENUM_END, past_end=0),
            self.statements("Enum", enum.options) + lines,
        ]
        return [f"enum {enum.name} {{", *self.indented(self.spaced(parts)), "}"]

    def service(self, service: Service) -> list[str]:
        lines = self.statements("Service", service.options)
        for method in service.method:
            lines += self.method(method)
        return [f"service {service.name} {{", *self.indented(lines), "}"]

    def method(self, method: Method) -> list[str]:
        asked = ("stream " if method.client_streaming else "") + method.input_type
        answer = ("stream " if method.server_streaming else "") + method.output_type
        line = f"rpc {method.name} ({asked}) returns ({answer})"
        options = self.statements("Method", method.options)
        if not options:
            return [f"{line};"]
        return [f"{line} {{", *self.indented(options), "}"]

    # ---------------------------------------------------------------- options

    def options(self, kind: str, data: bytes) -> list[str]:
        """Options as "name = value"; a value may have several lines, which are split later."""
        if not data:
            return []
        rows = rows_of(data, _KIND.format(kind), self.scope)
        if not self.extensions:
            rows = [row for row in rows if not row[0].startswith("(")]
        told = [f"{name} = {value_text(value)}" for name, value in rows]
        if self.normal:
            return sorted(told)
        return [self.short(one) for one in told]

    def short(self, option: str) -> str:
        """An option without the dot before its name, where nothing could be taken for its head."""
        head = option[2:].partition(".")[0].partition(")")[0]
        if option.startswith("(.") and head not in self.scope.inner_names:
            return f"({option[2:]}"
        return option

    def statements(self, kind: str, data: bytes) -> list[str]:
        """Options as lines of their own."""
        told = [f"option {row};" for row in self.options(kind, data)]
        return [line for one in told for line in one.split("\n")]

    def with_options(self, line: str, options: list[str]) -> list[str]:
        """A line with its options in brackets: one beside it, several below each other."""
        if not options:
            return [f"{line};"]
        if len(options) == 1:
            return f"{line} [{options[0]}];".split("\n")
        told = ",\n".join(options).split("\n")
        return [f"{line} [", *self.indented(told), "];"]
