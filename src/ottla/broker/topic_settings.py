"""What a topic's config key is worth here: the topic's own value, or the broker's default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.broker.context import Context


def topic_setting(context: Context, topic: str, key: str) -> Any:
    """The parsed value of `key` in force for `topic`."""
    return context.topic_configs(topic)[key]
