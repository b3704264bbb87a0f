"""Every API asks the authorizer what Apache Kafka 4.3.1 asks it, and does and tells nothing against
its answer: a real node, raw requests, an authorizer that is told what to allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attack.line import Line
from broker.access import TABLE, Named, Op, Rights, delete_topics, offset_commit
from broker.guarded import node_under
from ottla.broker.router import ROUTES
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.node import Node
from ottla.security.resources import CLUSTER, Operation, Resource, ResourceType
from ottla.wire.api import apis
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.describe_cluster import DescribeClusterRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.describe_topic_partitions import DescribeTopicPartitionsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from ottla.wire.schema import Request, Struct, encode
from servers import eventually

DENIED = ErrorCode.TOPIC_AUTHORIZATION_FAILED
PLAIN, SECRET = "plain", "secret"
VERSIONS = {api.key: range(api.min_version, api.max_version + 1) for api in apis()}
VERSIONS[24] = range(4)
"""The versions that are served, which may be fewer than there are; of AddPartitionsToTxn those that
clients ask in.
"""

ABSENT = Named("absent", bytes(range(16)), "absent-group")
OF_BROKERS = {route.key for route in ROUTES if route.broker}
CHANGING = {18, 35, 60, 71}
"""APIs whose answers hold other things that may change from one to the next."""


@dataclass
class World:
    """A node with a topic and a group that somebody may see, and ones that nobody may."""

    node: Node
    rights: Rights
    line: Line
    ids: dict[str, bytes]
    controller: Line
    """For what brokers do not answer."""

    @property
    def context(self) -> Any:
        engine: Any = self.node._engine
        return engine.context

    def named(self, name: str) -> Named:
        return Named(name, self.ids[name], f"{name}-group")

    def under(self, may: Callable[[Operation, Resource], bool]) -> Rights:
        """From now on these rights hold."""
        self.rights.asked.clear()
        self.rights.may = may
        self.node._built()[0].forget_replies()
        return self.rights

    def ask(self, request: Request, version: int | None = None) -> Any:
        newest = VERSIONS[request.api_key][-1]
        line = self.line if request.api_key in OF_BROKERS else self.controller
        return line.ask(request, newest if version is None else version)


def _commit(world: World, request: Request) -> None:
    eventually(lambda: errors(world.ask(request, 9)) == set(), "the group's coordinator is there")


@contextmanager
def empty_world(folder: Path) -> Iterator[World]:
    """A node with nothing in it, of which everybody may see all."""
    rights = Rights(lambda *_: True)
    with node_under(rights, folder, {"offsets.topic.num.partitions": 1}) as node:
        line = Line(node.ports["PLAINTEXT"])
        controller = Line(node.ports["CONTROLLER"])
        yield World(node, rights, line, {}, controller)
        line.close()
        controller.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with empty_world(tmp_path) as world:
        for name in (PLAIN, SECRET):
            new = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
            answer = world.ask(CreateTopicsRequest(topics=[new]))
            world.ids[name] = answer.topics[0].topic_id
        world.ask(FindCoordinatorRequest(coordinator_keys=["g"]))
        for name in (PLAIN, SECRET):
            commit = offset_commit(world.named(name), 9)
            _commit(world, commit)
        yield world


def errors(message: Any) -> set[int]:
    """Every error code that stands in an answer."""
    if isinstance(message, list):
        return {code for one in message for code in errors(one)}
    if not isinstance(message, Struct):
        return set()
    found = set()
    for name in type(message).__fields__:
        value = getattr(message, name)
        found |= {value} if name.endswith("error_code") and value else errors(value)
    return found


def test_each_api_has_a_rule() -> None:
    """A new API would be served to everybody, and nobody would have noticed."""
    assert set(TABLE) == {route.key for route in ROUTES}
    assert {key for key, row in TABLE.items() if row is None} == {
        route.key for route in ROUTES if route.handler is None
    }


def test_each_api_asks_who_may(world: World) -> None:
    """A handler that forgets to ask would do for anybody whatever it does."""
    rights = world.under(lambda operation, resource: True)
    for key, row in sorted(TABLE.items(), key=lambda item: item[0] == 20):  # deletes at the end
        if row is None:
            continue
        for version in VERSIONS[key]:
            rights.asked.clear()
            answer = world.ask(row.request(world.named(PLAIN), version), version)
            case = (type(answer).__name__, version)
            assert rights.pairs == row.allowed, case
            names = {ErrorCode(code).name for code in errors(answer)}
            assert not any("AUTHORIZATION" in name for name in names), case


def test_nobody_gets_anything(world: World) -> None:
    """A denial that is not heeded, or comes after the deed, would protect nothing; an answer that
    differs for what exists would tell whether it does.
    """
    before = (world.context.image.topics, world.context.image.configs)
    groups = world.ask(ListGroupsRequest()).groups
    assert len(groups) == 2
    rights = world.under(lambda operation, resource: False)
    for key, row in TABLE.items():
        if row is None:
            continue
        for version in VERSIONS[key]:
            rights.asked.clear()
            answer = world.ask(row.request(world.named(SECRET), version), version)
            case = (type(answer).__name__, version)
            assert rights.pairs == row.denied, case
            # The version before 3 of DescribeLogDirs has no place for it.
            has_place = (key, version < 3) != (35, True)
            assert errors(answer) == ({row.error} if row.error and has_place else set()), case
            # What exists is answered as what does not, byte for byte.
            asked = row.request(ABSENT, version)
            shown = encode(answer, version).replace(SECRET.encode(), ABSENT.topic.encode())
            shown = shown.replace(world.ids[SECRET], ABSENT.topic_id)
            if key not in CHANGING:
                assert shown == encode(world.ask(asked, version), version), case
            assert PLAIN.encode() not in encode(answer, version), case
    assert before == (world.context.image.topics, world.context.image.configs)
    world.under(lambda operation, resource: True)
    assert world.ask(ListGroupsRequest()).groups == groups


def test_what_was_not_named_is_left_out(world: World) -> None:
    """A list of everything would name what its reader may not know of."""
    world.under(lambda operation, resource: resource.name in (PLAIN, f"{PLAIN}-group"))
    for version in range(14):
        everything = MetadataRequest(topics=[] if version == 0 else None)
        assert [one.name for one in world.ask(everything, version).topics] == [PLAIN]
    listed = world.ask(DescribeTopicPartitionsRequest()).topics
    assert [one.name for one in listed] == [PLAIN]
    assert [one.group_id for one in world.ask(ListGroupsRequest()).groups] == [f"{PLAIN}-group"]


def test_offsets_of_a_group_are_shown_by_topic(world: World) -> None:
    """Who may see a group would learn of every topic that it reads."""
    plain, secret = world.named(PLAIN), world.named(SECRET)
    mixed = plain._replace(group=secret.group)
    assert errors(world.ask(offset_commit(mixed, 9), 9)) == set()
    world.under(lambda operation, resource: resource.name != SECRET)
    for version in (8, 9, 10):
        fetch = OffsetFetchRequest(
            groups=[OffsetFetchRequestGroup(group_id=secret.group, topics=None)]
        )
        (group,) = world.ask(fetch, version).groups
        assert len(group.topics) == 1, version
        assert SECRET not in group.topics[0].name
        fetch.groups[0].topics = [
            OffsetFetchRequestTopics(name=one.topic, topic_id=one.topic_id, partition_indexes=[0])
            if version < 10
            else OffsetFetchRequestTopics(topic_id=one.topic_id, partition_indexes=[0])
            for one in (plain, secret)
        ]
        (group,) = world.ask(fetch, version).groups
        codes = [one.partitions[0].error_code for one in group.topics]
        assert codes == [0, DENIED], version
    for version in (9, 10):
        answer = world.ask(offset_commit(secret, version), version)
        assert errors(answer) == {DENIED}, version


@pytest.mark.parametrize("by_cluster", [True, False])
def test_a_topic_is_made_for_who_may(world: World, by_cluster: bool) -> None:
    """Whoever may look for a topic would create it."""
    named = MetadataRequest(
        topics=[MetadataRequestTopic(name=name) for name in ("new", "newer", PLAIN)]
    )
    rights = world.under(lambda operation, _: operation == Op.DESCRIBE)
    answer = world.ask(named)
    assert {one.name: one.error_code for one in answer.topics} == {
        "new": DENIED,
        "newer": DENIED,
        PLAIN: 0,
    }
    assert (Op.CREATE, CLUSTER) in rights.asked
    assert "new" not in world.context.image.topics.by_name
    may_create = CLUSTER if by_cluster else Resource(ResourceType.TOPIC, "new")
    world.under(lambda operation, resource: operation == Op.DESCRIBE or resource == may_create)
    answer = world.ask(named)
    made = {one.name for one in answer.topics if not one.error_code}
    assert made == ({"new", "newer", PLAIN} if by_cluster else {"new", PLAIN})
    assert set(world.context.image.topics.by_name) == made | {SECRET, "__consumer_offsets"}


def test_ids_do_not_tell_names(world: World) -> None:
    """A topic's id, which is no secret, would be exchanged for its name."""
    world.under(lambda operation, resource: resource.name != SECRET)
    by_id = [MetadataRequestTopic(name=None, topic_id=world.ids[SECRET])]
    (topic,) = world.ask(MetadataRequest(topics=by_id)).topics
    assert (topic.error_code, topic.name, topic.topic_id) == (DENIED, None, world.ids[SECRET])
    world.under(lambda operation, resource: resource.name not in (SECRET, CLUSTER.name))
    states = [DeleteTopicState(topic_id=world.ids[SECRET])]
    (result,) = world.ask(DeleteTopicsRequest(topics=states)).responses
    assert (result.error_code, result.name) == (DENIED, None)
    states = [DeleteTopicState(topic_id=b"\1" * 16)]
    (result,) = world.ask(DeleteTopicsRequest(topics=states)).responses
    assert result.error_code == ErrorCode.UNKNOWN_TOPIC_ID


def test_an_id_that_only_the_controller_knows_goes_nowhere(world: World) -> None:
    """A topic that was made a moment ago could be deleted by id by who may not: nobody here knows
    yet whose right to ask for.
    """
    image = world.context.image
    world.under(lambda *_: False)
    world.context.settings.image = EMPTY_IMAGE
    states = [DeleteTopicState(topic_id=world.ids[SECRET])]
    assert errors(world.ask(DeleteTopicsRequest(topics=states))) == {ErrorCode.UNKNOWN_TOPIC_ID}
    world.context.settings.image = image
    world.under(lambda *_: True)
    assert errors(world.ask(delete_topics(world.named(SECRET), 6), 6)) == set()


def test_who_may_see_but_not_delete_hears_the_truth(world: World) -> None:
    """A refused deletion would look like a missing topic, or a missing one like a refusal."""
    world.under(lambda operation, _: operation == Op.DESCRIBE)
    named = [DeleteTopicState(name=SECRET), DeleteTopicState(name="absent")]
    answer = world.ask(DeleteTopicsRequest(topics=named)).responses
    assert {one.name: one.error_code for one in answer} == {
        SECRET: DENIED,
        "absent": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }
    states = [DeleteTopicState(topic_id=world.ids[SECRET])]
    (result,) = world.ask(DeleteTopicsRequest(topics=states)).responses
    assert (result.error_code, result.name) == (DENIED, SECRET)
    # One denied name among several holds up none of the others.
    world.under(lambda _, resource: resource.name == PLAIN)
    named = [DeleteTopicState(name=SECRET), DeleteTopicState(name=PLAIN)]
    answer = world.ask(DeleteTopicsRequest(topics=named)).responses
    assert {one.name: one.error_code for one in answer} == {SECRET: DENIED, PLAIN: 0}
    assert SECRET in world.context.image.topics.by_name
    assert errors(world.ask(delete_topics(world.named(PLAIN), 5), 5)) == {3}


def test_what_a_new_topic_became_needs_a_right_of_its_own(world: World) -> None:
    """Whoever may create topics would read the broker's defaults in the answer."""
    world.under(lambda operation, _: operation == Op.CREATE)
    new = CreatableTopic(name="new", num_partitions=3, replication_factor=1)
    (result,) = world.ask(CreateTopicsRequest(topics=[new])).topics
    assert (result.error_code, result.topic_config_error_code) == (0, DENIED)
    assert (result.num_partitions, result.replication_factor, result.configs) == (-1, -1, [])
    assert len(world.context.image.topics.by_name["new"].partitions) == 3


def test_configs_of_brokers_are_the_clusters(world: World) -> None:
    """A right on a topic that is called like a broker would open the broker."""
    broker = DescribeConfigsResource(resource_type=4, resource_name="1", configuration_keys=None)
    topic = DescribeConfigsResource(
        resource_type=2, resource_name=PLAIN, configuration_keys=["retention.ms"]
    )
    world.under(lambda operation, resource: resource != CLUSTER)
    results = world.ask(DescribeConfigsRequest(resources=[broker, topic])).results
    codes = {one.resource_type: one.error_code for one in results}
    assert codes == {4: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 2: 0}


def test_operations_are_the_authorizers(world: World) -> None:
    """Clients would be told that they may do what they may not (KIP-430)."""
    allowed = {Op.DESCRIBE, Op.READ}
    world.under(lambda operation, _: operation in allowed)
    bits = 1 << Op.DESCRIBE | 1 << Op.READ
    (topic,) = world.ask(
        MetadataRequest(
            topics=[MetadataRequestTopic(name=PLAIN)], include_topic_authorized_operations=True
        )
    ).topics
    assert topic.topic_authorized_operations == bits
    asked = DescribeGroupsRequest(groups=[f"{PLAIN}-group"], include_authorized_operations=True)
    (group,) = world.ask(asked).groups
    assert group.authorized_operations == bits
    cluster = DescribeClusterRequest(include_cluster_authorized_operations=True)
    assert world.ask(cluster).cluster_authorized_operations == 1 << Op.DESCRIBE
    old = MetadataRequest(topics=[], include_cluster_authorized_operations=True)
    assert world.ask(old, 10).cluster_authorized_operations == 1 << Op.DESCRIBE
    world.under(lambda *_: False)
    assert world.ask(cluster).cluster_authorized_operations == 0
    assert world.ask(old, 10).cluster_authorized_operations == 0


def test_producer_ids_need_a_right_to_write(world: World) -> None:
    """An idempotent producer of a client with one topic would be refused, or anybody's not."""
    world.under(lambda operation, _: operation == Op.WRITE)
    plain = InitProducerIdRequest(transactional_id=None)
    assert world.ask(plain).error_code == 0
    world.under(lambda operation, resource: resource == CLUSTER)
    assert world.ask(plain).error_code == 0
    transactional = InitProducerIdRequest(transactional_id="t")
    failed = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert world.ask(transactional).error_code == failed


def test_no_coordinator_topic_for_who_may_not_ask(tmp_path: Path) -> None:
    """Anybody would make a broker's internal topic by asking for a group that they may not see."""
    with empty_world(tmp_path) as world:
        world.under(lambda *_: False)
        assert errors(world.ask(FindCoordinatorRequest(coordinator_keys=["g"]))) == {
            ErrorCode.GROUP_AUTHORIZATION_FAILED
        }
        share = FindCoordinatorRequest(key_type=2, coordinator_keys=["g"])
        assert errors(world.ask(share)) == {ErrorCode.CLUSTER_AUTHORIZATION_FAILED}
        assert not world.context.image.topics.by_name


def test_a_controllers_listener_asks_for_more(world: World) -> None:
    """Who reaches a controller's port would see what its cluster is made of."""
    line = Line(world.node.ports["CONTROLLER"])
    describe = DescribeClusterRequest(endpoint_type=2)
    rights = world.under(lambda *_: True)
    assert errors(line.ask(describe, 2)) == set()
    assert rights.asked == [(Op.ALTER, CLUSTER)]
    world.under(lambda *_: False)
    answer = line.ask(describe, 2)
    assert (answer.error_code, answer.brokers) == (ErrorCode.CLUSTER_AUTHORIZATION_FAILED, [])
    line.close()


@pytest.mark.parametrize("version", [4, 5])
def test_partitions_of_other_producers_are_entered_by_brokers_alone(
    world: World, version: int
) -> None:
    """Anybody could write into anybody's transaction, or keep it from ever ending."""
    transaction = AddPartitionsToTxnTransaction(
        transactional_id="x",
        producer_id=1,
        topics=[AddPartitionsToTxnTopic(name=PLAIN, partitions=[0])],
    )
    request = AddPartitionsToTxnRequest(transactions=[transaction])
    rights = world.under(lambda operation, _: operation != Operation.CLUSTER_ACTION)
    answer = world.ask(request, version)
    assert rights.pairs == {(Operation.CLUSTER_ACTION, ResourceType.CLUSTER)}
    assert answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    assert not answer.results_by_transaction
