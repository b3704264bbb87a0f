"""Tags in a Protobuf text: `(confluent.message_meta).tags` and `(confluent.field_meta).tags`.

Both options are a Meta {doc = 1, params = 2, tags = 3, …} under the same number. Tags are read from
a linked file, whichever way its author wrote them. To change them, the option is written anew as
one value, with all else that was in it; everything else stays as its author wrote it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

from ottla.schemas.language import InvalidSchema, Tagging
from ottla.schemas.protobuf.binary import BYTES, fields, to_varint, without
from ottla.schemas.protobuf.descriptor import Field, File, Message
from ottla.schemas.protobuf.options import UNINTERPRETED, uninterpreted_name
from ottla.schemas.protobuf.scope import prefix_of

META, TAGS = 1088, 3
META_PATH = "confluent/meta.proto"
RECORD, FIELD = "sr_record", "sr_field"
"""Kinds of what is tagged."""


def tags_of(file: File) -> list[Tagging]:
    """The tags of messages and fields, by their full names without a dot before them."""
    told = ((kind, path, _tags(_meta(one.options))) for path, kind, one in _entities(file))
    return [Tagging(kind, path, tuple(tags)) for kind, path, tags in told if tags]


def tagged(written: File, linked: File, add: Sequence[Tagging], remove: Sequence[Tagging]) -> File:
    """The file as written, with tags added to and removed from its options.

    Raises:
        InvalidSchema: nothing is at a path.
    """
    made = copy.deepcopy(written)
    metas = {(kind, path): _meta(one.options) for path, kind, one in _entities(linked)}
    targets = {(kind, path): one for path, kind, one in _entities(made)}
    changed: dict[tuple[str, str], list[str]] = {}
    for tagging, adds in [*((one, False) for one in remove), *((one, True) for one in add)]:
        at = (tagging.kind, tagging.path.removeprefix("."))
        if at not in targets:
            what = "field" if tagging.kind == FIELD else "message"
            raise InvalidSchema(
                f"the schema has no {what} {tagging.path}",
                path=tagging.path,
                hint="name it in full, as package.Message or package.Message.field",
            )
        tags = changed.setdefault(at, _tags(metas[at]))
        for tag in tagging.tags:
            if adds and tag not in tags:
                tags.append(tag)
            elif not adds and tag in tags:
                tags.remove(tag)
    for at, tags in changed.items():
        targets[at].options = _with_tags(targets[at].options, metas[at], tags)
    if any(changed.values()) and META_PATH not in made.dependency:
        made.dependency.append(META_PATH)
    return made


def _entities(file: File) -> Iterator[tuple[str, str, Message | Field]]:
    """(path, kind, message or field) of all that can be tagged."""
    stack = [(prefix_of(file)[1:], message) for message in reversed(file.message_type)]
    while stack:
        prefix, message = stack.pop()
        if message.is_map_entry:
            continue
        path = prefix + message.name
        yield path, RECORD, message
        yield from ((f"{path}.{one.name}", FIELD, one) for one in message.field)
        stack += [(path + ".", inner) for inner in reversed(message.nested_type)]


def _meta(options: bytes) -> bytes:
    """The bytes of the Meta in options that were read."""
    return b"".join(
        value for number, _, value in fields(options) if number == META and type(value) is bytes
    )


def _tags(meta: bytes) -> list[str]:
    return [
        value.decode(errors="replace")
        for number, _, value in fields(meta)
        if number == TAGS and isinstance(value, bytes)
    ]


def _with_tags(options: bytes, meta: bytes, tags: list[str]) -> bytes:
    """Options whose Meta has these tags and what else it had; of one not read, in its place."""
    kept = without(options, META)
    for number, _, value in fields(options):
        if number == UNINTERPRETED and isinstance(value, bytes) and _is_meta(value):
            kept = kept.replace(_told(UNINTERPRETED, value), b"", 1)
    told = without(meta, TAGS) + b"".join(_told(TAGS, tag.encode()) for tag in tags)
    return kept + _told(META, told) if told else kept


def _is_meta(option: bytes) -> bool:
    """Whether an option that was not read is, or is in, the Meta of a message or a field."""
    name = uninterpreted_name(option).split(")")[0].removeprefix("(").removeprefix(".")
    return name.rpartition(".")[2] in ("field_meta", "message_meta") and name.startswith(
        ("confluent.", "field_meta", "message_meta")
    )


def _told(number: int, value: bytes) -> bytes:
    return to_varint(number << 3 | BYTES) + to_varint(len(value)) + value
