"""What a registry has, in few requests: all versions in pages, or one by one where the registry
is too old to tell all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ottla.serdes.errors import RegistryError

if TYPE_CHECKING:
    from ottla.serdes.contract import Registered
    from ottla.serdes.registry_client import SchemaRegistry

Told = TypeVar("Told")
Advance = Callable[[int], None]

PAGE = 1000
REQUESTS_AT_ONCE = 8
"""As many connections as a client keeps."""
EVERY_CONTEXT = ":*:"
NOT_FOUND = 404
NOT_ALLOWED = 405


def versions(
    registry: SchemaRegistry,
    prefix: str | None = None,
    *,
    latest_only: bool = False,
    deleted: bool = False,
    advance: Advance = lambda _: None,
) -> list[Registered]:
    """The versions of the subjects that begin so, in the registry's order; of each the last alone
    with `latest_only`. `advance` is told how many more are known.

    Raises:
        RegistryError: the registry does not let us.
    """
    found: list[Registered] = []
    try:
        while True:
            page = registry.schemas(
                prefix, latest_only=latest_only, deleted=deleted, offset=len(found), limit=PAGE
            )
            # How many a page has the registry says; one without pages tells all once more.
            if not page or (found and page[0] == found[0]):
                return found
            found += page
            advance(len(page))
    except RegistryError as error:
        if error.status not in (NOT_FOUND, NOT_ALLOWED) or found:
            raise
    return _one_by_one(registry, prefix, latest_only, deleted, advance)


def _one_by_one(
    registry: SchemaRegistry,
    prefix: str | None,
    latest_only: bool,
    deleted: bool,
    advance: Advance,
) -> list[Registered]:
    found = []
    for subject in registry.subjects(prefix, deleted=deleted):
        if not subject.startswith(_name(prefix)) and not subject.startswith(prefix or ""):
            continue  # old registries know no prefix, and tell all
        numbers = registry.versions(subject, deleted=deleted)
        for number in numbers[-1:] if latest_only else numbers:
            found.append(registry.version(subject, number, deleted=deleted))
            advance(1)
    return found


def at_once(ask: Callable[[str], Told], subjects: Sequence[str]) -> Iterator[Told]:
    """What is asked of each, in their order, over as many connections as a client keeps: a
    registry takes long to be sure that nothing is there, and no longer for several at once.
    """
    from concurrent.futures import ThreadPoolExecutor

    workers = ThreadPoolExecutor(REQUESTS_AT_ONCE, "ottla-schemas")
    try:
        yield from workers.map(ask, subjects)
    finally:
        workers.shutdown(cancel_futures=True)


def referrers(
    registry: SchemaRegistry, subject: str, version: int, *, deleted: bool = False
) -> list[tuple[str, int, int]]:
    """Who refers to a version: subject, version and id of each."""
    from ottla.serdes.registry_client import context_of

    context = context_of(subject)
    scope = f":{context}:" if context else None
    found: list[tuple[str, int, int]] = []
    way = f"/subjects/{quote(subject, safe='')}/versions/{version}/referencedby"
    ids = found_or_none(lambda: registry.request("GET", way, deleted=deleted or None))
    for schema_id in ids or ():
        path = f"/schemas/ids/{schema_id}/versions"
        rows = registry.request("GET", path, subject=scope, deleted=deleted or None)
        found += [(str(row["subject"]), int(row["version"]), schema_id) for row in rows]
    return found


def found_or_none(ask: Callable[[], Any]) -> Any:
    """What `ask` gives, or None where that is not found: a setting that nobody made, a subject."""
    try:
        return ask()
    except RegistryError as error:
        if error.status != NOT_FOUND:
            raise
        return None


def level_of(registry: SchemaRegistry, subject: str | None) -> str:
    """The level that counts for a subject."""
    return _level(registry.config(subject))


def _level(config: dict[str, Any]) -> str:
    return str(config.get("compatibilityLevel") or config.get("compatibility") or "-")


def _name(prefix: str | None) -> str:
    return (prefix or "").removeprefix(EVERY_CONTEXT)
