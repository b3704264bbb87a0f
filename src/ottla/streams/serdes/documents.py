"""JSON: documents as dicts, and objects of dataclasses and msgspec structs.

A document is read as it comes and printed as orjson prints it: keys in their order, no spaces.
Numbers that JSON does not have (NaN, infinity) are written as null. orjson and msgspec are loaded
when a serde first reads or writes, so that importing Streams needs neither.
"""

from __future__ import annotations

import dataclasses
import importlib
from functools import partial
from types import ModuleType
from typing import Any

from ottla.serdes.errors import MissingExtra
from ottla.streams.serdes.serde import Headers, Serde

NO_DOCUMENT = "this is no JSON document"


def loaded(package: str) -> ModuleType:
    """A package of the extra `streams`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtra(package, "streams") from error


class JsonSerde(Serde):
    """JSON documents: dicts, lists, str, int, float, bool; None at the top is null itself."""

    native = ("json",)
    name = "JSON"

    def __init__(self) -> None:
        self._dumps: Any = None
        self._loads: Any = None

    def prepare(self) -> None:
        orjson = loaded("orjson")
        self._dumps, self._loads = orjson.dumps, orjson.loads

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if self._dumps is None:
            self.prepare()
        try:
            return self._dumps(value)  # type: ignore[no-any-return]
        except TypeError as error:
            raise self._refused(value, topic, error) from error

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        if self._loads is None:
            self.prepare()
        try:
            return self._loads(data)
        except ValueError as error:
            raise self._unreadable(data, topic, NO_DOCUMENT, error) from error

    def _refused(self, value: Any, topic: str, error: TypeError) -> Exception:
        text = str(error)
        if "ecursion" in text:
            return self._unwritable("a value that nests this deep", topic, error)
        if isinstance(value, int):
            return self._out_of_range(topic)
        if type(value) in (dict, list, tuple):
            found = type(value).__name__
            return self._unwritable(f"what a value of type {found} holds: {text}", topic, error)
        return self._wrong_type(value, topic, error)


class ObjectSerde(Serde):
    """Objects of one class as JSON: orjson or msgspec writes, msgspec reads and checks."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self._encode: Any = None
        self._decode: Any = None
        self._misfits: tuple[type[Exception], ...] = ()

    @property
    def name(self) -> str:
        return f"JSON of {self.kind.__name__}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectSerde) and self.kind is other.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def prepare(self) -> None:
        msgspec = loaded("msgspec")
        if dataclasses.is_dataclass(self.kind):
            # What orjson does not know, such as a struct in a dataclass, msgspec takes apart.
            self._encode = partial(loaded("orjson").dumps, default=msgspec.to_builtins)
        else:
            self._encode = msgspec.json.Encoder().encode
        self._misfits = (msgspec.MsgspecError, UnicodeError, RecursionError)
        self._decode = msgspec.json.Decoder(self.kind).decode

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, self.kind):
            raise self._wrong_type(value, topic)
        if self._encode is None:
            self.prepare()
        try:
            return self._encode(value)  # type: ignore[no-any-return]
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self._unwritable(f"what it holds: {error}", topic, error) from error

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if data is None:
            return None
        if self._decode is None:
            self.prepare()
        try:
            return self._decode(data)
        except self._misfits as error:
            raise self._unreadable(data, topic, str(error), error) from error


JSON = JsonSerde()
