"""Rules of a schema: none are run yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.serdes.codec import Change
from ottla.serdes.contract import Contract
from ottla.serdes.rules.place import Place

MIGRATION, DOMAIN, ENCODING = "migrationRules", "domainRules", "encodingRules"
WRITE, READ = "WRITE", "READ"

Fields = Callable[[Any, Change], Any]


class Rules:
    def run(
        self,
        phase: str,
        mode: str,
        place: Place,
        target: Contract,
        value: Any,
        fields: Fields | None = None,
        *,
        source: Contract | None = None,
    ) -> Any:
        return value
