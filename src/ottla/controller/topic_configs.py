"""A topic's configs at its creation: whether they may be, and what is then in force."""

from __future__ import annotations

from collections.abc import Mapping

from ottla.config.refusal import ConfigException
from ottla.config.row import topic_rows
from ottla.config.topic import SYNONYMS, effective_topic_config, validate_topic_configs
from ottla.config.values import render
from ottla.controller.state import State
from ottla.metadata.image import BROKER_RESOURCE
from ottla.wire.messages.create_topics import CreatableTopicConfigs

DYNAMIC_TOPIC = 1
DYNAMIC_BROKER = 2
DYNAMIC_DEFAULT_BROKER = 3
STATIC_BROKER = 4
DEFAULT = 5


def creation_config_error(state: State, configs: Mapping[str, str | None]) -> str | None:
    """Kafka's text if a topic may not be created with these configs, None if it may."""
    if not configs:
        return None
    try:
        validate_topic_configs(configs, state.broker_config())
    except ConfigException as error:
        return str(error)
    return None


class EffectiveEntries:
    """The configs in force of the topics of one request: alike for all topics that set the same."""

    __slots__ = ("_known", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[frozenset[tuple[str, str]], list[CreatableTopicConfigs]] = {}

    def of(self, values: Mapping[str, str]) -> list[CreatableTopicConfigs]:
        """Every topic key by name, its value in force and where that comes from."""
        key = frozenset(values.items())
        if key not in self._known:
            self._known[key] = self._entries(values)
        return self._known[key]

    def _entries(self, values: Mapping[str, str]) -> list[CreatableTopicConfigs]:
        in_force = effective_topic_config(self._state.broker_config(), values)
        rows = topic_rows()
        return [
            CreatableTopicConfigs(
                name=name,
                value=render(in_force[name]),
                read_only=False,
                config_source=_source(self._state, name, values),
                is_sensitive=False,
            )
            for name in sorted(in_force)
            if not rows[name].internal
        ]


def _source(state: State, name: str, values: Mapping[str, str]) -> int:
    if name in values:
        return DYNAMIC_TOPIC
    synonyms = SYNONYMS.get(name, ())
    configs = state.image.configs
    layers: tuple[tuple[int, Mapping[str, str]], ...] = (
        (DYNAMIC_BROKER, configs.get((BROKER_RESOURCE, str(state.node_id)), {})),
        (DYNAMIC_DEFAULT_BROKER, configs.get((BROKER_RESOURCE, ""), {})),
        (STATIC_BROKER, state.config.explicit),
    )
    for source, layer in layers:
        if any(synonym in layer for synonym in synonyms):
            return source
    return DEFAULT
