"""The way from the version that wrote a record to the one that it is read as.

Each version that has rules of the direction is a step: upwards those of the newer version of each
pair are run, downwards those of the version that is left.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from ottla.serdes.contract import Contract, Registered
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules.rule import DOWNGRADE, UPDOWN, UPGRADE


class Step(NamedTuple):
    """Rules to run on a value of `source` so that it becomes one of `target`."""

    mode: str
    source: Contract
    target: Contract


def migrations(
    registry: SchemaRegistry, subject: str, writer: Registered, wanted: Registered
) -> list[Step]:
    """The steps, in order; none where both are one version, or no version between has rules.

    Raises:
        RegistryError: the writer's schema is no version of the subject.
    """
    if wanted.version is None:
        return []
    if writer.guid is not None and writer.guid == wanted.guid:
        return []
    written = registry.look_up(subject, writer.contract, deleted=True).version
    if written is None or written == wanted.version:
        return []
    mode = UPGRADE if written < wanted.version else DOWNGRADE
    low, high = sorted((written, wanted.version))
    numbers = [n for n in registry.versions(subject, deleted=True) if low <= n <= high]
    between = [registry.version(subject, n, deleted=True).contract for n in numbers]
    if mode == DOWNGRADE:
        between.reverse()
    steps = [Step(mode, a, b) for a, b in pairwise(between)]
    return [step for step in steps if _has_rules(step)]


def _has_rules(step: Step) -> bool:
    """Whether the newer of both has rules of the direction."""
    newer = step.target if step.mode == UPGRADE else step.source
    rules = (newer.rule_set or {}).get("migrationRules") or ()
    return any(rule.get("mode") in (step.mode, UPDOWN) for rule in rules)
