"""The server: addresses, TLS, both versions of HTTP, and its end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.certificates import Authority, Issued
from ottla.web.operation import Answer, Operation, Request, answer_json
from ottla.web.serving import Patience, Serving
from ottla.web.tls import CannotServe, Tls
from servers import eventually
from web.asking import application

TESTS = Path(__file__).parents[1]


class Waiting:
    """An operation that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.goes_on = threading.Event()
        self.row = Operation("GET", "/waiting", "wait", "", self.answer)

    async def answer(self, _: Request) -> Answer:
        """Wait."""
        self.asked.set()
        while not self.goes_on.is_set():
            await asyncio.sleep(0)
        return answer_json("waited")


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    """One that ends with the test."""
    found = Waiting()
    yield found
    found.goes_on.set()


@pytest.fixture
def served() -> Iterator[Serving]:
    """A service of a few operations."""
    found = Serving(application())
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs."""
    return Authority(tmp_path_factory.mktemp("ca"))


def curl(*words: str) -> list[str]:
    """What curl got: the version of HTTP, the status, and the body."""
    command = ["curl", "-sS", "-w", "%{http_version} %{http_code} ", "--max-time", "60", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(" ", 2)


# ---------------------------------------------------------------- what is served


def test_a_port_of_zero_is_one_that_is_free(served: Serving) -> None:
    """If this failed, nobody would know where a service is."""
    assert served.port > 0
    assert served.url == f"http://127.0.0.1:{served.port}"
    assert httpx.get(f"{served.url}/things/a").json()["operation"] == "get"


@pytest.mark.parametrize(
    ("version", "flag"), [("1.1", "--http1.1"), ("2", "--http2-prior-knowledge")]
)
def test_both_versions_of_http(served: Serving, version: str, flag: str, tmp_path: Path) -> None:
    """If this failed, clients of one version of HTTP could not ask."""
    # curl writes the body before what -w asks for.
    out = tmp_path / "out"
    assert curl(flag, "-o", str(out), f"{served.url}/things/a")[:2] == [version, "200"]
    assert b'"operation":"get"' in out.read_bytes()
    assert curl(flag, "-I", "-o", str(out), f"{served.url}/things/a")[:2] == [version, "200"]
    body = tmp_path / "body"
    body.write_bytes(b'"' + b"x" * (1 << 20) + b'"')
    sends = ("-H", "content-type: application/json", "--data-binary", f"@{body}")
    done = curl(flag, *sends, "-o", str(out), f"{served.url}/things/a")
    assert done[:2] == [version, "200"]
    assert out.read_bytes() == body.read_bytes()
    body.write_bytes(b"1" * (5 << 20))
    done = curl(flag, *sends, "-o", str(out), f"{served.url}/things/a")
    assert done[:2] == [version, "413"]


def test_a_host_of_version_six() -> None:
    """If this failed, a service on ::1 would have no address, or none that a client can read."""
    six = Serving(application(), host="::1")
    six.start()
    try:
        assert six.url == f"http://[::1]:{six.port}"
        assert httpx.get(f"{six.url}/things/a").status_code == 200
    finally:
        six.stop()


def test_a_port_that_is_taken_is_an_error(served: Serving) -> None:
    """If this failed, a second service would be told of as started, and would never be asked."""
    with pytest.raises(CannotServe, match="can't be listened on") as refused:
        Serving(application(), port=served.port).start()
    assert refused.value.hint is not None
    assert "0 for one that is free" in refused.value.hint


@pytest.mark.parametrize("host", ["256.0.0.1", "192.0.2.1", "not\0a host", "x" * 300])
def test_a_host_that_is_none_of_ours_is_an_error(host: str) -> None:
    """If this failed, a mistyped host would end in a traceback."""
    with pytest.raises(CannotServe):
        Serving(application(), host=host).start()


def test_two_services_in_one_process(served: Serving) -> None:
    """If this failed, what one process serves would get in each other's way."""
    with ThreadPoolExecutor(4) as pool:
        second = Serving(application())
        second.start()
        urls = [f"{one.url}/things/{n}" for n in range(20) for one in (served, second)]
        with httpx.Client() as client:
            assert {got.status_code for got in pool.map(client.get, urls)} == {200}
        second.stop()
    assert httpx.get(f"{served.url}/things/a").status_code == 200


# ---------------------------------------------------------------- TLS


def secure(issued: Issued, ca: Path | None = None) -> Serving:
    """A service with a certificate, started."""
    found = Serving(application(), tls=Tls(issued.certificate, issued.key, ca=ca))
    found.start()
    return found


def test_tls(authority: Authority, tmp_path: Path) -> None:
    """If this failed, nothing could be asked in secret, or only by one version of HTTP."""
    one = secure(authority.issue("service"))
    try:
        assert one.url.startswith("https://")
        out = ("--cacert", str(authority.ca), "-o", str(tmp_path / "out"))
        for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
            assert curl(flag, *out, f"{one.url}/things/a")[:2] == [version, "200"]
        old = subprocess.run(
            ["curl", "-sS", *out, "--tls-max", "1.1", f"{one.url}/things/a"], capture_output=True
        )
        assert old.returncode != 0
        plain = subprocess.run(
            ["curl", "-sS", *out, f"http://127.0.0.1:{one.port}/things/a"], capture_output=True
        )
        assert plain.returncode != 0
    finally:
        one.stop()


def test_clients_show_certificates(authority: Authority, tmp_path: Path) -> None:
    """If this failed, a service that wants to know its clients would answer any, or none."""
    one = secure(authority.issue("careful"), authority.ca)
    known, stranger = authority.issue("known"), Authority(tmp_path / "other").issue("stranger")
    try:
        command = ["curl", "-sS", "--cacert", str(authority.ca), "-o", str(tmp_path / "out")]
        for shown, is_known in ((known, True), (stranger, False), (None, False)):
            words = ["--cert", str(shown.certificate), "--key", str(shown.key)] if shown else []
            done = subprocess.run([*command, *words, f"{one.url}/things/a"], capture_output=True)
            assert (done.returncode == 0) is is_known, (shown, done.stderr)
    finally:
        one.stop()


# ---------------------------------------------------------------- its end


def test_what_is_under_way_is_answered_at_the_end(waiting: Waiting) -> None:
    """If this failed, a request that was taken would be lost whenever a service ends."""
    one = Serving(application(waiting.row))
    one.start()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(httpx.get, f"{one.url}/waiting", timeout=60)
        assert waiting.asked.wait(20)
        stopping = pool.submit(one.stop)
        eventually(lambda: is_free(one.port), "the port is let go of")
        assert not asked.done()
        waiting.goes_on.set()
        assert asked.result().json() == "waited"
        stopping.result()


def is_free(port: int) -> bool:
    """Whether nobody listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return True
    return False


def test_the_end_of_patience(waiting: Waiting) -> None:
    """If this failed, one client, or one answer that is not found, would hold a service up for ever
    when it is to end.
    """

    async def much(_: Request) -> Answer:
        return Answer(200, b"x" * 50_000_000)

    big = Operation("GET", "/big", "big", "", much)
    one = Serving(application(waiting.row, big), patience=Patience(stop_s=0.1))
    one.start()
    tells = {
        "half a head": b"GET /thin",
        "half a body": b"POST /things/a HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
        "an answer that is not found": b"GET /waiting HTTP/1.1\r\nhost: x\r\n\r\n",
        "an answer that is not read": b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n",
        "nothing": b"",
    }
    clients = [socket.create_connection(("127.0.0.1", one.port)) for _ in tells]
    for client, told in zip(clients, tells.values(), strict=True):
        client.sendall(told)
    assert waiting.asked.wait(20)
    assert clients[3].recv(4) == b"HTTP"
    one.stop()
    assert is_free(one.port)
    for client in clients:
        client.close()


def test_to_stop_twice_is_to_stop(served: Serving) -> None:
    """If this failed, whoever makes sure that a service has ended would get an error."""
    served.stop()
    served.stop()
    Serving(application()).stop()  # and one that never began
    again = Serving(application(), port=served.port)
    again.start()
    assert httpx.get(f"{again.url}/things/a").status_code == 200
    again.stop()


def test_nothing_of_the_threads_is_left() -> None:
    """If this failed, a process that starts and ends services would fill up with threads."""

    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def once() -> None:
        one = Serving(application())
        one.start()
        assert httpx.get(f"{one.url}/things/a").status_code == 200
        one.stop()

    once()  # what the server's library keeps, it has now
    before, open_before = threads(), files()
    for _ in range(5):
        once()
    eventually(lambda: threads() <= before, "threads are as before")
    assert files() <= open_before


def test_a_process_that_served_ends_in_silence() -> None:
    """If this failed, a server's threads would be cut down at the end of the process, which then
    says so on stderr, or never ends.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-m", "web.serving_once"],
            capture_output=True,
            text=True,
            env=env,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "200\n200\n", "")


# ---------------------------------------------------------------- clients that are no help


def talk(one: Serving, *told: bytes) -> bytes:
    """Send some bytes and read until the server hangs up."""
    found = b""
    with socket.create_connection(("127.0.0.1", one.port), 60) as client:
        for each in told:
            client.sendall(each)
        try:
            while more := client.recv(65536):
                found += more
        except ConnectionResetError:  # it did not read all of it
            pass
    return found


GET = b"GET /things/a HTTP/1.1\r\nhost: x\r\n"
LAST = GET + b"connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n", b"400"),
        (b"GET /things/a HTTP/1.1\r\n" + b"a: " + b"x" * 200_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (GET + b"content-length: 1\r\ncontent-length: 2\r\n\r\n12", b"400"),
        (GET + b"content-length: -1\r\n\r\n", b"400"),
        (b"GET http://x/things/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"200"),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
        (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
        (b"GET /things/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"200"),
    ],
    ids=lambda told: repr(told[:20]),
)
def test_odd_requests(served: Serving, told: bytes, status: bytes) -> None:
    """If this failed, bytes that are no request would hold the server up, or bring it to a
    fault.
    """
    assert talk(served, told).split(b" ", 2)[1] == status
    assert httpx.get(f"{served.url}/things/a").status_code == 200


def test_requests_that_do_not_wait_for_answers(served: Serving) -> None:
    """If this failed, a client that sends several requests at once would not get all answers, or in
    another order.
    """
    asked = [b"GET /things/%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(50)]
    found = talk(served, b"".join(asked) + LAST)
    at = [found.index(b'"thing":"%d"' % n) for n in range(50)]
    assert at == sorted(at)
    assert found.count(b"HTTP/1.1 200") == 51


def test_a_head_that_never_ends(served: Serving) -> None:
    """If this failed, clients that tell a little at a time could take all places."""
    one = Serving(application(), patience=Patience(head_s=0.2))
    one.start()
    try:
        assert talk(one, b"G") == b""
        assert talk(one, b"GET /things/a HTTP/1.1\r\nhos") == b""
        answered = talk(one, GET + b"\r\n")  # and then no other request
        assert answered.startswith(b"HTTP/1.1 200")
    finally:
        one.stop()


def test_clients_that_hang_up(served: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    """If this failed, a client that goes would leave a fault, or the place that it took."""
    for told in (
        GET,
        GET + b"content-length: 10\r\n\r\n123",
        LAST,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000,
    ):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", served.port)) as client:
                client.sendall(told)
    assert httpx.get(f"{served.url}/things/a").status_code == 200
    served.stop()
    assert capfd.readouterr() == ("", "")


def test_more_than_a_thousand_idle_connections(served: Serving) -> None:
    """If this failed, clients that keep connections would keep others out."""
    idle: list[Any] = []
    try:
        for _ in range(1100):
            client = socket.create_connection(("127.0.0.1", served.port), 60)
            client.sendall(GET + b"\r\n")
            idle.append(client)
        for client in idle:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert httpx.get(f"{served.url}/things/a").status_code == 200
        served.stop()
    finally:
        for client in idle:
            client.close()
