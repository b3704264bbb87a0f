"""The elector in a group: alone, with its like, and with a scripted peer of another kind."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import ottla
from ottla.client import Client, connect
from ottla.client.connecting.waiting import Waiting
from ottla.registry.election.elector import Elector, GroupTimes
from ottla.registry.election.identity import Identity
from ottla.registry.election.leadership import NOBODY, Leadership
from ottla.steady import steady_ms
from registry.peer import Peer, said
from servers import Server, eventually

Name = Callable[[], str]
TIMES = GroupTimes(heartbeat_interval_ms=50)


class Instance:
    """An elector, and what it has told."""

    def __init__(
        self,
        client: Client | str,
        group: str,
        host: str,
        *,
        eligible: bool = True,
        times: GroupTimes = TIMES,
    ) -> None:
        self.told: list[Leadership] = []
        self.own = connect(client) if isinstance(client, str) else None
        self.identity = Identity(host, 8081, is_eligible=eligible)
        self.elector = Elector(
            self.own or client,
            identity=self.identity,
            on_change=self.told.append,
            group_id=group,
            times=times,
        )

    @property
    def leads(self) -> bool:
        """Whether it would write, and was told to."""
        return self.elector.leadership.is_mine and bool(self.told) and self.told[-1].is_mine

    @property
    def leader_url(self) -> str | None:
        """Where it would forward to."""
        leader = self.elector.leadership.leader
        return None if leader is None else leader.url


@contextmanager
def running(*args: Any, **how: Any) -> Iterator[Instance]:
    """An instance from its start to its end."""
    instance = Instance(*args, **how)
    try:
        with instance.elector:
            yield instance
    finally:
        if instance.own is not None:
            instance.own.close()


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A broker whose time and faults are the test's."""
    with ottla.Broker() as found:
        yield found


def port_of(server: Server) -> int:
    """Where it listens."""
    return int(server.bootstrap.rpartition(":")[2])


def test_instances_elect_one_and_take_over(either: Server, name: Name) -> None:
    """If this failed, several instances of the registry would not agree on who writes."""
    group = name()
    with running(either.bootstrap, group, "b") as one:
        eventually(lambda: one.leads, "it leads alone")
        with running(either.bootstrap, group, "a") as other:
            eventually(lambda: other.leader_url and one.leader_url, "the round is over")
            eventually(lambda: other.leader_url == one.leader_url, "both agree")
            # Whoever leads goes on, although the other's URL is less.
            assert one.leads
            assert not other.elector.leadership.is_mine
            one.elector.close()
            assert one.elector.leadership == NOBODY == one.told[-1]
            eventually(lambda: other.leads, "the other takes over without the session's end")
    assert other.told[-1] == NOBODY


def test_it_follows_where_a_peer_leads_the_group(either: Server, name: Name) -> None:
    """If this failed, an instance could not join a group of another registry's."""
    group = name()
    peer = Peer(port_of(either), group, said("a")).start()
    eventually(lambda: peer.is_master, "the peer leads")
    with running(either.bootstrap, group, "b") as one:
        eventually(lambda: one.leader_url == "http://a:8081", "it follows")
        eventually(lambda: peer.is_master, "the peer leads on")
        assert peer.leads_group
        assert not one.elector.leadership.is_mine
        assert one.elector.leadership.generation == peer.generation
        assert json.loads(peer.seen[next(m for m in peer.seen if m != peer.member_id)]) == {
            "host": "b",
            "port": 8081,
            "master_eligibility": True,
            "scheme": "http",
            "version": 1,
        }
        peer.leave()
        eventually(lambda: one.leads, "it takes over")


def test_it_elects_for_peers_where_it_leads_the_group(either: Server, name: Name) -> None:
    """If this failed, an instance of another registry could not join a group of ours."""
    group = name()
    with running(either.bootstrap, group, "b") as one:
        eventually(lambda: one.leads, "it leads")
        peer = Peer(port_of(either), group, said("c")).start()
        eventually(lambda: peer.master_url == "http://b:8081", "the peer follows")
        eventually(lambda: one.leads, "it leads on")
        assert not peer.leads_group
        assert not peer.is_master
        assert peer.assignment is not None
        assert set(peer.assignment) == {"error", "master", "master_identity", "version"}
        # The peer says that it leads, as one does that comes from a group that we have missed.
        claimer = Peer(port_of(either), group, said("a", leader=True, colour="red")).start()
        eventually(lambda: claimer.is_master, "who says that it leads, and is less, does")
        eventually(lambda: one.leader_url == "http://a:8081", "and it is followed")
        claimer.leave()
        peer.leave()


def test_a_peer_that_dies_is_followed_by_us(broker: ottla.Broker, name: Name) -> None:
    """If this failed, a group whose leader's machine went dark would have none for ever."""
    group = name()
    peer = Peer(broker.port, group, said("a")).start()
    eventually(lambda: peer.is_master, "the peer leads")
    with running(broker.bootstrap_servers, group, "b") as one:
        eventually(lambda: one.leader_url == "http://a:8081", "it follows")
        peer.die()
        broker.clock.advance(seconds=11)
        eventually(lambda: one.leads, "it takes over after the session")


def test_one_that_dies_is_followed_by_a_peer(broker: ottla.Broker, name: Name) -> None:
    """If this failed, an instance of ours that was killed would block a group of others."""
    group = name()
    client = Client(broker.bootstrap_servers)
    with running(client, group, "a") as one:
        eventually(lambda: one.leads, "it leads")
        peer = Peer(broker.port, group, said("b")).start()
        eventually(lambda: peer.master_url == "http://a:8081", "the peer follows")
        client.close()
        eventually(lambda: one.told[-1] == NOBODY, "without its client it knows that it is out")
        broker.clock.advance(seconds=11)
        eventually(lambda: peer.is_master, "the peer takes over")
        assert not one.elector.leadership.is_mine
        eventually(lambda: "closed" in (one.elector.trouble or ""), "it says why")
        peer.leave()


def test_two_at_one_url_do_not_lead(broker: ottla.Broker, name: Name) -> None:
    """If this failed, forwarded writes would reach one of two, by chance, or go in circles."""
    group = name()
    with running(broker.bootstrap_servers, group, "a") as one:
        eventually(lambda: one.leads, "it leads")
        twin = Peer(broker.port, group, said("a")).start()
        eventually(lambda: twin.assignment and twin.assignment["error"] == 1, "the twin is told")
        eventually(lambda: "the same URL" in (one.elector.trouble or ""), "so are we")
        assert one.leader_url is None
        twin.leave()
        eventually(lambda: one.leads, "it leads again")
        assert one.elector.trouble is None


def test_who_may_not_lead_does_not(broker: ottla.Broker, name: Name) -> None:
    """If this failed, an instance that is to answer reads alone would take writes."""
    group = name()
    with running(broker.bootstrap_servers, group, "a", eligible=False) as one:
        eventually(lambda: "may lead" in (one.elector.trouble or ""), "nobody may lead")
        assert not one.elector.leadership.is_mine
        peer = Peer(broker.port, group, said("b")).start()
        eventually(lambda: peer.is_master, "who may, leads")
        eventually(lambda: one.leader_url == "http://b:8081", "and is followed")
        peer.leave()


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\xff\x00",
        b"[" * 10_000,
        b'{"host":"a"}',
        b'{"host":"a/../b","port":1}',
        b"7" * 20_000,
    ],
)
def test_garbage_of_a_peer_harms_nobody(broker: ottla.Broker, name: Name, metadata: bytes) -> None:
    """If this failed, one broken member would leave the whole group without a leader."""
    group = name()
    with running(broker.bootstrap_servers, group, "a") as one:
        eventually(lambda: one.leads, "it leads")
        peer = Peer(broker.port, group, metadata).start()
        eventually(lambda: peer.master_url == "http://a:8081", "the peer is told all the same")
        eventually(lambda: one.leads, "it leads on")
        assert peer.member_id in (one.elector.trouble or "")
        peer.leave()


@pytest.mark.parametrize(
    "told", [b"{}", b"\xff", b"[" * 10_000, b'{"master":1}', b'{"error":0,"master":"m"}']
)
def test_garbage_of_the_groups_leader_elects_nobody(
    broker: ottla.Broker, name: Name, told: bytes
) -> None:
    """If this failed, a broken leader of the group would end an instance, or make it write."""
    group = name()
    peer = Peer(broker.port, group, said("a"), tells=told).start()
    eventually(lambda: peer.raw, "the peer leads the group")
    with running(broker.bootstrap_servers, group, "b") as one:
        eventually(lambda: one.elector.trouble, "it is told nothing")
        assert one.elector.leadership.leader is None
        peer.leave()
        eventually(lambda: one.leads, "it leads alone")
        assert one.elector.trouble is None


def test_an_assignment_that_is_ours_by_half_is_not_ours(broker: ottla.Broker, name: Name) -> None:
    """If this failed, an instance would write where the group forwards to another one."""
    group = name()

    def elects(members: dict[str, bytes]) -> dict[str, Any]:
        others = [m for m in members if m != peer.member_id] or [peer.member_id]
        return {"error": 0, "master": others[0], "master_identity": said("elsewhere")}

    peer = Peer(broker.port, group, said("a"), elects=elects).start()
    eventually(lambda: peer.assignment, "the peer leads the group")
    with running(broker.bootstrap_servers, group, "b") as one:
        eventually(lambda: "alone" in (one.elector.trouble or ""), "it says what is odd")
        assert one.elector.leadership.leader is None
        peer.leave()


class Ahead(Waiting):
    """A client's clock that the test sets ahead."""

    ahead_ms = 0

    def now_ms(self) -> int:
        """The machine's, and more."""
        return steady_ms() + self.ahead_ms


def test_a_leader_that_hears_nothing_gives_up_by_itself(broker: ottla.Broker, name: Name) -> None:
    """If this failed, two instances would write: one that is elected, one that has not heard."""
    group, clock = name(), Ahead()
    with (
        Client(broker.bootstrap_servers, waiting=clock) as client,
        running(client, group, "a") as one,
    ):
        eventually(lambda: one.leads, "it leads")
        broker.faults.hold(api="Heartbeat")
        eventually(lambda: len(broker.faults.events) > 0, "a heartbeat is not answered")
        clock.ahead_ms += 9_100
        assert one.elector.leadership == NOBODY
        clock.wake()
        eventually(lambda: one.told[-1] == NOBODY, "it is told")
        broker.faults.clear()
        clock.ahead_ms += 10_000  # the held one is waited for no longer
        clock.wake()
        eventually(lambda: one.leads, "the coordinator has counted it in all the while")


def test_a_broker_that_comes_back_finds_a_leader(broker: ottla.Broker, name: Name) -> None:
    """If this failed, an instance would need a restart after the cluster was away."""
    with running(broker.bootstrap_servers, name(), "a") as one:
        eventually(lambda: one.leads, "it leads")
        broker.kill()
        eventually(lambda: one.elector.trouble, "it says that nobody answers")
        broker.start()
        eventually(lambda: one.elector.trouble is None and one.leads, "it leads again")


def test_a_cluster_that_is_not_there_yet_is_waited_for(name: Name) -> None:
    """If this failed, a registry that starts before its cluster would end, or say nothing."""
    with ottla.Broker() as broker:
        address = broker.bootstrap_servers
        broker.kill()
        with running(address, name(), "a") as one:
            eventually(lambda: one.elector.trouble, "it says that nobody answers")
            broker.start()
            eventually(lambda: one.leads, "it leads")
            assert one.elector.trouble is None


def test_a_group_of_another_kind_is_tried_again(broker: ottla.Broker, name: Name) -> None:
    """If this failed, what an operator puts right would need a restart of the registry as well."""
    group = name()
    stranger = Peer(broker.port, group, said("a"), kind="connect").start()
    eventually(lambda: stranger.assignment, "the group is another's")
    with running(broker.bootstrap_servers, group, "b") as one:
        eventually(lambda: "group" in (one.elector.trouble or ""), "it is refused")
        stranger.leave()
        eventually(lambda: one.leads, "it has tried again")
        assert one.elector.trouble is None


def test_a_listener_that_fails_ends_nothing(
    broker: ottla.Broker, name: Name, caplog: pytest.LogCaptureFixture
) -> None:
    """If this failed, a mistake in the registry would take its instance out of the group."""

    def fails(_: Leadership) -> None:
        raise ValueError("a mistake")

    client = connect(broker.bootstrap_servers)
    elector = Elector(client, identity=Identity("a", 1), on_change=fails, group_id=name())
    with client, caplog.at_level(logging.ERROR, "ottla.registry"), elector:
        eventually(lambda: elector.leadership.is_mine, "it leads")
        eventually(lambda: "a mistake" in caplog.text, "the log says what failed")
        elector.close()
    elector.close()


def test_one_that_was_never_started_is_closed(broker: ottla.Broker, name: Name) -> None:
    """If this failed, a registry that fails while it starts would not come to its end."""
    with connect(broker.bootstrap_servers) as client:
        one = Instance(client, name(), "a")
        one.elector.close()
        one.elector.close()
        assert one.told == []


def test_the_listener_may_close(broker: ottla.Broker, name: Name) -> None:
    """If this failed, a registry that ends itself when it loses leadership would hang."""
    with connect(broker.bootstrap_servers) as client:
        elector = Elector(
            client,
            identity=Identity("a", 1),
            on_change=lambda _: elector.close(),
            group_id=name(),
        )
        elector.start()
        eventually(lambda: elector.leadership == NOBODY and not alive(elector), "it has ended")


def alive(elector: Elector) -> bool:
    """Whether its thread is there."""
    return elector._thread.is_alive()
