"""Keys as a request tells them: read and checked, before what is there is looked at."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any, NamedTuple

from ottla.registry.contracts import Json
from ottla.registry.deciding.looking import VERSION_MAX
from ottla.registry.keys.records import ALGORITHMS, DEFAULT_ALGORITHM
from ottla.registry.refusals import INVALID_KEY, INVALID_VERSION, refusal
from ottla.registry.subjects import checked, parsed

NAME_CHARACTERS_MAX = 1000
TEXT_CHARACTERS_MAX = 1 << 16
NEW_KEK_FIELDS = ("name", "kmsType", "kmsKeyId", "kmsProps", "doc", "shared", "deleted")
KEK_CHANGE_FIELDS = ("kmsProps", "doc", "shared")
NEW_DEK_FIELDS = ("subject", "version", "algorithm", "encryptedKeyMaterial", "deleted")

Props = tuple[tuple[str, str], ...]


class NewKek(NamedTuple):
    """A KEK that is to be."""

    name: str
    kms_type: str
    kms_key_id: str
    kms_props: Props
    doc: str | None
    deleted: bool


class KekChange(NamedTuple):
    """What is to be said of a KEK; None: what is said already."""

    kms_props: Props | None
    doc: str | None


class NewDek(NamedTuple):
    """A DEK that is to be."""

    subject: str
    algorithm: str
    version: int
    encrypted: str | None
    deleted: bool


def new_kek(told: Any) -> NewKek:
    """A KEK as a request has it.

    Raises:
        Refusal: 42271.
    """
    body = _object(told, NEW_KEK_FIELDS, "a KEK")
    _check_not_shared(body)
    return NewKek(
        name=_name(body, "name"),
        kms_type=_name(body, "kmsType"),
        kms_key_id=_name(body, "kmsKeyId"),
        kms_props=_props(body) or (),
        doc=_text(body, "doc"),
        deleted=_flag(body, "deleted"),
    )


def kek_change(told: Any) -> KekChange:
    """What a request changes about a KEK.

    Raises:
        Refusal: 42271.
    """
    body = _object(told, KEK_CHANGE_FIELDS, "a change of a KEK")
    _check_not_shared(body)
    return KekChange(_props(body), _text(body, "doc"))


def new_dek(told: Any, subject: str | None) -> NewDek:
    """A DEK as a request has it.

    Args:
        subject: the one that the path names.

    Raises:
        Refusal: 42271; 42202, it is no version; 42208.
    """
    body = _object(told, NEW_DEK_FIELDS, "a DEK")
    said = body.get("subject")
    if said in (None, "") and subject is not None:
        said = subject
    if not isinstance(said, str) or not said:
        raise refusal(INVALID_KEY, "the subject is missing: it is a text")
    if subject is not None and str(parsed(said)) != str(parsed(subject)):
        raise refusal(INVALID_KEY, f"the path is of subject {subject!r}, the body of {said!r}")
    version = body.get("version")
    if version is not None and (type(version) is not int or not 1 <= version <= VERSION_MAX):
        raise refusal(
            INVALID_VERSION, f"version is a number from 1 to {VERSION_MAX}, not {version!r}"
        )
    return NewDek(
        subject=str(checked(said)),
        algorithm=algorithm_of(body.get("algorithm")),
        version=1 if version is None else version,
        encrypted=_encrypted(body),
        deleted=_flag(body, "deleted"),
    )


def algorithm_of(told: Any) -> str:
    """An algorithm by its name; the default where none is told.

    Raises:
        Refusal: 42271.
    """
    if told in (None, ""):
        return DEFAULT_ALGORITHM
    if told not in ALGORITHMS:
        raise refusal(
            INVALID_KEY,
            f"there is no algorithm {str(told)[:50]!r}",
            hint=f"it is one of {', '.join(ALGORITHMS)}",
        )
    return str(told)


def _check_not_shared(body: Json) -> None:
    if _flag(body, "shared"):
        raise refusal(
            INVALID_KEY,
            "shared KEKs are not served: this registry asks no KMS, and sees no plain key",
            hint="leave shared out, and let clients that encrypt and decrypt reach the KMS",
        )


def _encrypted(body: Json) -> str | None:
    text = _text(body, "encryptedKeyMaterial")
    if text is not None:
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise refusal(INVALID_KEY, "encryptedKeyMaterial is no base64") from None
    return text or None


def _object(told: Any, fields: Iterable[str], what: str) -> Json:
    known = tuple(fields)
    if not isinstance(told, dict):
        raise refusal(INVALID_KEY, f"{what} is a JSON object")
    for name in told:
        if name not in known:
            raise refusal(
                INVALID_KEY,
                f"{what} has no field {name[:50]!r}",
                hint=f"it has {', '.join(known)}",
            )
    return told


def _name(body: Json, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS_MAX:
        raise refusal(
            INVALID_KEY,
            f"{field} is missing: it is a text of up to {NAME_CHARACTERS_MAX} characters",
        )
    if any(ord(character) < 32 or character == "\x7f" for character in value):
        raise refusal(INVALID_KEY, f"{field} has control characters in it")
    return value


def _text(body: Json, field: str) -> str | None:
    value = body.get(field)
    if value is not None and (not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX):
        raise refusal(INVALID_KEY, f"{field} is a text of up to {TEXT_CHARACTERS_MAX} characters")
    return value


def _props(body: Json) -> Props | None:
    props = body.get("kmsProps")
    if props is None:
        return None
    if not isinstance(props, dict) or not all(isinstance(prop, str) for prop in props.values()):
        raise refusal(INVALID_KEY, "kmsProps is a JSON object of texts")
    if sum(len(name) + len(prop) for name, prop in props.items()) > TEXT_CHARACTERS_MAX:
        raise refusal(INVALID_KEY, f"kmsProps has more than {TEXT_CHARACTERS_MAX} characters")
    return tuple(sorted(props.items()))


def _flag(body: Json, field: str) -> bool:
    value = body.get(field)
    if value is not None and type(value) is not bool:
        raise refusal(INVALID_KEY, f"{field} is true or false, not {value!r}")
    return value is True
