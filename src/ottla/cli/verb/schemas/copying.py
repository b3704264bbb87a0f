"""`ottla schemas export` and `import`: a whole registry as a folder, and back with the same ids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ottla.cli.options import WrongWords
from ottla.cli.registry_reach import RegistryAt
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import asks, tell_where
from ottla.cli.verb.schemas.setting import called
from ottla.cli.verb.shown import Column, Row, done, json_option, note, number, progress, show
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ottla.cli.schemas.importing import Plan
    from ottla.serdes.registry_client import SchemaRegistry

_STEPS = (
    Column("DO", "do"),
    Column("SUBJECT", "subject", lambda value: value or "(the registry)"),
    number("VERSION", "version"),
    number("ID", "id"),
    Column("VALUE", "value"),
)
_LEVEL_FIELD = "compatibilityLevel"
CHANGES_TOLD_MAX = 20


@verb(
    "export",
    "write all schemas of a registry into a folder",
    ("all that there is", "ottla schemas export backup"),
    ("what was deleted, but not for good, as well", "ottla schemas export backup --deleted"),
    ("some subjects", "ottla schemas export backup --prefix orders"),
    ("of another registry", "ottla schemas export backup --registry http://registry:8081"),
    too_many="one folder is enough",
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--prefix", metavar="TEXT", help="Only subjects that begin so; :.CTX: for a context.")
@click.option("--deleted", is_flag=True, help="What was deleted, but not for good, as well.")
@asks
@json_option
def EXPORT(at: RegistryAt, folder: str, prefix: str | None, deleted: bool, as_json: bool) -> None:
    """Read all, then write all."""
    from ottla.cli.schemas import exporting
    from ottla.cli.verb.schemas.listing import scope

    with at.client() as registry, progress("schemas and settings") as advance:
        scoped = None if prefix is None else scope(prefix)
        found = exporting.collect(registry, scoped, deleted=deleted, advance=advance)
    if not found.versions and prefix is not None:
        raise OttlaError(f"no subject begins with {prefix}", hint="ottla schemas list shows all")
    exporting.write(found, Path(folder))
    subjects = len({one.subject for one in found.versions})
    facts: Row = {"dir": folder, "subjects": subjects, "versions": len(found.versions)}
    said = f"exported {_many(len(found.versions), 'version')} of {_many(subjects, 'subject')}"
    done(f"{said} to {folder}", facts, as_json=as_json)
    missing = exporting.missing_references(found)
    if missing:
        names = ", ".join(f"{subject} {version}" for subject, version in missing[:5])
        note(f"what is referred to is not all in it: {names}; --deleted may find it")


@verb(
    "import",
    "put exported schemas into a registry, with the ids that they had",
    ("into an empty registry", "ottla schemas import backup --registry http://localhost:8081"),
    ("what would be done", "ottla schemas import backup --dry-run"),
    ("into a context of its own", "ottla schemas import backup --context .staging"),
    ("beside what is there, if the ids are free", "ottla schemas import backup --merge"),
    too_many="one folder at a time",
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--context", metavar="NAME", help="Into this context, which begins with a dot.")
@click.option("--merge", is_flag=True, help="Also where other schemas are there already.")
@click.option(
    "--take-modes",
    "takes_modes",
    is_flag=True,
    help="The modes of the registry and its contexts as the archive has them; if left out they "
    "stay as they are.",
)
@click.option("--dry-run", is_flag=True, help="Only look, and show what would be done.")
@asks
@json_option
def IMPORT(
    *,
    at: RegistryAt,
    folder: str,
    context: str | None,
    merge: bool,
    takes_modes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Look first, then do it."""
    from ottla.cli.schemas import archive, importing

    if context is not None and (not context.startswith(".") or ":" in context):
        raise WrongWords(f"--context takes a name like .staging, not '{context}'")
    found = archive.read(Path(folder))
    if context is not None:
        found = importing.moved(found, context)
    with at.client() as registry:
        with progress("looking") as advance:
            plan = importing.plan(
                found, registry, merge=merge, takes_modes=takes_modes, advance=advance
            )
        if dry_run:
            none = "nothing is to be done: all is there"
            show(_STEPS, _steps(plan), as_json=as_json, none=none)
            _tell_kept(plan)
            if plan.steps and not as_json:
                note("nothing was done")
            return
        with progress("schemas", plan.steps) as advance:
            left = _carry_out(plan, registry, advance)
    facts: Row = {
        "registered": len(plan.register),
        "deleted": len(plan.delete),
        "settings": len(plan.settings),
        "there": plan.there,
    }
    were = f"; {plan.there} there already" if plan.there else ""
    done(f"imported {_many(len(plan.register), 'version')}{were}", facts, as_json=as_json)
    _tell_changed(plan, left)
    _tell_kept(plan)
    tell_where(at)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _carry_out(
    plan: Plan, registry: SchemaRegistry, advance: Callable[[int], None]
) -> list[str | None]:
    from ottla.cli.interrupts import Interrupts
    from ottla.cli.schemas import importing

    try:
        # However it is asked to end: the registry is not left in mode IMPORT.
        with Interrupts("the registry"):
            return importing.carry_out(plan, registry, advance)
    except KeyboardInterrupt:
        note("the same again goes on where this stopped")
        raise
    except OttlaError as error:
        error.hint = error.hint or "the same again goes on where this stopped"
        raise


def _tell_changed(plan: Plan, left: list[str | None]) -> None:
    """What somebody had set there, or counted for all, and is otherwise now."""
    changed = [one for one in plan.settings if plan.before.get((one.noun, one.subject)) is not None]
    for one in changed[:CHANGES_TOLD_MAX]:
        before = _value_text(one.noun, plan.before[one.noun, one.subject])
        noun = "mode" if one.noun == "mode" else "level"
        note(f"{called(one.subject)}: {noun} {_value_text(one.noun, one.value)}, was {before}")
    if len(changed) > CHANGES_TOLD_MAX:
        note(f"... and {len(changed) - CHANGES_TOLD_MAX} more levels and modes")
    told = {one.subject for one in changed if one.noun == "mode"}
    for scope in left:
        if scope not in told:
            note(f"{called(scope)}: mode READWRITE, was IMPORT")


def _tell_kept(plan: Plan) -> None:
    """What the archive has, and the registry has otherwise."""
    for one in plan.kept:
        now = plan.before[one.noun, one.subject]
        note(
            f"{called(one.subject)} keeps its mode {now}; --take-modes makes it {one.value}, as "
            "in the archive"
        )


def _steps(plan: Plan) -> list[Row]:
    rows = [_step("register", one.subject, one.version, one.id) for one in plan.register]
    rows += [_step("delete", one.subject, one.version, one.id) for one in plan.delete]
    for one in plan.settings:
        value = _value_text(one.noun, one.value)
        rows.append({**_step(f"set {one.noun}", one.subject), "value": value})
    return rows


def _step(do: str, subject: str | None, version: int | None = None, id: int | None = None) -> Row:
    return {"do": do, "subject": subject, "version": version, "id": id, "value": None}


def _value_text(noun: str, value: Any) -> str:
    import json

    if noun == "mode":
        return str(value)
    config: Row = value
    if set(config) == {_LEVEL_FIELD}:
        return str(config[_LEVEL_FIELD])
    return json.dumps(config, ensure_ascii=False)
