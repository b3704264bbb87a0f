"""How often a node does something by itself."""

from __future__ import annotations

import pytest

from ottla.config import check
from ottla.config.broker import CONFIGURED_PERIOD_MS_MIN, OFF_AT_ZERO, PERIODS, BrokerConfig

NODE = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listeners": "PLAINTEXT://:0,CONTROLLER://:0",
    "controller.quorum.bootstrap.servers": "localhost:9093",
}


@pytest.mark.parametrize("key", sorted(PERIODS))
@pytest.mark.parametrize("value", ["-1", "0", "1"])
def test_a_period_has_a_floor(key: str, value: str) -> None:
    """If this failed, a node would do nothing but what that key says, or not say why it does not
    do it as often.
    """
    problems = check({**NODE, key: value})
    if problems.fatal:  # its validator allows no such value
        assert {problem.key for problem in problems.fatal} == {key}
        return
    config = BrokerConfig({**NODE, key: value})
    if key in OFF_AT_ZERO and value == "0":
        assert config[key] == 0
        return
    assert config[key] == CONFIGURED_PERIOD_MS_MIN
    (said,) = [problem.text for problem in problems.warnings if problem.key == key]
    assert f"{key}={value} would leave no time" in said


def test_what_a_topic_flushes_by_is_no_period() -> None:
    """If this failed, a topic's flush.ms would be shown as another than Apache Kafka shows."""
    config = BrokerConfig({"log.flush.scheduler.interval.ms": "7"})
    assert config["log.flush.interval.ms"] == 7
    assert config["log.flush.scheduler.interval.ms"] == CONFIGURED_PERIOD_MS_MIN
