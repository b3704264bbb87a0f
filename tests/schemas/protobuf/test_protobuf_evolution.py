"""Random files and evolutions: what is judged readable is read, by Google's own runtime, and what
is printed reads to the same file again.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from hypothesis import strategies as st

from chance import by_chance
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE, ProtobufSchema

KINDS = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32",
    "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes", "E", "B", "C",
]  # fmt: skip
REST = """
enum E { ZERO = 0; ONE = 1; }
message B { int32 x = 1; A a = 2; }
message C { int64 x = 1; }
"""


class Told(NamedTuple):
    """A field as it is told: a label, a type and a oneof."""

    label: str
    kind: str
    oneof: str


def fields_of(kinds: list[str]) -> st.SearchStrategy[Told]:
    """Fields of few kinds, so that changes from one to another are met often."""
    return st.builds(
        Told,
        st.sampled_from(["", "", "optional ", "repeated "]),
        st.sampled_from(kinds),
        st.sampled_from(["", "", "", "o", "p"]),
    )


MAPS = ["map<string, int32>", "map<int32, B>", "map<uint64, string>"]
messages = st.dictionaries(st.integers(1, 8), fields_of([*KINDS, *MAPS]), max_size=6)


def text_of(message: dict[int, Told]) -> str:
    """A file with a message of these fields."""
    plain: list[str] = []
    oneofs: dict[str, list[str]] = {}
    for number, told in message.items():
        is_map = told.kind.startswith("map")
        if told.oneof and not is_map:
            line = f"{told.kind} f{number} = {number};"
            oneofs.setdefault(told.oneof, []).append(line)
        else:
            label = "" if is_map else told.label
            plain.append(f"{label}{told.kind} f{number} = {number};")
    inner = plain + [f"oneof {name} {{ {' '.join(lines)} }}" for name, lines in oneofs.items()]
    return f'syntax = "proto3";\nmessage A {{ {" ".join(inner)} }}\n{REST}'


@st.composite
def evolutions(draw: st.DrawFn) -> tuple[str, str]:
    """A writer's file and a reader's, which has some of its fields changed."""
    kinds = draw(st.lists(st.sampled_from([*KINDS, *MAPS]), min_size=2, max_size=3, unique=True))
    fields = fields_of(kinds)
    before = draw(st.dictionaries(st.integers(1, 5), fields, min_size=1, max_size=4))
    after = dict(before)
    for number in draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)):
        change = draw(st.one_of(st.none(), fields, fields, fields))
        after.pop(number, None)
        if change is not None:
            after[number] = change
    return text_of(before), text_of(after)


def class_of(schema: ProtobufSchema) -> type[Message]:
    """Google's class for the message A."""
    file = descriptor_pb2.FileDescriptorProto.FromString(
        base64.b64decode(schema.formatted("serialized"))
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("A"))
    return made


def fill(message: Any, draw: Any) -> None:
    """Set fields of a message; 1 stands for numbers, for that is one in each coding."""
    for field in message.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        held = getattr(message, field.name)
        entry = field.message_type if field.message_type is not None else None
        if entry is not None and entry.GetOptions().map_entry:
            key = "k" if entry.fields_by_name["key"].cpp_type == field.CPPTYPE_STRING else 1
            if entry.fields_by_name["value"].message_type is not None:
                held[key].x = 1
            else:
                held[key] = value_of(entry.fields_by_name["value"])
        elif entry is not None:
            (held.add() if field.is_repeated else held).x = 1
        elif field.is_repeated:
            held.extend([value_of(field)] * 2)
        else:
            setattr(message, field.name, value_of(field))


def value_of(field: Any) -> Any:
    """A value for a field of a scalar."""
    if field.type == field.TYPE_BYTES:
        return b"text"
    return "text" if field.type == field.TYPE_STRING else 1


def comparable(field: Any, value: Any) -> Any:
    """What a value is, told so that each coding of it is the same."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {int(k) if k != "k" else k: comparable(inner, v) for k, v in value.items()}
    if field.is_repeated:
        return [single(one) for one in value]
    return single(value)


def single(value: Any) -> Any:
    """One value; of a message, what is in it."""
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else int(getattr(value, "x", value))


def is_set(message: Any, field: Any) -> bool:
    """Whether a field was written: in a oneof, at most one is."""
    if field.is_repeated:
        return len(getattr(message, field.name)) > 0
    return bool(message.HasField(field.name)) if field.has_presence else True


@by_chance(evolutions(), st.data(), few=80, many=3000)
def test_what_is_judged_readable_is_read(texts: tuple[str, str], data: st.DataObject) -> None:
    """If this failed, a registry would let a schema in that loses or mixes up what is written."""
    writer, reader = (PROTOBUF_LANGUAGE.read(text) for text in texts)
    if reader.unreadable(writer):
        return
    written = class_of(writer)()
    fill(written, data.draw)
    read: Any = class_of(reader)()
    read.ParseFromString(written.SerializeToString())
    for field in written.DESCRIPTOR.fields:
        mine = read.DESCRIPTOR.fields_by_number.get(field.number)
        if mine is None or not is_set(written, field):
            continue
        then = comparable(field, getattr(written, field.name))
        now = comparable(mine, getattr(read, mine.name))
        if field.is_repeated and not mine.is_repeated:
            then = then[-1]
        elif mine.is_repeated and not field.is_repeated:
            then = [then] if then or field.has_presence else []
            now = now if then else []
        assert now == then, f"{field.name} in {texts[1]}"


@by_chance(messages, few=40, many=1000)
def test_what_is_printed_reads_to_the_same_file(message: dict[int, Told]) -> None:
    """If this failed, a registry would keep another schema than the one it was given."""
    schema = PROTOBUF_LANGUAGE.read(text_of(message))
    again = PROTOBUF_LANGUAGE.read(schema.text)
    assert again.text == schema.text
    assert same(again) == same(schema)
    normal = PROTOBUF_LANGUAGE.read(schema.normalized())
    assert normal.normalized() == schema.normalized() == again.normalized()
    serialized = PROTOBUF_LANGUAGE.read(schema.formatted("serialized"))
    assert same(serialized) == same(schema) == same(PROTOBUF_LANGUAGE.read(serialized.text))


def same(schema: ProtobufSchema) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor, fields that stand in oneofs after the others."""
    file = descriptor_pb2.FileDescriptorProto.FromString(
        base64.b64decode(schema.formatted("serialized"))
    )
    for message in file.message_type:
        message.field.sort(key=lambda one: one.number)
        numbers = sorted(range(len(message.oneof_decl)), key=lambda n: message.oneof_decl[n].name)
        for one in message.field:
            if one.HasField("oneof_index"):
                one.oneof_index = numbers.index(one.oneof_index)
        message.oneof_decl.sort(key=lambda one: one.name)
        message.nested_type.sort(key=lambda one: one.name)
    return file
