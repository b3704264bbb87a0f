"""Client instances without a node: who is remembered, for how long, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coordinators.world import Counter
from ottla.broker.client_software import AT_LEAST, ClientSoftware
from ottla.broker.settings import Settings
from ottla.broker.telemetry import client_metrics
from ottla.broker.telemetry import series as series_module
from ottla.broker.telemetry.client_metrics import Client, ClientMetrics, Push
from ottla.broker.telemetry.otlp import Point
from ottla.broker.telemetry.series import (
    BYTES_MAX,
    BYTES_PER_INSTANCE_MAX,
    POINTS_MAX,
    SERIES_PER_INSTANCE_MAX,
    Series,
)
from ottla.config.broker import BrokerConfig
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import CLIENT_METRICS_RESOURCE, EMPTY_IMAGE
from ottla.metrics.exposition import exposition
from ottla.wire.errors import ErrorCode
from ottla.wire.stored.metadata import ConfigRecord
from ottla.wire.types import uuid_text

ONE, TWO = b"1" * 16, b"2" * 16


def gauge(name: str, value: float) -> bytes:
    """A payload with one number in it."""
    import struct

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    point = field(1, b"\x21" + struct.pack("<d", value))
    return field(1, field(2, field(2, field(1, name.encode()) + field(5, point))))


class World:
    """What lies around client metrics: time, connections, and what is to be done later."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.open = {1, 2}
        self.later: list[tuple[int, Callable[[], None]]] = []
        self.settings = Settings(BrokerConfig({"node.id": "1"}), EMPTY_IMAGE, 1)
        self.metrics = ClientMetrics(
            self.settings,
            now_ms=lambda: self.now_ms,
            entropy=Counter(),
            connections=lambda: self.open,
            later=lambda delay_ms, action: self.later.append((delay_ms, action)),
        )

    def subscribe(self, name: str, **values: str) -> None:
        records: list[Any] = [
            ConfigRecord(
                resource_type=CLIENT_METRICS_RESOURCE,
                resource_name=name,
                name=key.replace("_", "."),
                value=value,
            )
            for key, value in values.items()
        ]
        self.settings.changed(MetadataDelta.of(self.settings.image, records))

    def client(self, connection: int = 1, client_id: str = "c") -> Client:
        return Client(client_id, connection, ("soft", "1.0"), "127.0.0.1", 4711)

    def ask(self, instance: bytes, connection: int = 1) -> int:
        error, _, question = self.metrics.get(self.client(connection), instance)
        assert error == 0
        assert question is not None
        return question.subscription_id

    def push(self, instance: bytes, known: int, data: bytes, **more: Any) -> ErrorCode:
        pushed = Push(instance, known, more.pop("terminating", False), more.pop("codec", 0), data)
        return self.metrics.push(self.client(**more), pushed)

    def sweep(self) -> None:
        _, action = self.later.pop()
        action()

    def shown(self) -> dict[str, float]:
        return {
            dict(labels)["client_instance_id"]: value
            for family in self.metrics.series.families()
            for labels, value in family.samples
        }


@pytest.fixture
def world() -> World:
    """One with a subscription to everything."""
    made = World()
    made.subscribe("all", metrics="*", interval_ms="100")
    return made


def test_what_a_client_pushed_goes_with_it(world: World) -> None:
    """`/metrics` would show the last numbers of clients that ended long ago, and fill with them."""
    for instance, connection in ((ONE, 1), (TWO, 2)):
        known = world.ask(instance, connection)
        assert not world.push(instance, known, gauge("a", connection), connection=connection)
    assert world.shown() == {uuid_text(ONE): 1, uuid_text(TWO): 2}
    world.open.remove(2)
    world.sweep()
    assert world.shown() == {uuid_text(ONE): 1}
    assert not world.push(ONE, world_known(world, ONE), gauge("a", 3), terminating=True)
    assert world.shown() == {}


def test_a_client_that_comes_by_another_connection_keeps_its_sums(world: World) -> None:
    """If this failed, a counter would fall when a client's earlier connection ends."""
    world.ask(ONE, 1)
    world.now_ms += 100
    known = world.ask(ONE, 2)
    assert not world.push(ONE, known, gauge("a", 7), connection=2)
    world.open.remove(1)
    world.sweep()
    assert world.shown() == {uuid_text(ONE): 7}


def world_known(world: World, instance: bytes) -> int:
    """The id that an instance was told, after its interval."""
    world.now_ms += 100
    return world.ask(instance)


def test_who_is_silent_is_forgotten(world: World) -> None:
    """A node would remember every client that there ever was."""
    known = world.ask(ONE)
    assert not world.push(ONE, known, gauge("a", 1))
    world.now_ms += client_metrics.EXPIRY_MS_MIN - 1
    world.sweep()
    assert world.metrics.count == 1
    world.now_ms += 1
    world.sweep()
    assert world.metrics.count == 0
    assert world.shown() == {}
    assert not world.later, "nobody is there to be looked for"


def test_the_one_that_was_used_longest_ago_makes_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that makes up ids would take the node's memory, or the places of all others."""
    monkeypatch.setattr(client_metrics, "INSTANCES_MAX", 2)
    known = world.ask(ONE)
    world.ask(TWO)
    assert not world.push(ONE, known, gauge("a", 1))
    world.ask(b"3" * 16)
    assert world.metrics.count == 2
    assert world.shown() == {uuid_text(ONE): 1}, "the second one was used longest ago"


def test_a_new_subscription_is_learnt_of(world: World) -> None:
    """Clients would push for ever what an operator has asked for once."""
    known = world.ask(ONE)
    world.subscribe("all", metrics="a")
    assert world.push(ONE, known, gauge("a", 1)) == ErrorCode.UNKNOWN_SUBSCRIPTION_ID
    assert world.ask(ONE) != known, "and it may ask at once"


def test_an_answer_is_no_change_of_others(world: World) -> None:
    """Every change of any config would have all clients ask anew."""
    known = world.ask(ONE)
    records: list[Any] = [
        ConfigRecord(resource_type=2, resource_name="t", name="retention.ms", value="1")
    ]
    world.settings.changed(MetadataDelta.of(world.settings.image, records))
    assert not world.push(ONE, known, gauge("a", 1))


def test_a_damaged_payload_is_refused_and_shown_nowhere(world: World) -> None:
    """Who pushes rubbish would end up on `/metrics`, or end the node."""
    known = world.ask(ONE)
    assert world.push(ONE, known, gauge("a", 1)[:-2]) == ErrorCode.INVALID_RECORD
    assert world.shown() == {}
    assert (world.metrics.pushes, world.metrics.refused) == (0, 1)


# ---------------------------------------------------------------------- series
def point(name: str, value: float, *, grows: bool = False, delta: bool = False) -> Point:
    """A number without attributes."""
    return Point(name, value, (), grows, delta)


def test_what_came_since_is_added_up() -> None:
    """A counter would jump up and down with each push."""
    series = Series()
    sent = "org.apache.kafka.producer.record.send.total"
    for _ in range(3):
        series.push("i", "c", [point(sent, 2, grows=True, delta=True), point("level", 7)])
    text = exposition({}, series.families())
    total = 'kafka_client_producer_record_send_total{client_instance_id="i",client_id="c"} 6'
    assert total in text.splitlines()
    assert "# TYPE kafka_client_producer_record_send_total counter" in text
    assert 'kafka_client_level{client_instance_id="i",client_id="c"} 7' in text


def test_names_and_labels_are_what_prometheus_takes() -> None:
    """One client with odd names would make the whole page unreadable."""
    series = Series()
    odd = (("client_id", "me"), ("1st", 'a"b\\c\nd'), ("ä-b", "x"), ("__name__", "y"))
    series.push("i", 'c"', [Point("Ünder score-x{}", 1, odd, False, False)])
    lines = exposition({}, series.families()).splitlines()
    assert lines[-1] == (
        'kafka_client__nder_score_x__{client_instance_id="i",client_id="c\\"",'
        'attribute_1st="a\\"b\\\\c\\nd",attribute_client_id="me",b="x",name="y"} 1'
    )


def test_the_same_labels_are_one_series() -> None:
    """Prometheus would refuse the whole page for a series that stands there twice."""
    series = Series()
    one, other = ("a", "1"), ("b", "2")
    series.push("i", "c", [Point("m", 1, (one, other), False, False)])
    series.push("i", "c", [Point("m", 2, (other, one), False, False)])
    assert [family.samples for family in series.families()] == [
        [((("client_instance_id", "i"), ("client_id", "c"), one, other), 2)]
    ]


def test_one_name_is_of_one_kind() -> None:
    """Prometheus would refuse the whole page: a name is a counter or a gauge."""
    series = Series()
    series.push("i", "c", [point("a.total", 1, grows=True), point("a.total", 2)])
    assert [(family.kind, len(family.samples)) for family in series.families()] == [("counter", 1)]
    assert series.dropped == 1
    series.forget("i")
    series.push("j", "c", [point("a.total", 2)])
    assert [family.kind for family in series.families()] == ["gauge"]


def test_names_that_become_one_are_one_series() -> None:
    """If this failed, a page would have a line twice, and Prometheus would drop all of it."""
    series = Series()
    names = ("a.b", "a_b", "org.apache.kafka.a.b")
    series.push("i", "c", [point(name, number) for number, name in enumerate(names, 1)])
    series.push("j", "c", [point("a_b", 7)])
    (family,) = series.families()
    assert [value for _, value in family.samples] == [1]
    assert (family.help, series.dropped) == ("What clients pushed as a.b.", 3)


def test_a_push_costs_what_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a small payload of many numbers would keep the node from deciding."""
    made = []
    monkeypatch.setattr(series_module, "_labels", lambda *of: made.append(of) or ())
    label = ("\N{CAT}" * 256, "x")
    points = [Point(f"m{n % 7}", 1, (label,), False, False) for n in range(19_000)]
    series = Series()
    series.push("i", "c", points)
    assert len(made) == 1
    assert (series.count, series.dropped) == (7, 19_000 - POINTS_MAX)


def test_long_labels_take_the_place_of_many() -> None:
    """If this failed, some clients could make the page so large that nobody could read it."""
    series = Series()
    label = ("l" * 256, "\N{CAT}" * 256)
    for number in range(BYTES_MAX // BYTES_PER_INSTANCE_MAX + 2):
        ms = range(SERIES_PER_INSTANCE_MAX)
        points = [Point(f"m{n}", 1, (label,), False, False) for n in ms]
        series.push(f"i{number}", "c", points)
    page = sum(
        len(f"{family.name}{labels}".encode())
        for family in series.families()
        for labels, _ in family.samples
    )
    assert BYTES_MAX / 2 < series.bytes <= BYTES_MAX
    assert page < 1.1 * BYTES_MAX
    for number in range(BYTES_MAX // BYTES_PER_INSTANCE_MAX + 2):
        series.forget(f"i{number}")
    assert (series.bytes, series.count, series.families()) == (0, 0, [])


def test_series_are_bounded() -> None:
    """A client could fill the node's memory with names."""
    series = Series()
    many = [point(f"m{n}", 1) for n in range(SERIES_PER_INSTANCE_MAX + 5)]
    series.push("i", "c", many)
    assert (series.count, series.dropped) == (SERIES_PER_INSTANCE_MAX, 5)
    series.push("i", "c", many)
    assert series.count == SERIES_PER_INSTANCE_MAX, "those that are there go on"
    series.forget("i")
    assert series.count == 0
    assert series.families() == []


# ---------------------------------------------------------------------- what clients say they are
def test_software_is_forgotten_with_its_connection() -> None:
    """A node would remember every connection that there ever was."""
    open_now = set(range(0, 10 * AT_LEAST, 10))
    software = ClientSoftware(lambda: open_now)
    for connection in range(10 * AT_LEAST):
        software.heard(connection, "soft", str(connection))
    assert software.of(0) == ("soft", "0")
    assert software.of(1) is None
    assert len(software._said) <= 2 * len(open_now) + AT_LEAST
