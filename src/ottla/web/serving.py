"""Serves an ASGI application over HTTP/1.1 and HTTP/2 on a thread of its own, with TLS if wanted.

granian does the work: its socket, TLS and HTTP are native, and the application runs in an asyncio
loop that lives on our thread, so that a service starts and stops within a process like everything
else of it. The listening socket is ours: a port of 0 is known when `start` returns, and one that
is taken is an error there. What stays true after `stop`: what was being answered was answered
(within its patience), the port is free, and no thread of the server is left.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from ottla.steady import steady_s
from ottla.web.connections import hang_up
from ottla.web.tls import CannotServe, Tls

HEAD_BYTES_MAX = 64 << 10
BACKLOG = 1024
CONNECTIONS_MAX = 16_384
"""Beyond them none is taken until one ends; idle ones count, too."""
ANY_ADDRESS = ("0.0.0.0", "::")


class Patience(NamedTuple):
    """How long clients are waited for, in seconds."""

    head_s: float = 10.0
    """For the head of a request, once its connection is there or has answered the one before."""
    stop_s: float = 10.0
    """At the end, for what is under way; what then still is ends without an answer."""


class Serving:
    """A service that is being served; `start` it, and `stop` it.

    Args:
        host, port: where; port 0 takes one that is free.
    """

    def __init__(
        self,
        application: Callable[..., Awaitable[None]],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: Tls | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._application = application
        self._host, self._port, self._tls = host, port, tls
        self._patience = patience or Patience()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Any = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._failed: BaseException | None = None
        self._native: set[str] = set()

    @property
    def port(self) -> int:
        """The port, known once `start` has returned."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients on this machine find it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self._host, self._host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    def start(self) -> None:
        """Listen, and return when requests are answered.

        Raises:
            CannotServe: the port is taken, the certificates are no use, or granian is missing.
        """
        server = _server_type()
        if self._tls is not None:
            self._tls.check()
        self._socket = _listening(self._host, self._port)
        self._port = self._socket.getsockname()[1]
        before = _native_threads()
        self._thread = threading.Thread(target=self._run, args=(server,), name="ottla-http")
        self._thread.daemon = True
        self._thread.start()
        self._started.wait()
        if self._failed is not None:
            self._thread.join()
            self._socket.close()
            raise CannotServe(
                f"HTTP can't be served on {self._host}:{self._port}: {self._failed}",
                hint="look at the files of certificate and key" if self._tls else None,
            )
        self._native = _native_threads() - before

    def stop(self) -> None:
        """Stop taking requests, answer what is under way, and end; again: nothing.

        Clients that do not tell the rest of a request, or do not read its answer, are hung up on
        when the patience is over.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        assert self._loop is not None
        assert self._socket is not None
        self._loop.call_soon_threadsafe(self._server.stop)
        host, port = self._socket.getsockname()[:2]
        self._socket.close()
        thread.join(self._patience.stop_s)
        while thread.is_alive():
            self._end_under_way()
            hang_up("" if host in ANY_ADDRESS else host, port)
            thread.join(0.1)
        # Its threads end after it: one that is left when the interpreter ends would be cut down in
        # the middle of it, and says so on stderr.
        end = steady_s() + 1
        gone = threading.Event()
        while self._native & _native_threads() and steady_s() < end:
            gone.wait(0.001)

    def _end_under_way(self) -> None:
        """Wait no longer for answers that are not found."""
        assert self._loop is not None
        for task in list(self._under_way):
            with suppress(RuntimeError):  # the loop has ended just now
                self._loop.call_soon_threadsafe(task.cancel)

    def _run(self, server: type) -> None:
        try:
            asyncio.run(self._serve(server))
        except BaseException as error:
            self._failed = error
        finally:
            self._started.set()

    async def _serve(self, server: type) -> None:
        self._loop = asyncio.get_running_loop()
        assert self._socket is not None
        self._server = server(self._announced, self._socket.fileno(), self._tls, self._patience)
        await self._server.serve()

    async def _announced(self, scope: Any, receive: Any, send: Any) -> None:
        """The application; its first word, which granian speaks when it serves, is passed on."""
        if scope["type"] == "lifespan":

            async def told(message: Any) -> None:
                await send(message)
                if message["type"] == "lifespan.startup.complete":
                    self._started.set()

            await self._application(scope, receive, told)
            return
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            await self._application(scope, receive, send)
        finally:
            self._under_way.discard(task)


def _listening(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=1)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:
        raise CannotServe(f"{host[:100]!r} is no address of this machine: {error}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        hint = "choose another port, or 0 for one that is free"
        raise CannotServe(f"{host}:{port} can't be listened on: {error}", hint=hint) from None
    return listening


def _native_threads() -> set[str]:
    """The threads of this process, Python's and others; none where the system does not tell."""
    try:
        return set(os.listdir("/proc/self/task"))
    except OSError:
        return set()


def _server_type() -> type:
    """granian's embedded server, with a socket that is handed in."""
    try:
        from granian._granian import SocketHolder
        from granian.constants import HTTPModes, Interfaces, SSLProtocols
        from granian.http import HTTP1Settings, HTTP2Settings
        from granian.server.embed import Server
    except ImportError:
        raise CannotServe(
            "HTTP services need a server, which is not installed",
            hint="pip install 'ottla[registry]'",
        ) from None

    class Embedded(Server):
        def __init__(self, application: Any, fd: int, tls: Tls | None, patience: Patience) -> None:
            self._handed = fd
            super().__init__(
                application,
                interface=Interfaces.ASGI,
                http=HTTPModes.auto,
                websockets=False,
                log_enabled=False,
                backpressure=CONNECTIONS_MAX,
                http1_settings=HTTP1Settings(
                    header_read_timeout=int(patience.head_s * 1000), max_buffer_size=HEAD_BYTES_MAX
                ),
                http2_settings=HTTP2Settings(max_headers_size=HEAD_BYTES_MAX),
                **_tls_arguments(tls, SSLProtocols.tls12),
            )

        def _init_shared_socket(self) -> None:
            # Not granian's public face: the versions of it that were tried are in pyproject.toml.
            self._shd: Any = SocketHolder(os.dup(self._handed), False, BACKLOG)  # type: ignore[call-arg]
            self._ssp = self._sfd = None

    return Embedded


def _tls_arguments(tls: Tls | None, oldest: Any) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "ssl_cert": tls.certificate,
        "ssl_key": tls.key,
        "ssl_ca": tls.ca,
        "ssl_client_verify": tls.ca is not None,
        "ssl_protocol_min": oldest,
    }
