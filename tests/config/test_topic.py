"""What a topic's configs may be."""

from __future__ import annotations

import pytest

from ottla.config.broker import BrokerConfig
from ottla.config.refusal import ConfigException
from ottla.config.topic import CHECKED_BY_BROKERS, validate_topic_configs


@pytest.mark.parametrize("name", sorted(CHECKED_BY_BROKERS))
def test_checks_by_the_broker_are_refused_by_name(name: str) -> None:
    """If this failed, a team would take its records for checked, and nobody checks them."""
    config = BrokerConfig({"process.roles": "broker,controller", "node.id": "1"})
    with pytest.raises(ConfigException, match="is not honoured") as refused:
        validate_topic_configs({name: "true"}, config)
    assert "serializers" in str(refused.value.hint)
