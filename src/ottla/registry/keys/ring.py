"""What the topic of keys comes to: nothing is known but by `apply`, record after record.

One thread applies; others read at the same time, and go through copies made in one step. What
stays true: a DEK is found under its KEK's name whether that KEK is known or not, for the topic is
compacted and its records may be in any order.
"""

from __future__ import annotations

from ottla.registry.contracts import Json
from ottla.registry.keys import records
from ottla.registry.keys.records import Dek, Kek
from ottla.registry.stored import read_value

Line = tuple[str, str, str]
"""The name of a KEK, a subject and an algorithm: what versions of a DEK are counted for."""


class Ring:
    """All keys."""

    def __init__(self) -> None:
        self._keks: dict[str, Kek] = {}
        self._deks: dict[str, dict[Line, dict[int, Dek]]] = {}
        """By KEK, then line, then version."""
        self._count = 0
        self.unread = 0
        """Records that made no sense."""

    # ------------------------------------------------------------ what is known

    def keks(self, *, deleted: bool = False) -> list[Kek]:
        """Every KEK by name; with `deleted`, softly deleted ones as well."""
        found = list(self._keks.values())
        return sorted(kek for kek in found if deleted or not kek.deleted)

    def kek(self, name: str) -> Kek | None:
        """One KEK, softly deleted or not."""
        return self._keks.get(name)

    def deks(self, kek_name: str, *, deleted: bool = False) -> list[Dek]:
        """Every DEK of a KEK, by subject, algorithm and version."""
        lines = list(self._deks.get(kek_name, {}).values())
        found = [dek for versions in lines for dek in list(versions.values())]
        return sorted(dek for dek in found if deleted or not dek.deleted)

    def versions(self, line: Line, *, deleted: bool = False) -> list[Dek]:
        """The versions of a DEK in order."""
        found = list(self._deks.get(line[0], {}).get(line, {}).values())
        kept = [dek for dek in found if deleted or not dek.deleted]
        return sorted(kept, key=lambda dek: dek.version)

    def dek(self, line: Line, version: int) -> Dek | None:
        """One version of a DEK, softly deleted or not."""
        return self._deks.get(line[0], {}).get(line, {}).get(version)

    def __len__(self) -> int:
        """How many keys there are, of both kinds, softly deleted ones too."""
        return len(self._keks) + self._count

    def holds(self, key: Json, value: Json | None) -> bool:
        """Whether what a record says is so, now that others may have written after or before it."""
        held: Kek | Dek | None
        if key["keytype"] == records.KEK:
            held = self.kek(key["name"])
        else:
            held = self.dek((key["kekName"], key["subject"], key["algorithm"]), key["version"])
        return (None if held is None else held.value()) == value

    def why_unsafe(self) -> str | None:
        """Why nothing may be written beside what is there; None where it may."""
        if not self.unread:
            return None
        return (
            f"{self.unread} records of the topic can't be read: another registry keeps its keys "
            "there, so move them over its API, and give this one a topic of its own "
            "(ottla registry --keys-topic NAME; Options.keys_topic)"
        )

    # ------------------------------------------------------------ what a record changes

    def apply(self, key_bytes: bytes | None, value_bytes: bytes | None, ts: int) -> bool:
        """Take one record of the log.

        Returns:
            False where it makes no sense; then nothing has changed.
        """
        key, value = records.read_key(key_bytes), read_value(value_bytes)
        if key is None or (value is None and value_bytes is not None):
            self.unread += 1
            return False
        if value is None:
            self._forget(key)
            return True
        read = records.read_kek if key["keytype"] == records.KEK else records.read_dek
        found = read(key, value, ts)
        if found is None:
            self.unread += 1
            return False
        self._keep(found)
        return True

    def _keep(self, found: Kek | Dek) -> None:
        if isinstance(found, Kek):
            self._keks[found.name] = found
            return
        line = (found.kek_name, found.subject, found.algorithm)
        versions = self._deks.setdefault(found.kek_name, {}).setdefault(line, {})
        self._count += found.version not in versions
        versions[found.version] = found

    def _forget(self, key: Json) -> None:
        if key["keytype"] == records.KEK:
            self._keks.pop(key["name"], None)
            return
        line = (key["kekName"], key["subject"], key["algorithm"])
        lines = self._deks.get(line[0], {})
        versions = lines.get(line, {})
        self._count -= versions.pop(key["version"], None) is not None
        if not versions:
            lines.pop(line, None)
        if not lines:
            self._deks.pop(line[0], None)
