"""The canonical text: its layout, and that it reads to the same file, for files of the real world
too: all that Google's packages bring, as a client would send them.
"""

from __future__ import annotations

import base64
import importlib
import pkgutil
from collections.abc import Iterator

import google.api
import google.protobuf
import google.rpc
import google.type
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

from ottla.schemas.language import Dependency
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE, ProtobufSchema

ALL = """\
syntax = "proto3";
package p;

import public "google/protobuf/any.proto";
import "google/protobuf/descriptor.proto";

option java_package = "x";
option (all).b.x = 3;
option (all).n = {
  a: 5,
  n: {
    a: 3
  }
};

enum E {
  reserved 100 to max, -5 to -2;
  reserved "Q";

  option allow_alias = true;
  X = 0;
  Y = 5 [deprecated = true];
  Z = 5;
}
message M {
  int32 a = 1;
  M n = 2;
  B b = 3;
  map<string, .p.M> m = 9;

  message B {
    int32 x = 1;
  }
}
extend google.protobuf.FileOptions {
  M all = 4446;
}
extend google.protobuf.FieldOptions {
  repeated string s = 4445;
  M m = 4446;
}
message A {
  reserved 50, 60 to 70, 100 to max;
  reserved "old", "older";

  option deprecated = true;

  optional string f = 1 [
    json_name = "zz",
    (s) = "a\\nb",
    (s) = "é\\"\\\\"
  ];
  repeated M.B b = 2 [(m) = {
    a: -1,
    m: {
      key: "k",
      value: {}
    }
  }];

  oneof o {
    int32 c = 10;
    google.protobuf.Any any = 11;
  }

  message In {
    enum Of {
      ZERO = 0;
    }
    message Deep {
    }
  }
}

service S {
  rpc One (A) returns (stream A.In);
  rpc Two (stream .p.A) returns (A) {
    option deprecated = true;
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
"""

OLD = """\
syntax = "proto2";
package q;

message A {
  required string a = 1 [default = "x\\"y\\n"];
  optional group G = 2 {
    optional int32 z = 1;
  }
  optional float f = 5 [default = -inf];
  optional E e = 6 [default = V];
  optional double d = 8 [default = 1e+20];

  oneof o {
    group Og = 9 {
      optional int32 z = 1;
    }
  }

  extensions 100 to 200;
  extensions 500 to max;

  enum E {
    U = 3;
    V = 1;
  }
}
extend A {
  optional int32 x = 100;
}
extend A {
  repeated group Xg = 101 {
    optional A a = 1;
  }
}
message B {
  extensions 4 to 5 [verification = UNVERIFIED];

  extend A {
    optional B b = 150;
  }
}
"""


def read(text: str) -> ProtobufSchema:
    """A schema that needs no other."""
    return PROTOBUF_LANGUAGE.read(text)


@pytest.mark.parametrize("text", [ALL, OLD], ids=["proto3", "proto2"])
def test_the_layout_is_the_canonical_one(text: str) -> None:
    """If this failed, texts that a registry keeps would change with its version."""
    assert read(text).text == text


@pytest.mark.parametrize("text", [ALL, OLD], ids=["proto3", "proto2"])
def test_spaces_and_comments_make_no_difference(text: str) -> None:
    """If this failed, the same schema would be registered twice for how it is indented."""
    words = text.replace(" {", "/* a */ {\n\n // b\n").replace(";", " ;\t // c\r\n")
    assert words != text
    assert read(words).text == text


@pytest.mark.parametrize("text", [ALL, OLD], ids=["proto3", "proto2"])
def test_what_is_printed_is_the_same_file(text: str) -> None:
    """If this failed, a registry would keep another schema than the one it was given."""
    schema = read(text)
    assert file_of(read(schema.text)) == file_of(schema)
    serialized = read(schema.formatted("serialized"))
    assert file_of(serialized) == file_of(schema)
    normal = schema.normalized()
    assert read(normal).normalized() == normal
    assert serialized.normalized() == read(serialized.text).normalized() == normal


def file_of(schema: ProtobufSchema) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor of a schema, as Google's runtime reads it; extensions in one order."""
    data = base64.b64decode(schema.formatted("serialized"))
    file = descriptor_pb2.FileDescriptorProto.FromString(data)
    file.extension.sort(key=lambda one: one.number)
    return file


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('import "google/type/date.proto"; import "google/type/money.proto";',
         'import "google/type/money.proto"; import "google/type/date.proto";'),
        ('option java_package = "a"; option go_package = "b";',
         'option go_package = "b"; option java_package = "a";'),
        ("message A { int32 a = 1; string b = 2; }", "message A { string b = 2; int32 a = 1; }"),
        ("message A { B b = 1; message B {} }", "message A { .A.B b = 1; message B {} }"),
        ("message A { reserved 1, 5 to 7; }", "message A { reserved 5 to 7; reserved 1; }"),
        ('message A { int32 a_b = 1 [json_name = "aB"]; }', "message A { int32 a_b = 1; }"),
        ("enum E { A = 0; B = 1; C = 2; }", "enum E { A = 0; C = 2; B = 1; }"),
        ("enum E { A = 0; } enum F { B = 0; }", "enum F { B = 0; } enum E { A = 0; }"),
        ("message A {} enum E { Z = 0; }", "enum E { Z = 0; } message A {}"),
        ('import "confluent/meta.proto"; message A { int32 a = 1 [(confluent.field_meta) = '
         '{doc: "d", tags: ["x", "y"]}]; }',
         'import "confluent/meta.proto"; message A { int32 a = 1 [(.confluent.field_meta).tags = '
         '"x", (confluent.field_meta).tags = "y", (confluent.field_meta).doc = "d"]; }'),
        ("message A { int32 a = 0x10; }", "message A { int32 a = 16; }"),
    ],
)  # fmt: skip
def test_what_differs_only_in_telling_is_equal_when_normalized(one: str, other: str) -> None:
    """If this failed, `normalize` would not find the schema that is there."""
    texts = [read(f'syntax = "proto3"; {text}') for text in (one, other)]
    assert texts[0].normalized() == texts[1].normalized()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("message A {} message B {}", "message B {} message A {}"),
        ("enum E { option allow_alias = true; A = 0; B = 0; }",
         "enum E { option allow_alias = true; B = 0; A = 0; }"),
        ("message A { int32 a = 1; }", "message A { optional int32 a = 1; }"),
        ("message A { int32 a = 1; }", "message A { oneof o { int32 a = 1; } }"),
        ("message A { int32 a = 1; }", "message A { int32 b = 1; }"),
        ("message A { int32 a = 1; }", "message A { int32 a = 1 [deprecated = true]; }"),
    ],
)  # fmt: skip
def test_what_differs_is_not_equal_when_normalized(one: str, other: str) -> None:
    """If this failed, `normalize` would find another schema than the one that was sent."""
    texts = [read(f'syntax = "proto3"; {text}') for text in (one, other)]
    assert texts[0].normalized() != texts[1].normalized()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'syntax = "proto3"; message A { message B {} map<string, int32> m = 9; message C { '
            "message D {} map<int32, D> q = 1; } map<string, int32> a = 1; message E {} }",
            [(0,), (0, 0), (0, 2), (0, 2, 0), (0, 4)],
        ),
        (
            "message A { extensions 1 to 9; } extend A { optional int32 i = 3; repeated group X = "
            "1 {} } message B {} extend A { repeated group Y = 2 {} optional int32 j = 4; } enum E "
            "{ Z = 0; } message C {}",
            [(0,), (1,), (2,), (3,), (4,)],
        ),
    ],
    ids=["maps", "groups"],
)
def test_messages_keep_their_indexes_however_they_are_printed(
    text: str, expected: list[tuple[int, ...]]
) -> None:
    """If this failed, data would be read with another message than it was written with: entries
    of maps and groups count as messages, where they are declared.
    """
    schema = read(text)
    indexes = [schema.indexes_of(name) for name in schema.message_names()]
    assert indexes == expected
    serialized = read(schema.formatted("serialized"))
    for text in (schema.text, schema.normalized(), serialized.text):
        again = read(text)
        assert [again.indexes_of(name) for name in schema.message_names()] == indexes


# ---------------------------------------------------------------- the real world


def descriptors() -> Iterator[FileDescriptor]:
    """The files of Google's packages that are installed."""
    for package in (google.protobuf, google.type, google.rpc, google.api):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if module.name.endswith("_pb2"):
                yield importlib.import_module(module.name).DESCRIPTOR


FILES = {file.name: file for file in descriptors()}


def dependencies(file: FileDescriptor, found: dict[str, Dependency]) -> list[Dependency]:
    """What a file imports, and what that imports, in the order of need."""
    for one in file.dependencies:
        if one.name not in found:
            dependencies(one, found)
            told = base64.b64encode(one.serialized_pb).decode()
            found[one.name] = Dependency(one.name, told)
    return list(found.values())


def test_files_of_the_real_world_are_read_and_printed() -> None:
    """If this failed, somebody's schema would be refused, or kept as another."""
    assert len(FILES) > 60
    for name, file in FILES.items():
        if file.serialized_pb.find(b"editions") >= 0:
            continue
        needs = dependencies(file, {})
        schema = PROTOBUF_LANGUAGE.read(base64.b64encode(file.serialized_pb).decode(), needs)
        again = PROTOBUF_LANGUAGE.read(schema.text, needs)
        assert again.text == schema.text, name
        assert again.normalized() == schema.normalized(), name
        assert plain(file_of(again)) == plain(file_of(schema)), name
        assert not again.unreadable(schema), name


def plain(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """A file without what the parser adds to each field, and fields in one order."""
    pending = list(file.message_type)
    file.ClearField("options")
    while pending:
        message = pending.pop()
        pending += message.nested_type
        message.field.sort(key=lambda one: one.number)
        for field in (*message.field, *message.extension):
            field.ClearField("json_name")
            field.ClearField("options")
    for field in file.extension:
        field.ClearField("json_name")
    return file
