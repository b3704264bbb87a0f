"""What a reader can't read: held against a corpus with a reason for each case, and against buf.

buf's verdicts are recorded in tests/data/schemas/protobuf-buf.jsonl. They were made with buf
1.75.0 (`go install github.com/bufbuild/buf/cmd/buf@v1.75.0`) by `record` below, which runs
`buf breaking READER --against WRITER` with the category WIRE for each case; with OTTLA_BUF set to
the path of a buf, a test of the stage `long` makes them again and compares.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ottla.schemas.language import Dependency
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE, ProtobufSchema

DATA = Path(__file__).parents[2] / "data" / "schemas"
KNOWN = Path(__file__).parents[3] / "rust" / "schemas" / "src" / "known"
CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "protobuf.jsonl").read_text().splitlines()
]
BUF: dict[str, list[str]] = {
    one["name"]: one["rules"]
    for one in map(json.loads, (DATA / "protobuf-buf.jsonl").read_text().splitlines())
}


def sides(case: dict[str, Any]) -> tuple[tuple[str, dict[str, str]], tuple[str, dict[str, str]]]:
    """The reader's text and imports, and the writer's."""
    given = case.get("dependencies", {})
    return (case["reader"], given), (case["writer"], case.get("writer_dependencies", given))


def schemas(case: dict[str, Any]) -> tuple[ProtobufSchema, ProtobufSchema]:
    """Reader and writer, read."""
    reader, writer = (
        PROTOBUF_LANGUAGE.read(text, [Dependency(*one) for one in given.items()])
        for text, given in sides(case)
    )
    return reader, writer


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_is_judged_as_its_reason_says(case: dict[str, Any]) -> None:
    """If this failed, an evolution would pass that loses data, or one would be refused for
    nothing, or be told by another word than the field's; or LENIENT, a policy of JSON Schema alone,
    would change the verdict.
    """
    assert case["reason"]
    reader, writer = schemas(case)
    found = reader.unreadable(writer)
    assert list(reader.unreadable(writer, lenient=True)) == list(found)
    assert sorted({one.kind for one in found}) == case["kinds"]
    assert case["readable"] == (not case["kinds"])
    for one in found:
        assert one.path.startswith("#/")
        assert "\n" not in one.message
        assert ": " in one.message, "no advice in the message"


def test_the_corpus_is_large_and_of_both_kinds() -> None:
    """If this failed, cases would have been lost from the corpus."""
    assert len(CASES) >= 200
    assert min(sum(c["readable"] for c in CASES), sum(not c["readable"] for c in CASES)) >= 80


def test_a_schema_reads_itself() -> None:
    """If this failed, the same schema would be refused as its own next version."""
    for case in CASES:
        for schema in schemas(case):
            assert not schema.unreadable(schema), case["name"]


def test_the_path_names_message_and_field() -> None:
    """If this failed, nobody would know which of a hundred fields is meant."""
    read = PROTOBUF_LANGUAGE.read
    reader = read('syntax = "proto3"; package p; message A { message B { string f = 7; } }')
    writer = read('syntax = "proto3"; package p; message A { message B { int32 f = 7; } }')
    (one,) = reader.unreadable(writer)
    assert one.path == "#/A/B/7"
    assert "field 7 (f) of message A.B" in one.message
    assert "string in the reader and int32 in the writer" in one.message


# ---------------------------------------------------------------- buf

STRICTER = {
    "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED": "buf wants the numbers of removed fields reserved",
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED": "the same of an enum's numbers",
    "RESERVED_MESSAGE_NO_DELETE": "reserved numbers are a note to authors: no data has them",
    "RESERVED_ENUM_NO_DELETE": "the same of an enum's numbers",
    "FIELD_SAME_DEFAULT": "defaults are not on the wire, so the same is read as before",
    "FIELD_SAME_ONEOF": "one field that moves into a new oneof, or out of one, reads as before",
    "RPC_SAME_CLIENT_STREAMING": "services are not in data",
    "FIELD_WIRE_COMPATIBLE_CARDINALITY": "lists of strings and messages read single ones",
    "FIELD_WIRE_COMPATIBLE_TYPE": "buf tells types by their full names, those of enums, maps and "
    "imports too, and bytes need not be a string: the registries of the field read all of them",
    "MESSAGE_SAME_REQUIRED_FIELDS": "a field that is required no longer is read where it is there",
}
"""Rules of buf that refuse what a reader reads, each with the reason why it is not refused here."""

MILDER = {
    "MESSAGE_REMOVED": "buf asks for messages that fields lead to; here each may be written itself",
}
"""Words of ours for what buf lets pass, each with the reason."""


def disagreements() -> Iterator[tuple[str, str, set[str]]]:
    """(case, "stricter" or "milder" of buf, the rules or words of whoever refuses)."""
    for case in CASES:
        rules = set(BUF[case["name"]])
        if case["readable"] and rules:
            yield case["name"], "stricter", rules
        elif not case["readable"] and not rules:
            yield case["name"], "milder", set(case["kinds"])


def test_buf_agrees_or_there_is_a_reason() -> None:
    """If this failed, the checker would judge a change unlike buf, and nobody would know why."""
    assert BUF.keys() == {case["name"] for case in CASES}
    reasons = {"stricter": STRICTER, "milder": MILDER}
    found = [(name, who, rules - reasons[who].keys()) for name, who, rules in disagreements()]
    assert not [one for one in found if one[2]]


def test_every_reason_is_needed() -> None:
    """If this failed, a disagreement with buf would be excused that there is no more."""
    used: dict[str, set[str]] = {"stricter": set(), "milder": set()}
    for _, who, rules in disagreements():
        used[who] |= rules
    assert used == {"stricter": set(STRICTER), "milder": set(MILDER)}


def record(buf: str, folder: Path) -> Iterator[dict[str, Any]]:
    """buf's verdict of every case: the rules that it found broken."""
    config = json.dumps({"version": "v2", "breaking": {"use": ["WIRE"]}})
    for number, case in enumerate(CASES):
        places = []
        for who, (text, given) in zip(("reader", "writer"), sides(case), strict=True):
            place = folder / str(number) / who
            files = {"schema.proto": text, **given}
            if "confluent/meta.proto" in case["reader"] + case["writer"]:
                files["confluent/meta.proto"] = (KNOWN / "confluent" / "meta.proto").read_text()
            for path, content in files.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(content)
            places.append(str(place))
        command = [buf, "breaking", places[0], "--against", places[1], "--config", config]
        done = subprocess.run(
            [*command, "--error-format", "json"], capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 100), (case["name"], done.stderr)
        rules = {json.loads(line)["type"] for line in done.stdout.splitlines()}
        assert "COMPILE" not in rules, (case["name"], done.stdout)
        yield {"name": case["name"], "rules": sorted(rules)}


@pytest.mark.long
@pytest.mark.skipif("OTTLA_BUF" not in os.environ, reason="OTTLA_BUF names no buf")
def test_the_record_is_still_what_buf_says(tmp_path: Path) -> None:
    """If this failed, the record would not be what it says that it is."""
    found = {one["name"]: one["rules"] for one in record(os.environ["OTTLA_BUF"], tmp_path)}
    assert found == BUF
