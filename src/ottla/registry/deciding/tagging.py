"""A version registered anew with other tags, metadata or rules: its text else stays as it is."""

from __future__ import annotations

from typing import Any

from ottla.registry import contracts
from ottla.registry.contracts import RULE_LISTS, Json
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.looking import version_of
from ottla.registry.deciding.proposal import taggings_of
from ottla.registry.deciding.registering import register
from ottla.registry.languages import Reading
from ottla.registry.refusals import INVALID_SCHEMA, INVALID_VERSION, refusal
from ottla.registry.state import State
from ottla.schemas.language import InvalidSchema

FIELDS = (
    "newVersion",
    "tagsToAdd",
    "tagsToRemove",
    "metadata",
    "ruleSet",
    "rulesToMerge",
    "rulesToRemove",
)


def tag(state: State, reading: Reading, subject: str, asked: str, told: Any) -> Decision:
    """Register a version with tags added and removed, and metadata or rules that replace its own.

    Raises:
        Refusal: what a field is wrong about; what registering raises.
    """
    if not isinstance(told, dict):
        raise refusal(INVALID_SCHEMA, "tags are told as a JSON object")
    for name in told:
        if name not in FIELDS:
            raise refusal(
                INVALID_SCHEMA, f"there is no field {name!r}", hint=f"there is {', '.join(FIELDS)}"
            )
    version = version_of(state, subject, asked)
    number = told.get("newVersion")
    if number is not None and (type(number) is not int or number < 1):
        raise refusal(INVALID_VERSION, f"newVersion is a number from 1, not {number!r}")
    schema = reading.of(version)
    try:
        schema = schema.with_tags(
            taggings_of(told.get("tagsToAdd"), "tagsToAdd"),
            taggings_of(told.get("tagsToRemove"), "tagsToRemove"),
        )
    except InvalidSchema as error:
        raise refusal(INVALID_SCHEMA, f"tags can't be put there: {error}") from None
    metadata = contracts.metadata_of(told.get("metadata"))
    proposal: Json = {
        "schema": schema.text,
        "schemaType": version.schema_type,
        "references": [reference.json() for reference in version.references],
        "metadata": version.metadata if metadata is None else metadata,
        "ruleSet": _rules(version.rule_set, told),
    }
    if number is not None:
        proposal["version"] = number
    return register(state, reading, subject, proposal, normalize=False)


def _rules(before: Json | None, told: Json) -> Json | None:
    rule_set = contracts.rule_set_of(told.get("ruleSet"))
    rule_set = before if rule_set is None else rule_set
    rule_set = contracts.merged_rule_set(rule_set, contracts.rule_set_of(told.get("rulesToMerge")))
    removed = told.get("rulesToRemove") or []
    if not isinstance(removed, list) or not all(isinstance(name, str) for name in removed):
        raise refusal(INVALID_SCHEMA, "rulesToRemove is a list of names")
    if rule_set is None or not removed:
        return rule_set
    kept = {
        group: [rule for rule in rule_set.get(group, ()) if rule["name"] not in removed]
        for group in RULE_LISTS
    }
    return {**rule_set, **kept}
