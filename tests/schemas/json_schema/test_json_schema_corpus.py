"""JSON Schema's comparisons, case by case: what is readable, and why not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from ottla.schemas.json_schema import JSON_LANGUAGE, JsonSchema
from ottla.schemas.json_schema.kinds import KINDS, LENIENT
from ottla.schemas.language import Dependency, Difference

CASES_FILE = Path(__file__).parents[2] / "data" / "schemas" / "json.jsonl"
CASES = [json.loads(line) for line in CASES_FILE.read_text(encoding="utf-8").splitlines()]
NEVER_IN_A_CASE = {"COMPATIBILITY_UNDECIDED"}
"""What takes a schema of some size: test_json_schema_malformed.py has it."""


def read(case: dict[str, Any], side: str) -> JsonSchema:
    dependencies = [Dependency(**held) for held in case.get("dependencies", ())]
    return JSON_LANGUAGE.read(json.dumps(case[side]), dependencies)


def found(case: dict[str, Any]) -> list[Difference]:
    reader, writer = read(case, "reader"), read(case, "writer")
    return list(reader.unreadable(writer, lenient=case.get("policy") == "LENIENT"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case(case: dict[str, Any]) -> None:
    """If this failed, a schema would be refused that its readers can live with, or one let pass
    that they can't; or the reason would name another place.
    """
    differences = found(case)
    assert [f"{d.kind} {d.path}" for d in differences] == case["kinds"], case["reason"]
    assert (not differences) == case["readable"], case["reason"]


def test_each_case_has_its_reason() -> None:
    """If this failed, a case would say what without why, or there would be too few of them."""
    assert len(CASES) >= 220
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert all(len(case["reason"]) > 5 for case in CASES)
    assert all(bool(case["kinds"]) != case["readable"] for case in CASES)


def test_each_kind_has_a_case() -> None:
    """If this failed, a kind of difference would be told by nothing that was ever tried."""
    used = {kind.partition(" ")[0] for case in CASES for kind in case["kinds"]}
    assert used == set(KINDS) - NEVER_IN_A_CASE
    assert set(KINDS) >= LENIENT


def test_messages_are_sentences() -> None:
    """If this failed, a message would not name its path, or not say what to change."""
    for case in CASES:
        for difference in found(case):
            message = difference.message
            assert message.startswith(difference.path), message
            assert message.endswith("."), message
            assert "; " in message, message
            assert not re.search(r"[{}](old|new|missing|why|path)", message), message
            assert len(message) < 600, message


def test_readable_cases_have_no_counterexample() -> None:
    """If this failed, what is called readable would not be, beyond what the reason admits: small
    documents that are valid for the writer are valid for the reader.
    """
    documents: list[Any] = [None, True, 1, 1.5, 5, -1, "", "a", "abcdef", [], [1], ["a", 1], {}]
    documents += [{"a": 1}, {"a": "x"}, {"a": 1, "b": "x"}, {"x1": "a"}, {"k": "a", "a": 1}]
    documents += [{"v": 1, "next": {"v": 1.5}}, {"b": 1}, {"z": 1}, [1, 1], ["a"], ["a", "b", 1]]
    for case in CASES:
        if not case["readable"] or "dependencies" in case or "laxer" in case["reason"]:
            continue
        reader, writer = (
            validator_for(_with_draft(case[side]), validate_formats=False)
            for side in ("reader", "writer")
        )
        for document in documents:
            if writer.is_valid(document):
                assert reader.is_valid(document), (case["name"], document)


def _with_draft(schema: Any) -> Any:
    if isinstance(schema, bool):
        return schema
    known = str(schema.get("$schema", "")).startswith(("http://json-schema", "https://json-schema"))
    return schema if known else {**schema, "$schema": "http://json-schema.org/draft-07/schema#"}
