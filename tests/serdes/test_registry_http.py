"""How the client asks: several URLs, faults, who asks, TLS; against servers that misbehave."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import ottla.serdes.registry_http as registry_http
from client.certificates import Authority
from ottla.registry.service import Options, Registry
from ottla.serdes.errors import BadRegistrySetting, RegistryError, RegistryUnreachable
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules.rules import Rules
from ottla.web.access import Access


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(registry_http, "BACKOFF_SECONDS", 0.0)


class Quiet(ThreadingHTTPServer):
    """A server that says nothing of clients that go away, and waits for none of them."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class Server:
    """Answers as it is told: a status with a body each, the last one for ever."""

    def __init__(
        self,
        *answers: tuple[int, str],
        kind: str = "application/json",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self.authorizations: list[str | None] = []
        self.connections: set[Any] = set()
        outer, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                outer.asked.append((self.command, self.path))
                outer.authorizations.append(self.headers.get("Authorization"))
                outer.connections.add(self.client_address)
                status, text = left.pop(0) if len(left) > 1 else left[0]
                if status == 0:
                    self.close_connection = True
                    return
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if 300 <= status < 400:
                    self.send_header("Location", "http://elsewhere.invalid")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(
    *answers: tuple[int, str],
    kind: str = "application/json",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """A server, for as long as a test needs it."""
    server = Server(*answers, kind=kind, tls=tls)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def client(url: str | list[str], **settings: Any) -> Iterator[SchemaRegistry]:
    """A client that is closed before the server is."""
    with SchemaRegistry(url, **settings) as registry:
        yield registry


def nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_the_next_url_is_asked_and_then_kept_to(registry_url: str) -> None:
    """If this failed, a client would stop with the first of several registries."""
    with client([nobody(), registry_url]) as registry:
        registry.subjects()
    with serving((503, "{}")) as ill, serving((200, "[]")) as well:
        with client(f"{ill.url},{well.url}") as registry:
            registry.subjects()
            registry.subjects()
        assert (len(ill.asked), len(well.asked)) == (1, 2)
        assert len(well.connections) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_what_passes_is_tried_again(status: int) -> None:
    """If this failed, a registry that restarts would fail its clients."""
    with (
        serving((status, "{}"), (status, "{}"), (200, '["a"]')) as server,
        client(server.url) as registry,
    ):
        assert registry.subjects() == ["a"]
        assert len(server.asked) == 3


def test_a_deletion_is_not_sent_again_when_nobody_knows_whether_it_arrived() -> None:
    """If this failed, one deletion could be two."""
    with serving((0, "")) as server, client(server.url) as registry:
        with pytest.raises(RegistryUnreachable, match="hung up"):
            registry.delete_subject("a")
        assert len(server.asked) == 1


def test_registering_is_sent_again(registry_url: str) -> None:
    """If this failed, a registry that restarts would fail producers."""
    answer = json.dumps({"id": 5, "schema": '"int"'})
    with serving((0, ""), (200, answer)) as server, client(server.url) as registry:
        found = registry.register("a", '"int"')
        assert (found.id, found.subject, found.text) == (5, "a", '"int"')
        assert [method for method, _ in server.asked] == ["POST", "POST"]


def test_a_registry_that_tells_the_id_alone_is_asked_for_the_rest() -> None:
    """If this failed, rules that an older registry gives a schema would be left out."""
    rules = {"domainRules": [{"name": "r"}]}
    full = json.dumps({"schema": '"int"', "ruleSet": rules})
    with serving((200, '{"id":5}'), (200, full)) as server, client(server.url) as registry:
        assert registry.register("a", '"int"').contract.rule_set == rules
        assert server.asked[1] == ("GET", "/schemas/ids/5?subject=a")


def test_a_registry_that_stays_ill_is_told_with_what_it_says() -> None:
    """If this failed, the cause would be lost with the tries."""
    told = json.dumps({"error_code": 50001, "message": "the disk is full"})
    with serving((500, told)) as server, client(server.url, retries=2) as registry:
        with pytest.raises(RegistryError, match="the disk is full") as caught:
            registry.subjects()
        assert (caught.value.status, caught.value.code) == (500, 50001)
        assert len(server.asked) == 3


ODD = [
    pytest.param(200, "<html>hello</html>", "text/html", "a page of HTML", id="a page"),
    pytest.param(404, "<!DOCTYPE html>", "text/html", "a page of HTML", id="no page"),
    pytest.param(200, "hello", "text/plain", "no JSON", id="text"),
    pytest.param(200, "[" * 100_000, "application/json", "no JSON", id="a depth bomb"),
    pytest.param(200, "7", "application/json", "no registry gives", id="a number"),
    pytest.param(302, "", "text/html", "302", id="elsewhere"),
]


@pytest.mark.parametrize(("status", "body", "kind", "told"), ODD)
def test_what_is_no_registry_is_told_so(status: int, body: str, kind: str, told: str) -> None:
    """If this failed, a wrong URL would look like a fault of the registry."""
    with (
        serving((status, body), kind=kind) as server,
        client(server.url, retries=0) as registry,
        pytest.raises(RegistryError, match=told) as caught,
    ):
        registry.subjects()
    assert "URL" in str(caught.value.hint)


def test_a_kafka_port_is_guessed(bootstrap: str) -> None:
    """If this failed, the most usual mistake would be told as a lost connection."""
    with (
        client(f"http://{bootstrap}", retries=0) as registry,
        pytest.raises(RegistryUnreachable, match="hung up") as caught,
    ):
        registry.subjects()
    assert "Kafka" in str(caught.value.hint)


def test_nobody_there_names_every_url() -> None:
    """If this failed, nobody would know where was asked."""
    urls = [nobody(), nobody()]
    with (
        client(urls, retries=1) as registry,
        pytest.raises(RegistryUnreachable, match="nobody listens") as caught,
    ):
        registry.subjects()
    assert all(url in str(caught.value) for url in urls)


def test_a_server_that_says_nothing_ends_in_time() -> None:
    """If this failed, a producer would hang where a registry does."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        client(
            f"http://127.0.0.1:{mute.getsockname()[1]}", timeout_seconds=0.05, retries=1
        ) as registry,
        pytest.raises(RegistryUnreachable, match=r"no answer in 0\.05 s"),
    ):
        registry.subjects()


def test_a_connection_that_was_closed_meanwhile_is_no_fault(registry_url: str) -> None:
    """If this failed, the first request after a pause would fail."""
    with serving((200, "[]")) as server, client(server.url) as registry:
        registry.subjects()
        (idle,) = registry._http._idle.values()
        idle[0].sock.shutdown(socket.SHUT_RDWR)
        registry.delete_subject("a")
        assert len(server.connections) == 2


def test_any_number_of_threads(registry_url: str) -> None:
    """If this failed, answers would go to the wrong thread."""
    answers: list[list[str]] = []
    with client(registry_url) as registry:
        threads = [
            threading.Thread(target=lambda: answers.extend(registry.types() for _ in range(20)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 160
    assert all(set(answer) == {"AVRO", "JSON", "PROTOBUF"} for answer in answers)


def test_who_asks_is_told_to_the_registry() -> None:
    """If this failed, nobody could use a registry that lets in only some."""
    tokens = iter(["one", "two"])
    with serving((200, "[]")) as server:
        host = server.url.removeprefix("http://")
        for url, settings in (
            (server.url, {"user": "alice", "password": "se:cret"}),
            (f"http://alice:se%3Acret@{host}", {}),
            (server.url, {"token": "one"}),
        ):
            with client(url, **settings) as registry:
                registry.subjects()
                assert "cret" not in registry.urls[0]
        with client(server.url, token=lambda: next(tokens)) as registry:
            registry.subjects()
            registry.subjects()
        basic = "Basic " + base64.b64encode(b"alice:se:cret").decode()
        assert server.authorizations == [basic, basic, *["Bearer one"] * 2, "Bearer two"]


def test_a_registry_that_does_not_know_us_says_so(bootstrap: str) -> None:
    """If this failed, a missing password would be told as anything else."""
    access = Access()
    access.add_people(["alice:secret"])
    options = Options(port=0, access=access, topic="_of_some", group="of-some")
    with Registry(bootstrap, options) as service:
        with client(service.url) as registry, pytest.raises(RegistryError) as caught:
            registry.subjects()
        assert caught.value.status == 401
        assert "password" in str(caught.value.hint)
        with client(service.url, user="alice", password="secret") as registry:
            assert registry.subjects() == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "a b:8081",
        "ftp://localhost",
        "http://",
        "http://a:b",
        "http://x?y=z",
        "http://[",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    """If this failed, a wrong URL would be told when the first record is sent."""
    with pytest.raises(BadRegistrySetting):
        SchemaRegistry(url)


def test_a_host_with_a_port_means_http() -> None:
    """If this failed, what Kafka's clients take would have to be written in another way here."""
    with SchemaRegistry("127.0.0.1:8081, localhost:1/contexts/.a,[::1]:8081") as registry:
        assert registry.urls == [
            "http://127.0.0.1:8081",
            "http://localhost:1/contexts/.a",
            "http://[::1]:8081",
        ]


def test_secrets_are_not_told() -> None:
    """If this failed, a password would stand in a log."""
    for url in ("http://a:hidden@x?y=z", "ftp://a:hid@den@x", "http://a:hidden@x:port"):
        with pytest.raises(BadRegistrySetting) as caught:
            SchemaRegistry(url)
        assert "hid" not in str(caught.value)
    assert "hidden" not in repr(Rules(secret="hidden"))


def test_what_no_request_can_hold_is_told(registry_url: str) -> None:
    """If this failed, a line break in a token would end a program with an error of http.client, and
    with the token in it.
    """
    with client(registry_url, token="hidden\nhidden") as registry:
        with pytest.raises(BadRegistrySetting, match="no request") as caught:
            registry.subjects()
        assert "hidden" not in str(caught.value)
        assert caught.value.__suppress_context__
    with client(registry_url) as registry, pytest.raises(BadRegistrySetting, match="no request"):
        registry.request("GET", "/a b\n")


def test_files_for_tls_that_are_none(tmp_path: Path) -> None:
    """If this failed, a wrong path would be told as a fault of the network."""
    for settings in ({"ca": str(tmp_path / "no.pem")}, {"certificate": str(tmp_path / "no.pem")}):
        with pytest.raises(BadRegistrySetting, match=r"no\.pem"):
            SchemaRegistry("https://localhost", **settings)  # type: ignore[arg-type]


def test_plain_http_behind_https(registry_url: str) -> None:
    """If this failed, nobody would see that only the scheme is wrong."""
    with client(registry_url.replace("http:", "https:"), retries=0) as registry:
        with pytest.raises(RegistryUnreachable) as caught:
            registry.subjects()
        assert "http://" in str(caught.value.hint)


def test_a_registry_behind_tls_is_trusted_by_its_ca_and_wants_to_know_who_asks(
    tmp_path: Path,
) -> None:
    """If this failed, records would be written by what anybody says that the schemas are."""
    authority = Authority(tmp_path)
    own, mine = authority.issue("registry"), authority.issue("me")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.certificate, own.key)
    ca, certificate, key = str(authority.ca), str(mine.certificate), str(mine.key)
    with serving((200, '["a"]'), tls=context) as server:
        with client(server.url, retries=0) as registry:
            with pytest.raises(RegistryUnreachable, match="not trusted") as caught:
                registry.subjects()
            assert "ca=" in str(caught.value.hint)
        for settings in ({"ca": ca}, {"verify": False}):
            with client(server.url, **settings) as registry:
                assert registry.subjects() == ["a"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.load_cert_chain(own.certificate, own.key)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving((200, '["a"]'), tls=context) as server:
        with client(server.url, ca=ca, certificate=certificate, key=key) as registry:
            assert registry.subjects() == ["a"]
        with client(server.url, ca=ca, retries=0) as registry, pytest.raises(RegistryUnreachable):
            registry.subjects()


def test_plain_http_where_tls_is_spoken(tmp_path: Path) -> None:
    """If this failed, a URL that lacks one letter would be told as a broken server."""
    own = Authority(tmp_path).issue("registry")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.certificate, own.key)
    with serving((200, "[]"), tls=context) as server:
        url = server.url.replace("https:", "http:")
        with client(url, retries=0) as registry, pytest.raises(RegistryUnreachable):
            registry.subjects()
