"""Resources in words for the log."""

from __future__ import annotations

import pytest

from ottla.metadata import image
from ottla.metadata.resources import resource_text


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (image.TOPIC_RESOURCE, "orders", "topic orders"),
        (image.TOPIC_RESOURCE, "", "topic ''"),
        (image.BROKER_RESOURCE, "1", "broker 1"),
        (image.BROKER_RESOURCE, "", "all brokers"),
        (image.GROUP_RESOURCE, "g", "group g"),
        (image.CLIENT_METRICS_RESOURCE, "m", "client metrics subscription m"),
        (77, "x", "resource of kind 77 x"),
    ],
)
def test_a_resource_is_named(kind: int, name: str, text: str) -> None:
    """If this failed, a line of the log would not say whose configs it is about."""
    assert resource_text(kind, name) == text
