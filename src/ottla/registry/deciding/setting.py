"""Setting configs and modes, and taking them back."""

from __future__ import annotations

from typing import Any

from ottla.registry.deciding.decision import Decision
from ottla.registry.refusals import CONFIG_NOT_FOUND, MODE_NOT_FOUND, not_permitted, refusal
from ottla.registry.settings import (
    DEFAULT_LEVEL,
    IMPORT,
    READWRITE,
    config_of,
    config_told,
    mode_of,
    mode_told,
    own_scope,
    shown,
)
from ottla.registry.state import State
from ottla.registry.stored import CONFIG, MODE, Entry, subject_key, without_empty
from ottla.registry.subjects import GLOBAL, checked, parsed


def set_config(state: State, subject: str | None, told: Any) -> Decision:
    """Change a config; the answer is what was asked for.

    Raises:
        Refusal: 42203, a field that can't be meant; 42205, the mode forbids it; 42208.
    """
    scope = _scope(subject)
    config = config_told(told, state.config(scope) and shown(state.config(scope) or {}))
    _check_mode(state, subject)
    value = without_empty({"subject": scope, **config})
    return Decision(((subject_key(CONFIG, scope), value),), told)


def delete_config(state: State, subject: str | None) -> Decision:
    """Take back what was set; the answer is what it was.

    Raises:
        Refusal: 40401 or 40408, nothing was set for this subject; 42205.
    """
    scope = _scope(subject)
    before = state.config(scope)
    if before is None and scope is not None:
        raise refusal(CONFIG_NOT_FOUND, f"subject {subject!r} has no config of its own")
    _check_mode(state, subject)
    answer = {"compatibilityLevel": DEFAULT_LEVEL, **shown(before or {})}
    entries: tuple[Entry, ...] = ((subject_key(CONFIG, scope), None),) if before else ()
    return Decision(entries, answer)


def get_config(state: State, subject: str | None, *, default_to_global: bool) -> dict[str, Any]:
    """What was set for a subject, or what counts for it.

    Raises:
        Refusal: 40408, nothing was set for it.
    """
    scope = _scope(subject)
    own = state.config(scope)
    if own is None and scope not in (None, GLOBAL) and not default_to_global:
        raise refusal(
            CONFIG_NOT_FOUND,
            f"subject {subject!r} has no config of its own",
            hint="defaultToGlobal=true answers what counts for it",
        )
    if own is None and not default_to_global:
        return {"compatibilityLevel": DEFAULT_LEVEL}
    return config_of(state, subject)


def set_mode(state: State, subject: str | None, told: Any, *, force: bool) -> Decision:
    """Change a mode; the answer is what was asked for.

    Raises:
        Refusal: 42204; 42205, IMPORT where there are schemas already, unless by force.
    """
    scope = _scope(subject)
    mode = mode_told(told)
    if mode == IMPORT and not force and mode_of(state, subject) != IMPORT:
        there = next((s for s in state.subjects() if _is_within(scope, s)), None)
        if there is not None:
            raise not_permitted(
                f"the mode IMPORT is for where nothing is registered yet, and {there!r} is there",
                hint="force=true sets it all the same",
            )
    value = without_empty({"subject": scope, "mode": mode})
    return Decision(((subject_key(MODE, scope), value),), told)


def delete_mode(state: State, subject: str | None, *, recursive: bool) -> Decision:
    """Take back a mode; with `recursive`, those of all that is within it too.

    Raises:
        Refusal: 40409, none was set.
    """
    scope = _scope(subject)
    before = state.mode(scope)
    inner = [s for s in state.modes() if recursive and s != scope and _is_within(scope, s)]
    if before is None and scope is not None and not inner:
        raise refusal(MODE_NOT_FOUND, f"subject {subject!r} has no mode of its own")
    taken = [*([scope] if before is not None else []), *inner]
    entries: tuple[Entry, ...] = tuple((subject_key(MODE, each), None) for each in taken)
    return Decision(entries, {"mode": before or READWRITE})


def get_mode(state: State, subject: str | None, *, default_to_global: bool) -> dict[str, str]:
    """The mode that was set for a subject, or that counts for it.

    Raises:
        Refusal: 40409, none was set for it.
    """
    scope = _scope(subject)
    own = state.mode(scope)
    if own is None and scope not in (None, GLOBAL) and not default_to_global:
        raise refusal(
            MODE_NOT_FOUND,
            f"subject {subject!r} has no mode of its own",
            hint="defaultToGlobal=true answers what counts for it",
        )
    return {"mode": mode_of(state, subject) if own is None or default_to_global else own}


def _scope(subject: str | None) -> str | None:
    if subject is not None:
        checked_subject = parsed(subject)
        if str(checked_subject) != GLOBAL:
            checked(subject)
    return own_scope(subject)


def _is_within(scope: str | None, subject: str | None) -> bool:
    """Whether a subject or context is what a scope means, or in it."""
    if scope == GLOBAL:
        return True
    if subject is None:
        return scope is None
    outer, inner = parsed(scope or ""), parsed(subject)
    return outer.context == inner.context and outer.name in ("", inner.name)


def _check_mode(state: State, subject: str | None) -> None:
    mode = mode_of(state, subject)
    if mode.startswith("READONLY"):
        raise not_permitted(f"the mode is {mode}: a config can't be changed")
