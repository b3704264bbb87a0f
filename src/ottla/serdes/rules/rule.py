"""One rule of a schema, and all that is known where it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ottla.serdes.codec import Change, Field
from ottla.serdes.contract import Contract
from ottla.serdes.errors import RuleFailed
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules.place import Place

MIGRATION, DOMAIN, ENCODING = "migrationRules", "domainRules", "encodingRules"
UPGRADE, DOWNGRADE, UPDOWN = "UPGRADE", "DOWNGRADE", "UPDOWN"
WRITE, READ, WRITEREAD = "WRITE", "READ", "WRITEREAD"
CONDITION, TRANSFORM = "CONDITION", "TRANSFORM"

Fields = Callable[[Any, Change], Any]
"""Walks a value and has its fields changed."""


class Rule(NamedTuple):
    """A rule as the contract has it."""

    name: str
    kind: str
    mode: str
    type: str
    tags: frozenset[str] = frozenset()
    params: Mapping[str, str] = {}
    expr: str = ""
    doc: str = ""
    on_success: str = ""
    on_failure: str = ""
    disabled: bool = False

    def runs_in(self, mode: str) -> bool:
        """Whether it counts when data goes that way."""
        both = {WRITEREAD: (WRITE, READ), UPDOWN: (UPGRADE, DOWNGRADE)}
        return mode in both.get(self.mode, (self.mode,))

    def action(self, after_success: bool, mode: str) -> str:
        """What to do afterwards; of two with a comma, the first is for the way there."""
        told = self.on_success if after_success else self.on_failure
        if "," in told and self.mode in (WRITEREAD, UPDOWN):
            there, _, back = told.partition(",")
            told = there if mode in (WRITE, UPGRADE) else back
        return told.strip().upper() or ("NONE" if after_success else "ERROR")

    def failed(self, why: str, *, hint: str | None = None) -> RuleFailed:
        """The error of this rule."""
        return RuleFailed(self.name, f"the rule {self.name!r} ({self.type}) {why}", hint=hint)


def rule_of(told: Mapping[str, Any]) -> Rule:
    """A rule out of a contract's JSON."""
    return Rule(
        name=str(told.get("name") or ""),
        kind=str(told.get("kind") or TRANSFORM).upper(),
        mode=str(told.get("mode") or "").upper(),
        type=str(told.get("type") or "").upper(),
        tags=frozenset(map(str, told.get("tags") or ())),
        params={str(key): str(value) for key, value in (told.get("params") or {}).items()},
        expr=str(told.get("expr") or ""),
        doc=str(told.get("doc") or ""),
        on_success=str(told.get("onSuccess") or ""),
        on_failure=str(told.get("onFailure") or ""),
        disabled=bool(told.get("disabled")),
    )


class Call(NamedTuple):
    """A rule that is run: by whom, on which way, with its neighbours."""

    rule: Rule
    rules: tuple[Rule, ...]
    """All of the way, in the order in which they run."""
    at: int
    """Where it stands among them."""
    mode: str
    place: Place
    source: Contract | None
    target: Contract
    fields: Fields | None
    registry: SchemaRegistry

    def parameter(self, name: str) -> str | None:
        """A parameter of the rule; else a property of the schema's metadata."""
        if name in self.rule.params:
            return self.rule.params[name]
        found = ((self.target.metadata or {}).get("properties") or {}).get(name)
        return None if found is None else str(found)

    def tags_of(self, field: Field) -> frozenset[str]:
        """A field's tags: those in the schema's text, and those that the metadata gives it."""
        told = ((self.target.metadata or {}).get("tags") or {}).items()
        more = [tag for pattern, tags in told if matches(pattern, field.full_name) for tag in tags]
        return field.tags.union(more) if more else field.tags

    def is_said_already(self) -> bool:
        """Whether a rule that runs first, on the way to the topic, changes the same tags alike."""
        if not self.rule.tags or self.rule.kind != TRANSFORM:
            return False
        to_topic = self.mode in (WRITE, UPGRADE)
        others = self.rules[: self.at] if to_topic else self.rules[self.at + 1 :]
        mine = (self.rule.kind, self.rule.mode, self.rule.type, self.rule.tags)
        return any((other.kind, other.mode, other.type, other.tags) == mine for other in others)

    def change_fields(self, value: Any, change: Callable[[Field, Any], Any]) -> Any:
        """Change the fields that have one of the rule's tags; all, where it has none.

        Raises:
            RuleFailed: the rule is one of migration, which sees no fields.
        """
        if self.fields is None:
            raise self.rule.failed("works on fields, and here there are none")
        if self.is_said_already():
            return value

        def change_one(field: Field, of: Any) -> Any:
            tags = self.tags_of(field)
            if self.rule.tags and not self.rule.tags & tags:
                return of
            return change(field._replace(tags=tags), of)

        return self.fields(value, change_one)


@lru_cache(1000)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\?)", pattern.replace("**.*", "**"))
    signs = {"**": ".*", "*": r"[^.]*", "?": r"[^.]"}
    return re.compile("".join(signs.get(part) or re.escape(part) for part in parts), re.DOTALL)


def matches(pattern: str, full_name: str) -> bool:
    """Whether a name is meant: `*` and `?` stop at dots, `**` does not."""
    return _pattern(pattern).fullmatch(full_name) is not None
