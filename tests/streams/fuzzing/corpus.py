"""Small cases that once differed, each with Java's answer: `corpus/NAME.json`.

They are asked again without a JVM. `python -m streams.fuzzing --seed N --keep NAME` writes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streams.fuzzing.building import Case
from streams.fuzzing.comparing import Run

FOLDER = Path(__file__).parent / "corpus"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> tuple[Case, Run]:
    """A case, and what Java made of it."""
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return found["case"], Run.of(found["java"])


def keep(name: str, about: str, case: Case, want: Run) -> None:
    """Write a case, a row a line."""
    java = {key: of for key, of in want.lines().items() if key != "records"}
    parts = [
        f'"about": {json.dumps(about)}',
        f'"case": {{\n"config": {json.dumps(case["config"])},\n'
        f'"nodes": {_rows(case["nodes"])},\n"input": {_rows(case["input"])}\n}}',
        f'"java": {{\n{json.dumps(java)[1:-1]},\n"records": {_rows(want.answer.records)}\n}}',
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text("{" + ",\n".join(parts) + "}\n")


def _rows(rows: Any) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
