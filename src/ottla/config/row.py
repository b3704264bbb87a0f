"""One configuration key is one row; this is what a row says, and how the tables of rows are read.

Tables are plain text, one key a line, columns apart by blanks:

    name  type  default  validator  importance  [scope  stance]  [internal]

`default` is the text that a properties file would hold, `-` for none (null), `''` for the empty
text, REQUIRED where the file must say it; `o.a.k.` stands for `org.apache.kafka.`, names of Java
classes that only Apache's programs can load. `validator` is a word of `ottla.config.values`. Broker
keys also say who may change them while the broker runs (`static`: nobody, `broker`: per broker
only, `cluster`: for all or per broker) and whether this node honours them (`stance`, a word of
`STANCES`). `internal` keys are not described to clients.

A table costs nothing until the first key of it is asked for. Names, types, defaults, validators,
importance and scope are Apache Kafka 4.3.1's and are held against its jars by a test.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final

REQUIRED: Final = "REQUIRED"

HONOURED: Final = "yes"
REFUSED: Final = "refused: "

STANCES: Final = {
    "yes": HONOURED,
    "authorizer": "there is no authorizer yet: everybody may do everything",
    "checkpoint": "start offsets are written with log.flush.offset.checkpoint.interval.ms",
    "consumer": "the consumer group protocol (KIP-848) is not there yet",
    "later": "not there yet",
    "no-buffer": "there is no such buffer to size here",
    "no-policy": REFUSED + "a policy that is left out would let through what it forbids",
    "no-tiered": REFUSED + "tiered storage is not there yet",
    "one-node": "one node has no other node to deal with",
    "quotas": "quotas are not there yet",
    "reporters": "metrics are read over HTTP (ottla.http.listen), not pushed by reporters",
    "security": "no listener speaks TLS or SASL yet, so nothing reads it",
    "share": "share groups are not there yet",
    "streams": "streams groups are not there yet",
    "threads": "Ottla sizes its threads itself",
    "tiered": "tiered storage is not there yet",
    "told-at-once": "who waits for a transaction to end is told as it does",
}
"""What a row's last word means: honoured, or the sentence that the log has for who sets the key."""

BROKER_TABLES: Final = (
    "broker_process",
    "broker_network",
    "broker_log",
    "broker_replication",
    "broker_groups",
    "broker_share",
    "broker_transactions",
    "broker_security",
    "broker_sasl",
    "broker_tiered",
)


class Row:
    """What is known of one key."""

    __slots__ = (
        "default",
        "importance",
        "internal",
        "name",
        "scope",
        "stance",
        "type",
        "validator",
    )

    def __init__(self, line: str) -> None:
        words = line.split()
        self.internal = words[-1] == "internal"
        if self.internal:
            del words[-1]
        self.name, self.type, default, validator, importance, *broker = words
        self.default: str | None
        if default == "-":
            self.default = None
        else:
            self.default = "" if default == "''" else default.replace("o.a.k.", "org.apache.kafka.")
        self.validator = "" if validator == "-" else validator
        self.importance = importance.upper()
        self.scope, stance = broker or ("", "yes")
        self.stance = STANCES[stance]

    def __repr__(self) -> str:
        return f"Row({self.name!r}, {self.type}, default={self.default!r})"

    @property
    def honoured(self) -> bool:
        """Whether this node acts on the key."""
        return self.stance == HONOURED

    @property
    def sensitive(self) -> bool:
        """Whether its value is never shown."""
        return self.type == "PASSWORD"

    @property
    def dynamic(self) -> bool:
        """Whether it may be changed while the broker runs."""
        return self.scope in ("broker", "cluster")


def _rows(module: str) -> dict[str, Row]:
    table: str = import_module(f"ottla.config.{module}").ROWS
    rows = [Row(line) for line in table.strip().splitlines()]
    return {row.name: row for row in rows}


@cache
def broker_rows() -> dict[str, Row]:
    """Every broker key of 4.3.1, and after them our own, which start with `ottla.`."""
    rows: dict[str, Row] = {}
    for module in (*BROKER_TABLES, "ottla_rows"):
        rows.update(_rows(module))
    return rows


@cache
def topic_rows() -> dict[str, Row]:
    """Every topic key of 4.3.1."""
    return _rows("topic_rows")


@cache
def group_rows() -> dict[str, Row]:
    """Every group key of 4.3.1."""
    return _rows("group_rows")


@cache
def client_metrics_rows() -> dict[str, Row]:
    """The keys of a client metrics subscription."""
    return _rows("client_metrics_rows")


@cache
def client_rows(kind: str) -> dict[str, Row]:
    """Every key of the "producer", "consumer" or "admin" client of 4.3.1."""
    return _rows(f"{kind}_rows")
