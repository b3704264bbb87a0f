"""Messages of every version, back and forth between our codec and Apache's own Java classes."""

from __future__ import annotations

import json
import random
import struct
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest
from test_schema_malformed import mutated
from wire_classes import messages, random_message, versions

from javatools import JavaTools
from ottla.wire.api import apis
from ottla.wire.errors import ErrorCode
from ottla.wire.frame import request_header_version, response_header_version
from ottla.wire.schema import Message, ProtocolError, Struct, decode, encode

pytestmark = pytest.mark.jvm

SEED = 431
PER_VERSION = 8


class Frame(NamedTuple):
    """One message as MessageProgram.java writes it: Apache's class, and what it held."""

    name: str
    version: int
    data: bytes
    values: Any


def java_name(kind: type[Message]) -> str:
    return kind.__name__ + ("Data" * kind.__name__.endswith(("Request", "Response", "Header")))


def python_class(name: str) -> type[Message]:
    return messages().get(name) or messages()[name.removesuffix("Data")]


def write_frame(out: BinaryIO, kind: type[Message], version: int, data: bytes) -> None:
    name = java_name(kind).encode()
    out.write(struct.pack(">H", len(name)) + name)
    out.write(struct.pack(">hi", version, len(data)) + data)


def read_frames(path: Path) -> Iterator[Frame]:
    file = BytesIO(path.read_bytes())

    def number(form: str) -> int:
        value: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
        return value

    while size := file.read(2):
        name = file.read(int.from_bytes(size, "big")).decode()
        version = number(">h")
        length = number(">i")
        assert length >= 0, f"Apache refused {name} v{version}: {file.read(number('>H')).decode()}"
        data = file.read(length)
        yield Frame(name, version, data, json.loads(file.read(number(">i"))))


def values(value: Any) -> Any:
    """A message as MessageProgram.java prints it: every field, names without underscores."""
    if isinstance(value, Struct):
        return {
            name.replace("_", ""): values(getattr(value, name)) for name in type(value).__fields__
        }
    if isinstance(value, list):
        return [values(item) for item in value]
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value


def test_apache_reads_what_we_write(java_tools: JavaTools, tmp_path: Path) -> None:
    """Else a field that we encode means something else, or nothing, to a real Kafka."""
    entropy = random.Random(SEED)
    sent = []
    with (tmp_path / "in").open("wb") as out:
        for kind, version in versions():
            for count in range(PER_VERSION):
                message = random_message(kind, version, entropy) if count else kind()
                data = encode(message, version)
                assert decode(kind, data, version) == message
                write_frame(out, kind, version, data)
                sent.append((message, version, data))
    ran = java_tools.run("MessageProgram", "exchange", str(tmp_path / "in"), str(tmp_path / "out"))
    ran.checked()
    frames = list(read_frames(tmp_path / "out"))
    assert len(frames) == len(sent) == 739 * PER_VERSION
    for (message, version, data), frame in zip(sent, frames, strict=True):
        assert frame.version == version
        assert frame.values == values(message)
        assert frame.data == data, message


def test_we_read_what_apache_writes(
    java_tools: JavaTools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a real Kafka's message would be misread, or a default differ."""
    out = tmp_path / "out"
    java_tools.run("MessageProgram", "random", str(SEED), str(PER_VERSION), str(out)).checked()
    seen = set()
    for frame in read_frames(out):
        kind = python_class(frame.name)
        message = decode(kind, frame.data, frame.version)
        assert values(message) == frame.values, f"{frame.name} v{frame.version}"
        assert encode(message, frame.version) == frame.data, message
        seen.add((kind, frame.version))
    with capsys.disabled():
        print(f"\n{len(seen)} of 739 message versions exchanged with Apache's classes")
    assert seen == set(versions())


def test_apache_takes_what_we_take(java_tools: JavaTools, tmp_path: Path) -> None:
    """Damaged bytes that still pass for a message with us are the same message to a real Kafka."""
    entropy = random.Random(SEED)
    taken = []
    with (tmp_path / "in").open("wb") as out:
        for kind, version in versions():
            for _ in range(PER_VERSION):
                data = mutated(encode(random_message(kind, version, entropy), version), entropy)
                try:
                    taken.append(decode(kind, data, version))
                except ProtocolError:
                    continue
                write_frame(out, kind, version, data)
    ran = java_tools.run("MessageProgram", "exchange", str(tmp_path / "in"), str(tmp_path / "out"))
    ran.checked()
    frames = list(read_frames(tmp_path / "out"))
    assert len(frames) == len(taken) > 739
    for message, frame in zip(taken, frames, strict=True):
        assert frame.values == values(message), f"{frame.name} v{frame.version}"


def test_tables_equal_apaches(java_tools: JavaTools) -> None:
    """Messages, APIs, header versions and error codes are those of the 4.3.1 that runs here."""
    facts = java_tools.run("MessageProgram", "facts").json()
    ours = {java_name(k): [k.min_version, k.max_version] for k in messages().values()}
    assert {name: row[:2] for name, row in facts["messages"].items()} == ours
    assert sorted(facts["errors"]) == sorted([int(e), e.name, e.retriable] for e in ErrorCode.all())
    assert len(list(ErrorCode.all())) == 135
    assert len(facts["apis"]) == len(apis()) == 89
    for api, row in zip(apis(), facts["apis"], strict=True):
        key, name, least, most, latest, listeners, headers = row
        assert (key, name, least) == (api.key, api.name, api.min_version)
        assert (most, latest) == (api.max_version, api.latest_version)
        assert sorted(listeners) == sorted(api.listeners)
        for version, request, response in headers:
            assert request_header_version(key, version) == request
            assert response_header_version(key, version) == response
