"""Serdes: Kafka's bytes, what is refused and how, which serde a type means."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import uuid
from typing import Any

import msgspec
import pytest

from ottla.errors import OttlaError
from ottla.serdes.errors import BadData, MissingExtra
from ottla.streams import serdes
from ottla.streams.serdes import Serde, SerdeError, Windowed, documents, serde_for

#: Put into so many lists that no JSON is printed of it.
DEEP: list[object] = [[[]]]


class Point(msgspec.Struct):
    x: int
    y: float = 0.5


@dataclasses.dataclass
class Order:
    name: str
    points: list[Point]


@dataclasses.dataclass
class Plain:
    name: str
    count: int = 0


@pytest.mark.parametrize(
    ("serde", "value", "data"),
    [
        (serdes.STRING, "aé😀", "61c3a9f09f9880"),
        (serdes.BYTES, b"\x00a", "0061"),
        (serdes.LONG, -2, "fffffffffffffffe"),
        (serdes.INTEGER, 258, "00000102"),
        (serdes.SHORT, -1, "ffff"),
        (serdes.DOUBLE, 1.5, "3ff8000000000000"),
        (serdes.FLOAT, 1.5, "3fc00000"),
        (serdes.BOOLEAN, True, "01"),
        (serdes.UUID, uuid.UUID(int=1), b"00000000-0000-0000-0000-000000000001".hex()),
        (serdes.JSON, {"b": [1, None], "a": "é"}, '{"b":[1,null],"a":"é"}'.encode().hex()),
        (serdes.time_windowed(serdes.STRING, 10), Windowed("k", 5, 15), "6b" + "00" * 7 + "05"),
        (serdes.session_windowed(serdes.STRING), Windowed("k", 5, 9),
         "6b" + "00" * 7 + "09" + "00" * 7 + "05"),
        (serdes.list_of(serdes.SHORT), [1, None, 2],
         "00" + "00000001" + "00000001" + "00000003" + "0001" + "0002"),
        (serdes.list_of(serdes.STRING), ["a", None, ""],
         "01" + "00000003" + "00000001" + "61" + "ffffffff" + "00000000"),
        (serde_for(Point), Point(1), b'{"x":1,"y":0.5}'.hex()),
        (serde_for(Plain), Plain("a"), b'{"name":"a","count":0}'.hex()),
    ],
)  # fmt: skip
def test_the_bytes_are_those_of_kafka(serde: Serde, value: object, data: str) -> None:
    """If this fails, Java's clients do not read what Ottla writes, or Ottla not what they write."""
    written = serde.serialize(value, "t", [])
    assert written is not None
    assert written.hex() == data
    again = serde.deserialize(written, "t", [])
    assert again == value
    assert type(again) is type(value)
    assert serde.serialize(None, "t") is None
    assert serde.deserialize(None, "t") is None


@pytest.mark.parametrize(
    ("serde", "value"),
    [
        (serdes.STRING, 5),
        (serdes.STRING, "\ud800"),
        (serdes.BYTES, "a"),
        (serdes.LONG, "5"),
        (serdes.LONG, 5.0),
        (serdes.LONG, True),
        (serdes.LONG, 2**63),
        (serdes.INTEGER, 2**31),
        (serdes.SHORT, -(2**15) - 1),
        (serdes.DOUBLE, "1"),
        (serdes.DOUBLE, 10**400),
        (serdes.FLOAT, 1e39),
        (serdes.BOOLEAN, 1),
        (serdes.UUID, "x"),
        (serdes.VOID, 0),
        (serdes.JSON, b"x"),
        (serdes.JSON, 2**64),
        (serdes.JSON, {"a": 2**64}),
        (serdes.JSON, {1: 2}),
        (serdes.JSON, DEEP),
        (serdes.list_of(serdes.LONG), "ab"),
        (serdes.list_of(serdes.LONG), [1, "a"]),
        (serdes.time_windowed(serdes.STRING, 1), "k"),
        (serdes.time_windowed(serdes.STRING, 1), Windowed(None, 1, 2)),
        (serdes.time_windowed(serdes.STRING, 1), Windowed(1, 1, 2)),
        (serde_for(Point), {"x": 1}),
        (serde_for(Plain), Plain(object())),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_the_serde_is_refused(serde: Serde, value: Any) -> None:
    """If this fails, a wrong value goes to a topic, or ends in an error of Python's own."""
    if value is DEEP:
        for _ in range(300):
            value = [value]
    with pytest.raises(SerdeError, match=r"cannot write .*\(topic orders\)") as caught:
        serde.serialize(value, "orders")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("serde", "data"),
    [
        (serdes.LONG, bytes(7)),
        (serdes.LONG, b""),
        (serdes.SHORT, bytes(3)),
        (serdes.BOOLEAN, b"\x02"),
        (serdes.BOOLEAN, b"\x00\x01"),
        (serdes.UUID, b"00000000-0000-0000-0000-00000000000g"),
        (serdes.VOID, b""),
        (serdes.JSON, b""),
        (serdes.JSON, b"{"),
        (serdes.JSON, b"[" * 100_000),
        (serdes.time_windowed(serdes.STRING, 1), b"short"),
        (serdes.time_windowed(serdes.STRING, 1), b"k" + b"\xff" * 8),
        (serdes.session_windowed(serdes.STRING), bytes(15)),
        (serdes.session_windowed(serdes.STRING), bytes(15) + b"\x01"),
        (serdes.list_of(serdes.LONG), b""),
        (serdes.list_of(serdes.LONG), b"\x05"),
        (serdes.list_of(serdes.LONG), b"\x00" + b"\xff" * 8),
        (serdes.list_of(serdes.STRING), b"\x00" + bytes(8)),
        (serdes.list_of(serdes.STRING), b"\x01\x7f\xff\xff\xff"),
        (serdes.list_of(serdes.STRING), b"\x01\x00\x00\x00\x01\x00\x00\x00\x09a"),
        (serde_for(Point), b'{"x":"1"}'),
        (serde_for(Point), b"[" * 100_000),
        (serde_for(Plain), b"\xff"),
    ],
)
def test_bytes_of_another_format_are_refused(serde: Serde, data: bytes) -> None:
    """If this fails, a poison record passes as a value, or its error says nothing."""
    with pytest.raises(SerdeError, match=r"cannot read \d+ bytes?: .*\(topic orders\)") as caught:
        serde.deserialize(data, "orders")
    assert caught.value.hint


def test_malformed_text_reads_as_java_reads_it() -> None:
    """If this fails, a record of broken UTF-8 has another key here than in Java."""
    assert serdes.java_text(b"a\xffb\xed\xa0\x80c\xed\xa0") == "a\ufffdb\ufffdc\ufffd"
    assert serdes.java_text(b"\xf0\x9f\x98") == "\ufffd"


def test_types_mean_serdes() -> None:
    """If this fails, a type hint of the builder means another format."""
    known = {str: serdes.STRING, bytes: serdes.BYTES, int: serdes.LONG, float: serdes.DOUBLE,
             bool: serdes.BOOLEAN, uuid.UUID: serdes.UUID, dict: serdes.JSON}  # fmt: skip
    for thing, serde in known.items():
        assert serde_for(thing) is serde_for(serde) is serde
    assert serde_for(Point).name == "JSON of Point"
    for thing in (object, 5, "str", [], Serde, set):
        with pytest.raises(SerdeError) as caught:
            serde_for(thing)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("thing", "named"),
    [(list[int], r"list\[int\]"), (dict[str, int], r"dict\[str, int\]"), ("str", "'str'")],
)
def test_what_means_no_serde_is_named(thing: object, named: str) -> None:
    """If this fails, who wrote `value=list[int]` reads of a GenericAlias."""
    with pytest.raises(SerdeError, match=f"no serde is known for {named}"):
        serde_for(thing)


def test_serdes_of_one_class_are_one() -> None:
    """If this fails, streams of one dataclass forget it where they are merged."""
    assert serde_for(Point) == serde_for(Point)
    assert serde_for(Point) != serdes.JSON
    assert len({serde_for(Point), serde_for(Point)}) == 1


def test_serdes_of_types_within_serdes() -> None:
    """If this fails, `list_of(int)` is taken and fails at the first record."""
    assert repr(serdes.list_of(int)) == "LIST(LONG)"
    assert serdes.time_windowed(str, 10).native == ("time_windowed", serdes.STRING.native, 10)
    assert serdes.session_windowed(str).native == ("session_windowed", serdes.STRING.native)
    with pytest.raises(SerdeError, match="no serde is known for set"):
        serdes.list_of(set)


class Short(Serde[int]):
    """Its author has not looked up what it is called with."""

    def serialize(self, value: Any) -> bytes:  # type: ignore[override]
        return bytes(value)

    def deserialize(self, data: Any, topic: str = "", headers: Any = None) -> Any:
        return len(data)


def test_a_serde_that_takes_too_little() -> None:
    """If this fails, a serde with a wrong signature is told at the first record, if at all."""
    with pytest.raises(
        SerdeError, match=r"serialize\(\) of the serde Short is called with"
    ) as told:
        serde_for(Short())
    assert told.value.hint == 'def serialize(self, value, topic="", headers=None): …'


def test_structs_in_dataclasses() -> None:
    """If this fails, a dataclass that holds structs cannot be written though it can be read."""
    order = Order("a", [Point(1)])
    data = serde_for(Order).serialize(order)
    assert data == b'{"name":"a","points":[{"x":1,"y":0.5}]}'
    assert serde_for(Order).deserialize(data) == order


def test_rows_name_the_twins_of_the_rust_executor() -> None:
    """If this fails, the fast executor asks Python for what it could do itself, or the reverse."""
    assert serdes.time_windowed(serdes.LONG, 5).native == ("time_windowed", ("long",), 5)
    assert serdes.session_windowed(serdes.STRING).native == ("session_windowed", ("string",))
    assert serdes.time_windowed(serde_for(Point), 5).native is None
    assert serde_for(Point).native is serdes.UUID.native is None


class Writer:
    """A serializer as the registry's."""

    def serialize(self, topic: str, value: Any, headers: Any, is_key: bool) -> bytes:
        if value == "bad":
            raise BadData("no such thing", hint="leave it")
        headers.append((topic, b"key" if is_key else b"value"))
        return b"w"

    def deserialize(self, topic: str, data: bytes, headers: Any, is_key: bool) -> Any:
        if data == b"bad":
            raise BadData("no such bytes", topic=topic)
        return (topic, data, is_key)


def test_the_registrys_serdes_tell_keys_from_values() -> None:
    """If this fails, keys are registered as values, or the errors of a schema are not a serde's."""
    serde = serdes.registry(Writer(), Writer())
    headers: list[tuple[str, bytes | None]] = []
    assert serde.serialize(1, "t", headers) == serde.as_key().serialize(1, "u", headers) == b"w"
    assert headers == [("t", b"value"), ("u", b"key")]
    assert serde.deserialize(b"d", "t") == ("t", b"d", False)
    windowed = serdes.time_windowed(serde, 5).as_key()
    assert windowed.deserialize(b"d" + bytes(8), "t").key == ("t", b"d", True)
    for act in (
        lambda: serde.serialize("bad", "t", headers),
        lambda: serde.deserialize(b"bad", "t"),
    ):
        with pytest.raises(SerdeError, match="no such") as caught:
            act()
        assert isinstance(caught.value.__cause__, BadData)
        assert caught.value.hint
    with pytest.raises(SerdeError, match="it has no deserializer"):
        serdes.registry(Writer()).deserialize(b"", "t")
    with pytest.raises(SerdeError, match="it has no serializer"):
        serdes.registry(None, Writer()).serialize(1, "t", [])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, who has not installed the extra gets an ImportError without advice."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    with pytest.raises(MissingExtra, match="orjson is not installed") as caught:
        documents.JsonSerde().serialize({})
    assert caught.value.hint == "pip install 'ottla[streams]'"
    with pytest.raises(OttlaError):
        serde_for(documents.JsonSerde())


def test_importing_loads_no_package_of_the_extra() -> None:
    """If this fails, importing Streams needs, or takes the time of, what may never be used."""
    code = (
        "import sys, ottla.streams.serdes, ottla.streams.expressions\n"
        "print({'orjson', 'msgspec', 'fastavro', 'google.protobuf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
