"""One ASGI application: matches a request with its row, checks it, and sends what is answered.

Everything that a client can get wrong before its operation is asked ends here, with one answer
that says what: an unknown path or method, a switch that the row has not, a body that is too long
or of a type that nobody reads, somebody who may not ask. What stays true: an answer is sent for
every request, also where an answerer breaks (500, and a traceback in the log, none to the client).
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import re
import string
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote

from ottla.web.access import Access
from ottla.web.operation import (
    BOOLEAN,
    INTEGER,
    STRINGS,
    Answer,
    Operation,
    Refusal,
    Request,
    Switch,
    dense,
)
from ottla.web.routes import Routes, names_in

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX = 4 << 20
THROWN_AWAY = 4
"""So many times as much is still taken from the wire of a body that is too long."""
BODY_PATIENCE_S = 30.0
"""Within this a client has to send the whole body of its request."""
INT32_MAX = (1 << 31) - 1
QUALITIES = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
INTEGERS = re.compile("[+-]?[0-9]{1,10}")
OPEN_PATHS = ("/livez",)
"""What is answered to whoever asks: it says nothing but that there is an answer."""

_log = logging.getLogger("ottla.web")


class Application:
    """Serves rows of operations.

    Args:
        types: the media types of bodies, those of answers among them; the first is what is
            answered to who takes anything.
        takes: media types that bodies may have besides.
        fault_code: the code of the error that is answered where an answerer breaks.
        before: sees the path and query of each request, and gives those that are to be looked for.
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        *,
        types: tuple[str, ...] = ("application/json",),
        takes: tuple[str, ...] = (),
        access: Access | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
        body_patience_s: float = BODY_PATIENCE_S,
        fault_code: int = 500,
        before: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:
        self._routes = Routes(operations)
        self._types = types
        self._takes = frozenset((*types, *takes))
        self._access = access or Access()
        self._body_bytes_max = body_bytes_max
        self._body_patience_s = body_patience_s
        self._fault_code = fault_code
        self._before = before
        self._chosen: dict[str, str | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        accepted = self._accepted(headers.get("accept", "*/*"))
        try:
            answer = await self._answered(scope, headers, accepted, receive)
        except Refusal as refusal:
            asks = self._access.challenges() if refusal.status == 401 else ()
            answer = refused(refusal, [("www-authenticate", challenge) for challenge in asks])
        except Exception:  # a client must not see it, and the service must go on
            _log.exception("%s %s failed", scope["method"], scope["path"])
            said = "the service has a fault: its log has the cause"
            answer = refused(Refusal(500, self._fault_code, said))
        content = answer.type or accepted or self._types[0]
        sent = [(b"content-type", content.encode()), (b"content-length", b"%d" % len(answer.body))]
        sent += [(name.encode(), value.encode()) for name, value in answer.headers]
        if answer.status == 204:
            sent = sent[2:]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answered(
        self, scope: Scope, headers: Mapping[str, str], accepted: str | None, receive: Receive
    ) -> Answer:
        path, query = _text(scope["raw_path"]), _text(scope["query_string"])
        self._check_access(path, headers)
        body = await self._body(headers, receive)
        asked, told = self._before(path, query) if self._before else (path, query)
        found = self._routes.find(asked)
        if found is None:
            raise Refusal(404, 404, f"there is nothing at {path[:200]}")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        operation = found.operations.get(method)
        if operation is None:
            methods = [*found.operations, *(["HEAD"] if "GET" in found.operations else [])]
            allowed = ", ".join(methods)
            return refused(
                Refusal(405, 405, f"{method} can't be asked of {path}; {allowed} can"),
                [("allow", allowed)],
            )
        if accepted is None:
            raise Refusal(406, 406, f"only {', '.join(self._types)} can be answered")
        if operation.takes is not None:
            self._check_type(headers.get("content-type"))
        request = Request(
            operation=operation,
            method=method,
            target=_target(path, query),
            path=dict(zip(names_in(operation.path), found.values, strict=True)),
            query=switched(operation, told),
            headers=headers,
            body=body,
        )
        return await operation.answer(request)

    def _check_access(self, path: str, headers: Mapping[str, str]) -> None:
        if not self._access or path in OPEN_PATHS:
            return
        if self._access.who(headers.get("authorization")) is None:
            said = "no name and password" if "authorization" not in headers else "wrong ones"
            raise Refusal(401, 401, f"this service asks who you are, and was given {said}")

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The whole body; one that is too long is not kept."""
        length = headers.get("content-length", "")
        told = int(length[:19]) if length.isascii() and length.isdigit() else 0
        body: bytes | None = None
        try:
            async with asyncio.timeout(self._body_patience_s):
                if told <= self._body_bytes_max:
                    body = await self._received(receive)
                if body is None:
                    await self._thrown_away(receive)
        except TimeoutError:
            if told <= self._body_bytes_max:
                raise Refusal(408, 408, "the body did not come to its end in time") from None
        if body is None:
            raise Refusal(413, 413, f"the body has more than {self._body_bytes_max} bytes")
        return body

    async def _received(self, receive: Receive) -> bytes | None:
        """The body; None where it has become too long."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, 400, "the connection ended before the body did")
            part = message.get("body", b"")
            size += len(part)
            if size > self._body_bytes_max:
                return None
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)

    async def _thrown_away(self, receive: Receive) -> None:
        """Let a client send the rest, within bounds: many read no answer before they have."""
        left = THROWN_AWAY * self._body_bytes_max
        while left > 0:
            message = await receive()
            if not message.get("more_body"):
                return
            left -= len(message.get("body", b""))

    def _check_type(self, content_type: str | None) -> None:
        if content_type is not None:
            kind = content_type.partition(";")[0].strip().lower()
            if kind not in self._takes:
                raise Refusal(415, 415, f"a body of type {kind} is not read; send {self._types[0]}")

    def _accepted(self, accept: str) -> str | None:
        """The type to answer in: the one that is liked best, the service's first among equals."""
        if accept not in self._chosen:
            if len(self._chosen) > 1000:  # clients choose what stands there
                self._chosen.clear()
            self._chosen[accept] = _liked_best(accept, self._types)
        return self._chosen[accept]


def refused(refusal: Refusal, headers: list[tuple[str, str]] | None = None) -> Answer:
    """The answer that tells of a refusal, with its hint in the text: clients show only that."""
    text = f"{refusal}; {refusal.hint}" if refusal.hint else str(refusal)
    body = dense({"error_code": refusal.code, "message": text})
    return Answer(refusal.status, body, headers=tuple(headers or ()))


def switched(operation: Operation, query: str) -> dict[str, Any]:
    """The switches of an operation as they are told in a query.

    Raises:
        Refusal: 400, for one that the operation has not, or whose value is of another kind.
    """
    values = {switch.name: switch.default for switch in operation.switches}
    if not query:
        return values
    # Clients of the field spell a name as deletedOnly, or as deleted_only.
    rows = {_bare(switch.name): switch for switch in operation.switches}
    told: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=1000):
            told.setdefault(name, []).append(value)
    except ValueError:
        raise Refusal(400, 400, "the query has more than 1,000 parameters") from None
    for name, given in told.items():
        row = rows.get(_bare(name))
        if row is None:
            text = f"{operation.name} has no parameter {name[:50]!r}"
            raise Refusal(400, 400, text, hint=_near(name, values))
        values[row.name] = _typed(row, given)
    return values


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _near(name: str, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"it has {', '.join(names)}" if names else "it has none"


def _typed(switch: Switch, given: list[str]) -> Any:
    if switch.kind == STRINGS:
        return given
    value = given[-1]
    if switch.kind == BOOLEAN:
        if value.lower() not in ("true", "false"):
            raise Refusal(400, 400, f"{switch.name} is true or false, not {value[:50]!r}")
        return value.lower() == "true"
    if switch.kind == INTEGER:
        number = int(value) if INTEGERS.fullmatch(value) else INT32_MAX + 1
        if abs(number) > INT32_MAX:
            raise Refusal(400, 400, f"{switch.name} is a number of 32 bits, not {value[:50]!r}")
        return number
    return value


def _liked_best(accept: str, types: tuple[str, ...]) -> str | None:
    """RFC 9110, 12.5.1: of ranges that a type is in, the closest says how much it is liked."""
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        kind, _, parameters = part.strip().lower().partition(";")
        ranges[kind.strip() or "*/*"] = _weight(parameters)
    best, most = None, 0.0
    for offered in types:
        within = (offered, f"{offered.partition('/')[0]}/*", "*/*")
        liked = next((ranges[kind] for kind in within if kind in ranges), 0.0)
        if liked > most:
            best, most = offered, liked
    return best


def _weight(parameters: str) -> float:
    """The q of a media range: 1 where it is not told, 0 where it can't be meant."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if QUALITIES.fullmatch(value.strip()) else 0.0
    return 1.0


def _target(path: str, query: str) -> str:
    """Path and query as they were sent."""
    return f"{path}?{query}" if query else path


def _text(sent: bytes) -> str:
    """A part of a URL as text; what a client did not quote of it is quoted here."""
    return sent.decode() if sent.isascii() else quote(sent, safe=string.punctuation)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
