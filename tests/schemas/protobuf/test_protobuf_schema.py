"""Forms, tags and message indexes of a Protobuf schema, and what clients make of them."""

from __future__ import annotations

import base64

import pytest
from confluent_kafka.schema_registry import protobuf as confluent
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ottla.schemas.language import BadFormat, Dependency, InvalidSchema, Tagging
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE

read = PROTOBUF_LANGUAGE.read
TAGGED = """\
syntax = "proto3";
package p;

import "confluent/meta.proto";

message A {
  option (confluent.message_meta).tags = "SECRET";

  string f = 1 [(confluent.field_meta) = {
    doc: "d",
    tags: [
      "PII",
      "GDPR"
    ]
  }];
  string g = 2;
  map<string, string> m = 3;

  message B {
    int32 x = 1 [(confluent.field_meta).tags = "PII"];
  }
}
"""


def test_a_client_reads_its_own_descriptor_again() -> None:
    """If this failed, confluent-kafka's deserializer could not use what it has registered."""
    text = 'syntax = "proto3"; package p; message A { message B { repeated A a = 1; } B b = 2; }'
    sent = read(text).formatted("serialized")
    kept = read(sent)
    assert read(kept.text).formatted("serialized") == sent
    file = confluent._str_to_proto("kept.proto", kept.formatted("serialized"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    inner = pool.FindMessageTypeByName("p.A.B")
    assert confluent._create_index_array(inner) == [0, 0] == list(kept.indexes_of("p.A.B"))
    assert message_factory.GetMessageClass(inner)().SerializeToString() == b""


def test_dependencies_may_be_texts_or_serialized() -> None:
    """If this failed, schemas of clients of two kinds could not refer to each other."""
    needed = 'syntax = "proto3"; package d; message D { int32 x = 1; }'
    text = 'syntax = "proto3"; import "d/d.proto"; message A { d.D d = 1; }'
    told = read(text, [Dependency("d/d.proto", needed)])
    serialized = read(text, [Dependency("d/d.proto", read(needed).formatted("serialized"))])
    assert told.normalized() == serialized.normalized()
    assert not told.unreadable(serialized)
    assert read(told.text, [Dependency("d/d.proto", needed)]).text == told.text


def test_a_dependency_may_have_any_path() -> None:
    """If this failed, a schema could not import a file that is called as nobody's files are."""
    needed = Dependency("schema.proto", 'syntax = "proto3"; message D {}')
    assert read('syntax = "proto3"; import "schema.proto"; message A { D d = 1; }', [needed])


def test_known_files_need_no_dependency() -> None:
    """If this failed, everybody would have to register Google's types for himself."""
    schema = read(
        'syntax = "proto3"; import "google/protobuf/timestamp.proto"; import '
        '"google/type/money.proto"; import "confluent/type/decimal.proto"; import '
        '"confluent/types/decimal.proto"; message A { google.protobuf.Timestamp t = 1; '
        "google.type.Money m = 2; confluent.type.Decimal d = 3; }"
    )
    assert schema.message_names() == ["A"]


def test_the_known_files_are_what_clients_have() -> None:
    """If this failed, a known file would not be the one that clients were compiled with."""
    pool = descriptor_pool.DescriptorPool()
    confluent._init_pool(pool)
    for path in ("confluent/meta.proto", "google/type/money.proto", "google/type/datetime.proto"):
        theirs = descriptor_pb2.FileDescriptorProto()
        pool.FindFileByName(path).CopyToProto(theirs)
        importing = read(f'syntax = "proto3"; import "{path}"; message A {{}}')
        ours = importing.scope.files[path]
        assert [one.name for one in ours.message_type] == [one.name for one in theirs.message_type]
        for mine, other in zip(ours.message_type, theirs.message_type, strict=True):
            assert {(one.number, one.name, one.type, one.type_name) for one in mine.field} == {
                (one.number, one.name, one.type, one.type_name) for one in other.field
            }
        assert {(one.number, one.name, one.extendee) for one in ours.extension} == {
            (one.number, one.name, one.extendee) for one in theirs.extension
        }


def test_forms() -> None:
    """If this failed, `format` would answer with another form than was asked for."""
    schema = read(TAGGED)
    assert schema.formatted("") == schema.text == TAGGED
    file = descriptor_pb2.FileDescriptorProto.FromString(
        base64.b64decode(schema.formatted("serialized"))
    )
    assert file.message_type[0].name == "A"
    assert not file.HasField("source_code_info")
    assert "meta)" not in schema.formatted("ignore_extensions")
    assert "string g = 2;" in schema.formatted("ignore_extensions")
    with pytest.raises(BadFormat, match="resolved"):
        schema.formatted("resolved")


def test_top_fields_are_those_of_the_first_message() -> None:
    """If this failed, a reserved field would be let in, or one of another message refused."""
    schema = read(
        'syntax = "proto3"; message A { message B { int32 no = 1; } B b = 2; int32 a = 1; oneof o '
        "{ int32 c = 3; } map<string, B> m = 4; } message C { int32 neither = 1; }"
    )
    assert list(schema.top_fields()) == ["b", "a", "c", "m"]
    assert sorted(read(schema.formatted("serialized")).top_fields()) == ["a", "b", "c", "m"]
    assert list(read('syntax = "proto3"; enum E { ZERO = 0; }').top_fields()) == []


# ---------------------------------------------------------------- message indexes


def test_messages_are_found_by_indexes_and_by_name() -> None:
    """If this failed, data would be read with another message than it was written with."""
    schema = read(
        'syntax = "proto3"; package p.q; message A {} message B { message C {} message D { message '
        "E {} } }"
    )
    names = schema.message_names()
    assert names == ["p.q.A", "p.q.B", "p.q.B.C", "p.q.B.D", "p.q.B.D.E"]
    for name in names:
        assert schema.message_at(schema.indexes_of(name)) == name
    assert schema.indexes_of("p.q.B.D.E") == (1, 1, 0)


@pytest.mark.parametrize("indexes", [(), (2,), (-1,), (0, 0), (1, 0, 0)])
def test_indexes_that_lead_nowhere(indexes: tuple[int, ...]) -> None:
    """If this failed, damaged data would be read as some message."""
    schema = read('syntax = "proto3"; message A {} message B { message C {} }')
    with pytest.raises(LookupError):
        schema.message_at(indexes)


@pytest.mark.parametrize("name", ["", "A", "q.A", "p.A.C", "p", "p.A.", ".p.A"])
def test_names_of_nothing(name: str) -> None:
    """If this failed, a message of another schema would be written under this one's id."""
    schema = read('syntax = "proto3"; package p; message A { message B {} }')
    with pytest.raises(LookupError):
        schema.indexes_of(name)


# ---------------------------------------------------------------- tags


def test_tags_are_read_however_they_are_told() -> None:
    """If this failed, a rule for tagged fields would pass by some of them."""
    schema = read(TAGGED)
    for told in (schema, read(schema.formatted("serialized"))):
        assert set(told.tags()) == {
            Tagging("sr_record", "p.A", ("SECRET",)),
            Tagging("sr_field", "p.A.f", ("PII", "GDPR")),
            Tagging("sr_field", "p.A.B.x", ("PII",)),
        }


def test_tags_are_added_and_removed_in_the_text() -> None:
    """If this failed, tags would be lost, doubled, or put to the wrong field."""
    add = [Tagging("sr_field", "p.A.g", ("NEW",)), Tagging("sr_record", "p.A.B", ("R", "R"))]
    remove = [
        Tagging("sr_field", "p.A.f", ("PII", "UNKNOWN")),
        Tagging("sr_record", "p.A", ("SECRET",)),
    ]
    for schema in (read(TAGGED), read(read(TAGGED).formatted("serialized"))):
        changed = schema.with_tags(add, remove)
        assert set(changed.tags()) == {
            Tagging("sr_field", "p.A.f", ("GDPR",)),
            Tagging("sr_field", "p.A.g", ("NEW",)),
            Tagging("sr_record", "p.A.B", ("R",)),
            Tagging("sr_field", "p.A.B.x", ("PII",)),
        }
        assert 'doc: "d"' in changed.text
        back = changed.with_tags(
            [Tagging("sr_field", "p.A.f", ("PII",)), Tagging("sr_record", "p.A", ("SECRET",))],
            [Tagging("sr_field", "p.A.g", ("NEW",)), Tagging("sr_record", "p.A.B", ("R",))],
        )
        tags = {tagging.path: tagging.tags for tagging in back.tags()}
        assert tags["p.A.f"] == ("GDPR", "PII")
        assert "p.A.g" not in tags


def test_tags_bring_their_import() -> None:
    """If this failed, a schema could not be tagged that was not made for it."""
    schema = read('syntax = "proto3"; message A { string f = 1; }')
    changed = schema.with_tags([Tagging("sr_field", "A.f", ("PII",))], [])
    assert 'import "confluent/meta.proto";' in changed.text
    assert list(changed.tags()) == [Tagging("sr_field", "A.f", ("PII",))]
    assert schema.with_tags([], [Tagging("sr_field", "A.f", ("PII",))]).text == schema.text


@pytest.mark.parametrize(
    ("kind", "path"), [("sr_field", "A.g"), ("sr_record", "B"), ("sr_record", "A.f")]
)
def test_tags_of_nothing_are_an_error(kind: str, path: str) -> None:
    """If this failed, a typing error in a path would look like a tag that was set."""
    with pytest.raises(InvalidSchema) as caught:
        read('syntax = "proto3"; message A { string f = 1; }').with_tags(
            [Tagging(kind, path, ("T",))], []
        )
    assert caught.value.path == path
