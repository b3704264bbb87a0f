"""Our recorded facts of Apache Kafka 4.3.1's configuration are what its jars say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from javatools import JavaTools

pytestmark = pytest.mark.jvm


def test_recorded_rows_are_what_the_jars_say(java_tools: JavaTools, data_dir: Path) -> None:
    """If this failed, the table that our rows are held against would itself be wrong."""
    seen: dict[tuple[str, str], str] = {}
    for line in java_tools.run("ConfigOracle", "rows").checked().splitlines():
        row = json.loads(line)
        default = {None: "null", "": "''"}.get(row["default"], row["default"])
        cells = [row["kind"], row["name"], row["type"], default, row["validator"] or "-"]
        cells += [row["importance"], "internal" if row["internal"] else "-"]
        cells += [row.get("scope", "-"), ",".join(row.get("synonyms", [])) or "-"]
        seen.setdefault((row["kind"], row["name"]), "\t".join(cells))
    recorded = (data_dir / "config-rows.tsv").read_text(encoding="utf-8").splitlines()
    assert list(seen.values()) == [line for line in recorded if not line.startswith("#")]


def test_recorded_answers_are_what_the_jars_say(java_tools: JavaTools, data_dir: Path) -> None:
    """If this failed, the words that ours are held against would not be Kafka's."""
    lines = (data_dir / "config-cases.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = [json.loads(line) for line in lines]
    asked = [{k: v for k, v in r.items() if k not in ("said", "raised")} for r in recorded]
    out = java_tools.run("ConfigOracle", "cases", stdin=json.dumps(asked)).checked()
    said = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert len(said) == len(recorded)
    for now, then in zip(said, recorded, strict=True):
        assert now == then
