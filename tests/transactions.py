"""Which servers have transactions: those that announce EndTxn.

A test that needs transactions asks this and is skipped by it, so it begins to run by itself where
a server begins to serve them.
"""

from __future__ import annotations

import socket
import struct

END_TXN = 26


def announced(bootstrap: str) -> set[int]:
    """The API keys that a listener announces in its answer to ApiVersions v0."""
    host, port = bootstrap.rsplit(":", 1)
    body = struct.pack(">hhih4s", 18, 0, 7, 4, b"apis")
    with socket.create_connection((host, int(port)), 5) as s:
        s.settimeout(10)
        s.sendall(struct.pack(">i", len(body)) + body)
        with s.makefile("rb") as f:
            (size,) = struct.unpack(">i", f.read(4))
            answer = f.read(size)
    (count,) = struct.unpack_from(">i", answer, 6)
    rows = struct.iter_unpack(">hhh", answer[10 : 10 + 6 * count])
    return {key for key, _, _ in rows}


def has_transactions(bootstrap: str) -> bool:
    """Whether that server can end a transaction."""
    return END_TXN in announced(bootstrap)
