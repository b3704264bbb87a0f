"""All declared messages, and random ones of any version."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import random
from collections.abc import Iterator
from typing import Any

import ottla.wire.messages
import ottla.wire.stored
from ottla.wire.schema import Message, Struct
from ottla.wire.types import Field


@functools.cache
def messages() -> dict[str, type[Message]]:
    """Every message by its name in Kafka's definitions."""
    found: dict[str, type[Message]] = {}
    for package in (ottla.wire.messages, ottla.wire.stored):
        for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if (
                    isinstance(value, type)
                    and issubclass(value, Message)
                    and value.__module__ == info.name
                ):
                    assert name not in found, f"{name} is declared twice"
                    found[name] = value
    return found


def versions() -> Iterator[tuple[type[Message], int]]:
    """Every version of every message."""
    for kind in messages().values():
        for version in range(kind.min_version, kind.max_version + 1):
            yield kind, version


def within(span: tuple[int, int], version: int) -> bool:
    return span[0] <= version <= span[1]


_INTEGERS = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def random_message(
    kind: type[Struct], version: int, entropy: random.Random, *, items_max: int = 3
) -> Any:
    """A message whose fields hold anything that the version can carry, edges often."""
    fields = {}
    for name, field in kind.__fields__.items():
        if not within(field.versions, version):
            continue
        if within(field.tagged, version) and entropy.random() < 0.4:
            continue  # an absent tag is the default
        fields[name] = _random_value(field, version, entropy, items_max)
    return kind(**fields)


def _random_value(field: Field, version: int, entropy: random.Random, items_max: int) -> Any:
    if within(field.nullable, version) and entropy.random() < 0.25:
        return None
    kind = field.kind.removeprefix("[]")
    if kind == field.kind:
        return _random_one(kind, field, version, entropy, items_max)
    count = entropy.randrange(items_max + 1)
    return [_random_one(kind, field, version, entropy, items_max) for _ in range(count)]


def _random_one(
    kind: str, field: Field, version: int, entropy: random.Random, items_max: int
) -> Any:
    if kind == "struct":
        return random_message(field.nested, version, entropy, items_max=items_max)
    if kind == "bool":
        return entropy.random() < 0.5
    if kind == "float64":
        return entropy.choice([0.0, -1.5, 1e300, entropy.gauss(0, 1e6)])
    if kind == "uuid":
        return entropy.choice([bytes(16), entropy.randbytes(16)])
    if kind == "string":
        return _random_text(entropy)
    if kind in ("bytes", "records"):
        return entropy.randbytes(entropy.choice([0, 1, 19, 127, 128]))
    least, most = _INTEGERS[kind]
    return entropy.choice([least, most, 0, least >> 7, entropy.randint(least, most)])


def _random_text(entropy: random.Random) -> str:
    alphabet = "abc-_.09 \0éß水𐍈\U0010ffff"
    return "".join(entropy.choice(alphabet) for _ in range(entropy.choice([0, 1, 5, 40])))
