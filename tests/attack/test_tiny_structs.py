"""A request that is one list of the smallest entries there can be, for every list of every API.

What 20 MB of them take of a node in memory and time, and what the largest takes that is answered.
`python -m attack.test_tiny_structs` prints the figures, one list a line.
"""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from attack.costs import OLD_LISTS, _lists
from attack.line import Closed, Line
from attack.plausible import PLAIN, SHAPES, Names, request_of
from attack.process import Server
from ottla.broker.router import ROUTES
from ottla.wire import frame
from ottla.wire.api import api
from ottla.wire.messages.api_versions import ApiVersionsRequest
from servers import eventually

BODY_BYTES = 20_000_000
ANSWERED_BYTES = 1_250_000
"""So few that most of them pass the limit of objects, and the handlers see them."""
GROWTH_KIB_MAX = 200 << 10
"""The frame, what it may be once it is decoded, and an answer of the same size."""
NAMES = Names("made", "g", "m", bytes(16), b"")


class Tiny(NamedTuple):
    """One list: the API, and the frame that is full of its smallest entry."""

    key: int
    version: int
    path: str
    frame: bytes

    def __str__(self) -> str:
        return f"{api(self.key).name} v{self.version} {self.path}"


def tiny_lists(body_bytes: int = BODY_BYTES) -> Iterator[Tiny]:
    """Every list of every API that clients may ask, once."""
    seen = set()
    for route in ROUTES:
        newest = api(route.key).max_version
        for version in sorted({newest, OLD_LISTS.get(route.key, newest)}):
            for shape in SHAPES.get(route.key, PLAIN):
                message = request_of(route.key, version, shape, NAMES)
                for path in _lists(message, version, ()):
                    if (route.key, version, path) not in seen:
                        seen.add((route.key, version, path))
                        yield _tiny(route.key, version, message, path, body_bytes)


def _tiny(key: int, version: int, message: Any, path: tuple[Any, ...], body_bytes: int) -> Tiny:
    owner = message
    for step in path[:-1]:
        owner = owner[step] if isinstance(step, int) else getattr(owner, step)
    (entry,) = getattr(owner, path[-1])
    smallest = type(entry)()
    frames = []
    for count in (0, 1, 2):
        setattr(owner, path[-1], [smallest] * count)
        frames.append(frame.encode_request(message, version, correlation_id=1, client_id="tiny"))
    setattr(owner, path[-1], [entry])
    none, one, two = frames
    size = len(two) - len(one)
    at = next(i for i in range(len(one)) if one[i] != two[i])  # the last byte of the count
    element = one[at + 1 : at + 1 + size]
    assert none[at + 1 :] == one[at + 1 + size :], "an entry is all that differs"
    count = body_bytes // max(1, size)
    flexible = two[at] == 3
    head = one[:at] + _varint(count + 1) if flexible else one[: at - 3] + struct.pack(">i", count)
    return Tiny(key, version, ".".join(map(str, path)), head + element * count + none[at + 1 :])


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


class Cost(NamedTuple):
    """What one request took."""

    growth_kib: int
    seconds: float
    answered: bool


def cost(server: Server, tiny: Tiny) -> Cost:
    """Send it, and look at the peak of the node's memory beyond what it had."""
    server.forget_peak()
    before = server.status("VmRSS")
    line = Line(server.port)
    since = time.monotonic()
    try:
        line.exchange(tiny.frame, timeout_s=120)
        answered = True
    except Closed:
        answered = False
    seconds = time.monotonic() - since
    line.close()
    return Cost(server.status("VmHWM") - before, seconds, answered)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node that is ready."""
    server = Server(tmp_path_factory.mktemp("tiny"))
    try:
        eventually(server.is_ready, "the server is ready")
        yield server
    finally:
        server.stop()


def test_tiny_entries_of_any_list_are_bounded(server: Server) -> None:
    """If this failed, one client's 20 MB would take a gigabyte of a node, or end it."""
    wrong = []
    for tiny in [*tiny_lists(), *tiny_lists(ANSWERED_BYTES)]:
        found = cost(server, tiny)
        if found.growth_kib > GROWTH_KIB_MAX:
            wrong.append(f"{tiny}: {found}")
        line = Line(server.port)
        assert line.ask(ApiVersionsRequest(), 0).error_code == 0
        line.close()
    assert not wrong, "\n".join(wrong)


def main() -> None:
    """Print the figures: of 20 MB, then of the largest that is answered, if one is."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        eventually(server.is_ready, "the server is ready")
        sizes = [BODY_BYTES >> halved for halved in range(8)]
        answered: set[str] = set()
        for size in sizes:
            for tiny in tiny_lists(size):
                if str(tiny) not in answered:
                    found = cost(server, tiny)
                    if found.answered or size == BODY_BYTES:
                        print(f"{tiny} {size} bytes: {found}", flush=True)
                    if found.answered:
                        answered.add(str(tiny))
        server.stop()


if __name__ == "__main__":
    main()
