"""Several registries on one topic: who leads, what followers do, and how a leader is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import ottla
from oracle import dies_with_us
from ottla.registry.service import Options
from registry.asked import Asked, Served, fixed, serve
from servers import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A Kafka without a registry."""
    with ottla.Broker() as found:
        yield found


@pytest.fixture
def place(name: Callable[[], str]) -> Options:
    """A topic and a group that nobody else has."""
    return Options(port=0, topic=name(), group=name())


@pytest.fixture
def three(broker: ottla.Broker, place: Options) -> Iterator[list[Served]]:
    """Three instances that agree on a leader."""
    found = [serve(broker.bootstrap_servers, place) for _ in range(3)]
    eventually(lambda: len(leaders(found)) == 1, "they agree")
    yield found
    for one in found:
        one.stop()


def leaders(instances: list[Served]) -> set[str]:
    """Whom instances take for the leader, if each knows one; else nobody."""
    known = [one.registry.instance.leadership.leader for one in instances]
    urls = {leader.url for leader in known if leader is not None}
    return urls if all(known) else set()


def in_order(instances: list[Served]) -> tuple[Served, list[Served]]:
    """The leader, and those who follow."""
    (url,) = leaders(instances)
    (leader,) = (one for one in instances if one.asked.url == url)
    return leader, [one for one in instances if one is not leader]


def test_an_id_is_at_once_known_to_all(three: list[Served]) -> None:
    """If this failed, a consumer could not read what a producer has just written, because it asks
    another instance.
    """
    ids = []
    for number in range(30):
        found = three[number % 3].asked.register(f"s{number}", fixed(f"f{number}"))
        for one in three:
            assert one.asked.ask("GET", f"/schemas/ids/{found}")["schema"]
            assert one.asked.ask("GET", f"/subjects/s{number}/versions/latest")["id"] == found
        ids.append(found)
    assert ids == list(range(1, 31))


def test_who_followed_answers_of_its_own_writes(three: list[Served]) -> None:
    """If this failed, a client would not find what the same instance has just told it is done."""
    _, (follower, other) = in_order(three)
    asked = follower.asked
    record = {"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]}
    assert asked.register("s", json.dumps(record)) == 1
    assert asked.ask("GET", "/subjects/s/versions") == [1]
    assert asked.ask("PUT", "/config/s", {"compatibility": "FULL"}) == {"compatibility": "FULL"}
    assert asked.ask("GET", "/config/s") == {"compatibilityLevel": "FULL"}
    assert asked.ask("PUT", "/config", {"compatibility": "FORWARD"})
    assert asked.ask("GET", "/config") == {"compatibilityLevel": "FORWARD"}
    assert asked.ask("DELETE", "/config") == {"compatibilityLevel": "FORWARD"}
    assert asked.ask("DELETE", "/config/s") == {"compatibilityLevel": "FULL"}
    assert asked.code("GET", "/config/s") == 40408
    assert asked.ask("PUT", "/mode/s", {"mode": "READONLY"}) == {"mode": "READONLY"}
    assert asked.ask("GET", "/mode/s") == {"mode": "READONLY"}
    assert asked.code("POST", "/subjects/s/versions", {"schema": '"int"'}) == 42205
    assert asked.ask("DELETE", "/mode/s") == {"mode": "READONLY"}
    assert asked.ask("PUT", "/mode", {"mode": "READWRITE"}, force=True) == {"mode": "READWRITE"}
    assert asked.ask("DELETE", "/mode") == {"mode": "READWRITE"}
    tags = [{"schemaEntity": {"entityPath": "A", "entityType": "sr_record"}, "tags": ["PII"]}]
    told = asked.ask("POST", "/subjects/s/versions/1/tags", {"tagsToAdd": tags})
    assert told["version"] == 2
    assert asked.ask("DELETE", "/subjects/s/versions/2") == 2
    assert asked.ask("DELETE", "/subjects/s/versions/2", permanent=True) == 2
    assert asked.ask("DELETE", "/subjects/s") == [1]
    assert asked.code("GET", "/subjects/s/versions") == 40401
    assert asked.ask("DELETE", "/subjects/s", permanent=True) == [1]
    assert asked.ask("GET", "/subjects", deleted=True) == []
    # Within a context, by its path.
    asked.ask("POST", "/contexts/.c/subjects/in/versions", {"schema": '"int"'})
    assert asked.ask("GET", "/contexts/.c/subjects") == [":.c:in"]
    asked.ask("DELETE", "/subjects/:.c:in")
    asked.ask("DELETE", "/subjects/:.c:in", permanent=True)
    assert asked.got("DELETE", "/contexts/.c").status_code == 204
    assert other.asked.ask("GET", "/contexts") == ["."]


def test_what_the_leader_refuses_comes_as_it_was(three: list[Served]) -> None:
    """If this failed, a client would get another error from an instance that follows."""
    _, (follower, _) = in_order(three)
    for one in three:
        assert one.asked.code("POST", "/subjects/s/versions", {"schema": "{"}) == 42201
        assert one.asked.code("PUT", "/mode/s", {"mode": "SOME"}) == 42204
        assert one.asked.code("DELETE", "/subjects/s") == 40401
    got = follower.asked.got("DELETE", "/subjects/s")
    assert got.headers["content-type"] == "application/vnd.schemaregistry.v1+json"


def test_what_was_forwarded_once_is_not_forwarded_again(three: list[Served]) -> None:
    """If this failed, instances that do not agree would send a request in circles."""
    leader, (follower, _) = in_order(three)
    path, body = "/subjects/s/versions", {"schema": '"int"'}
    sent = {"X-Forward": "true"}
    got = httpx.post(follower.asked.url + path, json=body, headers=sent, timeout=60)
    assert (got.status_code, got.json()["error_code"]) == (500, 50004)
    got = httpx.post(leader.asked.url + path, json=body, headers=sent, timeout=60)
    assert got.status_code == 200


def test_the_same_schema_at_once_from_everywhere(three: list[Served]) -> None:
    """If this failed, one schema would get two ids, or two would get one."""
    three[0].asked.ask("PUT", "/config", {"compatibility": "NONE"})
    together = threading.Barrier(6)

    def write(worker: int) -> list[tuple[int, int]]:
        asked, found = three[worker % 3].asked, []
        for number in range(20):
            together.wait(60)
            which = number % 10
            found.append((which, asked.register(f"s{number % 4}", fixed(f"f{which}"))))
        return found

    by_schema: dict[int, set[int]] = {}
    with ThreadPoolExecutor(6) as pool:
        for told in pool.map(write, range(6)):
            for which, found in told:
                by_schema.setdefault(which, set()).add(found)
    assert all(len(ids) == 1 for ids in by_schema.values()), by_schema
    assert len({next(iter(ids)) for ids in by_schema.values()}) == 10


def test_a_leader_that_stops(three: list[Served]) -> None:
    """If this failed, nothing could be registered after a leader's end, or ids would begin anew."""
    for number in range(3):
        leader, rest = in_order(three)
        found = rest[0].asked.register(f"s{number}", fixed(f"f{number}"))
        assert found == number + 1
        leader.stop()
        three.remove(leader)
        assert rest[0].asked.register(f"t{number}", fixed(f"f{number}")) == found
        if len(rest) == 1:
            break
    assert rest[0].asked.ask("GET", "/subjects") == ["s0", "s1", "t0", "t1"]


def test_who_may_not_lead_does_not(broker: ottla.Broker, place: Options) -> None:
    """If this failed, an instance that is only to read would decide."""
    reader = serve(broker.bootstrap_servers, place._replace(is_eligible=False))
    leader = serve(broker.bootstrap_servers, place)
    try:
        assert reader.asked.register("s", '"int"') == 1
        assert leaders([reader, leader]) == {leader.asked.url}
    finally:
        reader.stop()
        leader.stop()


class Child:
    """A registry in a process of its own."""

    def __init__(self, bootstrap: str, place: Options) -> None:
        told = json.dumps([bootstrap, place.topic, place.group])
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        }
        self.process = subprocess.Popen(
            [*dies_with_us(), sys.executable, "-m", "registry.child", told],
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url

    def kill(self) -> None:
        """As if the machine had gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_leader_that_is_killed_while_it_writes(broker: ottla.Broker, place: Options) -> None:
    """If this failed, an id that was answered would be lost with a leader, or be given twice."""
    child = Child(broker.bootstrap_servers, place)
    first = Asked(child.url)
    assert first.register("zero", fixed("zero")) == 1  # it leads
    served = serve(broker.bootstrap_servers, place)
    eventually(lambda: leaders([served]) == {child.url}, "the other one leads")
    acknowledged: dict[str, int] = {}
    enough, ended = threading.Event(), threading.Event()

    def write(worker: int) -> None:
        with httpx.Client(timeout=60) as client:
            for number in range(10_000):
                if ended.is_set():
                    return
                name = f"w{worker}n{number}"
                url = served.asked.url if worker % 2 else child.url
                try:
                    got = client.post(
                        f"{url}/subjects/{name}/versions", json={"schema": fixed(name)}
                    )
                except httpx.TransportError:
                    if not worker % 2:
                        return
                    raise
                if got.status_code == 200:
                    acknowledged[name] = got.json()["id"]
                else:
                    assert got.status_code == 500, got.text
                if len(acknowledged) >= 40:
                    enough.set()

    with ThreadPoolExecutor(4) as pool:
        written = [pool.submit(write, worker) for worker in range(4)]
        assert enough.wait(60)
        before = len(acknowledged)
        child.kill()
        eventually(lambda: leaders([served]) == {served.asked.url}, "it takes over", timeout_s=90)
        eventually(lambda: len(acknowledged) > before + 20, "it goes on", timeout_s=60)
        ended.set()
        for each in written:
            each.result()
    rows: list[Any] = served.asked.ask("GET", "/schemas")
    held = {row["subject"]: row["id"] for row in rows}
    assert {name: held.get(name) for name in acknowledged} == acknowledged
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids))
    first.close()
    served.stop()
