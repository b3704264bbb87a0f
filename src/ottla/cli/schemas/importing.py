"""Putting an archive into a registry, with the ids that it had.

First all is looked at (`plan`): what is there already stays, and what can't be there beside it is
told before anything is done. Then (`carry_out`) the contexts are in mode IMPORT, in which nobody
else can take an id, versions are registered, those that others refer to first, what was deleted is
deleted, configs are set, and each context goes at once to the mode that it had, or that the archive
gives it. After a break the same again goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ottla.cli.schemas import catalogue
from ottla.cli.schemas.archive import Archive, Copied, Setting
from ottla.errors import OttlaError
from ottla.registry.subjects import DEFAULT_CONTEXT, GLOBAL, Subject, parsed, qualified
from ottla.serdes.contract import Contract, Registered
from ottla.serdes.errors import RegistryError

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

Advance = Callable[[int], None]
Place = tuple[str, int]

IMPORT, USUAL_MODE = "IMPORT", "READWRITE"
TOLD_MAX = 5


class Plan(NamedTuple):
    """What is to be done, in this order."""

    register: list[Copied]
    delete: list[Copied]
    settings: list[Setting]
    there: int
    """How many versions are there already."""
    before: dict[tuple[str, str | None], Any]
    """By noun and subject of a setting, what is set for it there now."""
    kept: list[Setting]
    """Modes of the archive that the registry does not take, as it has its own."""

    @property
    def steps(self) -> int:
        """How many requests it takes, about."""
        return len(self.register) + len(self.delete) + len(self.settings)


def moved(archive: Archive, context: str) -> Archive:
    """The archive with its one context as another.

    Raises:
        OttlaError: it has several.
    """
    contexts = {parsed(one.subject).context for one in archive.versions}
    if len(contexts) > 1:
        names = ", ".join(sorted(contexts))
        raise OttlaError(
            f"the archive has several contexts ({names}), which can't become one",
            hint="without --context they stay what they are",
        )
    source = next(iter(contexts), DEFAULT_CONTEXT)

    def name(subject: str) -> str:
        found = parsed(subject)
        return str(Subject(context, found.name)) if found.context == source else subject

    versions = []
    for one in archive.versions:
        references = tuple(
            # One without a context means the same one as the schema that refers.
            row._replace(subject=name(row.subject)) if row.subject.startswith(":") else row
            for row in one.contract.references
        )
        contract = one.contract._replace(references=references)
        versions.append(one._replace(subject=name(one.subject), contract=contract))
    settings = [
        one._replace(subject=name(one.subject or ""))
        for one in archive.settings
        if one.subject != GLOBAL and parsed(one.subject or "").context == source
        if one != Setting("mode", None, USUAL_MODE)
    ]
    return Archive(versions, settings, [context])


def plan(
    archive: Archive,
    registry: SchemaRegistry,
    *,
    merge: bool,
    advance: Advance,
    takes_modes: bool = False,
) -> Plan:
    """Compare an archive with a registry. The modes of the registry and of contexts that have one
    stay as they are, unless it `takes_modes`.

    Raises:
        OttlaError: something else is there where the archive has something, or beside it, and
            `merge` was not said; a reference leads nowhere, or in a circle.
    """
    held = {
        (one.subject or "", one.version or 0): one
        for one in catalogue.versions(
            registry, catalogue.EVERY_CONTEXT, deleted=True, advance=advance
        )
    }
    living = {
        (one.subject, one.version)
        for one in catalogue.versions(registry, catalogue.EVERY_CONTEXT, advance=advance)
    }
    _check_conflicts(archive, registry, held, merge)
    ordered = _ordered(archive.versions, held)
    register = [
        one
        for one in ordered
        if one.place not in held or (one.place not in living and not one.is_deleted)
    ]
    delete = [
        one
        for one in reversed(ordered)
        if one.is_deleted and (one.place not in held or one.place in living)
    ]
    before = {(one.noun, one.subject): _set_now(registry, one) for one in archive.settings}
    differing = [one for one in archive.settings if before[one.noun, one.subject] != one.value]
    kept = [
        one
        for one in differing
        if not takes_modes and _is_kept(registry, one, before[one.noun, one.subject])
    ]
    settings = [one for one in differing if one not in kept]
    return Plan(register, delete, settings, len(ordered) - len(register), before, kept)


def is_scope(subject: str | None) -> bool:
    """Whether a setting is of the registry or of a context, and not of one subject."""
    return subject is None or parsed(subject).name == ""


def carry_out(plan: Plan, registry: SchemaRegistry, advance: Advance) -> list[str | None]:
    """Do it; the contexts (None: the registry) that were in mode IMPORT already, and are no more.

    Raises:
        OttlaError: the registry refuses, or answers no more; what was done stays.
    """
    configs = [one for one in plan.settings if one.noun == "config"]
    modes = {one.subject: one for one in plan.settings if one.noun == "mode"}
    places = [one.subject for one in (*plan.register, *plan.delete)]
    # Where nothing may be changed, a config may not, either.
    places += [one.subject or "" for one in configs if one.subject != GLOBAL]
    contexts = dict.fromkeys(parsed(place).context for place in places)
    after = {scope: str(one.value) for scope, one in modes.items() if is_scope(scope)}
    with _importing(registry, contexts, after) as left:
        for one in plan.register:
            _register(registry, one)
            advance(1)
        for one in plan.delete:
            registry.delete_version(one.subject, one.version)
            advance(1)
        for setting in configs:
            _set_config(registry, setting)
            advance(1)
    for setting in modes.values():
        registry.set_mode(str(setting.value), setting.subject, force=True)
        advance(1)
    return left


@contextmanager
def _importing(
    registry: SchemaRegistry, contexts: Iterable[str], after: Mapping[str | None, str]
) -> Iterator[list[str | None]]:
    """The contexts in mode IMPORT, and afterwards in what is told, or else in what they were in;
    never in another in between.
    """
    before: dict[str | None, str | None] = {}
    left: list[str | None] = []
    try:
        for context in contexts:
            scope = None if context == DEFAULT_CONTEXT else f":{context}:"
            before[scope] = _own_mode(registry, scope)
            if before[scope] == IMPORT:  # an import that was killed left it
                before[scope] = USUAL_MODE
                left.append(scope)
            registry.set_mode(IMPORT, scope, force=True)
        yield left
    except BaseException:
        with suppress(OttlaError):  # what went wrong first is told
            _restore(registry, before)
        raise
    _restore(registry, before | {scope: after[scope] for scope in before if scope in after})


def _own_mode(registry: SchemaRegistry, scope: str | None) -> str | None:
    found = catalogue.found_or_none(lambda: registry.mode(scope, default_to_global=False))
    return None if found is None else str(found)


def _restore(registry: SchemaRegistry, modes: Mapping[str | None, str | None]) -> None:
    for scope, mode in modes.items():
        if mode is not None:
            registry.set_mode(mode, scope, force=True)
        else:
            registry.delete_mode(scope)


def _register(registry: SchemaRegistry, one: Copied) -> None:
    path = f"/subjects/{quote(one.subject, safe='')}/versions"
    told = {**one.contract.json(), "id": one.id, "version": one.version}
    try:
        answer = registry.request("POST", path, told, is_repeatable=True)
    except RegistryError as error:
        error.args = (f"{one.subject} {one.version} (id {one.id}): {error.text} ({error.code})",)
        error.text = f"{one.subject} {one.version} (id {one.id}): {error.text}"
        raise
    if not isinstance(answer, dict) or answer.get("id") != one.id:
        raise OttlaError(
            f"{one.subject} {one.version} was to have the id {one.id}, and got {answer!r:.80}",
            hint="the registry does not keep ids in mode IMPORT: records would be read with "
            "other schemas",
        )


def _set_config(registry: SchemaRegistry, setting: Setting) -> None:
    config = dict(setting.value)
    level = config.pop("compatibilityLevel", None)
    registry.set_config(({"compatibility": level} if level else {}) | config, setting.subject)


def _set_now(registry: SchemaRegistry, setting: Setting) -> Any:
    """What there is of a setting."""
    subject = setting.subject
    # A context may have it from the registry; for a subject it was set on purpose.
    default = subject is not None and parsed(subject).name == ""

    def ask() -> Any:
        if setting.noun == "mode":
            return registry.mode(subject, default_to_global=default)
        return registry.config(subject, default_to_global=default)

    return catalogue.found_or_none(ask)


def _is_kept(registry: SchemaRegistry, setting: Setting, now: Any) -> bool:
    """Whether it is a mode of what has its own: one that an import left behind is none."""
    if setting.noun != "mode" or not is_scope(setting.subject) or now == IMPORT:
        return False
    return setting.subject in (None, GLOBAL) or _own_mode(registry, setting.subject) is not None


# ---------------------------------------------------------------- what can't be


def _check_conflicts(
    archive: Archive, registry: SchemaRegistry, held: dict[Place, Registered], merge: bool
) -> None:
    contexts = {parsed(one.subject).context for one in archive.versions}
    mine = {one.place: one for one in archive.versions}
    by_id: dict[tuple[str, int], Copied] = {
        (parsed(one.subject).context, one.id): one for one in archive.versions
    }
    told = []
    beside = []
    for place, there in held.items():
        context = parsed(place[0]).context
        if place in mine:
            if not _is_same(registry, mine[place], there):
                told.append(f"{place[0]} {place[1]} is another schema there (id {there.id})")
            continue
        if context in contexts:
            beside.append(f"{place[0]} {place[1]}")
        taken = by_id.get((context, there.id or 0))
        if taken is not None and not _is_like(taken.contract, there.contract):
            told.append(f"the id {there.id} of {taken.subject} is that of {place[0]} there")
    if told:
        raise OttlaError(
            f"the registry has what the archive can't be put beside: {_some(told)}",
            hint="import into an empty registry, or with --context into an empty context",
        )
    if beside and not merge:
        raise OttlaError(
            f"the registry has what the archive has not: {_some(beside)}",
            hint="--merge imports beside it (nobody can register there meanwhile), --context NAME "
            "into a context of its own",
        )


def _is_same(registry: SchemaRegistry, one: Copied, there: Registered) -> bool:
    """Whether a registry has a version as the archive has it; it prints texts its own way, so
    where they differ it is asked.
    """
    if one.id != there.id or one.contract.type != there.contract.type:
        return False
    if _is_like(one.contract, there.contract):
        return True
    try:
        found = registry.look_up(one.subject, one.contract, deleted=True)
    except RegistryError:
        return False
    return found.id == one.id


def _is_like(one: Contract, other: Contract) -> bool:
    if one.type != other.type or tuple(one.references) != tuple(other.references):
        return False
    if one.text == other.text or "".join(one.text.split()) == "".join(other.text.split()):
        return True
    try:
        return bool(json.loads(one.text) == json.loads(other.text))
    except (ValueError, RecursionError):
        return False


def _some(told: list[str]) -> str:
    more = f" and {len(told) - TOLD_MAX} more" if len(told) > TOLD_MAX else ""
    return "; ".join(told[:TOLD_MAX]) + more


def _ordered(versions: list[Copied], held: dict[Place, Registered]) -> list[Copied]:
    """Those first that others refer to.

    Raises:
        OttlaError: a reference leads nowhere, or in a circle.
    """
    by_place = {one.place: one for one in versions}
    done: dict[Place, bool] = {}
    ordered: list[Copied] = []
    for first in sorted(by_place):
        waiting = [first]
        while waiting:
            place = waiting[-1]
            one = by_place[place]
            if place in done:
                waiting.pop()
                if not done[place]:
                    done[place] = True
                    ordered.append(one)
                continue
            done[place] = False
            for needed in _needs(one):
                if needed not in by_place:
                    if needed not in held:
                        raise OttlaError(
                            f"{place[0]} {place[1]} refers to {needed[0]} {needed[1]}, which is "
                            "neither in the archive nor in the registry",
                            hint="export with --deleted, and without a prefix",
                        )
                elif done.get(needed) is False:
                    raise OttlaError(
                        f"references go in a circle: {place[0]} {place[1]} and {needed[0]} "
                        f"{needed[1]}"
                    )
                elif needed not in done:
                    waiting.append(needed)
    return ordered


def _needs(one: Copied) -> list[Place]:
    context = parsed(one.subject).context
    return [(qualified(row.subject, context), row.version) for row in one.contract.references]
