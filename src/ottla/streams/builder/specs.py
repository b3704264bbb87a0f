"""How a user names a store: a plain name, or a spec such as `key_value("totals", in_memory=True)`.

A spec says only what the user wants to be special; the operator fills in the rest.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ottla.streams.durations import Duration, ms
from ottla.streams.errors import TopologyError
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.serdes import Serde, serde_for

#: A topic's name in Kafka: neither "." nor "..".
_NAME = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9._-]{1,249}")
_LEGAL = "1 to 249 letters, digits, dots, underscores and hyphens"

#: The least interval of a window store's segments in Kafka.
SEGMENT_MIN_MS = 60_000


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """What a user said of a store; None is not said."""

    kind: StoreKind | None = None
    name: str | None = None
    key: Serde | None = None
    value: Serde | None = None
    in_memory: bool | None = None
    logged: bool = True
    configs: Mapping[str, str] = field(default_factory=dict)
    timestamped: bool = False
    with_headers: bool = False
    plain: bool = False
    entries_max: int = 0
    retention_ms: int | None = None
    size_ms: int | None = None
    duplicates: bool = False
    history_ms: int = 0
    segment_ms: int = 0

    @property
    def is_supplier(self) -> bool:
        """Whether the user named the very store, as Java's suppliers do, not only settings."""
        return self.kind is not None and (
            self.plain
            or self.kind in (StoreKind.LRU, StoreKind.VERSIONED)
            or (self.kind is StoreKind.WINDOW and self.size_ms is not None)
        )

    def row(self) -> Store:
        """The row of a store that processors use, as it was said."""
        if self.name is None or self.kind is None:
            raise TopologyError(
                "a store for processors needs a name",
                hint='key_value("totals", key=str, value=int)',
            )
        windows = self.kind in (StoreKind.WINDOW, StoreKind.SESSION)
        if windows and self.retention_ms is None:
            raise TopologyError(
                f"nothing says how long the store {self.name} keeps its windows",
                hint='retention="1h"; only the store= of a windowed operator may leave it out',
            )
        retention = self.retention_ms or 0
        interval = self.segment_ms or max(retention // 2, SEGMENT_MIN_MS)
        return Store(
            self.name,
            self.kind,
            self.key,
            self.value,
            timestamped=self.timestamped,
            with_headers=self.with_headers,
            persistent=not self.in_memory and self.kind is not StoreKind.LRU,
            logged=self.logged,
            topic_configs=dict(self.configs),
            retention_ms=retention,
            window_size_ms=self.size_ms or 0,
            segment_interval_ms=interval if windows else self.segment_ms,
            retain_duplicates=self.duplicates,
            history_retention_ms=self.history_ms,
            entries_max=self.entries_max,
        )


def spec_of(given: object) -> StoreSpec | None:
    """What `store=` was given: None, a name, or a spec."""
    if given is None or isinstance(given, StoreSpec):
        return given
    if isinstance(given, str):
        return StoreSpec(None, checked_name(given))
    raise TopologyError(
        f"store= takes a name or a spec, not {shown(given)}",
        hint='store="totals", or store=key_value("totals", in_memory=True)',
    )


def checked_name(name: object) -> str:
    """A name that may be part of a topic's name.

    Raises:
        TopologyError: it may not, as Kafka names topics.
    """
    return _legal(name, "name a node or a store", f"take {_LEGAL}, as for topics")


def checked_topic(topic: object) -> str:
    """The name of a topic.

    Raises:
        TopologyError: no topic of Kafka's can have it.
    """
    return _legal(topic, "be a topic's name", f"topics have {_LEGAL}")


def checked_id(app_id: object) -> str:
    """An application's id: the beginning of its internal topics' names.

    Raises:
        TopologyError: no topic's name can begin so.
    """
    hint = f"its topics' names begin with it: take {_LEGAL}"
    return _legal(app_id, "be an application's id", hint)


def _legal(given: object, what: str, hint: str) -> str:
    if isinstance(given, str) and _NAME.fullmatch(given):
        return given
    raise TopologyError(f"{shown(given)} cannot {what}", hint=hint)


def shown(given: object) -> str:
    """What a user gave, short enough to be read."""
    return reprlib.repr(given)


def _serde(given: object) -> Serde | None:
    return None if given is None else serde_for(given)


def key_value(
    name: str | None = None,
    *,
    key: object = None,
    value: object = None,
    in_memory: bool | None = None,
    logged: bool = True,
    configs: Mapping[str, str] | None = None,
    timestamped: bool = False,
    with_headers: bool = False,
    plain: bool = False,
) -> StoreSpec:
    """A store of values by key.

    For processors it keeps plain values unless `timestamped` or `with_headers`; as `store=` of an
    operator it keeps what the operator needs, unless `plain`.
    """
    return StoreSpec(
        StoreKind.KEY_VALUE, name if name is None else checked_name(name), _serde(key),
        _serde(value), in_memory, logged, dict(configs or {}), timestamped, with_headers, plain,
    )  # fmt: skip


def lru(
    name: str,
    entries_max: int,
    *,
    key: object = None,
    value: object = None,
    logged: bool = True,
    configs: Mapping[str, str] | None = None,
) -> StoreSpec:
    """A store in memory that forgets what was used least beyond `entries_max` keys."""
    if entries_max < 1:
        raise TopologyError(f"the store {name} may hold {entries_max} entries", hint="1 or more")
    return StoreSpec(
        StoreKind.LRU, checked_name(name), _serde(key), _serde(value), True, logged,
        dict(configs or {}), entries_max=entries_max,
    )  # fmt: skip


def versioned(
    name: str,
    *,
    history: Duration,
    segment: Duration | None = None,
    key: object = None,
    value: object = None,
    logged: bool = True,
    configs: Mapping[str, str] | None = None,
) -> StoreSpec:
    """A store that can be asked what a key's value was, as far back as `history`."""
    return StoreSpec(
        StoreKind.VERSIONED, checked_name(name), _serde(key), _serde(value), None, logged,
        dict(configs or {}), history_ms=ms(history, what=f"history of the store {name}"),
        segment_ms=0 if segment is None else ms(segment, what=f"segment of the store {name}"),
    )  # fmt: skip


def window_store(
    name: str | None = None,
    *,
    retention: Duration | None = None,
    size: Duration | None = None,
    segment: Duration | None = None,
    duplicates: bool = False,
    key: object = None,
    value: object = None,
    in_memory: bool | None = None,
    logged: bool = True,
    configs: Mapping[str, str] | None = None,
    timestamped: bool = False,
    with_headers: bool = False,
) -> StoreSpec:
    """A store of values by key and start of a window, kept for `retention`.

    With `size` it is that very store; without, the `store=` of a windowed operator, which knows how
    long its windows are and keeps them as long as it must where no `retention` is given.
    """
    return StoreSpec(
        StoreKind.WINDOW, name if name is None else checked_name(name), _serde(key), _serde(value),
        in_memory, logged, dict(configs or {}), timestamped, with_headers,
        retention_ms=None if retention is None else ms(retention, what="retention"),
        size_ms=None if size is None else ms(size, what="size of windows"),
        segment_ms=0 if segment is None else ms(segment, what="segment"),
        duplicates=duplicates,
    )  # fmt: skip


def session_store(
    name: str | None = None,
    *,
    retention: Duration | None = None,
    key: object = None,
    value: object = None,
    in_memory: bool | None = None,
    logged: bool = True,
    configs: Mapping[str, str] | None = None,
    with_headers: bool = False,
) -> StoreSpec:
    """A store of values by key and session, kept for `retention`, or as long as the operator must
    whose `store=` it is.
    """
    return StoreSpec(
        StoreKind.SESSION, name if name is None else checked_name(name), _serde(key),
        _serde(value), in_memory, logged, dict(configs or {}), with_headers=with_headers,
        retention_ms=None if retention is None else ms(retention, what="retention"),
    )  # fmt: skip


def with_serdes(row: Store, key: Serde | None, value: Serde | None) -> Store:
    """The row with these serdes where it has none."""
    return replace(row, key=row.key or key, value=row.value or value)


def kinded(spec: StoreSpec) -> StoreSpec:
    """A plain name is a key-value store's."""
    return spec if spec.kind is not None else replace(spec, kind=StoreKind.KEY_VALUE)
