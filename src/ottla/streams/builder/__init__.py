"""The builder: what users call, and how it becomes a plan with Kafka's names."""

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
