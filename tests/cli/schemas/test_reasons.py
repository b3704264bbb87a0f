"""Sentences of registries as rows."""

from __future__ import annotations

import pytest

from ottla.cli.schemas.reasons import Row, lines, rows_of


def row(
    message: str, kind: str | None = None, path: str | None = None, between: str | None = None
) -> Row:
    """A reason."""
    return {"path": path, "kind": kind, "message": message, "between": between}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["A_B at /fields/0: one (two) three. (this schema can't read data of version 1)"],
         [row("one (two) three.", "A_B", "/fields/0", "this schema can't read data of version 1")]),
        (["version 1 is AVRO, and this is JSON"], [row("version 1 is AVRO, and this is JSON")]),
        # The notation of Confluent's registry; the words are ours.
        (["{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'for b, at path "
          "'/fields/1', a default is missing', additionalInfo:'b'}",
          "{oldSchemaVersion: 1}", "{oldSchema: '{\"type\":\"int\"}'}",
          "{compatibility: 'BACKWARD'}"],
         [row("for b, at path '/fields/1', a default is missing",
              "READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/1")]),
        (['{errorType:"PROPERTY_REMOVED", description:"gone without a place"}'],
         [row("gone without a place", "PROPERTY_REMOVED")]),
        (["{unknown: 1}", ""], [row("{unknown: 1}"), row("")]),
        ([], []),
    ],
)  # fmt: skip
def test_a_sentence_is_a_row(told: list[str], expected: list[Row]) -> None:
    """If this failed, reasons of a registry would be shown as its own notation, or left out."""
    assert rows_of(told) == expected


def test_rows_as_a_person_reads_them() -> None:
    """If this failed, a reason without a place would be shown with an empty one."""
    rows = [row("do this", "KIND", "/a", "x can't read y"), row("do that", "KIND"), row("alone")]
    assert lines(rows) == [
        "  /a  KIND",
        "      do this",
        "      (x can't read y)",
        "  KIND",
        "      do that",
        "  alone",
    ]
