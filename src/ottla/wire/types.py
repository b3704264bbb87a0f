"""The field specifiers of message declarations, and the few values that need more than Python has.

A specifier says how a field lies in the bytes and in which versions; the annotation beside it
says what Python sees. They return `Any` so that the annotation stands: `timeout_ms: int =
int32("0+")`.

Versions are written as in Kafka's own definitions: "3" is one version, "2-7" a closed range,
"5+" all from 5 on, "" none. Every specifier takes `default` (what a message holds that was not
told otherwise, and what a reader sees in versions without the field), `tag` (the field is
tagged, KIP-482, in the versions `tagged`, by default in all of its versions) and `ignorable`
(left out without complaint where the version cannot carry it); those that can be null take
`nullable`, the versions in which they can.
"""

from __future__ import annotations

from typing import Any

VERSION_MAX = 32767
NO_VERSIONS = (0, -1)

ZERO_UUID = bytes(16)
"""Kafka's "no id" in every uuid field."""


def version_range(text: str) -> tuple[int, int]:
    """(first, last) of a range as declarations write it; `NO_VERSIONS` for the empty text."""
    if not text:
        return NO_VERSIONS
    if text.endswith("+"):
        return int(text[:-1]), VERSION_MAX
    first, _, last = text.partition("-")
    return int(first), int(last or first)


class Field:
    """One declared field. `kind` is a name such as "int32", "[]string", "struct" or "[]struct"."""

    __slots__ = (
        "default",
        "fixed",
        "ignorable",
        "kind",
        "nested",
        "nullable",
        "tag",
        "tagged",
        "versions",
    )

    def __init__(
        self,
        kind: str,
        versions: str,
        default: Any,
        *,
        nullable: str = "",
        tag: int | None = None,
        tagged: str = "",
        ignorable: bool = False,
        nested: Any = None,
        fixed: bool = False,
    ) -> None:
        self.kind = kind
        self.versions = version_range(versions)
        self.default = default
        self.nullable = version_range(nullable)
        self.tag = tag
        self.tagged = NO_VERSIONS if tag is None else version_range(tagged or versions)
        self.ignorable = ignorable
        self.nested = nested
        self.fixed = fixed


def boolean(
    versions: str,
    *,
    default: bool = False,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("bool", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def int8(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("int8", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def int16(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("int16", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def uint16(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("uint16", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def int32(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("int32", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def uint32(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("uint32", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def int64(
    versions: str,
    *,
    default: int = 0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("int64", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def float64(
    versions: str,
    *,
    default: float = 0.0,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field("float64", versions, default, tag=tag, tagged=tagged, ignorable=ignorable)


def uuid(
    versions: str,
    *,
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    """16 bytes; `ZERO_UUID` unless told otherwise."""
    return Field("uuid", versions, ZERO_UUID, tag=tag, tagged=tagged, ignorable=ignorable)


def string(
    versions: str,
    *,
    default: str | None = "",
    nullable: str = "",
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
    fixed: bool = False,
) -> Any:
    """UTF-8 text. `fixed` keeps the classic form even in flexible versions."""
    return Field(
        "string",
        versions,
        default,
        nullable=nullable,
        tag=tag,
        tagged=tagged,
        ignorable=ignorable,
        fixed=fixed,
    )


def binary(
    versions: str,
    *,
    default: bytes | None = b"",
    nullable: str = "",
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    return Field(
        "bytes",
        versions,
        default,
        nullable=nullable,
        tag=tag,
        tagged=tagged,
        ignorable=ignorable,
    )


def records(
    versions: str,
    *,
    default: bytes | None = b"",
    nullable: str = "",
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    """Record batches, back to back, as they lie in a log."""
    return Field(
        "records",
        versions,
        default,
        nullable=nullable,
        tag=tag,
        tagged=tagged,
        ignorable=ignorable,
    )


def struct(
    nested: type,
    versions: str,
    *,
    default: tuple[()] | None = (),
    nullable: str = "",
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    """One object of another class; by default one whose fields hold their defaults."""
    return Field(
        "struct",
        versions,
        default,
        nullable=nullable,
        tag=tag,
        tagged=tagged,
        ignorable=ignorable,
        nested=nested,
    )


def array(
    of: Any,
    versions: str,
    *,
    default: tuple[()] | None = (),
    nullable: str = "",
    tag: int | None = None,
    tagged: str = "",
    ignorable: bool = False,
) -> Any:
    """A list of structs (`of` is their class) or of primitives (`of` is their specifier)."""
    nested = of if isinstance(of, type) else None
    return Field(
        "[]struct" if nested else _ELEMENT_KINDS[of],
        versions,
        default,
        nullable=nullable,
        tag=tag,
        tagged=tagged,
        ignorable=ignorable,
        nested=nested,
    )


_ELEMENT_KINDS = {
    int8: "[]int8",
    int16: "[]int16",
    int32: "[]int32",
    int64: "[]int64",
    string: "[]string",
    uuid: "[]uuid",
}


def uuid_text(value: bytes) -> str:
    """A uuid as Kafka prints it: URL-safe base64 of 22 characters, no padding."""
    from binascii import b2a_base64

    text = b2a_base64(value, newline=False).decode("ascii")
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def uuid_from_text(text: str) -> bytes:
    """The uuid of a text as `uuid_text` gives it.

    Raises:
        ValueError: the text is no such thing.
    """
    from binascii import Error, a2b_base64

    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        value = a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except (Error, ValueError) as error:
        raise ValueError(f"{text!r} is no uuid: {error}") from None
    if len(value) != 16:
        raise ValueError(f"{text!r} is no uuid: it holds {len(value)} bytes, not 16")
    return value
