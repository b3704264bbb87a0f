"""Whether a schema may come after older ones, without any registry: the seven levels.

BACKWARD: the new one reads what the last one wrote; FORWARD: the last one reads what the new one
writes; FULL: both; with _TRANSITIVE all earlier ones count, and not the last alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ottla.cli.schemas import reasons
from ottla.cli.schemas.faults import read_schema
from ottla.cli.schemas.files import SchemaFile
from ottla.errors import OttlaError
from ottla.schemas.language import Dependency, Schema

Row = dict[str, Any]

LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
DEFAULT = "BACKWARD"


def check(
    new: SchemaFile,
    old: Sequence[SchemaFile],
    level: str,
    dependencies: Sequence[Dependency] = (),
) -> list[Row]:
    """Why a schema may not come after others, which stand in the order in which they came; the
    last of them is told first.

    Raises:
        OttlaError: one is no schema, or they are of different languages.
    """
    schema = read_schema(new, dependencies)
    olds = [(one, read_schema(one, dependencies)) for one in old]
    for one in old:
        if one.type != new.type:
            raise OttlaError(
                f"{one.name} is {one.type}, and {new.name} is {new.type}",
                hint="a schema can only come after others of its language",
            )
    compared = olds[::-1] if level.endswith("_TRANSITIVE") else olds[:-2:-1]
    rows = []
    for one, older in compared:
        rows += against(schema, older, level, new.name, one.name)
    return rows


def against(new: Schema, old: Schema, level: str, new_name: str, old_name: str) -> list[Row]:
    """Why one schema may not come after one other, at a level."""
    rows = []
    if level.startswith(("BACKWARD", "FULL")):
        whole = f"{new_name} can't read data of {old_name}"
        rows += reasons.rows_of_differences(new.unreadable(old), whole)
    if level.startswith(("FORWARD", "FULL")):
        whole = f"{old_name} can't read data of {new_name}"
        rows += reasons.rows_of_differences(old.unreadable(new), whole)
    return rows
