"""The builder: what users call, and how it becomes a plan with Kafka's names."""

import sys

from ottla.streams.builder.cogrouped import CogroupedKStream
from ottla.streams.builder.columns import (
    ColumnSpec,
    count,
    first_of,
    last_of,
    max_of,
    min_of,
    sum_of,
)
from ottla.streams.builder.grouped import KGroupedStream, WindowedKStream
from ottla.streams.builder.grouped_table import KGroupedTable
from ottla.streams.builder.specs import (
    StoreSpec,
    key_value,
    lru,
    session_store,
    versioned,
    window_store,
)
from ottla.streams.builder.split import Split
from ottla.streams.builder.stream import KStream
from ottla.streams.builder.streams import Streams
from ottla.streams.builder.table import GlobalKTable, KTable
from ottla.streams.builder.topology import Topology
from ottla.streams.builder.windows import (
    hopping,
    join_within,
    session,
    sliding,
    tumbling,
    unlimited,
)

KINDS = (
    KStream, Split, KTable, GlobalKTable, KGroupedStream, WindowedKStream, CogroupedKStream,
    KGroupedTable,
)  # fmt: skip


def introduce(kinds: tuple[type, ...]) -> None:
    """Tell the files of all kinds every kind.

    Annotations there name kinds whose files they cannot import, as these import them; for type
    checkers they do. Who reads annotations while a program runs (`typing.get_type_hints`) finds
    the names by this.
    """
    names = {kind.__name__: kind for kind in kinds}
    for module in {part.__module__ for kind in kinds for part in kind.__mro__}:
        if module.startswith(f"{__name__}."):
            vars(sys.modules[module]).update(names)


introduce(KINDS)

__all__ = [
    "ColumnSpec",
    "GlobalKTable",
    "KGroupedStream",
    "KGroupedTable",
    "KStream",
    "KTable",
    "StoreSpec",
    "Streams",
    "Topology",
    "WindowedKStream",
    "count",
    "first_of",
    "hopping",
    "join_within",
    "key_value",
    "last_of",
    "lru",
    "max_of",
    "min_of",
    "session",
    "session_store",
    "sliding",
    "sum_of",
    "tumbling",
    "unlimited",
    "versioned",
    "window_store",
]
