"""What is no schema, or one that nobody would write: one clear error, and no more time or memory
than its size allows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import strategies as st

from chance import by_chance
from ottla.schemas.language import Dependency, InvalidSchema
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE
from ottla.schemas.protobuf.binary import to_varint

MIB = 1 << 20
META = 'syntax = "proto3"; import "confluent/meta.proto"; message A '
BOMBS = {
    "messages": "message A {" * 90_000,
    "closed messages": "message A {" * 40_000 + "}" * 40_000,
    "groups": "message A { " + "optional group B = 1 { " * 40_000,
    "values of an option": "option (a) = " + "{ a " * 250_000,
    "closed values": "option (a) = " + "{ a " * 150_000 + "}" * 150_000 + ";",
    "lists": "option (a) = { a: " + "[" * 900_000 + "};",
    "a package": "package a" + ".a" * 500_000 + ";",
    "an option's name": "option (a)" + ".a" * 500_000 + " = 1;",
    "a type": "message A { optional a" + ".a" * 500_000 + " a = 1; }",
    "names that multiply": f"package {'a' * 500_000};"
    + "".join(f"message M{n} {{}}" for n in range(25_000)),
    "one name, many times": ("message A {" * 30 + "}" * 30) * 2_000,
    "a comment": "/*" * 500_000,
    "a string": 'option a = "' + "x" * 1_000_000,
    "imports": "".join(f'import "{n}.proto";' for n in range(40_000)),
    "parentheses": "(" * MIB,
    "blanks before a brace's want": " " * 1_000_000 + "=",
    "NUL": "\0" * MIB,
    "one NUL": 'syntax = "proto3"; message A\0 {}',
    "a lone surrogate": 'syntax = "proto3"; // \ud800\nmessage A {}',
    "odd names": "message Ä {}",
    "a mark of the byte order": "\ufeffmessage A {",
    "an edition": 'edition = "2023"; message A {}',
    "an unknown syntax": 'syntax = "proto4"; message A {}',
    "JSON": '{"type": "record", "name": "A", "fields": []}',
    "a word": "schema",
    "base64 of nothing known": base64.b64encode(b"\xff" * 100).decode(),
    "base64 cut off": base64.b64encode(b"\x0a\x0cschema").decode(),
    "a number twice": 'syntax = "proto3"; message A { int32 a = 1; int32 b = 1; }',
    "a number of nobody's": 'syntax = "proto3"; message A { int32 a = 0; }',
    "a reserved number": 'syntax = "proto3"; message A { int32 a = 19000; }',
    "an unknown type": 'syntax = "proto3"; message A { B b = 1; }',
    "an enum without zero": 'syntax = "proto3"; enum E { A = 1; }',
    "an unknown option": 'syntax = "proto3"; option (a) = 1;',
    "a tag that is a number": META + "{ string a = 1 [(confluent.field_meta).tags = 1]; }",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_what_is_no_schema_is_one_error(text: str) -> None:
    """If this failed, a text from outside would crash the registry, or keep it from all else."""
    with pytest.raises(InvalidSchema) as caught:
        PROTOBUF_LANGUAGE.read(text)
    assert caught.value.hint
    assert len(str(caught.value)) < 1_000


LARGE: dict[str, Callable[[int], str]] = {
    "fields": lambda k: "{" + "".join(f"string f{n} = {n};" for n in range(1, 5 * k)) + "}",
    "maps": lambda k: "{" + "".join(f"map<string, A> f{n} = {n};" for n in range(1, 2 * k)) + "}",
    "tags": lambda k: (
        "{ string a = 1 [" + ",".join(['(confluent.field_meta).tags = "x"'] * (10 * k)) + "]; }"
    ),
    "a list": lambda k: (
        "{ string a = 1 [(confluent.field_meta) = { tags: ["
        + ",".join(['"x"'] * (30 * k))
        + "]}]; }"
    ),
    "a string": lambda k: (
        '{ string a = 1 [(confluent.field_meta).doc = "' + "\\n" * (400 * k) + '"]; }'
    ),
    "enums": lambda k: "{}" + "".join(f"enum E{n} {{ V{n} = 0; }}" for n in range(3 * k)),
}
"""What a message may have after its name; 1000 of it is up to a mebibyte."""


@pytest.mark.parametrize("much", [250, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_schema_is_read_and_printed(kind: str, much: int) -> None:
    """If this failed, a schema within the limit would take minutes, or grow beyond it."""
    schema = PROTOBUF_LANGUAGE.read(META + LARGE[kind](much))
    assert len(schema.text) < 8 * MIB
    assert PROTOBUF_LANGUAGE.read(schema.text).text == schema.text
    assert not schema.unreadable(PROTOBUF_LANGUAGE.read(schema.normalized()))


def test_deep_values_stay_small_when_they_are_printed() -> None:
    """If this failed, blanks before lines would make a megabyte of options into a hundred."""
    value = "{ m " * 90 + "{" + "n: 1 " * 50_000 + "}" + "}" * 90
    text = (
        'syntax = "proto3"; import "google/protobuf/descriptor.proto";'
        "message M { M m = 1; repeated int32 n = 2; }"
        "extend google.protobuf.FileOptions { M m = 50000; }"
        f"option (m) = {value};"
    )
    schema = PROTOBUF_LANGUAGE.read(text)
    assert len(schema.text) < 4 * len(text)
    assert PROTOBUF_LANGUAGE.read(schema.text).normalized() == schema.normalized()


def nested(depth: int) -> bytes:
    """A message that is in itself, told by its number 1."""
    data = b""
    for _ in range(depth):
        data = b"\x0a" + to_varint(len(data)) + data
    return data


@pytest.mark.parametrize("depth", [90, 5_000])
def test_depth_in_bytes_is_an_error_too(depth: int) -> None:
    """If this failed, options of a serialized file could go deeper than the stack."""
    text = (
        'syntax = "proto3"; import "google/protobuf/descriptor.proto"; message M { M m = 1; }'
        "extend google.protobuf.FileOptions { M m = 50000; }"
    )
    file = descriptor_pb2.FileDescriptorProto.FromString(
        base64.b64decode(PROTOBUF_LANGUAGE.read(text).formatted("serialized"))
    )
    value = nested(depth)
    options = to_varint(50_000 << 3 | 2) + to_varint(len(value)) + value
    serialized = file.SerializeToString() + b"\x42" + to_varint(len(options)) + options
    told = base64.b64encode(serialized).decode()
    if depth < 100:
        assert "option (.m) = {" in PROTOBUF_LANGUAGE.read(told).text
    else:
        with pytest.raises(InvalidSchema):
            PROTOBUF_LANGUAGE.read(told)


def test_circles_of_imports_are_an_error() -> None:
    """If this failed, two schemas that name each other would be read for ever."""
    with pytest.raises(InvalidSchema, match="leads back"):
        PROTOBUF_LANGUAGE.read(
            'import "a.proto";',
            [
                Dependency("a.proto", 'import "b.proto";'),
                Dependency("b.proto", 'import "a.proto";'),
            ],
        )


def test_a_fault_in_an_import_is_told_as_such() -> None:
    """If this failed, line and column of one file would be looked for in another."""
    with pytest.raises(InvalidSchema, match=r"in the imported a\.proto") as caught:
        PROTOBUF_LANGUAGE.read('import "a.proto";', [Dependency("a.proto", "\nmessage {")])
    assert (caught.value.line, caught.value.column) == (0, 0)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('syntax = "proto3";\nmessage A {\n  strin f = 1;\n}', 3, 3),
        ('syntax = "proto3";\nmessage A {\n  string f = 1\n}', 4, 1),
        ('syntax = "proto3";\n\nimport "b.proto";', 3, 1),
        ('syntax = "proto3";\nmessage A {\n', 2, 12),
        ('syntax = "proto3";\nmessage A {\n  string a = 1;\n  string b = 1;\n}', 4, 14),
        ('syntax = "proto3";\n/* é */ message A { x }', 2, 23),
    ],
)
def test_a_fault_has_line_and_column(text: str, line: int, column: int) -> None:
    """If this failed, an editor would show the fault where it is not."""
    with pytest.raises(InvalidSchema) as caught:
        PROTOBUF_LANGUAGE.read(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert f"(line {line}, column {column})" in str(caught.value)


SEED = (
    'syntax = "proto2"; package p.q; import public "confluent/meta.proto"; option java_package = '
    '"x"; message A { required string a = 1 [default = "\\x01é", deprecated = true]; oneof o { '
    "group G = 2 { optional A a = 1; } } map<int32, A> m = 3; extensions 100 to max; reserved 7, "
    '9 to 12; reserved "z"; option (confluent.message_meta) = {tags: ["PII"] params <key: "k">}; '
    "enum E { X = -1; Y = 0x10; } } extend A { repeated double d = 100 [packed = true]; } service "
    "S { rpc R (stream A) returns (A) { option deprecated = false; } }"
)


@by_chance(st.data(), few=60, many=2000)
def test_a_text_with_a_piece_gone_or_doubled_is_read_or_refused(data: st.DataObject) -> None:
    """If this failed, a slip in a schema would be told as a fault of the registry."""
    start = data.draw(st.integers(0, len(SEED)))
    end = data.draw(st.integers(start, min(len(SEED), start + 30)))
    between = data.draw(st.sampled_from(["", SEED[start:end] * 2, "\0", '"', "{", "}", "é", "-1"]))
    text = SEED[:start] + between + SEED[end:]
    try:
        schema = PROTOBUF_LANGUAGE.read(text)
    except InvalidSchema:
        return
    again = PROTOBUF_LANGUAGE.read(schema.text)
    assert again.text == schema.text
    assert again.normalized() == schema.normalized()


@by_chance(st.data(), few=60, many=2000)
def test_bytes_with_a_piece_changed_are_read_or_refused(data: st.DataObject) -> None:
    """If this failed, a client's damaged descriptor would be told as a fault of the registry."""
    serialized = bytearray(base64.b64decode(PROTOBUF_LANGUAGE.read(SEED).formatted("serialized")))
    for _ in range(data.draw(st.integers(1, 4))):
        serialized[data.draw(st.integers(0, len(serialized) - 1))] = data.draw(st.integers(0, 255))
    try:
        schema = PROTOBUF_LANGUAGE.read(base64.b64encode(bytes(serialized)).decode())
    except InvalidSchema:
        return
    schema.normalized()
    schema.tags()
    assert not schema.unreadable(schema)
