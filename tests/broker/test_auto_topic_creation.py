"""Topics that are made because a client named them: what the controller is asked, and what not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ottla.broker import auto_topic_creation
from ottla.config.broker import BrokerConfig
from ottla.controller import topics
from ottla.controller.state import Replayed, State
from ottla.decide import Ask
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.stored.metadata import FeatureLevelRecord, RegisterBrokerRecord


class Entropy:
    """A number for each topic."""

    drawn = 0

    def uuid(self) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(16, "big")

    def below(self, bound: int) -> int:
        return 0


def config(partitions: int) -> BrokerConfig:
    return BrokerConfig({"node.id": "1", "num.partitions": str(partitions)})


def state() -> State:
    """A cluster of one broker."""
    records = [
        FeatureLevelRecord(name="metadata.version", feature_level=29),
        RegisterBrokerRecord(broker_id=1, broker_epoch=1, fenced=False, log_dirs=[b"d" * 16]),
    ]
    image = MetadataDelta.of(EMPTY_IMAGE, records, offset=1).image
    replayed = Replayed(image, 2, 1, None, ())
    entropy = Entropy()
    return State(replayed, node_id=1, cluster_id="c", config=config(1), entropy=entropy)


@pytest.mark.parametrize(
    ("names", "partitions"), [(10_000, 1), (10_001, 1), (100, 100), (100, 101)]
)
def test_what_is_not_asked_is_what_would_be_refused(names: int, partitions: int) -> None:
    """A client would hear another error of the broker than of the controller; or one that names a
    million topics would keep the thread that decides.
    """
    wanted = [f"t{number}" for number in range(names)]
    asked: list[CreateTopicsRequest] = []
    heard: dict[str, int] = {}

    def submit(whose: Any, request: Any, finish: Any, *, version: int) -> None:
        asked.append(request)
        finish(topics.create(state(), Ask(1, request, version, "User:alice"), 0).response)

    controller = SimpleNamespace(submit=submit)
    context: Any = SimpleNamespace(config=config(partitions), controller=controller)
    nobody: Any = None
    auto_topic_creation.create(context, iter(wanted), heard.update, nobody)
    rows = [
        CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
        for name in wanted
    ]
    decided = topics.create(
        state(), Ask(1, CreateTopicsRequest(topics=rows), 7, "User:alice"), 0
    ).response
    assert heard == {row.name: row.error_code for row in decided.topics}
    too_many = names * partitions > 10_000
    assert bool(asked) == (not too_many)
    code = ErrorCode.POLICY_VIOLATION if too_many else ErrorCode.NONE
    assert set(heard.values()) == {code}
