"""What requests add to the topic of keys: made, changed, deleted softly or for good, undeleted.

A key is made once: the same again is refused (40971), as clients that were second expect, who then
ask for the key of the first. A KEK can't go while DEKs that it encrypts are there, nor a DEK come
back before its KEK. What must not be lost by one wrong word goes softly first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.looking import LATEST, is_meant, number_of
from ottla.registry.keys.asking import KekChange, NewDek, NewKek
from ottla.registry.keys.records import Dek, Kek
from ottla.registry.keys.ring import Line, Ring
from ottla.registry.refusals import (
    INVALID_KEY,
    KEY_EXISTS,
    KEY_IS_USED,
    KEY_MUST_BE_UNDELETED,
    KEY_NOT_FOUND,
    KEY_NOT_SOFT_DELETED,
    TOO_MANY_KEYS,
    refusal,
)
from ottla.registry.stored import Entry
from ottla.web.operation import Refusal

KEYS_MAX = 100_000
"""So many keys of both kinds are kept: each instance has them all in memory."""
FIRST = 1
"""The version that is meant where none is named."""
DONE = 204


# ---------------------------------------------------------------- found


def kek_names(ring: Ring, prefixes: Iterable[str], *, deleted: bool) -> list[str]:
    """The KEKs that have DEKs of subjects that begin so; without prefixes, all KEKs."""
    wanted = tuple(prefixes)
    return [
        kek.name
        for kek in ring.keks(deleted=deleted)
        if not wanted
        or any(
            is_meant(prefix, dek.subject)
            for dek in ring.deks(kek.name, deleted=deleted)
            for prefix in wanted
        )
    ]


def kek_of(ring: Ring, name: str, *, deleted: bool) -> Kek:
    """A KEK.

    Raises:
        Refusal: 40470.
    """
    kek = ring.kek(name)
    if kek is None or (kek.deleted and not deleted):
        raise _no_kek(name)
    return kek


def dek_subjects(ring: Ring, name: str, *, deleted: bool) -> list[str]:
    """The subjects that a KEK has DEKs for.

    Raises:
        Refusal: 40470, there is no such KEK.
    """
    kek_of(ring, name, deleted=deleted)
    return sorted({dek.subject for dek in ring.deks(name, deleted=deleted)})


def dek_versions(ring: Ring, line: Line, *, deleted: bool) -> list[int]:
    """The versions of a DEK.

    Raises:
        Refusal: 40470, there is no such KEK, or no such DEK.
    """
    kek_of(ring, line[0], deleted=deleted)
    found = [dek.version for dek in ring.versions(line, deleted=deleted)]
    if not found:
        raise _no_dek(line)
    return found


def dek_of(ring: Ring, line: Line, asked: str, *, deleted: bool) -> Dek:
    """One version of a DEK.

    Raises:
        Refusal: 40470, there is none; 42202, it is no version.
    """
    number = number_of(asked)
    kek_of(ring, line[0], deleted=deleted)
    found = ring.versions(line, deleted=deleted)
    if number != -1:
        found = [dek for dek in found if dek.version == number]
    if not found:
        raise _no_dek(line, LATEST if number == -1 else number)
    return found[-1]


# ---------------------------------------------------------------- made and changed


def create_kek(ring: Ring, new: NewKek, now_ms: int) -> Decision:
    """Make a KEK.

    Raises:
        Refusal: 40971, there is one of that name; 40972, there are too many keys.
    """
    held = ring.kek(new.name)
    if held is not None:
        hint = "it is softly deleted: undelete it, or delete it for good" if held.deleted else None
        raise refusal(KEY_EXISTS, f"there is a KEK {new.name!r} already", hint=hint)
    _check_room(ring)
    kek = Kek(new.name, new.kms_type, new.kms_key_id, new.kms_props, new.doc, now_ms, new.deleted)
    return Decision(((kek.key(), kek.value()),), kek.json())


def change_kek(ring: Ring, name: str, change: KekChange, now_ms: int) -> Decision:
    """Change what is said of a KEK; what the request leaves out stays.

    Raises:
        Refusal: 40470.
    """
    held = kek_of(ring, name, deleted=False)
    kek = held._replace(
        kms_props=held.kms_props if change.kms_props is None else change.kms_props,
        doc=held.doc if change.doc is None else change.doc,
    )
    if kek == held:
        return Decision((), held.json())
    kek = kek._replace(ts=now_ms)
    return Decision(((kek.key(), kek.value()),), kek.json())


def create_dek(ring: Ring, name: str, new: NewDek, now_ms: int, *, rewrap: bool) -> Decision:
    """Keep a DEK.

    Args:
        rewrap: a DEK that is there gets these bytes: its KEK encrypted it anew.

    Raises:
        Refusal: 40470, there is no such KEK; 40971, there is this DEK; 40972, there are too many
            keys; 42271, its bytes are missing.
    """
    kek_of(ring, name, deleted=False)
    if not new.encrypted:
        raise refusal(
            INVALID_KEY,
            "encryptedKeyMaterial is missing: only for shared KEKs a registry would make it",
            hint="encrypt the key with its KEK, and send it in base64",
        )
    line = (name, new.subject, new.algorithm)
    held = ring.dek(line, new.version)
    dek = Dek(name, new.subject, new.algorithm, new.version, new.encrypted, now_ms, new.deleted)
    if held is not None:
        if not rewrap or held.deleted:
            hint = "it is softly deleted" if held.deleted else "rewrap=true gives it other bytes"
            raise refusal(
                KEY_EXISTS,
                f"there is version {new.version} of the DEK for {new.subject!r} already",
                hint=hint,
            )
        if dek._replace(ts=held.ts) == held:
            return Decision((), held.json())
    else:
        _check_room(ring)
    return Decision(((dek.key(), dek.value()),), dek.json())


# ---------------------------------------------------------------- deleted and undeleted


def delete_kek(ring: Ring, name: str, *, permanent: bool, now_ms: int) -> Decision:
    """Delete a KEK.

    Raises:
        Refusal: 40470; 40471, for good and it was not softly deleted; 42272, it has DEKs.
    """
    kek = kek_of(ring, name, deleted=permanent)
    deks = ring.deks(name, deleted=permanent)
    if deks:
        raise refusal(
            KEY_IS_USED,
            f"KEK {name!r} encrypts {len(deks)} DEKs, as that for {deks[0].subject!r}",
            hint="delete them first",
        )
    return _deleted([kek], f"KEK {name!r}", permanent=permanent, now_ms=now_ms)


def delete_deks(
    ring: Ring, line: Line, asked: str | None, *, permanent: bool, now_ms: int
) -> Decision:
    """Delete one version of a DEK, or all.

    Args:
        asked: the version; None for all.

    Raises:
        Refusal: 40470; 40471, for good and one was not softly deleted; 42202.
    """
    deks = _asked(ring, line, asked, lambda dek: permanent or not dek.deleted)
    return _deleted(deks, f"the DEK for {line[1]!r}", permanent=permanent, now_ms=now_ms)


def undelete_kek(ring: Ring, name: str, now_ms: int) -> Decision:
    """Take back that a KEK was softly deleted.

    Raises:
        Refusal: 40470.
    """
    return _undeleted([kek_of(ring, name, deleted=True)], now_ms)


def undelete_deks(ring: Ring, line: Line, asked: str | None, now_ms: int) -> Decision:
    """Take back that one version of a DEK was softly deleted, or all were.

    Raises:
        Refusal: 40470; 40472, its KEK must be undeleted first; 42202.
    """
    kek = kek_of(ring, line[0], deleted=True)
    if kek.deleted:
        raise refusal(
            KEY_MUST_BE_UNDELETED, f"KEK {kek.name!r} is softly deleted", hint="undelete it first"
        )
    return _undeleted(_asked(ring, line, asked, lambda _: True), now_ms)


def _asked(ring: Ring, line: Line, asked: str | None, counts: Callable[[Dek], bool]) -> list[Dek]:
    """The versions that are meant: those that exist and count."""
    number = None if asked is None else number_of(asked)
    kek_of(ring, line[0], deleted=True)
    found = [dek for dek in ring.versions(line, deleted=True) if counts(dek)]
    if number == -1:
        found = found[-1:]
    elif number is not None:
        found = [dek for dek in found if dek.version == number]
    if not found:
        raise _no_dek(line, asked)
    return found


def _deleted(found: list[Kek] | list[Dek], what: str, *, permanent: bool, now_ms: int) -> Decision:
    if permanent and not all(key.deleted for key in found):
        raise refusal(
            KEY_NOT_SOFT_DELETED,
            f"{what} was not deleted yet",
            hint="delete it without permanent=true first",
        )
    entries: list[Entry] = [
        (key.key(), None if permanent else key._replace(deleted=True, ts=now_ms).value())
        for key in found
    ]
    return Decision(tuple(entries), None, DONE)


def _undeleted(found: list[Kek] | list[Dek], now_ms: int) -> Decision:
    entries: list[Entry] = [
        (key.key(), key._replace(deleted=False, ts=now_ms).value()) for key in found if key.deleted
    ]
    return Decision(tuple(entries), None, DONE)


def _check_room(ring: Ring) -> None:
    if len(ring) >= KEYS_MAX:
        raise refusal(TOO_MANY_KEYS, f"there are {KEYS_MAX} keys, and may be no more")


def _no_kek(name: str) -> Refusal:
    return refusal(KEY_NOT_FOUND, f"there is no KEK {name!r}")


def _no_dek(line: Line, version: object = None) -> Refusal:
    name, subject, algorithm = line
    which = "" if version is None else f" version {version} of"
    return refusal(
        KEY_NOT_FOUND, f"there is no{which} DEK for {subject!r} under KEK {name!r} ({algorithm})"
    )
