"""Asks an ASGI application by hand: messages go in and come out, and no socket is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from ottla.web.application import Application
from ottla.web.operation import Answer, Operation, Request, Switch, answer_json

Message = dict[str, Any]
TYPES = ("application/x.first+json", "application/json")


class Got(NamedTuple):
    """What an application has sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def type(self) -> str:
        """The body's type."""
        (found,) = self.all("content-type")
        return found


def ask(
    application: Application,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    messages: Iterable[Message] | None = None,
    body: bytes = b"",
) -> Got:
    """One request, its body in one message, or in those that are given."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers],
    }
    given = iter(messages or [{"type": "http.request", "body": body, "more_body": False}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(given)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    start, end = sent
    assert (start["type"], end["type"]) == ("http.response.start", "http.response.body")
    found = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Got(start["status"], found, end["body"])


async def told(request: Request) -> Answer:
    """Answers what it was asked."""
    return answer_json(
        {
            "operation": request.operation.name,
            "method": request.method,
            "target": request.target,
            "path": dict(request.path),
            "query": dict(request.query),
            "body": request.body.decode("latin-1"),
        }
    )


async def read(request: Request) -> Answer:
    """Answers the JSON that it was sent."""
    return answer_json(request.json())


async def broken(_: Request) -> Answer:
    """An answerer with a fault."""
    raise ValueError("the secret of the service")


async def nothing(_: Request) -> Answer:
    """An answer without a body."""
    return Answer(204, b"")


SWITCHES = (
    Switch("deletedOnly", "boolean", False, "those deleted alone"),
    Switch("limit", "integer", -1, "how many"),
    Switch("prefix", "string", "", "what it begins with"),
    Switch("key", "strings", (), "names"),
)


def application(*more: Operation, **arguments: Any) -> Application:
    """A service of some operations."""
    rows = [
        Operation("GET", "/things", "list", "All", told, SWITCHES),
        Operation("GET", "/things/{thing}", "get", "One", told),
        Operation("POST", "/things/{thing}", "put", "Set", read, takes="Thing"),
        Operation("GET", "/broken", "break", "Fails", broken),
        Operation("GET", "/nothing", "none", "Nothing", nothing, status=204),
        Operation("GET", "/livez", "health", "Whether", told),
        *more,
    ]
    return Application(rows, **{"types": TYPES, "takes": ("text/plain",), **arguments})
