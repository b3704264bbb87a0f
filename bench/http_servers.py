"""`python -m bench.http_servers NAME...`: one ASGI function on each server, side by side.

What docs/design/web.md chose by. The servers are not the checkout's: install those that are asked
for beside it (granian, hypercorn, uvicorn with httptools).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

BODY = b'{"schema":"{\\"type\\":\\"record\\",\\"name\\":\\"a\\",\\"fields\\":[]}"}'
REQUESTS = 20_000
CONNECTIONS = 4
ASKED = {
    "GET": b"GET /schemas/ids/1 HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST": b"POST /subjects/a/versions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The same for each server."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["method"] == "POST":
        await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def served(name: str, port: int) -> None:
    """Serve by the server of a name, for ever."""
    if name == "granian":
        from granian.constants import Interfaces
        from granian.server.embed import Server

        server = Server(application, port=port, interface=Interfaces.ASGI, log_enabled=False)
        await server.serve()
    elif name == "hypercorn":
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        config = Config()
        config.bind, config.loglevel = [f"127.0.0.1:{port}"], "ERROR"
        config.keep_alive_max_requests = 10**9
        await serve(application, config, shutdown_trigger=asyncio.Event().wait)
    else:
        import uvicorn

        await uvicorn.Server(uvicorn.Config(application, port=port, access_log=False)).serve()


def measured(name: str) -> str:
    """One server's line."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    code = f"import asyncio,bench.http_servers as b;asyncio.run(b.served({name!r},{port}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() - began > 20:
                    return f"{name:12} does not serve: is it installed?"
                time.sleep(0.002)
        first = time.monotonic() - began
        cells = [_loaded(port, process.pid, request) for request in ASKED.values()]
        with open(f"/proc/{process.pid}/statm") as file:
            pages = int(file.read().split()[1])
        mib = pages * os.sysconf("SC_PAGESIZE") >> 20
        return f"{name:12} {'  '.join(cells)}  first {first:.2f} s  {mib} MiB"
    finally:
        process.terminate()
        process.wait()


def _loaded(port: int, pid: int, request: bytes) -> str:
    took: list[float] = []

    def ask(times: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(times):
                began = time.monotonic()
                connection.sendall(request)
                answer = connection.recv(65536)
                while not answer.endswith(b"}"):
                    answer += connection.recv(65536)
                took.append(time.monotonic() - began)

    ask(300)
    took.clear()
    before = _cpu_s(pid)
    threads = [
        threading.Thread(target=ask, args=(REQUESTS // CONNECTIONS,)) for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = _cpu_s(pid) - before
    return f"{REQUESTS / cpu:7.0f} a CPU-s, p50 {sorted(took)[len(took) // 2] * 1e3:.2f} ms"


def _cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print("             GET, then POST")
    for wanted in sys.argv[1:] or ("granian",):
        print(measured(wanted), flush=True)
