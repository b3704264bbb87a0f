"""Requests and answers, by ASGI's messages alone."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import pytest

from ottla.web.access import Access
from ottla.web.application import switched
from ottla.web.operation import Operation, Refusal
from web.asking import SWITCHES, TYPES, application, ask, told

JSON = ("content-type", "application/json")


def test_a_request_comes_to_its_operation() -> None:
    """If this failed, an operation would not know what it was asked."""
    got = ask(application(), "GET", "/things/a%2Fb")
    assert (got.status, got.type) == (200, TYPES[0])
    assert got.json["operation"] == "get"
    assert got.json["path"] == {"thing": "a/b"}
    assert got.json["target"] == "/things/a%2Fb"
    assert got.all("content-length") == [str(len(got.body))]


def test_an_unknown_path_is_404() -> None:
    """If this failed, a mistyped path would not be told, or its whole length would be."""
    got = ask(application(), "GET", "/thing/" + "x" * 10_000)
    assert got.status == 404
    assert got.json["error_code"] == 404
    assert "/thing/xx" in got.json["message"]
    assert len(got.body) < 400


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/things/a", "GET, POST, HEAD"),
        ("DELETE", "/things", "GET, HEAD"),
        ("OPTIONS", "/things", "GET, HEAD"),
        ("FOO", "/things", "GET, HEAD"),
    ],
)
def test_another_method_is_405(method: str, path: str, allow: str) -> None:
    """If this failed, a client would not know what can be asked of a path."""
    got = ask(application(), method, path)
    assert (got.status, got.all("allow")) == (405, [allow])


def test_head_is_get_without_the_body() -> None:
    """If this failed, who looks whether something is there would get nothing, or all of it."""
    got, whole = (ask(application(), method, "/things/a") for method in ("HEAD", "GET"))
    assert (got.status, got.body) == (200, b"")
    assert got.headers == whole.headers
    assert ask(application(), "HEAD", "/nowhere").status == 404


def test_an_answer_without_content_says_nothing_of_it() -> None:
    """If this failed, a 204 would have a length, which HTTP forbids."""
    got = ask(application(), "GET", "/nothing")
    assert (got.status, got.headers, got.body) == (204, [], b"")


# ---------------------------------------------------------------- switches


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("", "deletedOnly", False),
        ("deletedOnly=true", "deletedOnly", True),
        ("deletedOnly=TRUE", "deletedOnly", True),
        ("deleted_only=true", "deletedOnly", True),
        ("deletedonly=true&deletedOnly=false", "deletedOnly", False),
        ("limit=10", "limit", 10),
        ("limit=-1", "limit", -1),
        ("limit=%2B7", "limit", 7),
        ("limit=2147483647", "limit", 2147483647),
        ("prefix=", "prefix", ""),
        ("prefix=a+b%2Fc%3D%C3%A4", "prefix", "a b/c=ä"),
        ("prefix=%ff", "prefix", "\ufffd"),
        ("key=a&key=b&key=", "key", ["a", "b", ""]),
    ],
)
def test_switches_are_typed(query: str, name: str, value: Any) -> None:
    """If this failed, an operation would get text for a number, or another client's spelling of a
    switch would be refused.
    """
    got = ask(application(), "GET", f"/things?{query}")
    assert got.status == 200, got.json
    assert got.json["query"][name] == value


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("deletedOnly=1", "deletedOnly is true or false, not '1'"),
        ("deletedOnly=", "deletedOnly is true or false"),
        ("deletedOnly=" + "x" * 10_000, "deletedOnly is true or false"),
        ("limit=ten", "limit is a number of 32 bits, not 'ten'"),
        ("limit=2147483648", "32 bits"),
        ("limit=1_0", "32 bits"),
        ("limit=1e3", "32 bits"),
        ("limit=%D9%A3", "32 bits"),
        ("limit=" + "9" * 10_000, "32 bits"),
        ("limt=1", "list has no parameter 'limt'; did you mean limit?"),
        ("wholly=1", "list has no parameter 'wholly'; it has deletedOnly, limit, prefix, key"),
        ("&".join("key=1" for _ in range(1001)), "more than 1,000"),
    ],
)
def test_a_switch_that_cant_be_meant_is_400(query: str, says: str) -> None:
    """If this failed, a mistyped switch would be left out in silence, and something else be done
    than was meant.
    """
    got = ask(application(), "GET", f"/things?{query}")
    assert got.status == 400
    assert says in got.json["message"]
    assert len(got.body) < 400


def test_an_operation_without_switches_says_so() -> None:
    """If this failed, the text would name nothing after "it has"."""
    row = Operation("GET", "/", "bare", "", told)
    with pytest.raises(Refusal) as refused:
        switched(row, "a=1")
    assert refused.value.hint == "it has none"
    assert switched(row, "") == {}
    assert switched(row._replace(switches=SWITCHES), "limit=1")["limit"] == 1


# ---------------------------------------------------------------- bodies


def test_a_body_in_parts_is_put_together() -> None:
    """If this failed, a long body would be read in part."""
    parts = [
        {"type": "http.request", "body": b'{"a":', "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b"1}"},
    ]
    got = ask(application(), "POST", "/things/a", headers=[JSON], messages=parts)
    assert (got.status, got.json) == (200, {"a": 1})


PART = {"type": "http.request", "body": b"12345", "more_body": True}
END = {"type": "http.request", "body": b"678"}


def too_long(parts: list[Any], **headers: str) -> int:
    """How many parts of a body that is longer than 10 bytes are taken from the wire."""
    left = iter(parts)
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    served = application(body_bytes_max=10)
    got = ask(served, "POST", "/things/a", headers=named, messages=left)
    assert (got.status, got.json["error_code"]) == (413, 413)
    assert "10 bytes" in got.json["message"]
    return len(parts) - len(list(left))


@pytest.mark.parametrize("headers", [{}, {"content_length": "11"}])
def test_a_body_that_is_too_long_is_413(headers: dict[str, str]) -> None:
    """If this failed, a long body could fill the memory, or hold its place for ever; or a client
    that reads no answer before it has sent all would see none.
    """
    assert too_long([PART, PART, PART, END, PART], **headers) == 4
    assert too_long([PART] * 100, **headers) < 15
    assert too_long([PART, PART, PART, {"type": "http.disconnect"}], **headers) == 4


@pytest.mark.parametrize("length", ["²", "1" * 5000, "-1", "1e9"])
def test_a_length_that_makes_no_sense_is_no_fault(length: str) -> None:
    """If this failed, a header would bring the service to a fault."""
    headers = [("content-length", length)]
    assert ask(application(), "GET", "/things", headers=headers).status in (200, 413)


def test_a_body_as_long_as_it_may_be_is_read() -> None:
    """If this failed, the limit would be another than is told."""
    got = ask(application(body_bytes_max=8), "POST", "/things/a", messages=[PART, END])
    assert got.json == 12345678


def test_a_body_that_does_not_come_to_its_end_is_408() -> None:
    """If this failed, a client that sends half a body would hold its place for ever."""
    ended = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> Any:
        await ended.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b""}
    served = application(body_patience_s=0.01)
    asyncio.run(served({**scope, "headers": []}, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error_code"] == 408


def test_what_a_client_did_not_quote_is_quoted() -> None:
    """If this failed, a name in UTF-8 would be taken for another, or could not be sent on."""
    path = "/things/ä%2F".encode().decode("latin-1")
    got = ask(application(), "GET", path)
    assert got.json["path"] == {"thing": "ä/"}
    assert got.json["target"] == "/things/%C3%A4%2F"
    got = ask(application(), "GET", "/things?prefix=ÿ&limit=1")
    assert got.json["query"]["prefix"] == "�"
    assert got.json["target"] == "/things?prefix=%FF&limit=1"


def test_a_client_that_goes_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, whoever hangs up would leave a traceback in the log."""
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    got = ask(application(), "POST", "/things/a", messages=messages)
    assert got.status == 400
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/x.first+json", 200),
        ("text/plain", 200),
        (None, 200),
        ("application/xml", 415),
        ("application", 415),
        ("", 415),
    ],
)
def test_types_of_bodies(kind: str | None, status: int) -> None:
    """If this failed, a body would be read as what it is not, or one of a known type refused."""
    headers = [] if kind is None else [("content-type", kind)]
    got = ask(application(), "POST", "/things/a", headers=headers, body=b"1")
    assert got.status == status
    # Only where a body is read.
    assert ask(application(), "GET", "/things/a", headers=headers).status == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, TYPES[0]),
        ("", TYPES[0]),
        ("*/*", TYPES[0]),
        ("application/*", TYPES[0]),
        ("application/json", TYPES[1]),
        ("Application/JSON", TYPES[1]),
        (f"{TYPES[0]};q=0.5, application/json", TYPES[1]),
        (f"{TYPES[0]};q=0.5, application/json;q=0.4", TYPES[0]),
        (f"{TYPES[0]}, application/json", TYPES[0]),
        (f"{TYPES[0]};q=0.1, */*", TYPES[1]),
        (f"{TYPES[0]};q=0, */*;q=0.1", TYPES[1]),
        ("application/*;q=0.2, application/json;q=0.9", TYPES[1]),
        ("application/json;v=1;q=0.2, text/html", TYPES[1]),
        ("text/html, */*;q=0.1", TYPES[0]),
        ("text/html", None),
        ("text/*", None),
        ("*/*;q=0", None),
        ("*/*;q=nan", None),
        ("*/*;q=-1", None),
        (",;,q=1;", TYPES[0]),
        ("x" * 60_000, None),
    ],
)
def test_types_of_answers(accept: str | None, kind: str | None) -> None:
    """If this failed, a client would be answered in a type that it does not read."""
    got = ask(application(), "GET", "/things", headers=[("accept", accept)] if accept else [])
    if kind is None:
        assert (got.status, got.type) == (406, TYPES[0])
    else:
        assert (got.status, got.type) == (200, kind)


def test_many_kinds_of_accept_are_not_kept() -> None:
    """If this failed, a client that sends ever other headers could fill the memory."""
    served = application()
    for number in range(2500):
        assert ask(served, "GET", "/nothing", headers=[("accept", f"a/{number}")]).status == 406
    assert len(served._chosen) <= 1001


def test_json_that_nests_too_deep_is_400() -> None:
    """If this failed, a body of brackets would bring the service to a fault."""
    for body in (b"[" * 1_000_000, b'{"\\ud800":1}', b"\xed\xa0\x80"):
        got = ask(application(), "POST", "/things/a", headers=[JSON], body=body)
        assert (got.status, got.json["error_code"]) == (400, 400)


# ---------------------------------------------------------------- who asks, and faults


def test_whoever_is_not_known_is_401() -> None:
    """If this failed, a service with a list of people would answer anybody, or not say how
    to ask.
    """
    access = Access()
    access.add_people(["alice:secret"])
    access.add_tokens(["t0k3n bob"])
    served = application(access=access)
    wrong = [("authorization", "Basic \xe4")]
    for headers, says in (([], "no name and password"), (wrong, "wrong ones")):
        got = ask(served, "GET", "/things", headers=headers)
        assert got.status == 401
        assert got.all("www-authenticate") == ['Basic realm="ottla"', "Bearer"]
        assert says in got.json["message"]
    # What is there is nobody's business either.
    assert ask(served, "GET", "/nowhere").status == 401
    assert ask(served, "GET", "/livez").status == 200
    token = base64.b64encode(b"alice:secret").decode()
    for shown in (f"Basic {token}", "Bearer t0k3n"):
        assert ask(served, "GET", "/things", headers=[("authorization", shown)]).status == 200


def test_a_body_of_who_may_not_ask_is_not_read() -> None:
    """If this failed, anybody could have a service read megabytes."""
    access = Access()
    access.add_people(["alice:secret"])
    got = ask(application(access=access), "POST", "/things/a", messages=[{}])
    assert got.status == 401


def test_a_fault_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, a client would wait for ever, or read what is within the service."""
    with caplog.at_level(logging.ERROR, "ottla.web"):
        got = ask(application(), "GET", "/broken")
    assert (got.status, got.json["error_code"]) == (500, 500)
    assert b"secret" not in got.body
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "the secret of the service" in str(record.exc_info[1])


def test_what_goes_before_may_change_the_path() -> None:
    """If this failed, another spelling of a path would not find its operation."""
    served = application(before=lambda path, query: (path.removeprefix("/v1"), "limit=3"))
    got = ask(served, "GET", "/v1/things?limit=9")
    assert (got.json["query"]["limit"], got.json["target"]) == (3, "/v1/things?limit=9")


def test_the_life_of_a_service_is_acknowledged() -> None:
    """If this failed, a server would not start it, or wait for its end."""
    given = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(given)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application()({"type": "lifespan"}, receive, send))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    sent.clear()
    asyncio.run(application()({"type": "websocket"}, receive, send))
    assert json.dumps(sent) == '[{"type": "websocket.close", "code": 1003}]'
