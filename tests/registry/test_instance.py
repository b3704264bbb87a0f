"""What an instance does before it answers, with doubles of what it stands on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from ottla.registry.deciding.decision import Decision
from ottla.registry.election.identity import Identity
from ottla.registry.election.leadership import Leadership
from ottla.registry.forwarding import Forwarded
from ottla.registry.instance import Instance
from ottla.registry.log import Log
from ottla.steady import steady_s
from ottla.web.operation import Request


class Told:
    """A topic, a log and a forwarder that write down what they are asked."""

    applied = 5

    def __init__(self) -> None:
        self.asked: list[str] = []

    def forward(self, *_: Any) -> Forwarded:
        """The leader has done it."""
        self.asked.append("forward")
        return Forwarded(200, (), b"{}")

    def reach_end(self, *_: Any) -> None:
        """All that is there is read."""
        self.asked.append("reach_end")

    def within(self, _: int) -> AbstractContextManager[None]:
        """Calls within a time."""
        return nullcontext()

    def settle(self, _: float) -> bool:
        """Nothing is under way."""
        return False

    def end(self) -> int:
        """Where the log ends."""
        self.asked.append("end")
        return 5

    def reach(self, *_: Any) -> None:
        """All up to there is read."""

    def read_all(self) -> None:
        """All is read."""

    def start(self, _: Any) -> None:
        """Begin to read."""


def test_a_follower_reads_what_the_leader_wrote_before_it_answers() -> None:
    """If this failed, an id that a follower has answered would not be found there."""
    instance, told = Instance({}), Told()
    instance.client = cast(Any, told)
    instance._forwarder = cast(Any, told)
    request = Request(cast(Any, None), "POST", "/subjects/a/versions", {}, {}, {}, b"{}")
    leads = Leadership(Identity("localhost", 1))
    answer = instance._forward(leads, request, cast(Any, told), steady_s() + 1)
    assert answer.status == 200
    assert told.asked == ["forward", "reach_end"]


def test_who_leads_again_reads_to_the_end_again() -> None:
    """If this failed, a leader would decide without what another wrote between its two times."""
    told = Told()
    log = Log(cast(Any, told), lambda _key, _value: True)
    log._is_open = True
    for generation, ends in ((1, 1), (1, 1), (3, 2)):
        log.decided(cast(Any, told), generation, lambda: Decision((), None), steady_s() + 1)
        assert told.asked.count("end") == ends
