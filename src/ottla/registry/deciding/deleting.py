"""Deleting: softly first, so that ids can still be read; then for good, if it is asked for.

What others refer to can't go, nor what a topic is associated with, nor a version that was not
softly deleted before it goes for good.
"""

from __future__ import annotations

from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.looking import LATEST, number_of
from ottla.registry.refusals import (
    CONTEXT_NOT_EMPTY,
    REFERENCE_EXISTS,
    SUBJECT_HAS_ASSOCIATION,
    SUBJECT_NOT_FOUND,
    SUBJECT_NOT_SOFT_DELETED,
    SUBJECT_SOFT_DELETED,
    VERSION_NOT_SOFT_DELETED,
    VERSION_SOFT_DELETED,
    no_subject,
    no_version,
    not_permitted,
    refusal,
)
from ottla.registry.settings import READONLY, READONLY_OVERRIDE, mode_of
from ottla.registry.state import State
from ottla.registry.stored import (
    CONFIG,
    CONTEXT,
    DELETE_SUBJECT,
    MODE,
    TENANT,
    Entry,
    Version,
    schema_key,
    subject_key,
)
from ottla.registry.subjects import DEFAULT_CONTEXT, Subject, context_of, parsed


def delete_subject(state: State, subject: str, *, permanent: bool) -> Decision:
    """Delete all versions of a subject, and what was set for it.

    Raises:
        Refusal: 40401, 40404 or 40405; 40904, a topic is associated with it; 42205, the mode
            forbids it; 42206, others refer to it.
    """
    _check_mode(state, subject)
    every = state.versions(subject, deleted=True)
    living = [version for version in every if not version.deleted]
    if not every:
        raise no_subject(subject)
    if permanent and living:
        raise refusal(
            SUBJECT_NOT_SOFT_DELETED,
            f"subject {subject!r} was not deleted yet",
            hint="delete it without permanent=true first",
        )
    if not permanent and not living:
        raise refusal(
            SUBJECT_SOFT_DELETED,
            f"subject {subject!r} is deleted already",
            hint="permanent=true deletes it for good",
        )
    _check_associations(state, subject)
    for version in every if permanent else living:
        _check_referrers(state, version, permanent=permanent)
    answer = [version.version for version in (every if permanent else living)]
    entries = _for_good(state, subject, every) if permanent else _softly(state, subject, living)
    return Decision(tuple(entries), answer)


def forget_subject(state: State, subject: str) -> list[Entry]:
    """What deletes a subject softly and then for good, whatever it is associated with.

    Raises:
        Refusal: 42205, the mode forbids it; 42206, others refer to it.
    """
    _check_mode(state, subject)
    every = state.versions(subject, deleted=True)
    living = [version for version in every if not version.deleted]
    for version in every:
        _check_referrers(state, version, permanent=True)
    softly = _softly(state, subject, living)[:1] if living else []
    return [*softly, *_for_good(state, subject, every)] if every else []


def delete_version(state: State, subject: str, asked: str, *, permanent: bool) -> Decision:
    """Delete one version.

    Raises:
        Refusal: 40401, 40402, 40406 or 40407; 40904, it is the last one of a subject that a topic
            is associated with; 42205; 42206.
    """
    number = number_of(asked)
    _check_mode(state, subject)
    every = state.versions(subject, deleted=True)
    if not every:
        raise no_subject(subject)
    if number == -1:
        living = [v for v in every if not v.deleted]
        if not living:
            raise no_version(LATEST)
        version = living[-1]
    else:
        found = state.version(subject, number)
        if found is None:
            raise no_version(number)
        version = found
    if permanent and not version.deleted:
        raise refusal(
            VERSION_NOT_SOFT_DELETED,
            f"version {version.version} of subject {subject!r} was not deleted yet",
            hint="delete it without permanent=true first",
        )
    if not permanent and version.deleted:
        raise refusal(
            VERSION_SOFT_DELETED,
            f"version {version.version} of subject {subject!r} is deleted already",
            hint="permanent=true deletes it for good",
        )
    if [other.version for other in every if not other.deleted] == [version.version]:
        _check_associations(state, subject)
    _check_referrers(state, version, permanent=permanent, alone=True)
    value = None if permanent else version._replace(deleted=True).value()
    entries: list[Entry] = [(version.key(), value)]
    if permanent and len(every) == 1:
        # What a softly deleted subject left, or a schema of a later one would be deleted by it.
        entries.append((subject_key(DELETE_SUBJECT, subject), None))
    return Decision(tuple(entries), version.version)


def delete_context(state: State, asked: str) -> Decision:
    """Delete a context in which nothing is left.

    Raises:
        Refusal: 40401, there is none; 42211, something is in it; 42205, it is the default one.
    """
    context = context_of(asked)
    if context == DEFAULT_CONTEXT:
        raise not_permitted("the default context can't be deleted")
    if context not in state.contexts():
        raise refusal(SUBJECT_NOT_FOUND, f"there is no context {context!r}")
    if any(parsed(subject).context == context for subject in state.subjects()):
        raise refusal(
            CONTEXT_NOT_EMPTY,
            f"the context {context!r} has subjects",
            hint="delete them for good first: GET /subjects?deleted=true names them all",
        )
    scope = str(Subject(context, ""))
    key = {"keytype": CONTEXT, "tenant": TENANT, "context": context, "magic": 0}
    entries: list[Entry] = [(key, None)]
    if state.mode(scope) is not None:
        entries.append((subject_key(MODE, scope), None))
    if state.config(scope) is not None:
        entries.append((subject_key(CONFIG, scope), None))
    return Decision(tuple(entries), None, 204)


def _softly(state: State, subject: str, living: list[Version]) -> list[Entry]:
    value = {"subject": subject, "version": living[-1].version}
    return [(subject_key(DELETE_SUBJECT, subject), value), *_settings(state, subject)]


def _for_good(state: State, subject: str, every: list[Version]) -> list[Entry]:
    return [
        *((schema_key(subject, version.version), None) for version in every),
        (subject_key(DELETE_SUBJECT, subject), None),
        *_settings(state, subject),
    ]


def _settings(state: State, subject: str) -> list[Entry]:
    """What takes back the mode and the config of a subject that goes."""
    entries: list[Entry] = []
    if state.mode(subject) is not None:
        entries.append((subject_key(MODE, subject), None))
    if state.config(subject) is not None:
        entries.append((subject_key(CONFIG, subject), None))
    return entries


def _check_mode(state: State, subject: str) -> None:
    mode = mode_of(state, subject)
    if mode in (READONLY, READONLY_OVERRIDE):
        raise not_permitted(f"the mode of subject {subject!r} is {mode}: nothing can be deleted")


def _check_associations(state: State, subject: str) -> None:
    for row in state.associations.of_subject(subject):
        raise refusal(
            SUBJECT_HAS_ASSOCIATION,
            f"subject {subject!r} is associated with the {row['associationType']} of "
            f"{row['resourceType']} {row['resourceName']!r}",
            hint="delete the association first, or with cascadeLifecycle=true a STRONG one with "
            "its subject",
        )


def _check_referrers(
    state: State, version: Version, *, permanent: bool, alone: bool = False
) -> None:
    """What lives and refers to it keeps it; for good, what was softly deleted keeps it too. Others
    of its subject do so where it goes `alone`.
    """
    referrers = state.referrers(version.subject, version.version, deleted=permanent)
    others = [other for other in referrers if alone or other.subject != version.subject]
    if others:
        names = ", ".join(f"{other.subject} {other.version}" for other in others[:5])
        raise refusal(
            REFERENCE_EXISTS,
            f"version {version.version} of subject {version.subject!r} is referred to by {names}",
            hint="delete what refers to it first",
        )
