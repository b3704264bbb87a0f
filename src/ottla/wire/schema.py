"""What a message is: a slotted class whose fields are declared once, for people and for the codec.

    class CreateTopicsRequest(Request, api_key=19, versions="2-7", flexible="5+"):
        topics: list[CreatableTopic] = array(CreatableTopic, "0+")
        timeout_ms: int = int32("0+", default=60000)

The metaclass takes the specifiers (`ottla.wire.types`) out of the class's body, makes slots of
them, and keeps them in `__fields__`. At first use the class hands them to the Rust core as a
plan; the core then encodes and decodes objects of it. Nothing is generated and nothing is
written twice.

What stays true: every field is optional in the constructor, by keyword only, with Kafka's
default; objects of one class are equal when their fields are; decoding bytes of a stranger
raises `ProtocolError` or returns a whole message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from ottla import _core
from ottla.errors import OttlaError
from ottla.wire.types import NO_VERSIONS, Field, version_range

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProtocolError(OttlaError):
    """Bytes that came from elsewhere are not the message that they claim to be."""


class EncodeError(OttlaError):
    """A message of our own has no form in the version asked for."""


@dataclass_transform(kw_only_default=True)
class StructType(type):
    """Makes slots of declared fields, and remembers their order, which is the order of the wire."""

    __fields__: Mapping[str, Field]
    _plan: _core.Plan | None

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any
    ) -> StructType:
        fields = {key: value for key, value in body.items() if isinstance(value, Field)}
        for key in fields:
            del body[key]
        body["__slots__"] = tuple(fields)
        body["__fields__"] = fields
        body["_plan"] = None
        return super().__new__(mcs, name, bases, body, **kwargs)


class Struct(metaclass=StructType):
    """Fields that belong together inside of a message; has no versions of its own."""

    if TYPE_CHECKING:
        _plan: ClassVar[_core.Plan | None]
        __fields__: ClassVar[Mapping[str, Field]]
    else:
        # Kept from type checkers, which see the constructor that the declared fields imply.
        def __init__(self, **fields: Any) -> None:
            kind = type(self)
            (kind._plan or plan_of(kind)).fill(self, fields)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__fields__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__fields__)
        return f"{type(self).__name__}({shown})"


class Message(Struct):
    """A struct that stands for itself: it has versions, and is what `encode` and `decode` take."""

    if TYPE_CHECKING:
        api_key: ClassVar[int]
        min_version: ClassVar[int]
        max_version: ClassVar[int]
        flexible: ClassVar[tuple[int, int]]

    def __init_subclass__(
        cls, *, versions: str = "", flexible: str = "", api_key: int = -1, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not versions:
            return
        cls.api_key = api_key
        cls.min_version, cls.max_version = version_range(versions)
        cls.flexible = version_range(flexible)


class Request(Message):
    """What a client, or another node, asks."""


class Response(Message):
    """What a node answers."""


class MetadataRecord(Message):
    """A record of a metadata log; `api_key` is its type. See `ottla.wire.stored.frame`."""


class CoordinatorKey(Message):
    """The key of a record of a coordinator's topic; `api_key` is its type."""


class CoordinatorValue(Message):
    """The value of a record of a coordinator's topic; `api_key` is its key's type."""


M = TypeVar("M", bound=Message)


def plan_of(kind: StructType) -> _core.Plan:
    """The class's compiled plan, made at first use together with those of the structs inside."""
    plan: _core.Plan | None = kind.__dict__["_plan"]
    if plan is not None:
        return plan
    rows = [
        (
            name,
            field.kind,
            None if field.nested is None else plan_of(field.nested),
            (field.versions, field.nullable, field.tagged),
            (field.tag or 0, field.ignorable, field.fixed),
            field.default,
        )
        for name, field in kind.__fields__.items()
    ]
    versions = flexible = NO_VERSIONS
    if issubclass(kind, Message):
        versions, flexible = (kind.min_version, kind.max_version), kind.flexible
    plan = _core.Plan(kind, kind.__name__, rows, versions, flexible)
    kind._plan = plan
    return plan


def encode(message: Message, version: int) -> bytes:
    """The message's bytes in one version.

    Raises:
        EncodeError: the version does not exist, or cannot carry what a field holds.
        TypeError: a field holds a value of another type than declared.
    """
    try:
        return (message._plan or plan_of(type(message))).encode(message, version)
    except _core.CoreError as error:
        raise EncodeError(error.args[1]) from None


def decode(kind: type[M], data: bytes | _core.Frame, version: int) -> M:
    """The message that `data` holds, all of it. Records in it are parts of a `Frame`, or `bytes`.

    Raises:
        ProtocolError: it holds no such message, or more than it.
    """
    message, end = decode_prefix(kind, data, version)
    if end != len(data):
        raise ProtocolError(
            f"{kind.__name__} v{version}: {len(data) - end} bytes follow its end (at byte {end})"
        )
    return message


OBJECT_BYTES_MAX = 1 << 30
"""What a message may take in memory; the Metadata of a cluster of a million partitions stays
below it.
"""


def decode_prefix(
    kind: type[M],
    data: bytes | _core.Frame,
    version: int,
    offset: int = 0,
    *,
    object_bytes_max: int = OBJECT_BYTES_MAX,
) -> tuple[M, int]:
    """The message that begins at `offset`, and the offset of what follows it.

    Raises:
        ProtocolError: there is no such message, or it would take more than about
            `object_bytes_max` bytes of memory.
    """
    try:
        return (kind._plan or plan_of(kind)).decode(data, version, offset, object_bytes_max)
    except _core.CoreError as error:
        raise ProtocolError(error.args[1]) from None
