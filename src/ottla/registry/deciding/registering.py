"""Registering: a schema becomes the next version of a subject, if it may come after the others.

The same schema again is the version that it is already. In mode IMPORT ids and versions are those
that the request says, and nothing is compared. An id belongs to one schema of a context: whoever
registers what another subject has gets its id.
"""

from __future__ import annotations

from typing import Any

from ottla.registry import contracts
from ottla.registry.contracts import Json
from ottla.registry.deciding import compatibility
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.looking import VERSION_MAX, text_of
from ottla.registry.deciding.proposal import Proposal, proposed
from ottla.registry.languages import Reading
from ottla.registry.refusals import (
    ASSOCIATION_FROZEN,
    ID_DOES_NOT_MATCH,
    INCOMPATIBLE_SCHEMA,
    INVALID_SCHEMA,
    INVALID_VERSION,
    STORE_FAILED,
    not_permitted,
    refusal,
)
from ottla.registry.settings import IMPORT, READWRITE, config_of, mode_of
from ottla.registry.state import State
from ottla.registry.stored import Version
from ottla.registry.subjects import checked, parsed
from ottla.schemas.language import AVRO, InvalidSchema

ID_MAX = (1 << 31) - 1
RESERVED = "confluent:reserved"
"""The metadata property that names fields that a schema may not have, parted by commas."""


def register(
    state: State, reading: Reading, subject: str, told: Any, *, normalize: bool, form: str = ""
) -> Decision:
    """Register a schema under a subject.

    Raises:
        Refusal: it is no schema, or may not come after the others, or the mode forbids it.
    """
    subject = str(checked(subject))
    mode = mode_of(state, subject)
    config = config_of(state, subject)
    normalize = normalize or config.get("normalize") is True
    proposal = proposed(state, reading, subject, told, normalize=normalize)
    if mode not in (READWRITE, IMPORT):
        raise not_permitted(f"the mode of subject {subject!r} is {mode}: nothing can be registered")
    if mode == IMPORT:
        version = _imported(state, subject, proposal)
    else:
        version = _next(state, reading, subject, proposal, config)
        _check_frozen(state, version)
    held = state.version(subject, version.version)
    entries = (
        () if held is not None and _same(held, version) else ((version.key(), version.value()),)
    )
    return Decision(entries, registered(version, reading, form))


def registered(version: Version, reading: Reading, form: str = "") -> Json:
    """What is answered to who registers."""
    answer: Json = {
        "id": version.id,
        "version": version.version,
        "guid": version.hash.guid,
        "schemaType": None if version.schema_type == AVRO else version.schema_type,
        "references": [reference.json() for reference in version.references] or None,
        "metadata": version.metadata,
        "ruleSet": version.rule_set,
        "schema": text_of(reading, version, form) if form else None,
    }
    return {name: value for name, value in answer.items() if value is not None}


def _same(held: Version, version: Version) -> bool:
    return held._replace(ts=version.ts) == version


def _imported(state: State, subject: str, proposal: Proposal) -> Version:
    if proposal.id < 0:
        raise not_permitted(
            f"subject {subject!r} is in mode IMPORT, where a schema comes with its id",
            hint="set the mode READWRITE to register new ones",
        )
    known = next((v for v in state.versions(subject) if proposal.is_told_by(v)), None)
    number = proposal.version
    if number < 1:
        number = known.version if known else _next_number(state, subject)
    _check_id(state, subject, proposal)
    version = _version(subject, number, proposal.id, proposal)
    held = state.version(subject, number)
    if held is not None and not held.deleted and (held.id, held.hash) != (version.id, version.hash):
        raise refusal(
            INVALID_VERSION,
            f"version {number} of subject {subject!r} is another schema, with the id {held.id}",
            hint="delete that version first, or import into an empty subject",
        )
    return version


def _next_number(state: State, subject: str) -> int:
    number = state.last_number(subject) + 1
    if number > VERSION_MAX:
        raise refusal(INVALID_VERSION, f"subject {subject!r} has no version left")
    return number


def _check_id(state: State, subject: str, proposal: Proposal) -> None:
    """An id that another schema has can't be given.

    Raises:
        Refusal: 42207.
    """
    holders = state.with_id(parsed(subject).context, proposal.id)
    for holder in holders:
        if (holder.schema_type, holder.text, holder.references) != (
            proposal.schema_type,
            proposal.text,
            proposal.references,
        ):
            raise refusal(
                ID_DOES_NOT_MATCH,
                f"the id {proposal.id} is that of another schema: version {holder.version} of "
                f"subject {holder.subject!r}",
            )


def _next(
    state: State, reading: Reading, subject: str, proposal: Proposal, config: Json
) -> Version:
    known = proposal.found_in(state.versions(subject), reading)
    if known is not None and proposal.id in (-1, known.id) and not proposal.propagates_tags:
        if proposal.version > 0 and proposal.version != known.version:
            raise refusal(
                INVALID_VERSION,
                f"the schema is version {known.version} of subject {subject!r} already, "
                f"and can't be version {proposal.version}",
            )
        return known
    if proposal.id >= 0:
        raise not_permitted(
            f"subject {subject!r} is not in mode IMPORT: an id can't be given",
            hint="leave the id out, or set the mode IMPORT",
        )
    versions = state.versions(subject)
    if proposal.propagates_tags and versions:
        proposal = _with_tags_of(proposal, reading, versions[-1])
    proposal = _completed(proposal, versions, config)
    same = proposal.found_in(versions, reading)
    if same is not None:
        return same
    _check_fields(proposal, config)
    told = compatibility.reasons(
        reading, proposal.schema, proposal.schema_type, proposal.metadata, versions, config
    )
    if told:
        level = config["compatibilityLevel"]
        raise refusal(
            INCOMPATIBLE_SCHEMA,
            f"the schema may not come after what subject {subject!r} has (level {level}): "
            + "; ".join(told),
        )
    number = _next_number(state, subject)
    if proposal.version > 0 and proposal.version != number:
        raise refusal(
            INVALID_VERSION,
            f"the next version of subject {subject!r} is {number}, and can't be {proposal.version}",
        )
    return _version(subject, number, _id(state, subject, proposal), proposal)


def _check_frozen(state: State, version: Version) -> None:
    """A subject of a frozen association keeps the schema that it has.

    Raises:
        Refusal: 40908.
    """
    subject = version.subject
    if state.version(subject, version.version) is None:
        for row in state.associations.of_subject(subject):
            if row.get("frozen") is True:
                raise refusal(
                    ASSOCIATION_FROZEN,
                    f"subject {subject!r} takes no new schema: its association with "
                    f"{row['resourceType']} {row['resourceName']!r} is frozen",
                )


def _completed(proposal: Proposal, versions: list[Version], config: Json) -> Proposal:
    """With the metadata and rules that the config gives, and those of the version before where
    the request has none.
    """
    last = versions[-1] if versions else None
    metadata = proposal.metadata
    if metadata is None and last is not None:
        metadata = last.metadata
    rule_set = proposal.rule_set
    if rule_set is None and last is not None:
        rule_set = last.rule_set
    return proposal._replace(
        metadata=contracts.merged_metadata(
            config.get("defaultMetadata"), metadata, config.get("overrideMetadata")
        ),
        rule_set=contracts.merged_rule_set(
            config.get("defaultRuleSet"), rule_set, config.get("overrideRuleSet")
        ),
    )


def _with_tags_of(proposal: Proposal, reading: Reading, last: Version) -> Proposal:
    """With the tags of the version before, as far as what they are of is still there."""
    schema = proposal.schema
    for tagging in reading.of(last).tags():
        try:
            schema = schema.with_tags([tagging], [])
        except InvalidSchema:
            continue
    return proposal._replace(schema=schema, text=schema.text)


def _check_fields(proposal: Proposal, config: Json) -> None:
    if config.get("validateFields") is not True:
        return
    reserved = (proposal.metadata or {}).get("properties", {}).get(RESERVED, "")
    names = {name.strip() for name in reserved.split(",") if name.strip()}
    for field in proposal.schema.top_fields():
        if field.startswith("$$") or field in names:
            why = "begins with $$" if field.startswith("$$") else f"is reserved by {RESERVED}"
            raise refusal(INVALID_SCHEMA, f"the field {field!r} {why}: give it another name")


def _id(state: State, subject: str, proposal: Proposal) -> int:
    context = parsed(subject).context
    known = state.id_of(context, proposal.hash.digest)
    if known is not None and all(
        _is_same_schema(holder, proposal) for holder in state.with_id(context, known)
    ):
        return known
    if state.id_max(context) >= ID_MAX:
        raise refusal(STORE_FAILED, f"the context {context!r} has no id left")
    return state.id_max(context) + 1


def _is_same_schema(holder: Version, proposal: Proposal) -> bool:
    """The hash has no separators: two that differ in metadata or references can share it."""
    return (holder.text, holder.references, holder.metadata, holder.rule_set) == (
        proposal.text,
        proposal.references,
        proposal.metadata,
        proposal.rule_set,
    )


def _version(subject: str, number: int, schema_id: int, proposal: Proposal) -> Version:
    return Version(
        subject=subject,
        version=number,
        id=schema_id,
        schema_type=proposal.schema_type,
        references=proposal.references,
        metadata=proposal.metadata,
        rule_set=proposal.rule_set,
        text=proposal.text,
        deleted=False,
        hash=proposal.hash,
    )
