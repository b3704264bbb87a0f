"""Requests to a registry over HTTP/1.1: its URLs in turn, connections kept, faults tried again.

A connection belongs to one request at a time, so any number of threads may ask at once. What may
be sent twice without harm is sent again where a connection broke or the server failed (5xx, 429),
with pauses that grow; everything else only where nothing can have arrived. This knows of HTTP and
JSON, not of schemas.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ottla.serdes.errors import BadRegistrySetting, RegistryError, RegistryUnreachable

ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
ANSWER_BYTES_MAX = 256 << 20
IDLE_MAX = 8
"""Connections that are kept for the next request, of each URL."""
TIMEOUT_SECONDS = 10.0
WRITE_TIMEOUT_SECONDS = 35.0
"""A registry may take 30 s to change something, while it elects a leader or Kafka is slow: who gave
up before that would send it again while it is under way."""
RETRIES = 3
BACKOFF_SECONDS = 0.1
BACKOFF_SECONDS_MAX = 2.0
PASSING = (429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""
READS = ("GET", "HEAD")
REPEATABLE = ("GET", "HEAD", "PUT")

_BARE = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]+(?:/\S*)?")
"""A host and a port, as one writes them for Kafka: http is meant."""
_USER_INFO = re.compile(r"//[^/@]*(?:@[^/@]*)*@")

Token = str | Callable[[], str]


class Place(NamedTuple):
    """One URL of a registry, taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    basic: str | None
    """The header that user info in the URL means."""

    @property
    def url(self) -> str:
        """The URL without user info."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


class Tls(NamedTuple):
    """How a registry behind https is trusted, and who we show ourselves to be; files in PEM."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            BadRegistrySetting: a file is not there, or no PEM.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key, self.key_password)
        except (OSError, ValueError) as error:
            files = ", ".join(file for file in (self.ca, self.certificate, self.key) if file)
            raise BadRegistrySetting(
                f"the files for TLS can't be used ({files}): {error}",
                hint="each is a file in PEM; the key has its own, or stands in the certificate's",
            ) from error
        return context


def place_of(url: str) -> Place:
    """Take a URL apart.

    Raises:
        BadRegistrySetting: it is no URL of a registry.
    """
    hint = "a registry's URL is like http://localhost:8081"
    shown = _USER_INFO.sub("//…@", url)
    url = url.strip()
    try:
        parts = urlsplit(f"http://{url}" if _BARE.fullmatch(url) else url)
        port = parts.port
    except ValueError as error:
        raise BadRegistrySetting(
            f"{shown!r} is no URL: {_USER_INFO.sub('//…@', str(error))}", hint=hint
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRegistrySetting(f"{shown!r} is no URL of a registry", hint=hint)
    if parts.query or parts.fragment:
        raise BadRegistrySetting(f"{shown!r} has more than a path behind it", hint=hint)
    basic = None
    if parts.username is not None:
        basic = basic_header(unquote(parts.username), unquote(parts.password or ""))
    return Place(
        parts.scheme,
        parts.hostname,
        port or (443 if parts.scheme == "https" else 80),
        parts.path.rstrip("/"),
        basic,
    )


def basic_header(user: str, password: str) -> str:
    """The header Authorization of a user with a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Answer(NamedTuple):
    """What came back."""

    status: int
    kind: str
    """The header Content-Type."""
    body: bytes
    location: str | None


class Broken(Exception):
    """No answer; `may_have_arrived` says whether the request can have been carried out."""

    def __init__(self, reason: str, hint: str | None, *, may_have_arrived: bool) -> None:
        super().__init__(reason)
        self.hint, self.may_have_arrived = hint, may_have_arrived


class RegistryHttp:
    """Asks a registry at one of its URLs."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        authorization: Callable[[], str | None],
        tls: ssl.SSLContext | None,
        timeout_seconds: float | None,
        retries: int,
    ) -> None:
        self.places = [place_of(url) for url in urls]
        if not self.places:
            raise BadRegistrySetting("there is no URL of a registry")
        self._authorization = authorization
        self._tls = tls
        self._timeout_seconds = timeout_seconds or TIMEOUT_SECONDS
        self._write_timeout_seconds = timeout_seconds or WRITE_TIMEOUT_SECONDS
        self._retries = retries
        self._lock = Lock()
        self._idle: dict[Place, list[http.client.HTTPConnection]] = {}
        self._process = os.getpid()
        self._first = 0

    def request(
        self, method: str, path: str, body: Any = None, *, is_repeatable: bool | None = None
    ) -> Any:
        """Ask, and give the JSON of the answer; None where it is empty.

        Raises:
            RegistryError: the answer is an error, or no JSON.
            RegistryUnreachable: nobody answered.
        """
        again = method in REPEATABLE if is_repeatable is None else is_repeatable
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(self._retries + 1):
            if attempt:
                most = min(BACKOFF_SECONDS * 2 ** (attempt - 1), BACKOFF_SECONDS_MAX)
                time.sleep(most * random.uniform(0.5, 1))
            answer, faults, is_over = self._round(method, path, data, again)
            if answer is not None and (answer.status not in PASSING or not again):
                return told(answer, method, path, self.places[self._first].url)
            if is_over:
                break
        if answer is not None:
            return told(answer, method, path, self.places[self._first].url)
        raise _unreachable(faults)

    def close(self) -> None:
        """Close the connections that are kept; a later request opens others."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _round(
        self, method: str, path: str, data: bytes | None, again: bool
    ) -> tuple[Answer | None, list[tuple[str, Broken]], bool]:
        """Ask each URL until one answers something that does not pass, from the last good one on.

        The last value says that nothing more may be tried.
        """
        faults: list[tuple[str, Broken]] = []
        answer = None
        first = self._first
        for step in range(len(self.places)):
            number = (first + step) % len(self.places)
            try:
                answer = self._ask(self.places[number], method, path, data, again)
            except Broken as fault:
                faults.append((self.places[number].url, fault))
                if fault.may_have_arrived and not again:
                    return answer, faults, True
                continue
            self._first = number
            if answer.status not in PASSING or not again:
                return answer, faults, False
        return answer, faults, False

    def _ask(self, place: Place, method: str, path: str, data: bytes | None, again: bool) -> Answer:
        connection = self._kept(place)
        if connection is not None:
            # The server may be about to close what has been idle: that is no fault.
            try:
                return self._exchange(connection, place, method, path, data)
            except Broken:
                if not again:
                    raise
        return self._exchange(self._connected(place), place, method, path, data)

    def _connected(self, place: Place) -> http.client.HTTPConnection:
        if place.scheme == "https":
            context = self._tls or ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                place.host, place.port, timeout=self._timeout_seconds, context=context
            )
        else:
            connection = http.client.HTTPConnection(
                place.host, place.port, timeout=self._timeout_seconds
            )
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            hint = "name its CA's file (ca=…), and the name that stands in its certificate"
            raise Broken(
                f"its certificate is not trusted: {error.verify_message}",
                hint,
                may_have_arrived=False,
            ) from error
        except ssl.SSLError as error:
            connection.close()
            hint = "does it speak TLS at all? If not, its URL begins with http://"
            raise Broken(f"TLS failed: {error.reason}", hint, may_have_arrived=False) from error
        except (OSError, UnicodeError) as error:
            connection.close()
            raise Broken(_reason(error), None, may_have_arrived=False) from error
        if isinstance(connection.sock, socket.socket):
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        place: Place,
        method: str,
        path: str,
        data: bytes | None,
    ) -> Answer:
        is_read = method in READS
        patience = self._timeout_seconds if is_read else self._write_timeout_seconds
        connection.sock.settimeout(patience)
        headers = {"Accept": ACCEPT}
        if data is not None:
            headers["Content-Type"] = CONTENT_TYPE
        authorization = self._authorization() or place.basic
        if authorization:
            headers["Authorization"] = authorization
        try:
            connection.request(method, place.path + path, data, headers)
            response = connection.getresponse()
            body = response.read(ANSWER_BYTES_MAX)
        except TimeoutError as error:
            connection.close()
            reason = f"no answer in {patience:g} s"
            raise Broken(reason, None, may_have_arrived=True) from error
        except (http.client.InvalidURL, ValueError) as error:
            connection.close()  # the error itself may have a token in it
            raise BadRegistrySetting(
                f"no request of HTTP can be made: {type(error).__name__}",
                hint="is there a line break or a blank in a path, or in the token?",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Broken(*_fault(error), may_have_arrived=True) from error
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            self._keep(place, connection)
        kind = response.getheader("Content-Type") or ""
        return Answer(response.status, kind, body, response.getheader("Location"))

    def _kept(self, place: Place) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._process != os.getpid():
                # A child of a fork shares the sockets with its parent: both must not use them.
                self._process, self._idle = os.getpid(), {}
            idle = self._idle.get(place, [])
            while idle:
                connection = idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.close()
            return None

    def _keep(self, place: Place, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(place, [])
            if len(idle) < IDLE_MAX:
                idle.append(connection)
                return
        connection.close()


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing has come since the last answer: what comes then is the end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def told(answer: Answer, method: str, path: str, url: str) -> Any:
    """The JSON of an answer.

    Raises:
        RegistryError: it is an error, or no JSON.
    """
    asked = f"{method} {url}{path}"
    try:
        body = json.loads(answer.body) if answer.body.strip() else None
        is_json = True
    except (ValueError, RecursionError):
        body, is_json = None, False
    if answer.status < 300 and is_json:
        return body
    code, text = answer.status, ""
    if isinstance(body, dict):
        given = body.get("error_code", body.get("status"))
        code = given if isinstance(given, int) else code
        text = str(body.get("message") or body.get("title") or "")
    raise RegistryError(
        answer.status,
        code,
        text or _appearance(answer, is_json),
        asked=asked,
        hint=_hint(answer, is_json, url, code),
    )


def _appearance(answer: Answer, is_json: bool) -> str:
    reason = http.client.responses.get(answer.status, "")
    status = f"status {answer.status} {reason}".strip()
    if is_json:
        return status
    if "html" in answer.kind or answer.body.lstrip()[:1] == b"<":
        return f"{status} with a page of HTML"
    return f"{status} with what is no JSON: {answer.body[:40]!r}"


def _hint(answer: Answer, is_json: bool, url: str, code: int) -> str | None:
    if answer.status == 401:
        return "name a user and a password (user=…, password=…) or a token (token=…) that it knows"
    if answer.status == 403:
        return "it knows who asks, and does not allow it: ask whoever runs the registry"
    if 300 <= answer.status < 400:
        return f"it sends one elsewhere: say {answer.location or 'that URL'} as the registry's URL"
    if not is_json or (answer.status == 404 and code == 404):
        return f"is {url} the URL of a schema registry? Another server seems to answer there"
    if answer.status in PASSING:
        return "this may pass: try again; the registry's own log says more"
    return None


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, socket.gaierror):
        return f"the host's name resolves to nothing ({error.strerror})"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _fault(error: BaseException) -> tuple[str, str | None]:
    """What a connection broke with, and what that looks like."""
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return (
            "it hung up without an answer",
            "a Kafka broker does that: a registry has a port of its own, usually 8081",
        )
    if isinstance(error, http.client.BadStatusLine):
        return (
            f"what answers there speaks no HTTP ({str(error)[:20]!r})",
            "where the registry speaks TLS, its URL begins with https://",
        )
    return _reason(error), None


def _unreachable(faults: list[tuple[str, Broken]]) -> RegistryUnreachable:
    text = "; ".join(f"{url}: {fault}" for url, fault in faults)
    hint = next((fault.hint for _, fault in faults if fault.hint), None)
    return RegistryUnreachable(
        f"no schema registry answers at {text}",
        hint=hint or "start one (`ottla registry`), or name its URL",
    )
