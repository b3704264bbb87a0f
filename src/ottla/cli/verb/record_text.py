"""Records as text and back: kcat's format string, and JSON that `consume` writes and `produce`
reads.

JSON keeps everything of a record. Bytes that are no text stand under `key_base64`, `value_base64`,
and in headers as `{"base64": ...}`, so `ottla consume A --json | ottla produce B --json` copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.cli.options import WrongWords
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.wire.fetched import ConsumerRecord

Text = Callable[["ConsumerRecord"], bytes]
Header = tuple[str, bytes | None]

PARTITION_MAX, TIMESTAMP_MAX = 2**31 - 1, 2**63 - 1
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}
TOKENS = "%s value, %k key, %h headers, %t topic, %p partition, %o offset, %T timestamp in ms, "
TOKENS += "%S and %K lengths, %% a percent sign; \\n \\t \\r \\0 \\xHH"


class Given(NamedTuple):
    """A record to be written; a partition of -1 and no timestamp are the producer's to choose."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[Header] = ()
    partition: int = -1
    timestamp_ms: int = -1


def of_format(text: str) -> Text:
    """What writes records by a format of kcat's.

    Raises:
        WrongWords: the format has a token that there is not.
    """
    parts: list[bytes | Text] = []
    at = 0
    while at < len(text):
        char = text[at]
        follows = text[at + 1 : at + 2]
        if char == "%":
            if follows not in _TOKENS:
                raise WrongWords(f"--format has no %{follows}", hint=f"there is {TOKENS}")
            parts.append(_TOKENS[follows])
            at += 2
        elif char == "\\" and follows == "x":
            try:
                parts.append(bytes([int(text[at + 2 : at + 4], 16)]))
            except ValueError:
                raise WrongWords("--format: \\x takes two hexadecimal digits") from None
            at += 4
        elif char == "\\" and follows in _ESCAPES:
            parts.append(_ESCAPES[follows])
            at += 2
        else:
            parts.append(char.encode())
            at += 1

    def written(record: ConsumerRecord) -> bytes:
        return b"".join(part if isinstance(part, bytes) else part(record) for part in parts)

    return written


def _length(data: bytes | None) -> bytes:
    return b"-1" if data is None else b"%d" % len(data)


def _headers(record: ConsumerRecord) -> bytes:
    return b",".join(
        name.encode() + b"=" + (b"NULL" if value is None else value)
        for name, value in record.headers
    )


_TOKENS: dict[str, bytes | Text] = {
    "%": b"%",
    "s": lambda record: b"" if record.value is None else record.value,
    "k": lambda record: b"" if record.key is None else record.key,
    "S": lambda record: _length(record.value),
    "K": lambda record: _length(record.key),
    "h": _headers,
    "t": lambda record: record.topic.encode(),
    "p": lambda record: b"%d" % record.partition,
    "o": lambda record: b"%d" % record.offset,
    "T": lambda record: b"%d" % record.timestamp_ms,
}


def value_line(record: ConsumerRecord) -> bytes:
    """The value on a line; `null` where there is none."""
    return (b"null" if record.value is None else record.value) + b"\n"


def key_value_line(record: ConsumerRecord) -> bytes:
    """Key, tab, value."""
    return (b"null" if record.key is None else record.key) + b"\t" + value_line(record)


def json_line(record: ConsumerRecord) -> bytes:
    """All of a record as JSON, on a line."""
    import json

    row: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
    }
    for name, data in (("key", record.key), ("value", record.value)):
        text = None if data is None else _as_text(data)
        if data is not None and text is None:
            row[f"{name}_base64"] = _base64(data)
        else:
            row[name] = text
    row["headers"] = [[name, _header_json(value)] for name, value in record.headers]
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def _header_json(data: bytes | None) -> Any:
    if data is None:
        return None
    text = _as_text(data)
    return {"base64": _base64(data)} if text is None else text


class NotARecord(OttlaError):
    """A line of JSON that is no record."""


def from_json(line: bytes) -> Given:
    """A record of a line of JSON: what `consume --json` writes, or less. A value that is no text
    is written as JSON without spaces (numbers as Python reads them).

    Raises:
        NotARecord: it is no JSON object, or has what no record has.
    """
    import json

    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotARecord(f"this is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise NotARecord(
            "this is no JSON object", hint='a line is a record: {"key": "k", "value": "v"}'
        )
    unknown = set(row) - _FIELDS
    if unknown:
        raise NotARecord(
            f"a record has no '{sorted(unknown)[0]}'",
            hint=f"it has {', '.join(sorted(_FIELDS))}",
        )
    partition = _whole(row, "partition", PARTITION_MAX)
    timestamp_ms = _whole(row, "timestamp_ms", TIMESTAMP_MAX)
    headers = [(name, _data(value, name)) for name, value in _header_pairs(row.get("headers"))]
    return Given(_field(row, "value"), _field(row, "key"), headers, partition, timestamp_ms)


_FIELDS = frozenset(
    {
        "topic",
        "partition",
        "offset",
        "timestamp_ms",
        "key",
        "key_base64",
        "value",
        "value_base64",
        "headers",
    }
)


def _whole(row: dict[str, Any], name: str, most: int) -> int:
    value = row.get(name, -1)
    if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value <= most:
        raise NotARecord(f"{name} is a whole number from 0 to {most}, not {value!r}")
    return value


def _field(row: dict[str, Any], name: str) -> bytes | None:
    import json

    coded = row.get(f"{name}_base64")
    if coded is not None:
        return _data({"base64": coded}, f"{name}_base64")
    value = row.get(name)
    if value is None or isinstance(value, str):
        return _data(value, name)
    try:
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except (ValueError, RecursionError):
        raise NotARecord(f"{name} has a number, or a text, that JSON has not") from None


def _data(value: Any, name: str) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    from base64 import b64decode

    try:
        return b64decode(value["base64"], validate=True)
    except (TypeError, KeyError, ValueError):
        raise NotARecord(f"{name} is neither text nor base64") from None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _header_pairs(value: Any) -> list[tuple[str, Any]]:
    if value is None:
        return []
    pairs = list(value.items()) if isinstance(value, dict) else value
    try:
        found = [(name, one) for name, one in pairs]
    except (TypeError, ValueError):
        raise NotARecord("headers are an object, or a list of [name, value]") from None
    if not all(isinstance(name, str) and _is_text(name) for name, _ in found):
        raise NotARecord("a header's name is text")
    return found
