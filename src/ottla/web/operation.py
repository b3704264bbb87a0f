"""What one HTTP operation is: a row with its path, its switches and its body, and who answers it.

Rows are what requests are matched with, what is refused by name, and what the OpenAPI description
is written from, so that the three can't disagree. An answerer gets a `Request` whose switches are
checked and typed, and gives an `Answer`; what it refuses, it raises as `Refusal`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ottla.errors import OttlaError

BOOLEAN, INTEGER, STRING, STRINGS = "boolean", "integer", "string", "strings"


class Refusal(OttlaError):
    """What is answered instead of what was asked for.

    Attributes:
        status: the HTTP status.
        code: the service's own code of the error, which clients look at.
    """

    def __init__(self, status: int, code: int, text: str, *, hint: str | None = None) -> None:
        super().__init__(text, hint=hint)
        self.status = status
        self.code = code


class Switch(NamedTuple):
    """A parameter in the query of an operation."""

    name: str
    kind: str
    default: Any
    says: str


class Request(NamedTuple):
    """A request that was matched with its operation.

    `path` and `query` hold what stood in the path and the query, unquoted and typed; a switch that
    was not given has its default.
    """

    operation: Operation
    method: str
    target: str
    """Path and query, as they were sent: what is sent on when a request is forwarded."""
    path: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refusal: 400 and the place, where it is none.
        """
        try:
            # By its bytes it would be taken as UTF-16 too, or with half a character in it.
            value = json.loads(self.body.decode("utf-8-sig"), parse_constant=_no_number)
            if b"\\u" in self.body:  # half of a character can be told so, and never be sent again
                json.dumps(value, ensure_ascii=False).encode()
            return value
        except RecursionError:
            raise Refusal(400, 400, "the body nests too deep") from None
        except ValueError as error:
            raise Refusal(400, 400, f"the body is no JSON: {error}") from None


class Answer(NamedTuple):
    """What is answered: the bytes of a body, of the service's own type unless `type` is said."""

    status: int
    body: bytes
    type: str | None = None
    headers: Sequence[tuple[str, str]] = ()


Answerer = Callable[[Request], Awaitable[Answer]]


class Operation(NamedTuple):
    """One operation of a service."""

    method: str
    path: str
    """With names in braces, as "/subjects/{subject}"; each stands for one segment."""
    name: str
    says: str
    answer: Answerer
    switches: tuple[Switch, ...] = ()
    takes: str | None = None
    """The schema of its body, by its name in the service's description."""
    gives: str | None = None
    """The schema of its answer; None for an answer without a body."""
    refuses: tuple[int, ...] = ()
    """The codes of errors that clients may meet, but those that any operation may have."""
    status: int = 200


def _no_number(told: str) -> Any:
    raise ValueError(f"{told} is no number of JSON")


def answer_json(value: Any, status: int = 200) -> Answer:
    """An answer whose body is JSON, told as densely as it can be."""
    return Answer(status, dense(value))


def dense(value: Any) -> bytes:
    """A value as JSON without spaces, in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
