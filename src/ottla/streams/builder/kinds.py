"""What is said where an operator is asked of a kind that has none of that name.

Each kind of the builder (a stream, a table, what is grouped …) has Kafka's operators for it and no
other. Who asks a stream for `count` gets an error that names the way there, at once and not when
records run. It is an AttributeError too, so that `hasattr` answers as always.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from ottla.streams.builder.specs import shown
from ottla.streams.errors import TopologyError
from ottla.streams.variables import Subscripted

AGGREGATES = ("count", "reduce", "aggregate")
RECORDS = (
    "filter", "filter_not", "map", "map_values", "flat_map", "flat_map_values", "select_key",
    "peek", "foreach", "print", "merge", "split", "to", "repartition", "to_table", "process",
    "process_values", "group_by_key", "group_by",
)  # fmt: skip
GROUPED = (*AGGREGATES, "windowed_by", "cogroup", "emit")

#: By kind, the names of operators that stand elsewhere, and the way there.
WAYS: dict[str, dict[tuple[str, ...], str]] = {
    "a stream": {
        GROUPED: "group it first: stream.group_by_key(), or stream.group_by(…)",
        ("suppress", "transform_values"): "make a table of it first: stream.to_table()",
        ("branch", "default", "no_default"): "split it first: stream.split().branch(…).default()",
        ("to_stream",): "it is a stream already: leave to_stream() out",
    },
    "a table": {
        AGGREGATES: "group it first: table.group_by(lambda key, value: (key, value))",
        ("windowed_by", "cogroup", "emit"): "make a stream of it first, and group it: "
        "table.to_stream().group_by_key()",
        RECORDS: "make a stream of it first: table.to_stream()",
    },
    "a global table": {
        (*RECORDS, *GROUPED, "to_stream", "join", "left_join", "outer_join", "suppress"):
        "it is only joined: stream.join(it, joiner, on=…); app.table() reads a topic for more",
    },
    "a grouped stream": {
        ("emit",): "say the windows first: grouped.windowed_by(…).emit(…)",
        RECORDS: "do it before grouping, or to what count(), reduce() or aggregate() give",
        ("to_stream", "suppress"): "count(), reduce() or aggregate() give the table that has it",
    },
    "a grouped table": {
        ("windowed_by", "cogroup", "emit"): "windows and cogroups are of streams: "
        "table.to_stream().group_by_key()",
        RECORDS: "do it before grouping, or to what count(), reduce() or aggregate() give",
        ("to_stream", "suppress"): "count(), reduce() or aggregate() give the table that has it",
    },
}  # fmt: skip


class NoSuchOperator(TopologyError, AttributeError):
    """An operator of another kind; the hint names the way to it."""


class Kind(Subscripted):
    """A kind of the builder, by the words that errors call it."""

    words: ClassVar[str]

    if not TYPE_CHECKING:  # type checkers know what there is

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise NoSuchOperator(f"{self.words} has no {shown(name)}", hint=way(self, name))


def way(kind: Kind, name: str) -> str:
    """What to write in place of the operator of this name."""
    own = [each for each in dir(type(kind)) if not each.startswith("_") and each != "words"]
    pythonic = re.sub(r"(?<=[a-z])[A-Z]", lambda found: f"_{found[0]}", name[:100]).lower()
    if pythonic != name and pythonic in own:
        return f"it is called {pythonic} here"
    for names, hint in WAYS.get(kind.words, {}).items():
        if pythonic in names:
            return hint
    return f"there are {', '.join(own)}"
