"""How a record says which schema it was written with.

Two ways are in use. The bytes begin with 0x00 and the schema's id, an int32; or a header of the
record, `__key_schema_id` or `__value_schema_id`, holds 0x01 and the schema's GUID, of 16 bytes, and
the bytes are the data alone. Either prefix may stand in either place. For Protobuf the path to the
message in its file follows: how many indexes, and each, as zigzag varints; the first message, [0],
is a single 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, MutableSequence
from typing import Any, NamedTuple
from uuid import UUID

from ottla.serdes.errors import BadData

ID, GUID = 0, 1
ID_BYTES, GUID_BYTES = 4, 16
KEY_HEADER, VALUE_HEADER = "__key_schema_id", "__value_schema_id"
INDEXES_MAX = 100
"""How deep a message may stand in others; protoc's own limit."""
VARINT_BYTES_MAX = 10

Headers = Mapping[str, Any] | Iterable[tuple[str, Any]] | None
Indexes = tuple[int, ...]
FIRST: Indexes = (0,)


class Frame(NamedTuple):
    """Which schema, which of its messages, and the data."""

    schema: int | str
    """An id, or a GUID in its usual form."""
    indexes: Indexes
    payload: bytes


class Cut(ValueError):
    """The bytes end too early, or are none of a frame; the text says which."""


def prefix_of_id(schema_id: int, indexes: Indexes | None = None) -> bytes:
    """What stands before data of a schema with an id."""
    return bytes((ID,)) + schema_id.to_bytes(ID_BYTES, "big") + indexes_bytes(indexes)


def prefix_of_guid(guid: str, indexes: Indexes | None = None) -> bytes:
    """What stands in the header of a record with a schema with a GUID."""
    return bytes((GUID,)) + UUID(guid).bytes + indexes_bytes(indexes)


def header_name(is_key: bool) -> str:
    """The header that may name the schema."""
    return KEY_HEADER if is_key else VALUE_HEADER


def put_header(headers: object, is_key: bool, prefix: bytes) -> None:
    """Add the header to those that a record is sent with, in their place; an older one goes.

    Raises:
        BadData: they are no list and no dict.
    """
    name = header_name(is_key)
    if isinstance(headers, MutableMapping):
        headers[name] = prefix
    elif isinstance(headers, MutableSequence):
        headers[:] = [row for row in headers if row[0] != name]
        headers.append((name, prefix))
    else:
        raise BadData(
            "the schema's GUID goes into a header, and there are no headers to put it into",
            hint="give the same list or dict of headers to the serializer and to send()",
        )


def drop_header(headers: object, is_key: bool) -> None:
    """Take the header away from those that a record is sent with: a reader would take it for the
    schema of what is written now, though it is of what was read before.

    Raises:
        BadData: it is there, and can't be taken away.
    """
    name = header_name(is_key)
    if isinstance(headers, MutableMapping):
        headers.pop(name, None)
    elif isinstance(headers, MutableSequence):
        headers[:] = [row for row in headers if row[0] != name]
    elif headers and any(row[0] == name for row in headers):  # type: ignore[attr-defined]
        raise BadData(
            f"the header {name} names the schema of another value",
            hint="give a list or a dict of headers, or leave that one out",
        )


def read(data: bytes, headers: Headers = None, *, is_key: bool, has_indexes: bool = False) -> Frame:
    """Take a record's bytes apart.

    Raises:
        Cut: neither a header nor the bytes name a schema.
    """
    told = _told(headers, header_name(is_key))
    if told is not None:
        schema, at = _schema(told)
        indexes, _ = read_indexes(told, at) if has_indexes else (FIRST, at)
        return Frame(schema, indexes, data)
    schema, at = _schema(data)
    indexes, at = read_indexes(data, at) if has_indexes else (FIRST, at)
    return Frame(schema, indexes, data[at:])


def _told(headers: Headers, name: str) -> bytes | None:
    if not headers:
        return None
    if isinstance(headers, Mapping):
        found = headers.get(name)
    else:
        found = next((value for key, value in headers if key == name), None)
    return None if found is None else bytes(found)


def _schema(data: bytes) -> tuple[int | str, int]:
    if not data:
        raise Cut("there is nothing in it")
    match data[0]:
        case 0:
            if len(data) < 1 + ID_BYTES:
                raise Cut("it ends within the id of its schema")
            return int.from_bytes(data[1 : 1 + ID_BYTES], "big"), 1 + ID_BYTES
        case 1:
            if len(data) < 1 + GUID_BYTES:
                raise Cut("it ends within the GUID of its schema")
            return str(UUID(bytes=bytes(data[1 : 1 + GUID_BYTES]))), 1 + GUID_BYTES
    raise Cut(f"it begins with byte {data[0]}, where 0 (an id follows) or 1 (a GUID) should be")


def indexes_bytes(indexes: Indexes | None) -> bytes:
    """Where a message stands in its file, as it is written; nothing for None."""
    if indexes is None:
        return b""
    if indexes == FIRST:
        return b"\0"
    return b"".join(_varint(number) for number in (len(indexes), *indexes))


def read_indexes(data: bytes, at: int) -> tuple[Indexes, int]:
    """Where a message stands in its file, and where what follows begins.

    Raises:
        Cut: they are cut off, or no place.
    """
    count, at = _number(data, at)
    if count == 0:
        return FIRST, at
    if not 0 < count <= INDEXES_MAX:
        raise Cut(f"it says that {count} indexes lead to its message")
    found = []
    for _ in range(count):
        index, at = _number(data, at)
        if index < 0:
            raise Cut(f"it names its message by the index {index}")
        found.append(index)
    return tuple(found), at


def _varint(number: int) -> bytes:
    number <<= 1  # zigzag of what is not negative
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + VARINT_BYTES_MAX]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at + shift // 7
    raise Cut("it ends within the indexes of its message")
