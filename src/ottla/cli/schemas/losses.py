"""What a new version of a subject has no more, and no registry tells: rules, and metadata.

Neither is compared when schemas are; who leaves a rule out of a file loses it without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.serdes.contract import Contract

_RULES = ("domainRules", "migrationRules", "encodingRules")
_METADATA = ("properties", "tags", "sensitive")
SHOWN_MAX = 10


def losses(before: Contract, after: Contract, version: int | None) -> Iterator[str]:
    """A sentence for what of `version`, which came before, is not in what came after it."""
    rules = _rule_names(before.rule_set)
    yield from _told("rules", rules - _rule_names(after.rule_set).keys(), version, rules)
    keys = _metadata_keys(before.metadata)
    yield from _told("metadata", keys - _metadata_keys(after.metadata).keys(), version, keys)


def _told(noun: str, gone: set[str], version: int | None, order: dict[str, None]) -> Iterator[str]:
    names = [name for name in order if name in gone]
    if names:
        more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
        is_or_are = "is" if noun == "metadata" else "are"
        yield f"{noun} of version {version} {is_or_are} not in it: " + (
            ", ".join(names[:SHOWN_MAX]) + more
        )


def _rule_names(rule_set: Mapping[str, Any] | None) -> dict[str, None]:
    rows = [row for kind in _RULES for row in (rule_set or {}).get(kind) or ()]
    return {str(row.get("name")): None for row in rows if isinstance(row, dict)}


def _metadata_keys(metadata: Mapping[str, Any] | None) -> dict[str, None]:
    return {str(key): None for kind in _METADATA for key in (metadata or {}).get(kind) or ()}
