"""What is printed for a text, or what is wrong with it and where: the rows of avro-texts.jsonl."""

from __future__ import annotations

import json
from typing import Any

import pytest
from avro_cases import dependencies, rows

from ottla.schemas.avro import AVRO_LANGUAGE
from ottla.schemas.language import BadFormat, Dependency, InvalidSchema

ROWS = rows("avro-texts.jsonl")
GOOD = [row for row in ROWS if "text" in row]
BAD = [row for row in ROWS if "error" in row]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["name"])
def test_texts_are_printed_as_java_does(row: dict[str, Any]) -> None:
    """If this failed, a registry would keep, and compare, another text than others do."""
    schema = AVRO_LANGUAGE.read(row["schema"], dependencies(row))
    assert schema.text == row["text"]
    assert schema.formatted("") == schema.text


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["name"])
def test_printed_texts_read_as_themselves(row: dict[str, Any]) -> None:
    """If this failed, a schema would become another by being kept and read again."""
    schema = AVRO_LANGUAGE.read(row["schema"], dependencies(row))
    again = AVRO_LANGUAGE.read(schema.text, dependencies(row))
    assert again.text == schema.text
    normalized = AVRO_LANGUAGE.read(schema.normalized(), dependencies(row))
    assert normalized.normalized() == schema.normalized()
    alone = AVRO_LANGUAGE.read(schema.formatted("resolved"))
    assert alone.formatted("resolved") == alone.text == schema.formatted("resolved")
    for other in (again, normalized, alone):
        assert not schema.unreadable(other)
        assert not other.unreadable(schema)


@pytest.mark.parametrize("row", BAD, ids=lambda row: row["name"])
def test_what_is_wrong_has_a_place(row: dict[str, Any]) -> None:
    """If this failed, a wrong schema would be kept, or nobody would know what to mend."""
    with pytest.raises(InvalidSchema) as caught:
        AVRO_LANGUAGE.read(row["schema"], dependencies(row))
    found = caught.value
    assert (str(found), found.line, found.column, found.path) == (
        row["error"],
        row["line"],
        row["column"],
        row["path"],
    )


def test_only_the_order_of_properties_is_normalized() -> None:
    """If this failed, one schema told in two ways would become two versions, or two one."""
    told = [
        '{"type":"record","name":"n.R","x":{"b":1,"a":2},"w":0,"doc":"d","fields":['
        '{"name":"f","type":{"type":"map","values":"n.R"},"z":1,"y":2,"default":{}}]}',
        '{"fields":[{"y":2,"z":1,"default":{},"type":{"values":"R","type":"map"},"name":"f"}],\n'
        '"w":0,"doc":"d","x":{"a":2,"b":1},"namespace":"n","name":"R","type":"record"}',
    ]
    first, second = map(AVRO_LANGUAGE.read, told)
    assert first.text != second.text
    assert first.normalized() == second.normalized()
    other = AVRO_LANGUAGE.read(told[0].replace('"doc":"d"', '"doc":"e"'))
    assert other.normalized() != first.normalized()


def test_references_are_resolved_at_their_first_use() -> None:
    """If this failed, a client without the other schemas could not use this one."""
    dependencies = [
        Dependency("n.E", '{"type":"enum","name":"n.E","symbols":["A"]}'),
        Dependency("S", '{"type":"record","name":"S","fields":[{"name":"e","type":"n.E"}]}'),
    ]
    text = (
        '{"type":"record","name":"R","fields":[{"name":"s","type":"S"},{"name":"e","type":"n.E"}]}'
    )
    schema = AVRO_LANGUAGE.read(text, dependencies)
    assert schema.text == text
    resolved = json.loads(schema.formatted("resolved"))
    assert resolved["fields"][0]["type"]["fields"][0]["type"]["symbols"] == ["A"]
    assert resolved["fields"][1]["type"] == "n.E"


def test_an_unknown_form_is_refused() -> None:
    """If this failed, somebody would take a text for something else than it is."""
    with pytest.raises(BadFormat, match="serialized"):
        AVRO_LANGUAGE.read('"int"').formatted("serialized")


def test_top_fields_are_those_of_the_record_itself() -> None:
    """If this failed, a reserved field would be let in, or one further within refused."""
    inner = '{"type":"record","name":"I","fields":[{"name":"no","type":"int","aliases":["nor"]}]}'
    record = (
        '{"type":"record","name":"R","fields":'
        f'[{{"name":"b","type":{inner}}},{{"name":"a","type":"I"}}]}}'
    )
    assert list(AVRO_LANGUAGE.read(record).top_fields()) == ["b", "a"]
    for text in ('"int"', f'{{"type":"array","items":{record}}}', f'["null",{record}]'):
        assert list(AVRO_LANGUAGE.read(text).top_fields()) == []
