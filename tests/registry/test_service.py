"""One registry: its topic, its limits, and a Kafka that goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import ottla
from oracle import Oracle
from ottla.client import Unreachable, connect
from ottla.registry import instance, topic
from ottla.registry.service import Options, Registry
from ottla.registry.topic import BadTopic
from ottla.web.access import Access
from ottla.web.tls import CannotServe
from registry.asked import Asked, Served, fixed, make_topic, records, serve, write
from servers import eventually

Name = Callable[[], str]


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A Kafka without a registry."""
    with ottla.Broker() as found:
        yield found


@pytest.fixture
def place(name: Name) -> Options:
    """A topic and a group that nobody else has."""
    return Options(port=0, topic=name(), group=name())


@pytest.fixture
def served(broker: ottla.Broker, place: Options) -> Iterator[Served]:
    """A registry on a topic of its own."""
    found = serve(broker.bootstrap_servers, place)
    yield found
    found.stop()


def test_what_is_registered_is_there_after_a_start(
    broker: ottla.Broker, served: Served, place: Options
) -> None:
    """If this failed, a registry would forget, or give an id twice."""
    ids = [served.asked.register(f"s{n}", fixed(f"f{n}")) for n in range(3)]
    served.asked.ask("DELETE", "/subjects/s2")
    served.asked.ask("DELETE", "/subjects/s2", permanent=True)
    served.asked.ask("PUT", "/config/s0", {"compatibility": "FULL"})
    served.stop()
    again = serve(broker.bootstrap_servers, place)
    try:
        assert again.asked.ask("GET", "/subjects") == ["s0", "s1"]
        assert again.asked.ask("GET", "/config/s0") == {"compatibilityLevel": "FULL"}
        assert again.asked.register("s0", fixed("f0")) == ids[0]
        assert again.asked.register("s9", fixed("f9")) == ids[-1] + 1
    finally:
        again.stop()


def test_its_topic_is_made_compacted(broker: ottla.Broker, served: Served, place: Options) -> None:
    """If this failed, schemas would be thrown away after a week, or be spread over partitions."""
    client = connect({"bootstrap.servers": broker.bootstrap_servers})
    from ottla.client.admin import configs, topics

    (found,) = topics.describe(client, [place.topic])
    assert len(found.partitions) == 1
    entries = configs.describe(client, configs.TOPIC, [place.topic])[place.topic]
    assert {e.name: e.value for e in entries}["cleanup.policy"] == "compact"
    client.close()


@pytest.mark.parametrize(
    ("partitions", "policy", "says"),
    [
        (2, "compact", "2 partitions"),
        (1, "delete", "cleanup.policy=delete"),
        (1, "compact,delete", "cleanup.policy=compact,delete"),
    ],
)
def test_a_topic_that_would_lose_schemas_is_refused(
    broker: ottla.Broker, place: Options, partitions: int, policy: str, says: str
) -> None:
    """If this failed, a registry would begin on a topic that forgets, or that has no order."""
    client = connect({"bootstrap.servers": broker.bootstrap_servers})
    make_topic(client, place.topic, partitions, cleanup_policy=policy)
    client.close()
    before = threading.active_count()
    with pytest.raises(BadTopic, match=says) as refused:
        serve(broker.bootstrap_servers, place)
    assert refused.value.hint is not None
    eventually(lambda: threading.active_count() <= before, "nothing of it runs on")


def test_without_a_kafka_it_does_not_start() -> None:
    """If this failed, a start without Kafka would never end, or would not say why."""
    before = threading.active_count()
    with pytest.raises(Unreachable) as refused:
        serve("127.0.0.1:1", max_block_ms=500)
    assert "127.0.0.1:1" in str(refused.value)
    eventually(lambda: threading.active_count() <= before, "nothing of it runs on")


def test_a_port_that_is_taken(broker: ottla.Broker, served: Served, place: Options) -> None:
    """If this failed, a registry that nobody can ask would stay in memory, and lead perhaps."""
    port = httpx.URL(served.asked.url).port
    before = threading.active_count()
    with pytest.raises(CannotServe):
        serve(broker.bootstrap_servers, place._replace(port=port or 0))
    eventually(lambda: threading.active_count() <= before, "nothing of it runs on")


def test_a_registry_that_never_began_ends(broker: ottla.Broker) -> None:
    """If this failed, whoever makes sure of an end would get an error."""
    one = Registry(broker.bootstrap_servers)
    one.stop()
    one.stop()


def test_with_a_list_of_people(broker: ottla.Broker, place: Options) -> None:
    """If this failed, a registry with a list would answer anybody, or its instances could not."""
    access = Access()
    access.add_people(["alice:secret"])
    pair = [serve(broker.bootstrap_servers, place._replace(access=access)) for _ in range(2)]
    try:
        for one in pair:
            got = httpx.get(f"{one.asked.url}/subjects")
            assert got.status_code == 401
            assert got.headers["www-authenticate"] == 'Basic realm="ottla"'
            assert httpx.get(f"{one.asked.url}/livez").status_code == 200
            done = httpx.put(
                f"{one.asked.url}/config",
                json={"compatibility": "FULL"},
                auth=("alice", "secret"),
                timeout=60,
            )
            assert done.status_code == 200, done.text
    finally:
        for one in pair:
            one.stop()


# ---------------------------------------------------------------- limits


def test_a_schema_of_a_megabyte_is_refused(served: Served) -> None:
    """If this failed, a schema that the topic does not take would be half registered, or be told of
    as a fault.
    """
    asked = served.asked
    text = json.dumps({"type": "enum", "name": "E", "symbols": ["A"], "doc": "x" * (1 << 20)})
    assert asked.code("POST", "/subjects/big/versions", {"schema": text}) == 42209
    assert asked.ask("GET", "/subjects", deleted=True) == []
    most = json.dumps({"type": "enum", "name": "E", "symbols": ["A"], "doc": "x" * 900_000})
    assert asked.register("big", most) == 1


def test_a_body_that_is_too_long_is_refused(served: Served) -> None:
    """If this failed, a client could fill the memory."""
    got = served.asked.got("POST", "/subjects/big/versions", {"schema": "x" * (5 << 20)})
    assert got.status_code == 413
    assert got.json()["error_code"] == 413


BOMBS = {
    "open": '{"type":"array","items":' * 100_000,
    "deep": '{"type":"array","items":' * 5_000 + '"int"' + "}" * 5_000,
    "brackets": "[" * 500_000,
    "odd": "\U0001f600",
    "wide": "{" + '"a":1,' * 100_000 + '"type":"int"}',
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("kind", ["AVRO", "JSON", "PROTOBUF"])
def test_bombs_are_answered(served: Served, bomb: str, kind: str) -> None:
    """If this failed, a text could bring the registry to a fault, or hold it up."""
    body = {"schema": BOMBS[bomb], "schemaType": kind}
    assert served.asked.code("POST", "/subjects/bomb/versions", body) == 42201


# ---------------------------------------------------------------- a Kafka that goes


def test_a_kafka_that_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a registry would forget what it knows while Kafka is away, let a client wait
    for ever, or not go on when it is there again.
    """
    monkeypatch.setattr(instance, "END_PATIENCE_S", 0.5)
    monkeypatch.setattr(instance, "WRITE_PATIENCE_S", 1.0)
    monkeypatch.setattr(instance, "LEADER_PATIENCE_S", 1.0)
    with ottla.Broker(registry=True) as broker:
        asked = Asked(broker.schema_registry_url)
        first = asked.register("a", fixed("a"))
        broker.kill()
        assert asked.ask("GET", "/subjects") == ["a"]
        assert asked.ask("GET", f"/schemas/ids/{first}")["schema"]
        assert asked.code("GET", "/schemas/ids/99") == 50001
        for number in range(3):
            body = {"schema": fixed(f"b{number}")}
            code = asked.code("POST", "/subjects/b/versions", body)
            assert code in (50001, 50002, 50004)
        eventually(lambda: asked.got("GET", "/healthz").status_code == 503, "it says so")
        broker.start()

        def again() -> Any:
            got = asked.got("POST", "/subjects/c/versions", {"schema": fixed("c")})
            return got.status_code == 200 and got.json()

        found = eventually(again, "it goes on", timeout_s=60)
        assert found["id"] > first
        eventually(lambda: asked.got("GET", "/healthz").status_code == 200, "it says so")
        held = asked.ask("GET", "/schemas")
        assert len({row["id"] for row in held}) == len({row["schema"] for row in held})
        asked.close()


def test_it_ends_without_a_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a registry whose Kafka is away would not end for a minute."""
    monkeypatch.setattr(instance, "END_PATIENCE_S", 0.1)
    monkeypatch.setattr(topic, "END_PATIENCE_MS", 500)
    before = threading.active_count()
    with ottla.Broker() as broker:
        served = serve(broker.bootstrap_servers)
        served.asked.register("a", fixed("a"))
        broker.kill()
        assert served.asked.code("GET", "/schemas/ids/99") == 50001
        served.stop()
        broker.start()
    eventually(lambda: threading.active_count() <= before, "nothing of it runs on")


# ---------------------------------------------------------------- what others wrote

INT, LONG = '"int"', '"long"'
BY_HAND = [
    # Another order of properties, as Karapace writes it, and no md5, as registries of old.
    (
        {"subject": "old", "version": 1, "magic": 1, "keytype": "SCHEMA"},
        {"subject": "old", "version": 1, "id": 3, "schema": INT, "deleted": False},
    ),
    (
        {"keytype": "SCHEMA", "subject": "gone", "version": 1, "magic": 1},
        {"subject": "gone", "version": 1, "id": 4, "schema": LONG, "deleted": True},
    ),
    (
        {"keytype": "SCHEMA", "subject": "json", "version": 7, "magic": 1},
        {"subject": "json", "version": 7, "id": 9, "schemaType": "JSON", "schema": "{}"},
    ),
    ({"keytype": "CONFIG", "subject": None, "magic": 0}, {"compatibilityLevel": "FULL"}),
    ({"keytype": "CONFIG", "subject": "old", "magic": 0}, {"compatibilityLevel": "NONE"}),
    ({"keytype": "MODE", "subject": None, "magic": 0}, {"mode": "READWRITE"}),
    ({"keytype": "NOOP", "magic": 0}, None),
    ({"keytype": "NOOP", "magic": 0}, {}),
    (
        {"keytype": "SCHEMA", "subject": ":.ctx:in", "version": 1, "magic": 1},
        {"subject": ":.ctx:in", "version": 1, "id": 1, "schema": INT, "deleted": False},
    ),
    (
        {"keytype": "SCHEMA", "subject": "twice", "version": 1, "magic": 1},
        {"subject": "twice", "version": 1, "id": 5, "schema": LONG, "deleted": False},
    ),
    ({"keytype": "SCHEMA", "subject": "twice", "version": 1, "magic": 1}, None),
    ({"keytype": "DELETE_SUBJECT", "subject": "soft", "magic": 0}, {"subject": "soft"}),
    ({"keytype": "CLEAR_SUBJECT", "subject": "gone2", "magic": 0}, {"subject": "gone2"}),
]
SENSELESS: list[tuple[Any, Any]] = [
    (b"", b"{}"),
    (b"not JSON", b"{}"),
    (b'{"keytype":"SCHEMA","subject":"half","vers', b"{}"),
    (b"\xff\xfe", b"{}"),
    (b"[1]", b"{}"),
    (b"{}", b"{}"),
    (b"[" * 100_000, b"{}"),
    ({"keytype": "WHAT", "magic": 0}, {}),
    ({"keytype": ["SCHEMA"], "magic": 0}, {}),
    ({"keytype": {"a": 1}, "magic": 0}, {}),
    ({"keytype": None, "magic": 0}, {}),
    ({"keytype": "SCHEMA", "subject": "x", "version": "1", "magic": 1}, {}),
    ({"keytype": "SCHEMA", "subject": 1, "version": 1, "magic": 1}, {}),
    ({"keytype": "SCHEMA", "subject": "x", "version": 0, "magic": 1}, {}),
    ({"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1}, b'{"subject":"x","vers'),
    ({"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1}, {}),
    ({"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1}, {"id": "1", "schema": INT}),
    ({"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1}, {"id": 1, "schema": 1}),
    (
        {"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1},
        {"id": 1, "schema": INT, "references": [1]},
    ),
    (
        {"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1},
        {"id": 1, "schema": INT, "references": [{"name": "a", "subject": "b", "version": 1 << 40}]},
    ),
    (
        {"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1},
        {"id": 1, "schema": INT, "metadata": "text"},
    ),
    (
        {"keytype": "SCHEMA", "subject": "x", "version": 1, "magic": 1},
        {"id": 1, "schema": INT, "ruleSet": {"domainRules": [3]}},
    ),
]


def test_a_topic_that_others_wrote(broker: ottla.Broker, place: Options) -> None:
    """If this failed, a registry could not take over from another; records written by hand from the
    facts stand for that one.
    """
    write(broker.bootstrap_servers, place.topic, BY_HAND)
    served = serve(broker.bootstrap_servers, place)
    asked = served.asked
    try:
        assert asked.ask("GET", "/healthz")["unread"] == 0
        assert asked.ask("GET", "/subjects") == [":.ctx:in", "json", "old"]
        assert asked.ask("GET", "/subjects", deleted=True) == [":.ctx:in", "gone", "json", "old"]
        assert asked.ask("GET", "/schemas/ids/3")["schema"] == INT
        assert asked.ask("GET", "/subjects/old/versions/1")["id"] == 3
        assert asked.ask("GET", "/subjects/json/versions/latest")["version"] == 7
        assert asked.ask("GET", "/config") == {"compatibilityLevel": "FULL"}
        assert asked.ask("GET", "/config/old") == {"compatibilityLevel": "NONE"}
        assert asked.ask("GET", "/contexts") == [".", ".ctx"]
        # A known schema keeps its id, a new one gets the next, also after one that is gone.
        assert asked.register("old2", INT) == 3
        assert asked.register("new", LONG) == 4
        assert asked.register("new2", fixed("f")) == 10
    finally:
        served.stop()
    keys = [key for key, _ in records(broker.bootstrap_servers, place.topic)]
    assert b'{"keytype":"SCHEMA","subject":"new2","version":1,"magic":1}' in keys


def test_records_that_make_no_sense_are_passed_over(
    broker: ottla.Broker, place: Options, caplog: pytest.LogCaptureFixture
) -> None:
    """If this failed, half a record would keep a registry from starting, or change what it
    knows.
    """
    write(broker.bootstrap_servers, place.topic, [*SENSELESS, *BY_HAND, *SENSELESS])
    served = serve(broker.bootstrap_servers, place)
    try:
        assert served.asked.ask("GET", "/healthz")["unread"] == 2 * len(SENSELESS)
        assert served.asked.ask("GET", "/subjects") == [":.ctx:in", "json", "old"]
        assert served.asked.register("new", fixed("f")) == 10
    finally:
        served.stop()
    passed = [r for r in caplog.records if "passed over" in r.message]
    assert len(passed) == 2 * len(SENSELESS)


def test_bytes_in_the_topic(broker: ottla.Broker, served: Served, place: Options) -> None:
    """If this failed, another registry on the same topic would not find what this one wrote."""
    asked = served.asked
    asked.register("s", INT)
    asked.ask("PUT", "/config", {"compatibility": "NONE"})
    asked.ask("PUT", "/mode/s", {"mode": "READONLY"})
    asked.ask("DELETE", "/mode/s")
    asked.ask("DELETE", "/subjects/s/versions/1")
    asked.ask("DELETE", "/subjects/s/versions/1", permanent=True)
    found = [r for r in records(broker.bootstrap_servers, place.topic) if b"NOOP" not in r[0]]
    key = b'{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}'
    start = (
        b'{"subject":"s","version":1,"id":1,"md5":"71JOobkecxc9k4reNsHbMg==",'
        b'"schema":"\\"int\\"","deleted":'
    )
    assert found[:6] == [
        (key, start + b"false}"),
        (b'{"keytype":"CONFIG","magic":0}', b'{"compatibilityLevel":"NONE"}'),
        (b'{"keytype":"MODE","subject":"s","magic":0}', b'{"subject":"s","mode":"READONLY"}'),
        (b'{"keytype":"MODE","subject":"s","magic":0}', None),
        (key, start + b"true}"),
        (key, None),
    ]


@pytest.mark.jvm
def test_on_apache_kafka(oracle: Oracle, place: Options) -> None:
    """If this failed, the registry would serve beside our own broker alone."""
    pair = [serve(oracle.bootstrap, place) for _ in range(2)]
    try:
        for number in range(4):
            found = pair[number % 2].asked.register(f"s{number}", fixed(f"f{number}"))
            assert pair[1 - number % 2].asked.ask("GET", f"/schemas/ids/{found}")
        pair[0].stop()
        assert pair[1].asked.register("last", fixed("last")) == 5
    finally:
        pair[1].stop()
