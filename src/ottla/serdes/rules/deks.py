"""Data keys of a registry: found, or made by whoever writes first, and kept unwrapped in memory.

A key for keys (KEK) names a key of a key management service; a data key (DEK) is one subject's,
wrapped under it, in versions. Where a KEK is shared, the registry itself wraps and unwraps.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote

from ottla.serdes.errors import RegistryError, RuleFailed
from ottla.serdes.registry_client import SchemaRegistry, context_of
from ottla.serdes.rules.ciphers import Cipher
from ottla.serdes.rules.kms import Kms, kms_of

ALTERNATES = "encrypt.alternate.kms.key.ids"
LATEST = -1
DAY_MS = 86_400_000
LATEST_SECONDS = 60.0
"""How long the latest version of a data key is believed to be it."""


class Wanted(NamedTuple):
    """A data key, by what names it; version -1 is the latest."""

    kek: str
    subject: str
    cipher: Cipher
    version: int


class Kek(NamedTuple):
    """A key for keys."""

    name: str
    kms_type: str
    kms_key_id: str
    is_shared: bool
    properties: Mapping[str, str]

    @property
    def key_ids(self) -> list[str]:
        """The keys of the service, in the order in which they are tried."""
        more = str(self.properties.get(ALTERNATES, "")).split(",")
        return [self.kms_key_id, *(one.strip() for one in more if one.strip())]


class DataKey(NamedTuple):
    """A data key, unwrapped."""

    version: int
    key: bytes
    ts_ms: int


class Deks:
    """The data keys of one registry."""

    def __init__(
        self, registry: SchemaRegistry, kms: Mapping[str, Kms], secret: str | None
    ) -> None:
        self._registry = registry
        self._kms = kms
        self._secret = secret
        self._keks: dict[tuple[str, str], Kek] = {}
        self._known: dict[Wanted, tuple[float, DataKey]] = {}
        self._lock = Lock()

    def to_read(self, wanted: Wanted) -> DataKey:
        """The key that data was encrypted with, deleted or not.

        Raises:
            RuleFailed: it is not there, or can't be unwrapped.
        """
        return self._kept(wanted) or self._keep(wanted, self._read(wanted))

    def _read(self, wanted: Wanted) -> DataKey:
        kek = self._kek(wanted, "", "", may_make=False)
        row = self._row(wanted, deleted=True)
        if row is None:
            raise RuleFailed(
                "",
                f"the registry has no data key under {wanted.kek!r} for subject "
                f"{wanted.subject!r}, version {wanted.version}",
            )
        return self._unwrapped(kek, row)

    def to_write(self, wanted: Wanted, kms_type: str, kms_key_id: str, expiry_days: int) -> DataKey:
        """The key to encrypt with, made where there is none, or where the last is too old.

        Raises:
            RuleFailed: it can't be made, wrapped or unwrapped.
        """
        known = self._kept(wanted)
        if known is not None and not _is_old(known.ts_ms, expiry_days):
            return known
        kek = self._kek(wanted, kms_type, kms_key_id, may_make=True)
        row = self._row(wanted, deleted=False)
        if row is None or _is_old(int(row.get("ts") or 0), expiry_days):
            version = 1 if row is None else int(row.get("version") or 1) + 1
            row = self._made(kek, wanted._replace(version=version)) or self._row(
                wanted, deleted=False
            )
        if row is None:
            raise RuleFailed("", f"the registry keeps no data key under {wanted.kek!r}")
        return self._keep(wanted, self._unwrapped(kek, row))

    def _kept(self, wanted: Wanted) -> DataKey | None:
        with self._lock:
            found = self._known.get(wanted)
        if found is None:
            return None
        is_old = wanted.version == LATEST and time.monotonic() > found[0] + LATEST_SECONDS
        return None if is_old else found[1]

    def _keep(self, wanted: Wanted, key: DataKey) -> DataKey:
        with self._lock:
            self._known[wanted] = (time.monotonic(), key)
        return key

    # ------------------------------------------------------------ the registry's API

    def _kek(self, wanted: Wanted, kms_type: str, kms_key_id: str, *, may_make: bool) -> Kek:
        context = context_of(wanted.subject)
        with self._lock:
            found = self._keks.get((wanted.kek, context))
        if found is None:
            row = self._kek_row(wanted.kek, context)
            if row is None and may_make:
                row = self._make_kek(wanted.kek, context, kms_type, kms_key_id)
            if row is None:
                raise RuleFailed("", f"the registry has no key for keys {wanted.kek!r}")
            found = Kek(
                wanted.kek,
                str(row.get("kmsType") or ""),
                str(row.get("kmsKeyId") or ""),
                bool(row.get("shared")),
                row.get("kmsProps") or {},
            )
            with self._lock:
                self._keks[(wanted.kek, context)] = found
        for told, has in ((kms_type, found.kms_type), (kms_key_id, found.kms_key_id)):
            if told and told != has:
                raise RuleFailed(
                    "", f"the rule says {told!r} of the key {wanted.kek!r}, the registry {has!r}"
                )
        return found

    def _kek_row(self, name: str, context: str) -> Any:
        path = f"/dek-registry/v1/keks/{quote(name, safe='')}"
        return self._found("GET", path, deleted=False, context=context or None)

    def _make_kek(self, name: str, context: str, kms_type: str, kms_key_id: str) -> Any:
        if not kms_type or not kms_key_id:
            raise RuleFailed(
                "",
                f"the registry has no key for keys {name!r}, and the rule does not say where it is",
                hint="give the rule encrypt.kms.type and encrypt.kms.key.id",
            )
        body = {"name": name, "kmsType": kms_type, "kmsKeyId": kms_key_id, "shared": False}
        made = self._found("POST", "/dek-registry/v1/keks", body, context=context or None)
        return made or self._kek_row(name, context)

    def _row(self, wanted: Wanted, *, deleted: bool) -> Any:
        path = (
            f"/dek-registry/v1/keks/{quote(wanted.kek, safe='')}"
            f"/deks/{quote(wanted.subject, safe='')}/versions/{wanted.version}"
        )
        return self._found("GET", path, algorithm=wanted.cipher.name, deleted=deleted)

    def _made(self, kek: Kek, wanted: Wanted) -> Any:
        """A new data key; None where somebody else was faster."""
        body: dict[str, Any] = {
            "subject": wanted.subject,
            "version": wanted.version,
            "algorithm": wanted.cipher.name,
        }
        if not kek.is_shared:
            wrapped = self._wrapped(kek, wanted.cipher.new_key())
            body["encryptedKeyMaterial"] = base64.b64encode(wrapped).decode()
        path = f"/dek-registry/v1/keks/{quote(kek.name, safe='')}/deks"
        try:
            return self._found("POST", f"{path}/{quote(wanted.subject, safe='')}", body)
        except RegistryError as error:
            if error.status != 405:
                raise
            return self._found("POST", path, body)  # older registries

    def _found(self, method: str, path: str, body: Any = None, **switches: Any) -> Any:
        """The answer; None where there is no such key, or already one."""
        try:
            return self._registry.request(method, path, body, **switches)
        except RegistryError as error:
            is_none = error.status == (404 if method == "GET" else 409)
            # A server without such keys says 404, too, but with no code of its own.
            if is_none and (error.code != 404 or method != "GET"):
                return None
            raise

    # ------------------------------------------------------------ wrapping

    def _unwrapped(self, kek: Kek, row: Mapping[str, Any]) -> DataKey:
        try:
            given = row.get("keyMaterial")
            wrapped = base64.b64decode(row.get("encryptedKeyMaterial") or "")
            key = base64.b64decode(given) if given else self._by_kms(kek, "unwrap", wrapped)
        except (binascii.Error, ValueError, TypeError) as error:
            raise RuleFailed("", f"a data key under {kek.name!r} is no base64: {error}") from error
        return DataKey(int(row.get("version") or 1), key, int(row.get("ts") or 0))

    def _wrapped(self, kek: Kek, key: bytes) -> bytes:
        return self._by_kms(kek, "wrap", key)

    def _by_kms(self, kek: Kek, call: str, data: bytes) -> bytes:
        service = kms_of(kek.kms_type, self._kms, self._secret, kek.properties)
        fault: Exception | None = None
        for key_id in kek.key_ids:
            try:
                made: bytes = getattr(service, call)(key_id, data)
            except Exception as error:
                fault = error
            else:
                return made
        raise RuleFailed(
            "",
            f"{kek.kms_type} can't {call} a data key with {kek.name!r}: "
            f"{str(fault) or type(fault).__name__}",
            hint="is it the same secret, or the same key, that it was wrapped with?",
        ) from fault


def _is_old(ts_ms: int, expiry_days: int) -> bool:
    return expiry_days > 0 and time.time() * 1000 - ts_ms > expiry_days * DAY_MS
