"""All files of one schema, and what their full names stand for.

Names begin with a dot, as they do in linked descriptors. Extensions are found by what they extend
and their number.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from ottla.schemas.protobuf.descriptor import ENUM, Enum, Field, File, Message


class Scope:
    """The messages, enums and extensions of linked files."""

    def __init__(self, files: Iterable[File]) -> None:
        self.files = {file.name: file for file in files}
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        self.extensions: dict[tuple[str, int], tuple[str, Field]] = {}
        self.file_of: dict[str, File] = {}
        """The file that a message or an enum stands in, by its full name."""
        for file in self.files.values():
            for name, message in messages_of(file):
                self.messages[name] = message
                self.file_of[name] = file
            for name, enum in enums_of(file):
                self.enums[name] = enum
                self.file_of[name] = file
            for name, extension in extensions_of(file):
                self.extensions[extension.extendee, extension.number] = (name, extension)

    @functools.cached_property
    def inner_names(self) -> frozenset[str]:
        """All names that stand within another: a short name with such a head is ambiguous."""
        found: set[str] = set()
        for file in self.files.values():
            found.update(file.package.split(".")[1:])
            if file.package:
                found.update(one.name for one in file.extension)
                found.update(one.name for one in file.service)
        for name in (*self.messages, *self.enums):
            found.update(name.split(".")[2:])
        for message in self.messages.values():
            found.update(one.name for one in (*message.field, *message.extension))
            found.update(one.name for one in message.oneof_decl)
        return frozenset(found)

    def field(self, message: str, number: int) -> tuple[str, Field] | None:
        """A field of a message by its number, and its name in an option; extensions included."""
        found = self.extensions.get((message, number))
        if found is not None:
            return f"({found[0]})", found[1]
        for one in self.messages[message].field if message in self.messages else ():
            if one.number == number:
                return one.name, one
        return None

    def map_entry(self, field: Field) -> Message | None:
        """What the entries of a map are; none where the field is none."""
        message = self.messages.get(field.type_name)
        return message if message is not None and message.is_map_entry else None

    def value_name(self, field: Field, number: int) -> str:
        """The name that an enum has for a number; the number itself where it has none."""
        enum = self.enums.get(field.type_name) if field.type == ENUM else None
        values = enum.value if enum is not None else ()
        return next((value.name for value in values if value.number == number), str(number))


def prefix_of(file: File) -> str:
    """What stands before the names of a file's own messages, its dot included."""
    return f".{file.package}." if file.package else "."


def messages_of(file: File) -> Iterator[tuple[str, Message]]:
    """Full names and messages of a file, nested ones after the one that they are in; those that
    stand for maps included.
    """
    stack = [(prefix_of(file), message) for message in reversed(file.message_type)]
    while stack:
        prefix, message = stack.pop()
        name = prefix + message.name
        yield name, message
        stack += [(name + ".", inner) for inner in reversed(message.nested_type)]


def enums_of(file: File) -> Iterator[tuple[str, Enum]]:
    """Full names and enums of a file."""
    yield from ((prefix_of(file) + enum.name, enum) for enum in file.enum_type)
    for name, message in messages_of(file):
        yield from ((f"{name}.{enum.name}", enum) for enum in message.enum_type)


def extensions_of(file: File) -> Iterator[tuple[str, Field]]:
    """Full names and extensions that a file declares."""
    yield from ((prefix_of(file) + one.name, one) for one in file.extension)
    for name, message in messages_of(file):
        yield from ((f"{name}.{one.name}", one) for one in message.extension)
