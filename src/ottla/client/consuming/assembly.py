"""From a consumer's settings to the machines that do its work."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ottla.client.client import Client
from ottla.client.consuming.committing import Committing
from ottla.client.consuming.decisions import Consuming
from ottla.client.consuming.fetching import Fetching
from ottla.client.consuming.locating import Locating
from ottla.client.consuming.reset import OffsetReset
from ottla.client.consuming.session import FetchSettings
from ottla.client.consuming.validating import Validating
from ottla.client.errors import BadSetting
from ottla.client.machine import Questions
from ottla.client.membership.events import ConsumerMembership
from ottla.client.settings import Settings
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.client.membership.assignors.assignor import Assignor

ASSIGNORS = {
    "range": ("range", "RangeAssignor"),
    "roundrobin": ("roundrobin", "RoundRobinAssignor"),
    "sticky": ("sticky", "StickyAssignor"),
    "cooperative-sticky": ("cooperative_sticky", "CooperativeStickyAssignor"),
}
"""Assignors by the name that they have in a group: their file, and their class, which is Java's."""


def assemble(client: Client, settings: Settings) -> tuple[list[int], Consuming]:
    """The consumer's machine, and the connections that it has to itself.

    Raises:
        BadSetting: settings that do not go together, or an assignor that is not known.
    """
    ways = [client.network.new_way(), client.network.new_way(), client.network.new_way()]
    # By the last what is asked here and there; fetching says which of its own it goes by.
    questions = Questions(ways[2])
    committed = settings["isolation.level"] == "read_committed"
    new_backoff = partial(settings.new_backoff, client.chance)
    reset = OffsetReset(settings["auto.offset.reset"].lower(), lambda: time.time_ns() // 1_000_000)
    timeout_ms: int = settings["request.timeout.ms"]
    fetching = Fetching(
        client.places,
        questions,
        (ways[0], ways[1]),
        FetchSettings(
            min_bytes=settings["fetch.min.bytes"],
            max_bytes=settings["fetch.max.bytes"],
            partition_max_bytes=settings["max.partition.fetch.bytes"],
            max_wait_ms=settings["fetch.max.wait.ms"],
            request_timeout_ms=timeout_ms,
            read_committed=committed,
            check_crcs=settings["check.crcs"],
            rack=settings["client.rack"],
            replica_age_ms_max=settings["metadata.max.age.ms"],
        ),
        reset,
        new_backoff,
    )
    # Not by the fetches' connection, where they would wait behind one.
    locating = Locating(
        client.places,
        questions,
        fetching.stop,
        read_committed=committed,
        timeout_ms=timeout_ms,
    )
    validating = Validating(client.places, questions, fetching.stop, reset, timeout_ms=timeout_ms)
    group = settings["group.id"]
    committing = None
    if group is not None:
        committing = Committing(
            group, client.places, questions, timeout_ms=timeout_ms, new_backoff=new_backoff
        )
    machine = Consuming(
        client.places,
        fetching,
        locating,
        validating,
        questions,
        committing=committing,
        member=None if group is None else _member(client, settings),
        way=ways[2],
        reset=reset,
        creates_topics=settings["allow.auto.create.topics"],
        rack_of=client.network.rack_of,
    )
    return ways, machine


def _member(client: Client, settings: Settings) -> ConsumerMembership:
    if settings["group.protocol"].lower() == "consumer":
        return _modern(client, settings)
    if settings.given("group.remote.assignor"):
        text = "group.remote.assignor needs group.protocol=consumer"
        raise BadSetting("group.remote.assignor", text)
    from ottla.client.membership.classic_events import ClassicSettings
    from ottla.client.membership.consumer_member import ConsumerMember

    session_ms: int = settings["session.timeout.ms"]
    heartbeat_ms: int = settings["heartbeat.interval.ms"]
    if heartbeat_ms >= session_ms:
        raise BadSetting(
            "heartbeat.interval.ms",
            f"heartbeat.interval.ms={heartbeat_ms} is not below session.timeout.ms={session_ms}",
        )
    found = ClassicSettings(
        group_id=settings["group.id"],
        protocol_type="consumer",
        instance_id=settings["group.instance.id"],
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=heartbeat_ms,
        rebalance_timeout_ms=settings["max.poll.interval.ms"],
        poll_interval_ms_max=settings["max.poll.interval.ms"],
        request_timeout_ms=settings["request.timeout.ms"],
        retry_backoff_ms=settings["retry.backoff.ms"],
        retry_backoff_ms_max=settings["retry.backoff.max.ms"],
    )
    if not settings["partition.assignment.strategy"]:
        text = "partition.assignment.strategy names no assignor"
        raise BadSetting("partition.assignment.strategy", text, hint="leave it out")
    try:
        return ConsumerMember(
            found,
            [_assignor(name) for name in settings["partition.assignment.strategy"]],
            rack_id=settings["client.rack"] or None,
            chance=client.chance,
        )
    except OttlaError as error:
        text = f"partition.assignment.strategy: {error}"
        raise BadSetting("partition.assignment.strategy", text, hint=error.hint) from None


def _modern(client: Client, settings: Settings) -> ConsumerMembership:
    import uuid

    from ottla.client.membership.modern import ModernMember, ModernSettings
    from ottla.wire.types import uuid_text

    for name in ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"):
        if settings.given(name):
            text = f"{name} is the coordinator's to say with group.protocol=consumer"
            raise BadSetting(name, text, hint="leave it out")
    found = ModernSettings(
        group_id=settings["group.id"],
        member_id=uuid_text(uuid.uuid4().bytes),
        instance_id=settings["group.instance.id"],
        rack_id=settings["client.rack"] or None,
        server_assignor=settings["group.remote.assignor"],
        poll_interval_ms_max=settings["max.poll.interval.ms"],
        request_timeout_ms=settings["request.timeout.ms"],
        retry_backoff_ms=settings["retry.backoff.ms"],
        retry_backoff_ms_max=settings["retry.backoff.max.ms"],
    )
    return ModernMember(found, chance=client.chance)


def _assignor(given: Any) -> Assignor:
    """One of Java's by its name, or the program's own."""
    from importlib import import_module

    from ottla.client.membership.assignors.assignor import Assignor

    own = "an object of your own is of a kind that follows from ottla.client.Assignor"
    if isinstance(given, Assignor) and isinstance(getattr(given, "name", None), str):
        return given
    if not isinstance(given, str):
        text = f"partition.assignment.strategy takes assignors and their names, not {given!r}"
        raise BadSetting("partition.assignment.strategy", text, hint=f"{own}, and has a name")
    short = given.rpartition(".")[2]
    for known, (file, kind) in ASSIGNORS.items():
        if short in (known, kind):
            room = import_module(f"ottla.client.membership.assignors.{file}")
            found: Assignor = getattr(room, kind)()
            return found
    raise BadSetting(
        "partition.assignment.strategy",
        f"partition.assignment.strategy: {given} is not known",
        hint=f"there are {', '.join(ASSIGNORS)}, and Java's names of these; {own}",
    )
