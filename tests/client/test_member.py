"""Members of classic groups of any kind, on Ottla and on Apache Kafka 4.3.1."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ottla.client import Client
from ottla.client.membership.classic_events import (
    ClassicSettings,
    Failed,
    Joined,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.member import GroupMember
from ottla.errors import OttlaError
from servers import Server, eventually

Name = Callable[[], str]


class Elects:
    """A kind of group that elects one of its members, as schema registries do."""

    def __init__(self, url: str) -> None:
        self._url = url

    def protocols(self) -> list[tuple[str, bytes]]:
        """What this member says of itself."""
        return [("v0", json.dumps({"url": self._url}).encode())]


class Instance:
    """A program that wants to know who leads."""

    def __init__(self, client: Client, group: str, url: str, kind: str = "sr") -> None:
        settings = ClassicSettings(group, kind, heartbeat_interval_ms=100)
        self.member = GroupMember(client, settings, Elects(url))
        self.leader: str | None = None
        self.failure: Failed | None = None

    def serve(self) -> None:
        """Do what comes."""
        match event := self.member.event(0.02):
            case Prepare():
                self.leader = None
                self.member.ready_to_join()
            case NeedsAssignment(members=members):
                urls = {one.member_id: json.loads(one.metadata)["url"] for one in members}
                first = min(urls.values()).encode()
                shares = dict.fromkeys(urls, first)
                self.member.assigned(event.generation.generation_id, shares)
            case Joined(assignment=assignment):
                self.leader = assignment.decode()
            case Failed():
                self.failure = event


def test_members_of_any_kind_share_something_out(either: Server, name: Name) -> None:
    """If this failed, a registry or a Connect worker could not find its group."""
    group = name()
    with Client(either.bootstrap) as client:
        one = Instance(client, group, "http://b")
        eventually(lambda: one.serve() or one.leader == "http://b", "it leads alone")
        other = Instance(client, group, "http://a")

        def agree() -> bool:
            one.serve()
            other.serve()
            return one.leader == other.leader == "http://a"

        eventually(agree, "both know who leads now")
        assert one.member.generation is not None
        other.member.close()
        eventually(lambda: one.serve() or one.leader == "http://b", "it leads alone again")
        one.member.close()
        one.member.close()


def test_a_member_of_another_kind_is_told(either: Server, name: Name) -> None:
    """If this failed, two programs that take each other for something else would wait for ever."""
    group = name()
    with Client(either.bootstrap) as client:
        one = Instance(client, group, "http://a")
        eventually(lambda: one.serve() or one.leader, "it is a member")
        stranger = Instance(client, group, "http://b", kind="connect")
        eventually(lambda: stranger.serve() or stranger.failure, "it is refused")
        assert stranger.failure is not None
        assert stranger.failure.error.hint
        stranger.member.close()
        one.member.close()


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:1"])
def test_closing_does_not_wait_for_a_cluster_that_is_away(bootstrap: str) -> None:
    """If this failed, a program could not end while its cluster is down."""
    with Client(bootstrap) as client:
        instance = Instance(client, "g", "http://a")
        for _ in range(3):
            instance.serve()
        instance.member.close()


class Breaks(Elects):
    """A program with a mistake in what it tells its group."""

    def protocols(self) -> list[tuple[str, bytes]]:
        """It fails."""
        raise ValueError("no url")


def test_a_mistake_of_the_program_ends_its_member_alone(server: Server, name: Name) -> None:
    """If this failed, one program's mistake would end all that its client does for others."""
    with Client(server.bootstrap) as client:
        sound = Instance(client, name(), "http://a")
        broken = GroupMember(client, ClassicSettings(name(), "sr"), Breaks("http://b"))
        assert isinstance(broken.event(20), Prepare)
        broken.ready_to_join()
        with pytest.raises(OttlaError, match=r"ValueError\('no url'\)"):
            broken.event(20)
        eventually(lambda: sound.serve() or sound.leader, "the other one goes on")
        broken.close()
        sound.member.close()
