"""Admin calls about configs: describe and alter those of topics, brokers and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ottla.client.client import Client
from ottla.client.errors import check

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3

SOURCES = {
    0: "UNKNOWN",
    1: "DYNAMIC_TOPIC_CONFIG",
    2: "DYNAMIC_BROKER_CONFIG",
    3: "DYNAMIC_DEFAULT_BROKER_CONFIG",
    4: "STATIC_BROKER_CONFIG",
    5: "DEFAULT_CONFIG",
    6: "DYNAMIC_BROKER_LOGGER_CONFIG",
    7: "DYNAMIC_CLIENT_METRICS_CONFIG",
    8: "DYNAMIC_GROUP_CONFIG",
}


class Synonym(NamedTuple):
    """Another place that a value could come from, strongest first."""

    name: str
    value: str | None
    source: str


class Entry(NamedTuple):
    """One config as a node describes it; the value of a sensitive one is None."""

    name: str
    value: str | None
    source: str
    sensitive: bool
    read_only: bool
    synonyms: list[Synonym]

    @property
    def is_default(self) -> bool:
        """Whether nobody set it anywhere."""
        return self.source == "DEFAULT_CONFIG"


class Change(NamedTuple):
    """One key to set, delete, append to or subtract from."""

    name: str
    operation: int
    value: str | None


def describe(
    client: Client, kind: int, names: Iterable[str], *, synonyms: bool = False
) -> dict[str, list[Entry]]:
    """The configs of resources of one kind, by resource; in the order that the node gives.

    Raises:
        BrokerError: one of the resources does not exist.
    """
    from ottla.wire.messages import describe_configs as m

    wanted = list(names)
    if not wanted:
        return {}
    request = m.DescribeConfigsRequest(
        resources=[
            m.DescribeConfigsResource(
                resource_type=kind, resource_name=name, configuration_keys=None
            )
            for name in wanted
        ],
        include_synonyms=synonyms,
    )
    found: dict[str, list[Entry]] = {}
    for result in _ask(client, kind, wanted, request).results:
        found[result.resource_name] = [_entry(row) for row in result.configs]
    return found


def alter(
    client: Client,
    kind: int,
    changes: Mapping[str, Iterable[Change]],
    *,
    validate_only: bool = False,
) -> None:
    """Change keys of resources of one kind and leave their other keys alone.

    Raises:
        BrokerError: the first resource that was refused.
    """
    from ottla.wire.messages import incremental_alter_configs as m

    request = m.IncrementalAlterConfigsRequest(
        resources=[
            m.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    m.AlterableConfig(
                        name=row.name, config_operation=row.operation, value=row.value
                    )
                    for row in rows
                ],
            )
            for name, rows in changes.items()
        ],
        validate_only=validate_only,
    )
    _ask(client, kind, list(changes), request)


def resources(client: Client, kind: int) -> list[str]:
    """Names of the resources of a kind that have configs of their own, sorted (KIP-1142)."""
    from ottla.wire.messages import list_config_resources as m

    def ask() -> Any:
        response = client.request(m.ListConfigResourcesRequest(resource_types=[kind]))
        check(response.error_code)
        return response

    return sorted(row.resource_name for row in client.attempt(ask).config_resources)


def _ask(client: Client, kind: int, wanted: list[str], request: Any) -> Any:
    """Ask any node, but about a broker ask that broker: only it knows its static configs."""

    def ask() -> Any:
        if kind in (BROKER, BROKER_LOGGER) and len(wanted) == 1 and wanted[0].isdigit():
            response = client.request_node(int(wanted[0]), request)
        else:
            response = client.request(request)
        for row in getattr(response, "results", None) or getattr(response, "responses", []):
            check(row.error_code, row.error_message)
        return response

    return client.attempt(ask)


def _entry(row: Any) -> Entry:
    return Entry(
        row.name,
        row.value,
        SOURCES.get(row.config_source, "UNKNOWN"),
        row.is_sensitive,
        row.read_only,
        [Synonym(s.name, s.value, SOURCES.get(s.source, "UNKNOWN")) for s in row.synonyms],
    )
