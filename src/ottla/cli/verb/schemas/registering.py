"""`ottla schemas register`: a file becomes the next version of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ottla.cli.options import WrongWords
from ottla.cli.registry_reach import RegistryAt, refused
from ottla.cli.schemas.files import TYPES, SchemaFile, is_schema_name, read_file, read_text
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import LATEST, asks, complete_subject, not_empty, tell_where
from ottla.cli.verb.shown import Row, done, json_option, note
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.serdes.contract import Contract, Registered
    from ottla.serdes.errors import RegistryError
    from ottla.serdes.registry_client import SchemaRegistry

INVALID_SCHEMA, INCOMPATIBLE_SCHEMA, READ_ONLY = 42201, 40901, 42205

type_option = click.option(
    "--type",
    "schema_type",
    type=click.Choice(TYPES, case_sensitive=False),
    metavar="TYPE",
    help="AVRO, JSON or PROTOBUF, if its suffix (.avsc, .json, .proto) does not say so.",
)
reference_option = click.option(
    "--reference",
    "references",
    metavar="NAME=SUBJECT:VERSION",
    multiple=True,
    help="A schema that it refers to; repeatable. The latest version if none is told; without a "
    "registry NAME=FILE.",
)
normalize_option = click.option(
    "--normalize", is_flag=True, help="Compare and keep it in its normal form."
)


@verb(
    "register",
    "a file becomes the next version of a subject",
    ("a schema for the values of the topic orders", "ottla schemas register orders-value o.avsc"),
    ("from standard input", "cat o.txt | ottla schemas register orders-value - --type AVRO"),
    ("one that imports another",
     "ottla schemas register orders-value o.proto --reference money.proto=money:1"),
    ("with what is said of it", "ottla schemas register orders-value o.avsc --metadata owner=shop"),
    too_many="one schema at a time",
)  # fmt: skip
@click.argument("subject", metavar="SUBJECT", callback=not_empty, shell_complete=complete_subject)
@click.argument("file", metavar="FILE", type=click.Path())
@type_option
@reference_option
@normalize_option
@click.option(
    "--metadata", metavar="KEY=VALUE", multiple=True, help="A property of it; repeatable."
)
@click.option("--rules", metavar="FILE", help="Its rule set, a JSON object, as registries have it.")
@asks
@json_option
def REGISTER(
    *,
    at: RegistryAt,
    subject: str,
    file: str,
    schema_type: str | None,
    references: tuple[str, ...],
    normalize: bool,
    metadata: tuple[str, ...],
    rules: str | None,
    as_json: bool,
) -> None:
    """Look whether it is there, and register it if not."""
    check_order("register", subject, file)
    schema = read_file(file, schema_type)
    warn_of_slips(schema)
    properties, rule_set = properties_of(metadata), _rules(rules)
    with at.client() as registry:
        contract = contract_of(registry, schema, references)
        contract = contract._replace(metadata=properties, rule_set=rule_set)
        known = _known(registry, subject, contract, normalize)
        before = _latest(registry, subject)
        found = known or _register(registry, subject, schema, contract, normalize)
        lost = [] if known or not before else _losses(registry, subject, before, found)
    facts: Row = {
        "subject": found.subject or subject,
        "version": found.version,
        "id": found.id,
        "guid": found.guid,
        "registered": known is None,
    }
    place = f"{facts['subject']} version {found.version}, id {found.id}"
    said = f"registered {place}" if known is None else f"{place}, was there already"
    if known is not None and before and before.version != found.version:
        said += f"; the latest is {before.version}"
    done(said, facts, as_json=as_json)
    for one in lost:
        note(one)
    tell_where(at)


def check_order(action: str, subject: str, file: str) -> None:
    """See that a file is not where a subject has its place.

    Raises:
        WrongWords: it is.
    """
    from os.path import exists

    if is_schema_name(subject) and not is_schema_name(file) and not exists(file):
        raise WrongWords(
            f"SUBJECT goes before FILE, and '{subject}' looks like a file",
            hint=f"ottla schemas {action} {file} {subject}",
        )


def warn_of_slips(schema: SchemaFile) -> None:
    """Tell of keys that are ignored, and nearly are some that are not."""
    from ottla.cli.schemas.slips import slips

    for one in slips(schema):
        note(one)


def contract_of(
    registry: SchemaRegistry, schema: SchemaFile, references: tuple[str, ...]
) -> Contract:
    """What a registry is sent of a file."""
    from ottla.cli.schemas.references import resolved
    from ottla.serdes.contract import Contract

    return Contract(schema.text, schema.type, resolved(registry, references))


def refused_text(
    registry: SchemaRegistry, schema: SchemaFile, contract: Contract, error: RegistryError
) -> OttlaError:
    """What is wrong with a text that a registry refused, with the place where we find it, too."""
    from ottla.cli.schemas.faults import read_schema
    from ottla.cli.schemas.references import dependencies

    try:
        read_schema(schema, dependencies(registry, contract.references))
    except OttlaError as found:
        if found.hint and "--reference" in found.hint:
            found.hint = "--reference NAME=SUBJECT:VERSION says where it is registered"
        return found
    told = refused(error)
    return OttlaError(f"{schema.name}: {told}", hint=told.hint)


def properties_of(words: tuple[str, ...]) -> dict[str, Any] | None:
    """The metadata that --metadata says.

    Raises:
        WrongWords: a word has no `=`.
    """
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongWords(f"--metadata takes KEY=VALUE, not '{word}'")
        found[key] = value
    return {"properties": found} if found else None


def _rules(path: str | None) -> dict[str, Any] | None:
    import json

    if path is None:
        return None
    try:
        found = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise OttlaError(f"{path}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise OttlaError(f"{path}: nested too deep") from None
    if not isinstance(found, dict):
        raise OttlaError(
            f"{path} is no rule set", hint='a rule set is like {"domainRules": [{"name": ...}]}'
        )
    return found


def _known(
    registry: SchemaRegistry, subject: str, contract: Contract, normalize: bool
) -> Registered | None:
    """The version that it is already, if it is one."""
    from ottla.serdes.errors import RegistryError

    try:
        return registry.look_up(subject, contract, normalize=normalize)
    except RegistryError as error:
        if error.status in (404, 422):  # what is wrong with it the registering says
            return None
        raise


def _latest(registry: SchemaRegistry, subject: str) -> Registered | None:
    from ottla.cli.schemas import catalogue

    found: Registered | None = catalogue.found_or_none(lambda: registry.version(subject, LATEST))
    return found


def _losses(
    registry: SchemaRegistry, subject: str, before: Registered, found: Registered
) -> list[str]:
    """What was said of the version before, and is not of the new one. A registry may add to what
    it is told, so what it has is compared.
    """
    from ottla.cli.schemas.losses import losses

    old = before.contract
    if found.version is None or not (old.rule_set or old.metadata):
        return []
    new = registry.version(subject, found.version).contract
    return list(losses(old, new, before.version))


def _register(
    registry: SchemaRegistry,
    subject: str,
    schema: SchemaFile,
    contract: Contract,
    normalize: bool,
) -> Registered:
    from ottla.serdes.errors import RegistryError

    try:
        found = registry.register(subject, contract, normalize=normalize)
    except RegistryError as error:
        if error.code == INVALID_SCHEMA:
            raise refused_text(registry, schema, contract, error) from None
        if error.code == INCOMPATIBLE_SCHEMA or error.status == 409:
            raise _incompatible(registry, subject, contract, normalize, error) from None
        if error.code == READ_ONLY:
            error.hint = f"ottla schemas mode {subject} READWRITE lets it be registered"
        raise
    if found.version is None:  # older registries answer with the id alone
        found = _known(registry, subject, contract, normalize) or found
    return found


def _incompatible(
    registry: SchemaRegistry,
    subject: str,
    contract: Contract,
    normalize: bool,
    error: RegistryError,
) -> OttlaError:
    """The reasons, one by one."""
    from ottla.cli.schemas import catalogue, reasons

    level = catalogue.level_of(registry, subject)
    rows = reasons.rows_of(registry.check(subject, contract, normalize=normalize).messages)
    if not rows:
        return refused(error)
    told = "\n".join(reasons.lines(rows))
    return OttlaError(
        f"it may not come after what {subject} has (level {level}):\n{told}",
        hint=f"ottla schemas diff {subject} FILE shows what changed; "
        f"ottla schemas level {subject} shows and sets the level",
    )
