"""Asking whether a schema may be registered, without registering it."""

from __future__ import annotations

from typing import Any

from ottla.registry.deciding import compatibility
from ottla.registry.deciding.looking import version_of
from ottla.registry.deciding.proposal import proposed
from ottla.registry.languages import Reading
from ottla.registry.settings import config_of
from ottla.registry.state import State


def check(
    state: State,
    reading: Reading,
    subject: str,
    asked: str | None,
    told: Any,
    *,
    normalize: bool = False,
) -> list[str]:
    """Why a schema may not come after one version of a subject, or after all that its level names.

    Raises:
        Refusal: 40401 or 40402, there is no such version; 42201, it is no schema; 42202.
    """
    versions = state.versions(subject) if asked is None else [version_of(state, subject, asked)]
    config = config_of(state, subject)
    normalize = normalize or config.get("normalize") is True
    proposal = proposed(state, reading, subject, told, normalize=normalize)
    return compatibility.reasons(
        reading, proposal.schema, proposal.schema_type, proposal.metadata, versions, config
    )
