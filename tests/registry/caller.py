"""A client of a registry that shows status and body as they are."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Told(NamedTuple):
    """What was answered."""

    status: int
    body: Any
    """The JSON; None where there was no body."""

    @property
    def code(self) -> int:
        """The code of the error that was answered; 0 where it was none."""
        return (
            int(self.body["error_code"])
            if isinstance(self.body, dict) and ("error_code" in self.body)
            else 0
        )


class Caller:
    """Asks a registry, a connection each time: what one leaves open is nothing to the next."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, body: Any = None) -> Told:
        """Ask; a body is sent as JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, path, sent, {"content-type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
            return Told(answer.status, json.loads(data) if data else None)
        finally:
            connection.close()
