"""What Java's own Avro says of every row of both files, all in one JVM."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from avro_cases import dependencies, rows

from oracle import JAVA_DIR, LIBS, QUICK_JVM, classpath

JAVA_TELLS_OTHERWISE: dict[str, list[list[str]]] = {
    # It compares the enum with the writer's whole record, and finds them different.
    "an enum's own default is no default of its field": [["TYPE_MISMATCH", "/fields/0/type"]],
    # It supposes R readable while it looks at R, and still when R has turned out not to be.
    "a supposition outlives no circle": [],
    # It compares the alias with its dot, though it would find the type when it reads data.
    "alias outside all namespaces": [["NAME_MISMATCH", "/name"]],
}
"""Cases that Java judges otherwise, or refuses as we do but for another reason."""


def _asked(row: dict[str, Any], *sides: str) -> dict[str, Any]:
    """One question, of the sides of a row that are asked about."""
    told = {
        side: row[side]
        if isinstance(row[side], str) and sides == ("schema",)
        else json.dumps(row[side])
        for side in sides
    }
    return {**told, "dependencies": [{"text": each.text} for each in dependencies(row)]}


def _answers(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not any(LIBS.glob("avro-1.12*.jar")):
        raise FileNotFoundError(
            f"no jar of Java's Avro in {LIBS}; fetch it with "
            "`mvn -q -f tests/java/pom.xml dependency:copy-dependencies`"
        )
    program = str(JAVA_DIR / "avro" / "AvroOracle.java")
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    ran = subprocess.run(
        ["java", *QUICK_JVM, quiet, "-cp", classpath(), program],
        input="".join(json.dumps(each) + "\n" for each in questions),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.rstrip("\n").split("\n")]


@pytest.mark.jvm
def test_java_agrees_with_every_row() -> None:
    """If this failed, we would print or judge a schema otherwise than the registries in Java do."""
    cases, texts = rows("avro.jsonl"), rows("avro-texts.jsonl")
    questions = [_asked(row, "reader", "writer") for row in cases]
    questions += [_asked(row, "schema") for row in texts]
    answers = _answers(questions)
    assert len(answers) == len(questions)
    for row, answer in zip(cases, answers, strict=False):
        expected = [list(pair) for pair in zip(row["kinds"], row["paths"], strict=True)]
        expected = JAVA_TELLS_OTHERWISE.get(row["name"], expected)
        told: list[list[str]] = []
        for each in answer["differences"]:
            if each not in told:  # Java repeats what two ways lead to
                told.append(each)
        assert told == expected, row["name"]
    for row, answer in zip(texts, answers[len(cases) :], strict=True):
        expected_text = row["java"] if "java" in row else row.get("text")
        assert answer.get("text") == expected_text, row["name"]
        assert ("java" not in row) or row["reason"], row["name"]
