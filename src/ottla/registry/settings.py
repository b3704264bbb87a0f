"""Configs and modes: what was set for a subject, its context or everything, and what then counts.

Whoever is asked for goes before its context, that before `:.__GLOBAL:`, and that before the
defaults. A config counts as a whole: one of a subject that says nothing of, say, normalize does not
take it from the context's; only its level, if it has none, is the default's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ottla.registry import contracts
from ottla.registry.contracts import Json
from ottla.registry.refusals import (
    INVALID_COMPATIBILITY_LEVEL,
    INVALID_MODE,
    INVALID_SUBJECT,
    refusal,
)
from ottla.registry.state import State
from ottla.registry.stored import CONFIG_FIELDS, CONFIG_FLAGS
from ottla.registry.subjects import DEFAULT_CONTEXT, GLOBAL, Subject, checked, parsed

LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
ALIASES = ("alias", "aliasForDeks")
"""A subject that is asked for in place of one: a step, and none further where that is an alias."""
POLICIES = ("STRICT", "LENIENT")
READWRITE, READONLY, READONLY_OVERRIDE = "READWRITE", "READONLY", "READONLY_OVERRIDE"
IMPORT, FORWARD = "IMPORT", "FORWARD"
MODES = (READWRITE, READONLY, READONLY_OVERRIDE, IMPORT)
DEFAULT_LEVEL = "BACKWARD"
ALWAYS = ("validateNewSchemas", "validateRules")
"""What other registries can be told to leave out, and this one always does."""


def scopes(subject: str | None) -> list[str | None]:
    """Where a setting of a subject may stand, from the nearest on; None: the default context."""
    if subject is None:
        return [None, GLOBAL]
    found = parsed(subject)
    context = None if found.context == DEFAULT_CONTEXT else str(Subject(found.context, ""))
    nearest: list[str | None] = [str(found)] if found.name else []
    return list(dict.fromkeys([*nearest, context, GLOBAL]))


def own_scope(subject: str | None) -> str | None:
    """Where a setting for a subject or a context is kept."""
    return scopes(subject)[0]


def config_of(state: State, subject: str | None) -> Json:
    """The config that counts for a subject, its level always in it."""
    for scope in scopes(subject):
        found = state.config(scope)
        if found is not None:
            config = {"compatibilityLevel": DEFAULT_LEVEL, **shown(found)}
            if config["compatibilityLevel"] not in LEVELS:  # another registry has more of them
                config["compatibilityLevel"] = DEFAULT_LEVEL
            return config
    return {"compatibilityLevel": DEFAULT_LEVEL}


def mode_of(state: State, subject: str | None) -> str:
    """The mode that counts for a subject."""
    for above in (None, GLOBAL):
        if state.mode(above) == READONLY_OVERRIDE:
            return READONLY_OVERRIDE
    for scope in scopes(subject):
        found = state.mode(scope)
        if found is not None:
            return found
    return READWRITE


def shown(config: Mapping[str, Any]) -> Json:
    """A config as it is answered: the fields that it has."""
    return {name: config[name] for name in CONFIG_FIELDS if config.get(name) is not None}


def config_told(told: Any, before: Json | None) -> Json:
    """The config that a request makes of what was there: fields that it does not tell stay.

    Raises:
        Refusal: a field is unknown, or its value can't be meant.
    """
    if not isinstance(told, dict):
        raise refusal(INVALID_COMPATIBILITY_LEVEL, "a config is a JSON object")
    told = dict(told)
    if "compatibility" in told:
        told["compatibilityLevel"] = told.pop("compatibility")
    config = dict(before or {})
    for name, value in told.items():
        if name not in CONFIG_FIELDS:
            raise refusal(
                INVALID_COMPATIBILITY_LEVEL,
                f"a config has no field {name!r}",
                hint=f"it has {', '.join(('compatibility', *CONFIG_FIELDS))}",
            )
        if value is None or value == "":
            config.pop(name, None)
        else:
            config[name] = _field(name, value)
    return {name: config[name] for name in CONFIG_FIELDS if name in config}


def _field(name: str, value: Any) -> Any:
    if name in CONFIG_FLAGS:
        if type(value) is not bool:
            raise refusal(INVALID_COMPATIBILITY_LEVEL, f"{name} is true or false, not {value!r}")
        if name in ALWAYS and not value:
            raise refusal(INVALID_COMPATIBILITY_LEVEL, f"{name} can't be false: it is always done")
        return value
    if name.endswith("Metadata"):
        return contracts.metadata_of(value)
    if name.endswith("RuleSet"):
        return contracts.rule_set_of(value)
    choices = {"compatibilityLevel": LEVELS, "compatibilityPolicy": POLICIES}.get(name)
    if not isinstance(value, str):
        raise refusal(INVALID_COMPATIBILITY_LEVEL, f"{name} is a text, not {value!r}")
    if name in ALIASES:
        return _alias(name, value)
    if choices is None:
        return value
    if value.upper() not in choices:
        raise refusal(
            INVALID_COMPATIBILITY_LEVEL,
            f"there is no {name} {value!r}",
            hint=f"it is one of {', '.join(choices)}",
        )
    return value.upper()


def _alias(name: str, value: str) -> str:
    subject = checked(value)
    if not subject.name:
        raise refusal(INVALID_SUBJECT, f"{name} is the name of a subject, not {value!r}")
    return str(subject)


def mode_told(told: Any) -> str:
    """The mode that a request sets.

    Raises:
        Refusal: 42204.
    """
    mode = told.get("mode") if isinstance(told, dict) and set(told) <= {"mode"} else None
    if not isinstance(mode, str):
        raise refusal(INVALID_MODE, 'a mode is told as {"mode": "READWRITE"}')
    if mode.upper() == FORWARD:
        raise refusal(INVALID_MODE, "the mode FORWARD is not served here: nothing is sent on")
    if mode.upper() not in MODES:
        raise refusal(
            INVALID_MODE, f"there is no mode {mode!r}", hint=f"it is one of {', '.join(MODES)}"
        )
    return mode.upper()
