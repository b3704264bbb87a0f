"""Who asks is known as far as the controller: every request that a client makes of it, through the
handlers of a real node, with and without names that are denied.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attack.line import Line
from broker.access import ALICE, Rights
from broker.guarded import node_under
from ottla.controller.controller import Controller
from ottla.decide import Ask, Decision, Now
from ottla.security.principal import NODE
from ottla.security.resources import CLUSTER
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.schema import Request

DENIED = ErrorCode.TOPIC_AUTHORIZATION_FAILED


def _create(names: list[str]) -> CreateTopicsRequest:
    new = [CreatableTopic(name=one, num_partitions=1, replication_factor=1) for one in names]
    return CreateTopicsRequest(topics=new, timeout_ms=10_000)


def _grow(names: list[str]) -> CreatePartitionsRequest:
    topics = [CreatePartitionsTopic(name=one, count=2, assignments=None) for one in names]
    return CreatePartitionsRequest(topics=topics, timeout_ms=10_000)


def _delete(names: list[str]) -> DeleteTopicsRequest:
    topics = [DeleteTopicState(name=one) for one in names]
    return DeleteTopicsRequest(topics=topics, timeout_ms=10_000)


def _alter(names: list[str]) -> IncrementalAlterConfigsRequest:
    change = AlterableConfig(name="retention.ms", value="1000000")
    return IncrementalAlterConfigsRequest(
        resources=[
            AlterConfigsResource(resource_type=2, resource_name=one, configs=[change])
            for one in names
        ]
    )


CASES: list[tuple[Callable[[list[str]], Request], str]] = [
    (_create, "topics"),
    (_grow, "results"),
    (_alter, "responses"),
    (_delete, "responses"),
]


CLIENT = (ALICE, "console", "/127.0.0.1")


def _who(ask: Ask) -> tuple[str, str, str]:
    return ask.principal, ask.client_id, ask.client_host


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Ask]:
    """All that the controller is asked."""
    asks: list[Ask] = []
    decide = Controller.decide

    def watched(controller: Controller, ask: Ask, now: Now) -> Decision:
        asks.append(ask)
        return decide(controller, ask, now)

    monkeypatch.setattr(Controller, "decide", watched)
    return asks


def test_a_topic_is_made_in_the_name_of_whom_needs_it(tmp_path: Path, decided: list[Ask]) -> None:
    """A client that may not make many topics at once could make them by their names."""
    with node_under(Rights(lambda *_: True), tmp_path) as node:
        line = Line(node.ports["PLAINTEXT"], "console")
        named = MetadataRequest(topics=[MetadataRequestTopic(name="auto")])
        assert [row.error_code for row in line.ask(named, 12).topics] == [0]
        line.ask(FindCoordinatorRequest(coordinator_keys=["g"]), 4)
        made = [ask for ask in decided if isinstance(ask.body, CreateTopicsRequest)]
        nobody = str(NODE), "", ""
        assert [(ask.body.topics[0].name, _who(ask)) for ask in made] == [
            ("auto", CLIENT),
            ("__consumer_offsets", nobody),
        ]
        line.close()


def test_the_controller_knows_which_client_asks(tmp_path: Path, decided: list[Ask]) -> None:
    """A quota, a token or a forwarded request would be charged to nobody as soon as one of its
    names is denied; and one request would have two tokens.
    """
    rights = Rights(lambda *_: True)
    with node_under(rights, tmp_path) as node:
        own = {(ask.principal, ask.token < 0) for ask in decided}
        assert own == {(str(NODE), True)}, "its own registration and heartbeats"
        line = Line(node.ports["PLAINTEXT"], "console")
        for names, denied in ((["a"], 0), (["b", "secret"], 1)):
            rights.may = lambda _, resource: resource != CLUSTER and resource.name != "secret"
            for request_of, rows in CASES:
                request = request_of(names)
                decided.clear()
                answer: Any = line.ask(request, request.max_version)
                codes = [row.error_code for row in getattr(answer, rows)]
                assert codes == [0, *[DENIED] * denied], type(request).__name__
                asks = [ask for ask in decided if type(ask.body) is type(request)]
                assert [ask.token > 0 for ask in asks] == [True], "its own token, and once"
                assert _who(asks[0]) == CLIENT, type(request).__name__
        line.close()
