"""What config keys are worth right now: a topic's own value, the admin's broker default, the
file's, Kafka's.

`context.config` is replaced, never changed, when the admin sets dynamic broker configs; topics are
asked anew then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.config.topic import parse_topic_configs, topic_defaults
from ottla.metadata.image import BROKER_RESOURCE

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage


class Settings:
    """The broker's config in force, and each topic's on top of it."""

    __slots__ = ("_defaults", "_node_id", "config", "image")

    def __init__(self, config: BrokerConfig, image: MetadataImage, node_id: int) -> None:
        self.config = config
        self.image = image
        """The cluster as requests are answered by it."""
        self._node_id = node_id
        self._defaults: dict[str, Any] | None = None

    def topic(self, name: str) -> dict[str, Any]:
        """Every topic key with its parsed value in force for `name`."""
        if self._defaults is None:
            # No topic's key, but every log remembers its own producers.
            key = "producer.id.expiration.ms"
            self._defaults = {**topic_defaults(self.config), key: self.config[key]}
        return {**self._defaults, **parse_topic_configs(self.image.topic_config(name))}

    def changed(self, delta: MetadataDelta) -> None:
        """Take over what the admin changed."""
        image = self.image = delta.image
        if any(kind == BROKER_RESOURCE for kind, _ in delta.configs_changed):
            self._defaults = None
            self.config = self.config.with_dynamic(
                cluster=image.configs.get((BROKER_RESOURCE, ""), {}),
                broker=image.configs.get((BROKER_RESOURCE, str(self._node_id)), {}),
            )
