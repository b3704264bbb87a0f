"""Data keys: made once, found by others, changed when they are old; wrapped by whoever may."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from ottla.serdes.errors import RuleFailed
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules import deks
from ottla.serdes.rules.ciphers import CIPHERS
from ottla.serdes.rules.deks import DAY_MS, LATEST, Deks, Wanted

GCM = CIPHERS["AES256_GCM"]
SECRET = "a secret of ours"
LOCAL = ("local-kms", "mine")


class Clock:
    """The time that keys are told."""

    def __init__(self) -> None:
        self.days = 0.0

    def time(self) -> float:
        import time

        return time.time() + self.days * DAY_MS / 1000

    def monotonic(self) -> float:
        import time

        return time.monotonic() + self.days * DAY_MS / 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test moves."""
    made = Clock()
    monkeypatch.setattr(deks, "time", made)
    return made


def test_a_key_is_made_once_and_found_by_others(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, what one producer writes would be read by nobody else."""
    wanted = Wanted(f"kek-{topic()}", topic(), GCM, 1)
    first = Deks(registry, {}, SECRET)
    key = first.to_write(wanted, *LOCAL, 0)
    assert first.to_write(wanted, *LOCAL, 0) is key
    second = Deks(registry, {}, SECRET)
    assert second.to_write(wanted, "", "", 0).key == key.key
    assert second.to_read(wanted).key == key.key
    assert GCM.decrypt(key.key, GCM.encrypt(key.key, b"text")) == b"text"


def test_who_is_slower_takes_the_key_that_is_there(
    registry: SchemaRegistry, topic: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, two producers that start together would write with two keys."""
    wanted = Wanted(f"kek-{topic()}", topic(), GCM, 1)
    first, second = Deks(registry, {}, SECRET), Deks(registry, {}, SECRET)
    keys = []
    made = second._made

    def late(*given: Any) -> Any:
        keys.append(first.to_write(wanted, *LOCAL, 0))
        return made(*given)

    monkeypatch.setattr(second, "_made", late)
    assert second.to_write(wanted, *LOCAL, 0).key == keys[0].key


def test_an_old_key_is_followed_by_another(
    registry: SchemaRegistry, topic: Callable[[], str], clock: Clock
) -> None:
    """If this failed, keys would never change, or old data would be lost when they do."""
    wanted = Wanted(f"kek-{topic()}", topic(), GCM, LATEST)
    ring = Deks(registry, {}, SECRET)
    first = ring.to_write(wanted, *LOCAL, 7)
    clock.days = 6
    assert ring.to_write(wanted, *LOCAL, 7) == first
    clock.days = 8
    second = ring.to_write(wanted, *LOCAL, 7)
    assert (first.version, second.version) == (1, 2)
    assert first.key != second.key
    reader = Deks(registry, {}, SECRET)
    assert reader.to_read(wanted._replace(version=1)).key == first.key
    assert reader.to_read(wanted._replace(version=2)).key == second.key


def test_what_is_not_there_is_told(registry: SchemaRegistry, topic: Callable[[], str]) -> None:
    """If this failed, a reader would not learn which key it lacks."""
    ring = Deks(registry, {}, SECRET)
    name = f"kek-{topic()}"
    wanted = Wanted(name, topic(), GCM, 1)
    with pytest.raises(RuleFailed, match=f"no key for keys '{name}'"):
        ring.to_read(wanted)
    with pytest.raises(RuleFailed, match="does not say where") as caught:
        ring.to_write(wanted, "", "", 0)
    assert "encrypt.kms.type" in str(caught.value.hint)
    ring.to_write(wanted, *LOCAL, 0)
    with pytest.raises(RuleFailed, match="no data key"):
        ring.to_read(wanted._replace(subject=topic()))
    with pytest.raises(RuleFailed, match="says 'other' of the key"):
        Deks(registry, {}, SECRET).to_write(wanted, "local-kms", "other", 0)


def test_other_keys_of_the_service_are_tried(
    registry: SchemaRegistry, topic: Callable[[], str]
) -> None:
    """If this failed, a region that is away would stop all who read."""

    class Regions:
        """Only one region works."""

        def wrap(self, key_id: str, key: bytes) -> bytes:
            if key_id != "west":
                raise ConnectionError(f"{key_id} is away")
            return key[::-1]

        unwrap = wrap

    name = f"kek-{topic()}"
    body = {
        "name": name,
        "kmsType": "regions",
        "kmsKeyId": "east",
        "kmsProps": {"encrypt.alternate.kms.key.ids": "north, west"},
    }
    registry.request("POST", "/dek-registry/v1/keks", body)
    wanted = Wanted(name, topic(), GCM, 1)
    key = Deks(registry, {"regions": Regions()}, None).to_write(wanted, "", "", 0)
    assert Deks(registry, {"regions": Regions()}, None).to_read(wanted).key == key.key
    path = f"/dek-registry/v1/keks/{name}/deks/{wanted.subject}/versions/1"
    row = registry.request("GET", path, algorithm=GCM.name)
    assert base64.b64decode(row["encryptedKeyMaterial"]) == key.key[::-1]

    class Away:
        def wrap(self, key_id: str, key: bytes) -> bytes:
            raise ConnectionError(f"{key_id} is away")

        unwrap = wrap

    with pytest.raises(RuleFailed, match="west is away"):
        Deks(registry, {"regions": Away()}, None).to_read(wanted)


@pytest.mark.parametrize("name", CIPHERS)
def test_keys_of_another_kind_are_refused(name: str) -> None:
    """If this failed, data could be encrypted with a key that is too short."""
    cipher = CIPHERS[name]
    key = cipher.new_key()
    assert cipher.decrypt(b"\x08\0" + key, cipher.encrypt(key, b"")) == b""
    for other in (key[:-1], key[2:], b"", *(c.new_key() for c in CIPHERS.values() if c != cipher)):
        with pytest.raises(ValueError, match=f"none of {name}"):
            cipher.encrypt(other, b"text")
