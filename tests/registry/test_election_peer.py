"""The scripted peer itself: a judge that is wrong would judge nothing."""

from __future__ import annotations

from collections.abc import Callable

from registry.peer import Peer, said
from servers import Server, eventually

Name = Callable[[], str]


def port_of(server: Server) -> int:
    """Where it listens."""
    return int(server.bootstrap.rpartition(":")[2])


def test_two_peers_elect_the_least_url(either: Server, name: Name) -> None:
    """If this failed, the peer would not speak the protocol as leader and as follower, and what
    the elector's tests say with it would be worth nothing.
    """
    group, port = name(), port_of(either)
    one = Peer(port, group, said("b")).start()
    eventually(lambda: one.is_master, "the first leads alone")
    assert one.leads_group
    other = Peer(port, group, said("a")).start()
    eventually(lambda: other.is_master and one.master_url == "http://a:8081", "both agree")
    assert one.leads_group
    assert not other.leads_group
    assert one.raw == other.raw
    other.leave()
    eventually(lambda: one.is_master, "the first leads again")
    one.leave()


def test_a_peer_tells_all_of_two_at_one_url(ottla_server: Server, name: Name) -> None:
    """If this failed, a peer that leads the group would elect where Confluent's elects nobody."""
    group, port = name(), port_of(ottla_server)
    one = Peer(port, group, said("a")).start()
    eventually(lambda: one.is_master, "the first leads alone")
    twin = Peer(port, group, said("a")).start()
    eventually(lambda: one.assignment and one.assignment["error"] == 1, "the first is told")
    eventually(lambda: twin.assignment and twin.assignment["error"] == 1, "and so is its twin")
    assert one.master_url is twin.master_url is None
    twin.leave()
    one.leave()


def test_a_peer_that_may_not_lead_is_not_elected(ottla_server: Server, name: Name) -> None:
    """If this failed, the peer would elect whom Confluent's does not."""
    group, port = name(), port_of(ottla_server)
    one = Peer(port, group, said("a", eligible=False)).start()
    eventually(lambda: one.assignment, "the round is over")
    assert one.assignment is not None
    assert "master" not in one.assignment
    assert one.master_url is None
    one.leave()
