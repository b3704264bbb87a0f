"""Rules that encrypt: fields by their tags (ENCRYPT), or all of a record (ENCRYPT_PAYLOAD).

Text stays text, in base64; bytes stay bytes; what is null stays null; other fields can't be
encrypted. Where keys change by the rule's parameter `encrypt.dek.expiry.days`, five bytes before
the ciphertext tell the key's version.
"""

from __future__ import annotations

import base64
import binascii
from threading import Lock
from typing import Any, Protocol

from ottla.serdes.codec import Field
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules.ciphers import CIPHERS
from ottla.serdes.rules.deks import LATEST, Deks, Wanted
from ottla.serdes.rules.kms import Kms
from ottla.serdes.rules.rule import READ, WRITE, Call

KEK_NAME = "encrypt.kek.name"
KMS_TYPE = "encrypt.kms.type"
KMS_KEY_ID = "encrypt.kms.key.id"
ALGORITHM = "encrypt.dek.algorithm"
EXPIRY_DAYS = "encrypt.dek.expiry.days"
VERSION_BYTES = 5


class Settings(Protocol):
    """What a program says of keys: `Rules`."""

    @property
    def secret(self) -> str | None:
        """Of local-kms."""

    @property
    def kms(self) -> Any:
        """Services by their type."""


class Encryption:
    """Encrypts and decrypts bytes as a rule says."""

    def __init__(self, rules: Settings) -> None:
        self._kms: dict[str, Kms] = dict(rules.kms)
        self._secret = rules.secret
        self._of: dict[int, tuple[SchemaRegistry, Deks]] = {}
        self._lock = Lock()

    def changed(self, call: Call, data: bytes) -> bytes:
        """Bytes, encrypted on the way to the topic and decrypted on the way back.

        Raises:
            RuleFailed: the rule's parameters can't be meant, or a key is not to be had.
            Exception: of a cipher, as for data that was changed.
        """
        name = call.parameter(KEK_NAME)
        algorithm = call.parameter(ALGORITHM) or "AES256_GCM"
        cipher = CIPHERS.get(algorithm)
        if not name:
            raise call.rule.failed(f"does not say its key: it needs the parameter {KEK_NAME}")
        if cipher is None:
            raise call.rule.failed(
                f"asks for the algorithm {algorithm!r}", hint=f"there are {', '.join(CIPHERS)}"
            )
        days = _days(call)
        deks = self._deks(call.registry)
        wanted = Wanted(name, call.place.subject, cipher, LATEST if days else 1)
        if call.mode == WRITE:
            kms = (call.parameter(KMS_TYPE) or "", call.parameter(KMS_KEY_ID) or "")
            key = deks.to_write(wanted, *kms, days)
            encrypted = cipher.encrypt(key.key, data)
            return b"\0" + key.version.to_bytes(4, "big") + encrypted if days else encrypted
        if call.mode != READ:
            raise call.rule.failed(f"can't run on the way {call.mode}")
        if days:
            if len(data) < VERSION_BYTES:
                raise call.rule.failed("finds no version of a key before the data")
            version = int.from_bytes(data[1:VERSION_BYTES], "big")
            wanted, data = wanted._replace(version=version), data[VERSION_BYTES:]
        return cipher.decrypt(deks.to_read(wanted).key, data)

    def _deks(self, registry: SchemaRegistry) -> Deks:
        with self._lock:
            found = self._of.get(id(registry))
            if found is None:
                found = (registry, Deks(registry, self._kms, self._secret))
                self._of[id(registry)] = found
            return found[1]


class EncryptFields:
    """Runs rules of the type ENCRYPT."""

    def __init__(self, rules: Settings) -> None:
        self._encryption = Encryption(rules)

    def run(self, call: Call, value: Any) -> Any:
        """The value with the fields encrypted that have the rule's tags, or decrypted."""
        return call.change_fields(value, lambda field, of: self._changed(call, field, of))

    def _changed(self, call: Call, field: Field, value: Any) -> Any:
        if value is None:
            return None
        is_text = isinstance(value, str)
        if not is_text and not isinstance(value, bytes | bytearray):
            raise call.rule.failed(
                f"can't encrypt the field {field.full_name}, which is of {field.kind}",
                hint="text and bytes can be encrypted: tag other fields otherwise",
            )
        if not is_text:
            return self._encryption.changed(call, bytes(value))
        if call.mode == WRITE:
            return base64.b64encode(self._encryption.changed(call, value.encode())).decode()
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise call.rule.failed(
                f"finds no ciphertext in the field {field.full_name}",
                hint="it was written without the rule, or read twice",
            ) from None
        return self._encryption.changed(call, data).decode()


class EncryptPayload:
    """Runs rules of the type ENCRYPT_PAYLOAD."""

    def __init__(self, rules: Settings) -> None:
        self._encryption = Encryption(rules)

    def run(self, call: Call, value: Any) -> Any:
        """The bytes of a record, encrypted or decrypted."""
        if not isinstance(value, bytes | bytearray | memoryview):
            raise call.rule.failed(
                "is for the bytes of a record", hint="put it among the encodingRules"
            )
        return self._encryption.changed(call, bytes(value))


def _days(call: Call) -> int:
    told = call.parameter(EXPIRY_DAYS) or "0"
    try:
        days = int(told)
    except ValueError:
        days = -1
    if days < 0:
        raise call.rule.failed(f"has {EXPIRY_DAYS}={told!r}, which is no number of days")
    return days
