"""Bodies and answers as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ottla.web.operation import Operation, Refusal, Request, answer_json, dense
from web.asking import told


def request(body: bytes) -> Request:
    """A request with a body."""
    row = Operation("POST", "/", "post", "", told)
    return Request(row, "POST", "/", {}, {}, {}, body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        ('{"a": "ä\U0001f600"}'.encode(), {"a": "ä\U0001f600"}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'\xef\xbb\xbf"after a mark"', "after a mark"),
        (b"null", None),
    ],
)
def test_a_body_is_read(body: bytes, value: Any) -> None:
    """If this failed, what a client sends as JSON would not arrive."""
    assert request(body).json() == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b'"\xed\xa0\x80"',
        '"sixteen bits"'.encode("utf-16"),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    """If this failed, a body that nobody can answer or keep would get past the door, or would end
    in a fault of the service.
    """
    with pytest.raises(Refusal, match="the body") as refused:
        request(body).json()
    assert refused.value.status == 400


def test_the_place_is_told() -> None:
    """If this failed, who sends a broken body would have to look for the place."""
    with pytest.raises(Refusal, match="line 2 column 5"):
        request(b'{\n"a" 1}').json()


def test_answers_are_dense() -> None:
    """If this failed, answers would be longer, or characters would be told as numbers."""
    answer = answer_json({"a": [1, "ä"]}, 201)
    assert (answer.status, answer.body) == (201, '{"a":[1,"ä"]}'.encode())
    assert json.loads(dense("\ud800")) == "?"
