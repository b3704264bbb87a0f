"""The language of `_dek_registry_keys`: keys and values as JSON, in the style of `_schemas`.

The fields are those of the public API. How another registry lays them out in its topic is not
public, so the layout is ours; a record that is laid out otherwise is not read, and while there is
one, none is written beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ottla.registry.contracts import Json
from ottla.registry.stored import TENANT, read_value, without_empty

TOPIC = "_dek_registry_keys"

KEK, DEK = "KEK", "DEK"
AES128_GCM, AES256_GCM, AES256_SIV = "AES128_GCM", "AES256_GCM", "AES256_SIV"
ALGORITHMS = (AES128_GCM, AES256_GCM, AES256_SIV)
DEFAULT_ALGORITHM = AES256_GCM

KEYS: dict[str, dict[str, type]] = {
    KEK: {"name": str},
    DEK: {"kekName": str, "subject": str, "algorithm": str, "version": int},
}
"""Each kind of key, and what tells one from another."""


class Kek(NamedTuple):
    """A key encryption key: its name, and where its KMS has it."""

    name: str
    kms_type: str
    kms_key_id: str
    kms_props: tuple[tuple[str, str], ...]
    doc: str | None
    ts: int
    """When it was last changed, in milliseconds."""
    deleted: bool

    def key(self) -> Json:
        """The key of its record."""
        return {"keytype": KEK, "tenant": TENANT, "name": self.name, "magic": 0}

    def value(self) -> Json:
        """The value of its record."""
        return without_empty(
            {
                "name": self.name,
                "kmsType": self.kms_type,
                "kmsKeyId": self.kms_key_id,
                "kmsProps": dict(self.kms_props),
                "doc": self.doc,
                "shared": False,
                "ts": self.ts,
                "deleted": self.deleted,
            }
        )

    def json(self) -> Json:
        """As it is answered."""
        told = {**self.value(), "deleted": self.deleted or None, "kmsProps": dict(self.kms_props)}
        return {name: value for name, value in told.items() if value is not None}


class Dek(NamedTuple):
    """A data encryption key: its bytes, encrypted by its KEK, in base64."""

    kek_name: str
    subject: str
    algorithm: str
    version: int
    encrypted: str
    ts: int
    """When it was last changed, in milliseconds."""
    deleted: bool

    def key(self) -> Json:
        """The key of its record."""
        return {
            "keytype": DEK,
            "tenant": TENANT,
            "kekName": self.kek_name,
            "subject": self.subject,
            "algorithm": self.algorithm,
            "version": self.version,
            "magic": 0,
        }

    def value(self) -> Json:
        """The value of its record."""
        return {
            "kekName": self.kek_name,
            "subject": self.subject,
            "version": self.version,
            "algorithm": self.algorithm,
            "encryptedKeyMaterial": self.encrypted,
            "ts": self.ts,
            "deleted": self.deleted,
        }

    def json(self) -> Json:
        """As it is answered."""
        told = {**self.value(), "deleted": self.deleted or None}
        return {name: value for name, value in told.items() if value is not None}


def read_key(data: bytes | None) -> Json | None:
    """A key; None where it can't be read."""
    told = read_value(data)
    names = KEYS.get(str(told.get("keytype"))) if told else None
    if told is None or names is None:
        return None
    if not all(type(told.get(name)) is kind for name, kind in names.items()):
        return None
    return told


def read_kek(key: Json, value: Json, ts: int) -> Kek | None:
    """The KEK that a record tells of; None where it makes no sense."""
    texts = [value.get(name) for name in ("kmsType", "kmsKeyId")]
    props, doc = value.get("kmsProps") or {}, value.get("doc")
    if (
        not all(isinstance(text, str) for text in texts)
        or not (doc is None or isinstance(doc, str))
        or not isinstance(props, dict)
        or not all(isinstance(prop, str) for prop in props.values())
        or value.get("shared") is True
    ):
        return None
    return Kek(
        name=key["name"],
        kms_type=str(texts[0]),
        kms_key_id=str(texts[1]),
        kms_props=tuple(sorted(props.items())),
        doc=doc,
        ts=_ts(value, ts),
        deleted=value.get("deleted") is True,
    )


def read_dek(key: Json, value: Json, ts: int) -> Dek | None:
    """The DEK that a record tells of; None where it makes no sense."""
    encrypted = value.get("encryptedKeyMaterial")
    if not isinstance(encrypted, str) or key["algorithm"] not in ALGORITHMS or key["version"] < 1:
        return None
    return Dek(
        kek_name=key["kekName"],
        subject=key["subject"],
        algorithm=key["algorithm"],
        version=key["version"],
        encrypted=encrypted,
        ts=_ts(value, ts),
        deleted=value.get("deleted") is True,
    )


def _ts(value: Json, ts: int) -> int:
    told: Any = value.get("ts")
    return told if type(told) is int else ts
