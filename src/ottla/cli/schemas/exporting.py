"""Reading a whole registry into a folder (`archive`).

Settings of subjects that have no schema at all are not seen: no registry lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ottla.cli.schemas import archive, catalogue
from ottla.cli.schemas.archive import Archive, Copied, Setting
from ottla.registry.subjects import DEFAULT_CONTEXT, GLOBAL, parsed, qualified
from ottla.serdes.contract import Registered

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

Advance = Callable[[int], None]

USUAL = {"compatibilityLevel": "BACKWARD"}
USUAL_MODE = "READWRITE"


def collect(
    registry: SchemaRegistry, prefix: str | None, *, deleted: bool, advance: Advance
) -> Archive:
    """All versions of the subjects that begin so (None: of all), and what was set for them; what
    was set for contexts and for everything only where all is meant.

    Raises:
        OttlaError: the registry does not let us.
    """
    scope = catalogue.EVERY_CONTEXT if prefix is None else prefix
    living = catalogue.versions(registry, scope, advance=advance)
    found = living
    if deleted:
        found = catalogue.versions(registry, scope, deleted=True, advance=advance)
    alive = {(one.subject, one.version) for one in living}
    versions = [_copied(one, (one.subject, one.version) not in alive) for one in found]
    contexts: list[str] = []
    settings: list[Setting] = []
    if prefix is None:
        contexts = catalogue.found_or_none(registry.contexts) or [DEFAULT_CONTEXT]
        settings += _of_everything(registry, contexts)
    subjects = list(dict.fromkeys(one.subject for one in versions))
    for own in catalogue.at_once(lambda subject: _own(registry, subject), subjects):
        settings += own
        advance(1)
    return Archive(versions, settings, contexts)


def write(found: Archive, folder: Path) -> None:
    """Write all of it.

    Raises:
        OttlaError: the folder holds something else.
        OSError: the system does not let us.
    """
    archive.prepare(folder)
    for one in found.versions:
        archive.write_version(folder, one)
    archive.write_index(folder, found)


def missing_references(found: Archive) -> list[tuple[str, int]]:
    """What is referred to, and not in it: deleted versions, or subjects that were not asked for."""
    there = {one.place for one in found.versions}
    wanted = {
        (qualified(reference.subject, parsed(one.subject).context), reference.version)
        for one in found.versions
        for reference in one.contract.references
    }
    return sorted(wanted - there)


def _copied(one: Registered, is_deleted: bool) -> Copied:
    return Copied(
        one.subject or "", one.version or 0, one.id or 0, one.guid, one.contract, is_deleted
    )


def _of_everything(registry: SchemaRegistry, contexts: list[str]) -> list[Setting]:
    found = [
        Setting("config", None, registry.config()),
        Setting("mode", None, registry.mode()),
    ]
    for context in contexts:
        if context != DEFAULT_CONTEXT:
            found += _own(registry, f":{context}:")
    usual = (Setting("config", GLOBAL, USUAL), Setting("mode", GLOBAL, USUAL_MODE))
    return found + [one for one in _own(registry, GLOBAL) if one not in usual]


def _own(registry: SchemaRegistry, subject: str) -> list[Setting]:
    """What was set for a subject or a context itself."""
    config = catalogue.found_or_none(lambda: registry.config(subject, default_to_global=False))
    mode = catalogue.found_or_none(lambda: registry.mode(subject, default_to_global=False))
    found = [Setting("config", subject, config)] if config else []
    return found + ([Setting("mode", subject, mode)] if mode else [])
