"""Every declaration against the definitions inside of Apache Kafka 4.3.1's jars, field by field.

What needs the jars runs with the tests that start a JVM.
"""

from __future__ import annotations

import pytest
from wire_classes import messages, versions
from wire_definitions import PYTHON_TYPES, FieldRow, MessageRow, definitions, snake

from ottla.wire.api import apis
from ottla.wire.schema import (
    CoordinatorKey,
    CoordinatorValue,
    Message,
    MetadataRecord,
    Request,
    Response,
    StructType,
)

BASES = {
    "request": Request,
    "response": Response,
    "metadata": MetadataRecord,
    "coordinator-key": CoordinatorKey,
    "coordinator-value": CoordinatorValue,
}


def differences(row: MessageRow, kind: type[Message]) -> list[str]:
    """What a declaration says otherwise than the definition."""
    wrong = []
    stated = (kind.api_key, (kind.min_version, kind.max_version), kind.flexible)
    if stated != (row.api_key, row.versions, row.flexible):
        wrong.append(f"{row.name}: {stated} for {row[2:5]}")
    if not issubclass(kind, BASES.get(row.type, Message)):
        wrong.append(f"{row.name}: is no {row.type}")
    wrong += field_differences(row.name, row.name, row.fields, kind)
    return wrong


def field_differences(
    message: str, path: str, rows: tuple[FieldRow, ...], kind: StructType
) -> list[str]:
    wrong = []
    names = [row.name for row in rows]
    if list(kind.__fields__) != names:
        return [f"{path}: fields {list(kind.__fields__)} for {names}"]
    for row in rows:
        where = f"{path}.{row.name}"
        field = kind.__fields__[row.name]
        stated = (
            *(field.kind, field.versions, field.nullable, field.tagged, field.tag),
            *(field.ignorable, field.fixed, field.default, type(field.default)),
        )
        if stated != (*row[1:9], type(row.default)):
            wrong.append(f"{where}: {stated} for {row[1:9]}")
        element = PYTHON_TYPES.get(row.kind.removeprefix("[]"), "")
        if row.struct:
            element = field.nested.__name__
            if element not in (row.struct, message + row.struct):
                wrong.append(f"{where}: the struct is {row.struct}, not {element}")
            wrong += field_differences(message, where, row.nested, field.nested)
        annotation = f"list[{element}]" if row.kind.startswith("[]") else element
        if row.nullable != (0, -1):
            annotation += " | None"
        if kind.__annotations__[row.name] != annotation:
            wrong.append(f"{where}: annotated {kind.__annotations__[row.name]}, not {annotation}")
    return wrong


@pytest.mark.jvm
def test_every_declaration_equals_its_definition(capsys: pytest.CaptureFixture[str]) -> None:
    """Else a field, a version, a tag, a default or a null is not what Apache Kafka has there."""
    wrong = []
    equal = 0
    for name, row in definitions().items():
        kind = messages().get(name)
        found = [f"{name} is not declared"] if kind is None else differences(row, kind)
        equal += not found
        wrong += found
    with capsys.disabled():
        print(f"\n{equal} of {len(definitions())} declarations equal Apache's definitions")
    assert not wrong, "\n".join(wrong)
    assert set(messages()) == set(definitions())


def test_all_versions_are_there() -> None:
    """4.3.1 has 604 versions of requests and responses among 739 in all."""
    counted = list(versions())
    assert len(counted) == 739
    assert sum(issubclass(kind, Request | Response) for kind, _ in counted) == 604


@pytest.mark.jvm
def test_the_api_table_equals_the_definitions() -> None:
    """The table is what nodes announce; it must not drift from the messages."""
    rows = {row.api_key: row for row in definitions().values() if row.type == "request"}
    assert [api.key for api in apis()] == sorted(rows)
    for api in apis():
        row = rows[api.key]
        assert api.name + "Request" == row.name
        assert api.snake_name == snake(api.name)
        assert (api.min_version, api.latest_version) == row.versions
        assert api.max_version == row.versions[1] - row.unstable
        assert api.first_flexible == (32767 if row.flexible == (0, -1) else row.flexible[0])
        assert sorted(api.listeners) == sorted(row.listeners)
