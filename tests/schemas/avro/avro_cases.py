"""The rows of `tests/data/schemas/avro.jsonl` and `avro-texts.jsonl`.

The first are pairs of schemas and whether the one reads the other, each with its reason; the
second are texts, and what is printed for them or what is wrong with them and where. Both were put
together by hand, the printed texts by Java's Avro 1.12.2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ottla.schemas.language import Dependency

FOLDER = Path(__file__).parents[2] / "data" / "schemas"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one of the files."""
    lines = (FOLDER / name).read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def dependencies(row: dict[str, Any]) -> list[Dependency]:
    """What the schemas of a row refer to."""
    return [
        Dependency(name, text if isinstance(text, str) else json.dumps(text))
        for name, text in row.get("dependencies", [])
    ]
