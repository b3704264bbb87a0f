"""What DescribeConfigs says of a resource: every key with its value, where that comes from, and its
synonyms.

Sources and types carry the protocol's numbers, so a handler only copies. Values of sensitive keys
and of keys that we do not know never leave the node.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import dropwhile
from typing import Any, Final, NamedTuple

from ottla.config.alteration import DYNAMIC_ALONE, broker_row
from ottla.config.broker import BrokerConfig
from ottla.config.connections import of_listener
from ottla.config.group import effective_group_config, synonym
from ottla.config.row import Row, broker_rows, client_metrics_rows, group_rows, topic_rows
from ottla.config.topic import SYNONYMS, effective_topic_config
from ottla.config.values import default_value, parse_value, render

UNKNOWN_SOURCE: Final = 0
TOPIC: Final = 1
BROKER: Final = 2
CLUSTER: Final = 3
STATIC: Final = 4
DEFAULT: Final = 5
BROKER_LOGGER: Final = 6
CLIENT_METRICS: Final = 7
GROUP: Final = 8
"""Sources, by the protocol's numbers: DYNAMIC_TOPIC_CONFIG, DYNAMIC_BROKER_CONFIG, and so on."""

TYPES: Final = {
    "UNKNOWN": 0,
    "BOOLEAN": 1,
    "STRING": 2,
    "INT": 3,
    "SHORT": 4,
    "LONG": 5,
    "DOUBLE": 6,
    "LIST": 7,
    "CLASS": 8,
    "PASSWORD": 9,
}


class Synonym(NamedTuple):
    """One place that a value could come from, the strongest first."""

    name: str
    value: str | None
    source: int


class Entry(NamedTuple):
    """One key of a described resource."""

    name: str
    value: str | None
    source: int
    read_only: bool
    sensitive: bool
    synonyms: tuple[Synonym, ...]
    type: int
    documentation: str | None

    @property
    def is_default(self) -> bool:
        """Whether nobody set it (the word of DescribeConfigs version 0)."""
        return self.source == DEFAULT


def describe_broker(
    config: BrokerConfig,
    *,
    names: Collection[str] | None = None,
    documentation: bool = False,
) -> list[Entry]:
    """Every key of this broker; then keys of one listener, and those that no broker has, the
    latter without their values.
    """
    rows = broker_rows()
    entries = [
        _broker_entry(config, row, documentation)
        for name, row in rows.items()
        if not row.internal and (names is None or name in names)
    ]
    layers = (
        (config.dynamic, BROKER),
        (config.cluster_dynamic, CLUSTER),
        (config.explicit, STATIC),
    )
    entries += [
        _without_row(name, layers, documentation)
        for name in dict.fromkeys(key for layer, _ in layers for key in layer)
        if name not in rows and (names is None or name in names)
    ]
    return entries


Layers = tuple[tuple[Mapping[str, str], int], ...]
"""What is set at each place, the strongest first, and the place's number."""


def _without_row(name: str, layers: Layers, documentation: bool) -> Entry:
    """A key that no file can set, that only one listener has, or nobody."""
    listener, key = of_listener(name)
    alone = DYNAMIC_ALONE.get(name)
    row = alone or (broker_rows().get(key) if listener else None)
    if row is None:
        return _unknown(name, tuple(source for layer, source in layers if name in layer))
    synonyms = [
        Synonym(one, _shown(row, layer[one]), source)
        for layer, source in layers
        for one in dict.fromkeys((name, key))
        if one in layer
    ]
    in_files = alone is None and any(source == STATIC for _, source in layers)
    if in_files and row.default not in (None, "REQUIRED"):
        synonyms.append(Synonym(key, _shown(row, row.default), DEFAULT))
    own = next(synonym for synonym in synonyms if synonym.name == name)
    text = _documentation("broker", key, documentation)
    found = (row.sensitive, tuple(synonyms), TYPES[row.type], text)
    return Entry(name, own.value, own.source, alone is None, *found)


def _unknown(name: str, sources: tuple[int, ...]) -> Entry:
    """A key that no broker has: it may be a secret, so its value is not told."""
    synonyms = tuple(Synonym(name, None, source) for source in sources)
    return Entry(name, None, sources[0], True, True, synonyms, TYPES["UNKNOWN"], None)


def describe_cluster_default(
    config: BrokerConfig,
    *,
    names: Collection[str] | None = None,
    documentation: bool = False,
) -> list[Entry]:
    """The dynamic defaults of all brokers: only what somebody set."""
    found = []
    for name, value in config.cluster_dynamic.items():
        if names is not None and name not in names:
            continue
        row = broker_row(name)
        if row is None:
            layers = ((config.cluster_dynamic, CLUSTER),)
            found.append(_without_row(name, layers, documentation))
            continue
        shown = None if row.sensitive else value
        synonyms = (Synonym(name, shown, CLUSTER),)
        text = _documentation("broker", name, documentation)
        found.append(
            Entry(name, shown, CLUSTER, False, row.sensitive, synonyms, TYPES[row.type], text)
        )
    return found


def describe_topic(
    config: BrokerConfig,
    configs: Mapping[str, str],
    *,
    names: Collection[str] | None = None,
    documentation: bool = False,
) -> list[Entry]:
    """Every key of a topic that sets `configs` itself."""
    values = effective_topic_config(config, configs)
    entries = []
    for name, row in topic_rows().items():
        if row.internal or (names is not None and name not in names):
            continue
        own = [Synonym(name, _shown(row, configs[name]), TOPIC)] if name in configs else []
        keys = SYNONYMS[name]
        synonyms = (*own, *(_broker_synonyms(config, keys[0]) if keys else ()))
        entries.append(_entry("topic", row, values[name], synonyms, documentation))
    return entries


def describe_group(
    config: BrokerConfig,
    configs: Mapping[str, str],
    *,
    names: Collection[str] | None = None,
    documentation: bool = False,
) -> list[Entry]:
    """Every key of a group that sets `configs` itself."""
    values = effective_group_config(config, configs)
    entries = []
    for name, row in group_rows().items():
        if names is not None and name not in names:
            continue
        own = [Synonym(name, _shown(row, configs[name]), GROUP)] if name in configs else []
        key = synonym(name)
        default = (
            [Synonym(name, row.default, DEFAULT)]
            if key is None
            else list(_broker_synonyms(config, key))
        )
        entries.append(_entry("group", row, values[name], (*own, *default), documentation))
    return entries


def describe_client_metrics(
    configs: Mapping[str, str],
    *,
    names: Collection[str] | None = None,
    documentation: bool = False,
) -> list[Entry]:
    """Every key of a client metrics subscription that sets `configs`. As in Kafka a default is no
    synonym there.
    """
    entries = []
    for name, row in client_metrics_rows().items():
        if names is not None and name not in names:
            continue
        is_set = name in configs
        value = parse_value(row, configs[name]) if is_set else default_value(row)
        synonyms = (Synonym(name, render(value), CLIENT_METRICS),) if is_set else ()
        entries.append(_entry("client-metrics", row, value, synonyms, documentation))
    return entries


def describe_loggers(
    levels: Mapping[str, str], *, names: Collection[str] | None = None
) -> list[Entry]:
    """Every logger of a node with its level; where that comes from is not told, as in Kafka."""
    return [
        Entry(name, level, BROKER_LOGGER, False, False, (), TYPES["UNKNOWN"], None)
        for name, level in levels.items()
        if names is None or name in names
    ]


def _entry(
    kind: str, row: Row, value: Any, synonyms: tuple[Synonym, ...], documentation: bool
) -> Entry:
    source = synonyms[0].source if synonyms else DEFAULT
    return Entry(
        row.name,
        None if row.sensitive else render(value),
        source,
        False,
        row.sensitive,
        synonyms,
        TYPES[row.type],
        _documentation(kind, row.name, documentation),
    )


def _broker_entry(config: BrokerConfig, row: Row, documentation: bool) -> Entry:
    synonyms = tuple(_broker_synonyms(config, row.name))
    text = config.text(row.name)
    value = None if text in (None, "REQUIRED") else _shown(row, text)
    return Entry(
        row.name,
        value,
        synonyms[0].source if synonyms else DEFAULT,
        not row.dynamic,
        row.sensitive,
        synonyms,
        TYPES[row.type],
        _documentation("broker", row.name, documentation),
    )


def _broker_synonyms(config: BrokerConfig, name: str) -> Iterator[Synonym]:
    """Where the value could come from, by layer; in each, coarser keys (hours) after finer ones."""
    rows = broker_rows()
    keys = _FAMILIES.get(name, (name,))
    defaults = {k: rows[k].default for k in keys if rows[k].default != "REQUIRED"}
    layers = (
        (config.dynamic.get, BROKER),
        (config.cluster_dynamic.get, CLUSTER),
        (config.text_of_file, STATIC),
        (defaults.get, DEFAULT),
    )
    found = (
        Synonym(key, _shown(rows[key], text), source)
        for text_of, source in layers
        for key in keys
        if (text := text_of(key)) is not None
    )
    # As in Apache Kafka: what stands before the key itself is left out, and so is all without it.
    return dropwhile(lambda synonym: synonym.name != name, found)


_FAMILIES: Final = {key: keys for keys in SYNONYMS.values() if len(keys) > 1 for key in keys}
"""Keys that stand for one another in several units: `log.retention.ms`, `.minutes`, `.hours`."""


def _shown(row: Row, text: str | None) -> str | None:
    """The value as clients see it: rendered anew, so blanks and capitals are Kafka's own."""
    return None if row.sensitive or text is None else render(_parsed(row, text))


def _parsed(row: Row, text: str) -> Any:
    """The parsed value of a text that may be a default, which no validator has to accept."""
    return default_value(row) if text is row.default else parse_value(row, text)


def _documentation(kind: str, name: str, wanted: bool) -> str | None:
    if not wanted:
        return None
    from ottla.config.documentation import documentation

    return documentation(kind, name)
