"""Under which subject the schema of a topic's keys or values is.

By the topic (`orders-value`) unless one says otherwise: by the record's full name, by both, by what
the registry associates with the topic, or by a function. A name of None means that the record's
name is needed and not known yet.
"""

from __future__ import annotations

from collections.abc import Callable

from ottla.serdes.errors import BadRegistrySetting, RegistryError
from ottla.serdes.memory import Memory
from ottla.serdes.registry_client import ENTRIES_MAX, LATEST_SECONDS, SchemaRegistry

Strategy = Callable[[str, bool, str | None], str | None]
"""Takes the topic, whether it is about keys, and the record's full name, where it is known."""

ANY_CLUSTER = "-"


def by_topic(topic: str, is_key: bool, record: str | None = None) -> str:
    """`orders-key`, `orders-value`: one schema a topic, however it is called."""
    return f"{topic}-{'key' if is_key else 'value'}"


def by_record(topic: str, is_key: bool, record: str | None) -> str | None:
    """`shop.Order`: one schema wherever such records are."""
    return record


def by_topic_and_record(topic: str, is_key: bool, record: str | None) -> str | None:
    """`orders-shop.Order`: several kinds of records in one topic."""
    return None if record is None else f"{topic}-{record}"


class Associated:
    """The subject that the registry associates with the topic; by the topic where there is none."""

    def __init__(self, registry: SchemaRegistry, cluster: str = ANY_CLUSTER) -> None:
        self._registry = registry
        self._cluster = cluster
        self._known = Memory(ENTRIES_MAX, LATEST_SECONDS)

    def __call__(self, topic: str, is_key: bool, record: str | None = None) -> str:
        """Ask the registry, at most once a minute.

        Raises:
            BadRegistrySetting: several subjects are associated with the topic.
        """
        return self._known.get((topic, is_key), lambda: self._ask(topic, is_key))

    def _ask(self, topic: str, is_key: bool) -> str:
        kind = "key" if is_key else "value"
        try:
            rows = self._registry.associations(
                topic, namespace=self._cluster, resource_type="topic", kind=kind
            )
        except RegistryError as error:
            if error.status != 404:
                raise
            rows = []
        subjects = {row["subject"] for row in rows}
        if len(subjects) > 1:
            raise BadRegistrySetting(
                f"the {kind}s of topic {topic!r} have several subjects: "
                + ", ".join(sorted(subjects)),
                hint="name the strategy that is meant: subject='topic', or a function",
            )
        return subjects.pop() if subjects else by_topic(topic, is_key)


STRATEGIES: dict[str, Strategy] = {
    "topic": by_topic,
    "record": by_record,
    "topic-record": by_topic_and_record,
}
ASSOCIATED = "associated"


def needs_name(strategy: Strategy) -> bool:
    """Whether a strategy is to be asked only when the record's name is known; a program's own is
    taken to be one.
    """
    return strategy is not by_topic and not isinstance(strategy, Associated)


def strategy_of(given: str | Strategy, registry: SchemaRegistry) -> Strategy:
    """The strategy that a setting names.

    Raises:
        BadRegistrySetting: it names none.
    """
    if callable(given):
        return given
    if given == ASSOCIATED:
        return Associated(registry)
    found = STRATEGIES.get(given)
    if found is None:
        names = ", ".join([*STRATEGIES, ASSOCIATED])
        raise BadRegistrySetting(
            f"there is no way to name subjects called {given!r}",
            hint=f"say {names}, or a function of the topic, is_key and the record's name",
        )
    return found
