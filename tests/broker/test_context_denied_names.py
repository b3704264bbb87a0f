"""A request of which every other name is denied: what it costs to tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from broker.access import ALICE, Rights
from ottla.broker.asked import Asked
from ottla.broker.context import Context
from ottla.broker.directories import Directories
from ottla.broker.handlers import create_partitions, create_topics, delete_topics
from ottla.broker.settings import Settings
from ottla.config.broker import BrokerConfig
from ottla.metadata.image import EMPTY_IMAGE
from ottla.security.principal import Principal
from ottla.security.resources import CLUSTER
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState

NAMES = 10_000


class Name(str):
    """A text that counts how often it is held against another one."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class Controller:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def submit(self, asked: Asked[Any], body: Any, finish: Any) -> None:
        self.asked.append(body)


def names() -> list[Name]:
    """Different ones, every other of which is denied."""
    return [Name(f"{'denied' if number % 2 else 'plain'}-{number}") for number in range(NAMES)]


@pytest.mark.parametrize(
    ("handler", "request_of", "version"),
    [
        (
            create_topics,
            lambda all_: CreateTopicsRequest(topics=[CreatableTopic(name=one) for one in all_]),
            7,
        ),
        (
            create_partitions,
            lambda all_: CreatePartitionsRequest(
                topics=[CreatePartitionsTopic(name=one, count=2) for one in all_]
            ),
            3,
        ),
        (
            delete_topics,
            lambda all_: DeleteTopicsRequest(topics=[DeleteTopicState(name=one) for one in all_]),
            6,
        ),
    ],
)
def test_each_denied_name_is_looked_up_once(
    handler: Any, request_of: Callable[[list[Name]], Any], version: int
) -> None:
    """One request with as many names as it may hold would keep the thread that decides from all
    others for as long as the square of them takes.
    """
    controller: Any = Controller()
    nothing: Any = None
    desk: Any = SimpleNamespace(reply=None, respond=None, internal=None)
    rights = Rights(lambda _, resource: resource != CLUSTER and "denied" not in resource.name)
    context = Context(
        node_id=1,
        cluster_id="c",
        settings=Settings(BrokerConfig({"node.id": "1"}), EMPTY_IMAGE, 1),
        logs=nothing,
        now_ms=lambda: 0,
        router=nothing,
        log_dirs=(),
        directories=Directories(1, ()),
        controller=controller,
        coordinators=nothing,
        desk=desk,
        authorizer=rights,
        loggers=nothing,
        client_software=nothing,
        make_client_metrics=nothing,
    )
    request = request_of(names())
    here = ("PLAINTEXT", "127.0.0.1", 9092, "127.0.0.1", 1, Principal.parse(ALICE))
    Name.compared = 0
    handler.handle(context, Asked(1, request.api_key, version, "c", request, *here))
    assert Name.compared <= 4 * NAMES
    (allowed,) = controller.asked
    assert len(allowed.topics) == NAMES // 2
