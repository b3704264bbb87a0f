"""What has configs, by its kind's number and its name, in words for a line of the log."""

from __future__ import annotations

from ottla.metadata.image import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)

_KINDS = {
    TOPIC_RESOURCE: "topic",
    BROKER_RESOURCE: "broker",
    BROKER_LOGGER_RESOURCE: "the loggers of broker",
    CLIENT_METRICS_RESOURCE: "client metrics subscription",
    GROUP_RESOURCE: "group",
}


def resource_text(kind: int, name: str) -> str:
    """`topic orders`; a broker without a name is all of them, whose defaults are meant. What a
    client chose for a name can't begin a line of its own.
    """
    if kind == BROKER_RESOURCE and not name:
        return "all brokers"
    shown = name if name.isprintable() and name else repr(name)
    return f"{_KINDS.get(kind, f'resource of kind {kind}')} {shown}"
