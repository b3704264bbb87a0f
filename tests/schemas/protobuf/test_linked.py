"""The descriptors of a schema and of all that it imports."""

from __future__ import annotations

import base64

import pytest

from ottla.schemas.language import Dependency, InvalidSchema
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE
from ottla.schemas.protobuf.linked import linked_files

TEXT = 'syntax = "proto3"; import "a/b.proto"; message M { B b = 1; }'
B = 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message B { }'


def test_files_come_after_those_that_they_import() -> None:
    """If this failed, no pool of descriptors would take them."""
    told = linked_files("m.proto", TEXT, [Dependency("a/b.proto", B)])
    paths = [path for path, _ in told]
    wanted = ["google/protobuf/timestamp.proto", "a/b.proto", "m.proto"]
    assert [path for path in paths if path in wanted] == wanted
    assert paths[-1] == "m.proto"
    serialized = PROTOBUF_LANGUAGE.read(B).formatted("serialized")
    again = linked_files("m.proto", TEXT, [Dependency("a/b.proto", serialized)])
    assert [path for path, _ in again] == paths
    assert base64.b64decode(serialized)


def test_what_is_no_schema_says_where() -> None:
    """If this failed, a reader would learn less than who registers."""
    with pytest.raises(InvalidSchema) as caught:
        linked_files("m.proto", 'syntax = "proto3";\nmessage M { Nope n = 1; }')
    assert caught.value.line == 2
