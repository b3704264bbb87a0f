"""What a schema refers to, as it is typed (NAME=SUBJECT:VERSION) and as texts to read it with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ottla.cli.options import WrongWords
from ottla.cli.schemas.files import read_text
from ottla.errors import OttlaError
from ottla.schemas.language import Dependency
from ottla.serdes.contract import Reference
from ottla.serdes.errors import RegistryError

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

LATEST = "latest"
NOT_FOUND = 404
DEPENDENCIES_MAX = 1000


def resolved(registry: SchemaRegistry, words: Iterable[str]) -> tuple[Reference, ...]:
    """References as they were typed, the latest versions as numbers: not every registry takes
    less.

    Raises:
        WrongWords: a word makes no sense.
        OttlaError: one is to what is not there.
    """
    return tuple(_resolved(registry, word) for word in words)


def _resolved(registry: SchemaRegistry, word: str) -> Reference:
    name, equals, place = word.rpartition("=")
    subject, colon, version = place.rpartition(":")
    if not colon or not (version.isascii() and version.isdigit()) or not subject:
        subject, version = place.removesuffix(f":{LATEST}"), LATEST
    if not equals or not name or not subject or version == "0":
        raise WrongWords(
            f"--reference takes NAME=SUBJECT:VERSION, not '{word}'",
            hint="NAME is what the schema calls it: a full name of Avro, an import of Protobuf, a "
            "$ref of JSON Schema",
        )
    try:
        found = registry.version(subject, version)
    except RegistryError as error:
        if error.status != NOT_FOUND:
            raise
        raise OttlaError(
            f"--reference {word}: {error.text}", hint="register what is referred to first"
        ) from None
    return Reference(name, subject, found.version or int(version))


def of_files(words: Iterable[str]) -> list[Dependency]:
    """References where no registry is asked: NAME=FILE, those first that others need.

    Raises:
        WrongWords: a word makes no sense.
        OttlaError, OSError: a file can't be read.
    """
    found = []
    for word in words:
        name, equals, path = word.rpartition("=")
        if not equals or not name or not path:
            raise WrongWords(
                f"without a registry --reference takes NAME=FILE, not '{word}'",
                hint="what others need goes first",
            )
        found.append(Dependency(name, read_text(path)))
    return found


def dependencies(
    registry: SchemaRegistry, references: Sequence[Reference]
) -> tuple[Dependency, ...]:
    """The texts that a schema refers to, those that others need first, each name once.

    Raises:
        OttlaError: there are too many, or one is not there.
    """
    found: dict[str, Dependency] = {}
    waiting = [(one, False) for one in reversed(references)]
    seen: set[Reference] = set()
    while waiting:
        reference, is_done = waiting.pop()
        schema = registry.version(reference.subject, reference.version)
        if is_done:
            found.setdefault(reference.name, Dependency(reference.name, schema.text))
        elif reference not in seen:
            seen.add(reference)
            if len(seen) > DEPENDENCIES_MAX:
                raise OttlaError(f"more than {DEPENDENCIES_MAX} references")
            waiting.append((reference, True))
            waiting += [(one, False) for one in reversed(schema.contract.references)]
    return tuple(found.values())
