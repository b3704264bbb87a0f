"""A client whose cluster changes under it: leaders and coordinators move, nodes come and go.

The nodes are scripts, so that every question can be counted; no time is waited for.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.peers import HOST, Asked, Counted, HangUp, Leads, Peer, metadata_of
from ottla.client.admin import cluster, groups, offsets
from ottla.client.client import Client
from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut, Unreachable
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP, TRANSACTION
from ottla.wire.messages import delete_groups, describe_log_dirs, find_coordinator, list_offsets
from ottla.wire.messages.metadata import MetadataRequest

NOT_LEADER, FENCED, UNKNOWN_EPOCH, STORAGE, LOADING, NOT_COORDINATOR = 6, 74, 75, 56, 14, 16
T0, T1, U0 = ("t", 0), ("t", 1), ("u", 0)


class Nodes:
    """Two scripted nodes. `leads` is what Metadata says, `truth` who answers well for what."""

    def __init__(self) -> None:
        self.leads = [Leads("t", 0, 1), Leads("t", 1, 1), Leads("u", 0, 2)]
        self.error = NOT_LEADER
        self.truth = {T0: 1, T1: 1, U0: 2}
        self.before: Callable[[int, Asked], Any] = lambda node, asked: None
        self.coordinators = {"g": 1, "h": 1}
        self.coordinator_truth = {"g": 1, "h": 1}
        self.coordinator_error = NOT_COORDINATOR
        self.peers = [Peer(lambda asked, n=n: self._answer(n, asked)) for n in (1, 2)]
        self.ports = [peer.port for peer in self.peers]

    def _answer(self, node: int, asked: Asked) -> Any:
        said = self.before(node, asked)
        if said is not None:
            return said
        match asked.message:
            case MetadataRequest():
                return metadata_of(self.ports, self.leads, asked)
            case list_offsets.ListOffsetsRequest():
                return self._list_offsets(node, asked)
            case find_coordinator.FindCoordinatorRequest():
                return self._find_coordinator(asked)
            case delete_groups.DeleteGroupsRequest():
                return self._delete_groups(node, asked)
            case describe_log_dirs.DescribeLogDirsRequest():
                return describe_log_dirs.DescribeLogDirsResponse()
        raise HangUp

    def _list_offsets(self, node: int, asked: Asked) -> Any:
        topics = []
        for topic in asked.message.topics:
            rows = []
            for row in topic.partitions:
                right = self.truth[(topic.name, row.partition_index)] == node
                found = list_offsets.ListOffsetsPartitionResponse(
                    partition_index=row.partition_index,
                    error_code=0 if right else self.error,
                    offset=7,
                )
                rows.append(found)
            topics.append(list_offsets.ListOffsetsTopicResponse(name=topic.name, partitions=rows))
        return list_offsets.ListOffsetsResponse(topics=topics)

    def _find_coordinator(self, asked: Asked) -> Any:
        rows = []
        for key in asked.message.coordinator_keys:
            node = self.coordinators[key]
            port = self.ports[node - 1]
            rows.append(find_coordinator.Coordinator(key=key, node_id=node, host=HOST, port=port))
        return find_coordinator.FindCoordinatorResponse(coordinators=rows)

    def _delete_groups(self, node: int, asked: Asked) -> Any:
        (group,) = asked.message.groups_names
        right = self.coordinator_truth[group] == node
        result = delete_groups.DeletableGroupResult(
            group_id=group, error_code=0 if right else self.coordinator_error
        )
        return delete_groups.DeleteGroupsResponse(results=[result])

    def asked(self, kind: Any) -> list[Any]:
        """Requests of a kind, by whatever node."""
        return [message for peer in self.peers for message in peer.of(kind)]

    def metadata_topics(self) -> list[list[str]]:
        """What each Metadata request asked for."""
        return [[t.name for t in m.topics] for m in self.asked(MetadataRequest)]


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """Two of them."""
    found = Nodes()
    yield found
    for peer in found.peers:
        peer.close()


@pytest.fixture
def client(nodes: Nodes) -> Iterator[Client]:
    """A client of the two, whose clock nobody waits for."""
    with Client(f"{HOST}:{nodes.ports[0]}", timeout_ms=20_000, waiting=Counted()) as found:
        yield found


def ends(client: Client, *places: offsets.TopicPartition) -> list[Any]:
    """What ListOffsets found for each."""
    found = offsets.list_offsets(client, dict.fromkeys(places, offsets.LATEST))
    return [row if isinstance(row, BrokerError) else row.offset for row in map(found.get, places)]


def test_leaders_of_many_topics_are_asked_for_at_once(client: Client, nodes: Nodes) -> None:
    """If this failed, a call about many topics would cost a Metadata request for each."""
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert nodes.metadata_topics() == [["t", "u"]]
    assert len(nodes.asked(list_offsets.ListOffsetsRequest)) == 2
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert len(nodes.asked(MetadataRequest)) == 1, "what is known is not asked again"


@pytest.mark.parametrize("error", [NOT_LEADER, FENCED, UNKNOWN_EPOCH, STORAGE])
def test_only_the_moved_leader_is_asked_for_again(client: Client, nodes: Nodes, error: int) -> None:
    """If this failed, one moved partition would cost a client all that it knows of the others."""
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    nodes.error = error
    nodes.truth[U0] = 1
    nodes.leads[2] = Leads("u", 0, 1, epoch=1)
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert nodes.metadata_topics() == [["t", "u"], ["u"]]
    last = nodes.peers[0].of(list_offsets.ListOffsetsRequest)[-2]
    assert [topic.name for topic in last.topics] == ["u"], "the others were answered already"


def test_an_older_answer_does_not_bring_the_old_leader_back(client: Client, nodes: Nodes) -> None:
    """If this failed, a client would go round between a node that lags and the leader before."""
    nodes.leads[2] = Leads("u", 0, 2, epoch=5)
    assert ends(client, U0) == [7]
    nodes.truth[U0] = 1
    told = iter([Leads("u", 0, 2, epoch=4), Leads("u", 0, 1, epoch=6)])

    def lagging(_: int, asked: Asked) -> None:
        if isinstance(asked.message, MetadataRequest):
            nodes.leads[2] = next(told)

    nodes.before = lagging
    assert ends(client, U0) == [7]
    assert nodes.metadata_topics() == [["u"]] * 3
    assert len(nodes.peers[1].of(list_offsets.ListOffsetsRequest)) == 2, "not asked a third time"


def test_an_error_of_another_kind_doubts_no_leader(client: Client, nodes: Nodes) -> None:
    """If this failed, a leader that is only busy would be looked for elsewhere."""
    assert ends(client, U0) == [7]
    nodes.error = 7  # REQUEST_TIMED_OUT
    nodes.truth[U0] = 1

    def later(node: int, asked: Asked) -> None:
        if isinstance(asked.message, list_offsets.ListOffsetsRequest):
            nodes.truth[U0] = 2 if nodes.truth[U0] == 0 else 0

    nodes.before = later
    assert ends(client, U0) == [7]
    assert nodes.metadata_topics() == [["u"]]


def test_a_lost_node_takes_only_its_own_leaders(client: Client, nodes: Nodes) -> None:
    """If this failed, one lost connection would make a client ask for everything again, or go on
    with a leader that may have died.
    """
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    hang_ups = [None]

    def dies(node: int, asked: Asked) -> None:
        if node == 2 and hang_ups:
            hang_ups.pop()
            raise HangUp

    nodes.before = dies
    nodes.truth[U0] = 1
    nodes.leads[2] = Leads("u", 0, 1, epoch=1)
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert ends(client, T0, T1, U0) == [7, 7, 7]
    assert nodes.metadata_topics() == [["t", "u"], ["u"]]
    assert nodes.peers[1].connections == 1, "it leads nothing any more: nobody dials it"


def test_all_leaders_are_asked_before_any_is_waited_for(client: Client, nodes: Nodes) -> None:
    """If this failed, a call would take the sum of its nodes' times instead of the longest."""
    both = threading.Barrier(2)

    def meet(_: int, asked: Asked) -> None:
        kinds = list_offsets.ListOffsetsRequest | describe_log_dirs.DescribeLogDirsRequest
        if isinstance(asked.message, kinds):
            both.wait(20)

    nodes.before = meet
    assert ends(client, T0, U0) == [7, 7]
    assert cluster.log_dirs(client) == []


def test_one_silent_node_does_not_take_the_others_answers(nodes: Nodes) -> None:
    """If this failed, what one node had answered would be lost, and asked again, because another
    one was silent; or the call would outlive the time that its caller named.
    """
    waiting = Counted(patience_ms=50)

    def silent(node: int, asked: Asked) -> Any:
        return b"" if node == 2 else None

    nodes.before = silent
    bootstrap = f"{HOST}:{nodes.ports[0]}"
    with Client(bootstrap, timeout_ms=5000, request_timeout_ms=2000, waiting=waiting) as client:
        begun = waiting.at_ms
        with pytest.raises(TimedOut, match="did not answer within"):
            ends(client, T0, U0)
        assert waiting.at_ms - begun <= 5000
        assert len(nodes.peers[0].of(list_offsets.ListOffsetsRequest)) == 1


def test_a_call_ends_within_its_own_time(nodes: Nodes) -> None:
    """If this failed, a call of 300 ms would wait for the 30 s of one request."""
    waiting = Counted(patience_ms=50)
    nodes.before = lambda *_: b""
    with Client(f"{HOST}:{nodes.ports[0]}", timeout_ms=300, waiting=waiting) as client:
        with pytest.raises(TimedOut, match="did not answer within 300 ms"):
            client.attempt(client.metadata)
        assert sum(waiting.waits) == 300


def test_only_the_moved_coordinator_is_asked_for_again(client: Client, nodes: Nodes) -> None:
    """If this failed, one moved group would cost questions for all, or be asked for in vain."""
    for group in ("g", "h"):
        groups.delete(client, group)
    nodes.coordinators["g"] = nodes.coordinator_truth["g"] = 2
    for group in ("g", "h", "g"):
        groups.delete(client, group)
    keys = [m.coordinator_keys for m in nodes.asked(find_coordinator.FindCoordinatorRequest)]
    assert keys == [["g"], ["h"], ["g"]]


def test_a_coordinator_is_doubted_by_its_kind(client: Client, nodes: Nodes) -> None:
    """If this failed, a transactional id whose coordinator moved would be asked for there for ever,
    and a group of the same name looked for in vain.
    """

    def refused() -> None:
        found.append(client.coordinator("g", kind=TRANSACTION))
        if len(found) == 1:
            nodes.coordinators["g"] = 2
            raise BrokerError(NOT_COORDINATOR)

    found: list[int] = []
    assert client.coordinator("g") == 1
    client.attempt(refused, coordinator_of="g", kind=TRANSACTION)
    assert found == [1, 2]
    assert client.coordinator("g") == 1, "nobody spoke against the group's"
    kinds = [m.key_type for m in nodes.asked(find_coordinator.FindCoordinatorRequest)]
    assert kinds == [GROUP, TRANSACTION, TRANSACTION]


def test_a_coordinator_that_loads_is_not_looked_for_elsewhere(client: Client, nodes: Nodes) -> None:
    """If this failed, every retry while a group loads would cost two requests."""
    nodes.coordinator_error = LOADING
    nodes.coordinator_truth["g"] = 0

    def loads(_: int, asked: Asked) -> None:
        if isinstance(asked.message, delete_groups.DeleteGroupsRequest):
            nodes.coordinator_truth["g"] += 1 if len(nodes.asked(type(asked.message))) == 3 else 0

    nodes.before = loads
    groups.delete(client, "g")
    assert len(nodes.asked(delete_groups.DeleteGroupsRequest)) == 3
    assert len(nodes.asked(find_coordinator.FindCoordinatorRequest)) == 1


def test_a_coordinator_needs_no_metadata(client: Client, nodes: Nodes) -> None:
    """If this failed, a call about a group would ask for nodes that FindCoordinator has told."""
    groups.delete(client, "g")
    assert not nodes.asked(MetadataRequest)


def test_who_is_told_to_come_again_hears_why(nodes: Nodes) -> None:
    """If this failed, a command would say nothing for a minute where a coordinator can't be made,
    or speak of each short wait.
    """
    said: list[OttlaError] = []
    nodes.coordinator_truth["g"] = 2
    nodes.coordinator_error = LOADING
    for timeout_ms, lines in ((1_500, 0), (20_000, 1)):
        client = Client(
            f"{HOST}:{nodes.ports[0]}",
            timeout_ms=timeout_ms,
            on_wait=said.append,
            waiting=Counted(),
        )
        with client:
            for _ in range(2):
                with pytest.raises(BrokerError):
                    groups.delete(client, "g")
        assert len(said) == lines
    assert "reading its log" in str(said[0])


def test_nobody_there_is_dialed_less_and_less_often() -> None:
    """If this failed, a client would press a node that is not there, or sleep through its start."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        waiting = Counted()
        said: list[OttlaError] = []
        client = Client(
            f"{HOST}:{unused.getsockname()[1]}",
            connect_timeout_ms=5000,
            on_wait=said.append,
            waiting=waiting,
        )
        with pytest.raises(Unreachable, match="refused"):
            client.metadata()
        assert [ms for ms in waiting.waits if ms] == [100, 200, 400, 800, 1000, 1000, 1000]
        assert len(said) == 1


def test_a_node_that_comes_is_found(nodes: Nodes) -> None:
    """If this failed, scripts that start a server and use it at once would fail."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        gone = f"{HOST}:{unused.getsockname()[1]}"
        waiting = Counted()
        with Client(f"{gone},{HOST}:{nodes.ports[0]}", waiting=waiting) as client:
            assert client.metadata(topics=[]).topics == []
            assert waiting.waits == [], "the second address is tried at once"


def test_what_is_asked_outside_of_an_attempt_fails_at_once(client: Client, nodes: Nodes) -> None:
    """If this failed, a caller with retries of its own would have ours on top."""
    assert client.metadata(topics=[]).topics == []
    nodes.peers[0].close()
    with pytest.raises((ConnectionFailed, Unreachable)):
        client.metadata(topics=[])
