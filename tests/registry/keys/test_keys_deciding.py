"""What requests come to among the keys."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.registry.deciding.decision import Decision
from ottla.registry.keys import asking, deciding
from ottla.registry.keys.ring import Ring
from ottla.registry.stored import encoded
from ottla.web.operation import Refusal

LINE = ("k", "s", "AES256_GCM")


class Keys:
    """A ring, and what changes it."""

    def __init__(self) -> None:
        self.ring = Ring()
        self.now_ms = 1

    def do(self, decision: Decision) -> Any:
        """Do what was decided, and give the answer."""
        for key, value in decision.entries:
            assert self.ring.apply(encoded(key), encoded(value), -1)
            assert self.ring.holds(key, value)
        return decision.answer

    def kek(self, name: str = "k", **told: Any) -> Any:
        """Make a KEK."""
        body = {"name": name, "kmsType": "local-kms", "kmsKeyId": "mine", **told}
        return self.do(deciding.create_kek(self.ring, asking.new_kek(body), self.now_ms))

    def dek(self, subject: str = "s", name: str = "k", rewrap: bool = False, **told: Any) -> Any:
        """Keep a DEK."""
        body = {"encryptedKeyMaterial": "YWJj", **told}
        new = asking.new_dek(body, subject)
        return self.do(deciding.create_dek(self.ring, name, new, self.now_ms, rewrap=rewrap))

    def delete_kek(self, name: str = "k", *, permanent: bool = False) -> None:
        """Delete a KEK."""
        self.do(deciding.delete_kek(self.ring, name, permanent=permanent, now_ms=9))

    def delete_deks(self, asked: str | None = None, *, permanent: bool = False) -> None:
        """Delete versions of the DEK."""
        self.do(deciding.delete_deks(self.ring, LINE, asked, permanent=permanent, now_ms=9))


@pytest.fixture
def keys() -> Keys:
    """No keys."""
    return Keys()


def code(refused: pytest.ExceptionInfo[Refusal]) -> int:
    """The code of a refusal."""
    return refused.value.code


def test_a_kek_is_answered_as_clients_know_it(keys: Keys) -> None:
    """A client would not find where the KMS has the key."""
    assert keys.kek(kmsProps={"b": "2", "a": "1"}, doc="d", shared=False) == {
        "name": "k",
        "kmsType": "local-kms",
        "kmsKeyId": "mine",
        "kmsProps": {"a": "1", "b": "2"},
        "doc": "d",
        "shared": False,
        "ts": 1,
    }


def test_a_key_is_made_once(keys: Keys) -> None:
    """Of two producers that begin at once both would think that their key is used."""
    keys.kek()
    keys.dek()
    with pytest.raises(Refusal) as refused:
        keys.kek()
    assert code(refused) == 40971
    with pytest.raises(Refusal) as refused:
        keys.dek()
    assert code(refused) == 40971
    keys.dek(version=2)
    keys.dek(algorithm="AES256_SIV")
    assert deciding.dek_versions(keys.ring, LINE, deleted=False) == [1, 2]


def test_a_softly_deleted_name_is_not_free(keys: Keys) -> None:
    """A KEK would change its meaning under data that was encrypted by the one before."""
    keys.kek()
    keys.delete_kek()
    with pytest.raises(Refusal) as refused:
        keys.kek(kmsKeyId="another")
    assert code(refused) == 40971
    keys.delete_kek(permanent=True)
    assert keys.kek(kmsKeyId="another")["kmsKeyId"] == "another"


def test_a_change_leaves_what_it_does_not_tell(keys: Keys) -> None:
    """A new description would lose the properties that the KMS is reached with."""
    keys.kek(kmsProps={"a": "1"}, doc="d")
    keys.now_ms = 2
    change = asking.kek_change({"doc": "e"})
    answer = keys.do(deciding.change_kek(keys.ring, "k", change, keys.now_ms))
    assert (answer["doc"], answer["kmsProps"], answer["ts"]) == ("e", {"a": "1"}, 2)
    assert not deciding.change_kek(keys.ring, "k", change, 3).entries
    change = asking.kek_change({"kmsProps": {}})
    assert keys.do(deciding.change_kek(keys.ring, "k", change, 4))["kmsProps"] == {}


def test_rewrapping_gives_other_bytes_to_a_dek_that_is_there(keys: Keys) -> None:
    """A KEK could not be rotated: the DEK would stay encrypted by the old one."""
    keys.kek()
    keys.dek()
    assert keys.dek(rewrap=True, encryptedKeyMaterial="ZGVm")["encryptedKeyMaterial"] == "ZGVm"
    assert keys.dek("fresh", rewrap=True)["version"] == 1
    keys.delete_deks()
    with pytest.raises(Refusal) as refused:
        keys.dek(rewrap=True, encryptedKeyMaterial="Z2hp")
    assert code(refused) == 40971


def test_a_dek_needs_its_kek_and_its_bytes(keys: Keys) -> None:
    """A DEK would be kept that nobody can ever decrypt."""
    with pytest.raises(Refusal) as refused:
        keys.dek()
    assert code(refused) == 40470
    keys.kek()
    with pytest.raises(Refusal) as refused:
        keys.dek(encryptedKeyMaterial=None)
    assert code(refused) == 42271
    keys.delete_kek()
    with pytest.raises(Refusal) as refused:
        keys.dek()
    assert code(refused) == 40470


def test_a_kek_that_is_needed_stays(keys: Keys) -> None:
    """Data could not be decrypted any more."""
    keys.kek()
    keys.dek()
    with pytest.raises(Refusal) as refused:
        keys.delete_kek()
    assert code(refused) == 42272
    keys.delete_deks()
    keys.delete_kek()
    with pytest.raises(Refusal) as refused:
        keys.delete_kek(permanent=True)
    assert code(refused) == 42272
    keys.delete_deks(permanent=True)
    keys.delete_kek(permanent=True)
    assert len(keys.ring) == 0


def test_what_goes_for_good_went_softly_before(keys: Keys) -> None:
    """One wrong word would lose a key for ever."""
    keys.kek()
    keys.dek()
    keys.dek(version=2)
    keys.delete_deks("1")
    with pytest.raises(Refusal) as refused:
        keys.delete_deks(permanent=True)
    assert code(refused) == 40471
    keys.delete_deks("1", permanent=True)
    assert deciding.dek_versions(keys.ring, LINE, deleted=True) == [2]
    with pytest.raises(Refusal) as refused:
        keys.delete_kek(permanent=True)
    assert code(refused) == 42272


def test_what_went_softly_comes_back(keys: Keys) -> None:
    """A deletion by mistake could not be taken back, or would bring a DEK without its KEK."""
    keys.kek()
    keys.dek()
    keys.dek(version=2)
    keys.delete_deks()
    with pytest.raises(Refusal) as refused:
        deciding.dek_of(keys.ring, LINE, "latest", deleted=False)
    assert code(refused) == 40470
    assert deciding.dek_of(keys.ring, LINE, "latest", deleted=True).deleted
    keys.delete_kek()
    with pytest.raises(Refusal) as refused:
        deciding.undelete_deks(keys.ring, LINE, None, 10)
    assert code(refused) == 40472
    keys.do(deciding.undelete_kek(keys.ring, "k", 10))
    keys.do(deciding.undelete_deks(keys.ring, LINE, "2", 10))
    assert deciding.dek_versions(keys.ring, LINE, deleted=False) == [2]
    keys.do(deciding.undelete_deks(keys.ring, LINE, None, 10))
    assert deciding.dek_versions(keys.ring, LINE, deleted=False) == [1, 2]
    assert not deciding.undelete_deks(keys.ring, LINE, None, 11).entries


def test_versions_are_asked_for_by_number_or_as_the_latest(keys: Keys) -> None:
    """A consumer would decrypt with another key than the record's."""
    keys.kek()
    keys.dek(encryptedKeyMaterial="YQ==")
    keys.dek(version=7, encryptedKeyMaterial="Yg==")
    for asked, version in (("1", 1), ("7", 7), ("-1", 7), ("latest", 7)):
        assert deciding.dek_of(keys.ring, LINE, asked, deleted=False).version == version
    for asked in ("2", "6"):
        with pytest.raises(Refusal) as refused:
            deciding.dek_of(keys.ring, LINE, asked, deleted=False)
        assert code(refused) == 40470
    with pytest.raises(Refusal) as refused:
        deciding.dek_of(keys.ring, LINE, "0", deleted=False)
    assert code(refused) == 42202


def test_names_of_keks_by_the_subjects_of_their_deks(keys: Keys) -> None:
    """Who looks for the keys of a topic would get all."""
    for name, subject in (("a", "s-value"), ("b", ":.x:s-value"), ("c", "t-value")):
        keys.kek(name)
        keys.dek(subject, name)
    keys.kek("d")
    for prefixes, names in (
        ((), ["a", "b", "c", "d"]),
        (("s-",), ["a"]),
        ((":*:s-",), ["a", "b"]),
        (("s-", "t-"), ["a", "c"]),
        ((":.x:",), ["b"]),
        (("none",), []),
    ):
        assert deciding.kek_names(keys.ring, prefixes, deleted=False) == names
    keys.delete_kek("d")
    assert deciding.kek_names(keys.ring, (), deleted=False) == ["a", "b", "c"]
    assert deciding.kek_names(keys.ring, (), deleted=True) == ["a", "b", "c", "d"]
    assert deciding.dek_subjects(keys.ring, "b", deleted=False) == [":.x:s-value"]


def test_there_are_never_too_many_keys(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """One client in a loop could fill the memory of every instance."""
    monkeypatch.setattr(deciding, "KEYS_MAX", 2)
    keys.kek()
    keys.dek()
    with pytest.raises(Refusal) as refused:
        keys.dek(version=2)
    assert code(refused) == 40972
    with pytest.raises(Refusal) as refused:
        keys.kek("l")
    assert code(refused) == 40972


GOOD = {"name": "k", "kmsType": "t", "kmsKeyId": "i"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {**GOOD, "name": ""},
        {**GOOD, "name": "a\n"},
        {**GOOD, "name": "a" * 1001},
        {**GOOD, "kmsType": None},
        {**GOOD, "kmsKeyId": 1},
        {**GOOD, "kmsProps": []},
        {**GOOD, "kmsProps": {"a": None}},
        {**GOOD, "kmsProps": {"a": "b" * 65536}},
        {**GOOD, "doc": 1},
        {**GOOD, "doc": "d" * 65537},
        {**GOOD, "shared": True},
        {**GOOD, "shared": "true"},
        {**GOOD, "colour": "red"},
    ],
)
def test_what_is_no_kek(body: Any) -> None:
    """A KEK would be kept that clients can't use, or a shared one that nobody serves."""
    with pytest.raises(Refusal) as refused:
        asking.new_kek(body)
    assert code(refused) == 42271


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, 42271),
        ({"subject": "other"}, 42271),
        ({"subject": 1}, 42271),
        ({"version": 0}, 42202),
        ({"version": True}, 42202),
        ({"version": 1 << 31}, 42202),
        ({"algorithm": "AES"}, 42271),
        ({"algorithm": ["AES256_GCM"]}, 42271),
        ({"encryptedKeyMaterial": "not base64"}, 42271),
        ({"encryptedKeyMaterial": "é"}, 42271),
        ({"encryptedKeyMaterial": 7}, 42271),
        ({"keyMaterial": "YWJj"}, 42271),
    ],
)
def test_what_is_no_dek(body: Any, expected: int) -> None:
    """A DEK would be kept that clients can't use, or a plain key be sent in vain."""
    with pytest.raises(Refusal) as refused:
        asking.new_dek(body, "s")
    assert code(refused) == expected


def test_the_default_context_need_not_be_written() -> None:
    """One subject would have two lines of DEKs."""
    assert asking.new_dek({"subject": ":.:s"}, "s").subject == "s"
    assert asking.new_dek({"subject": ":.:s"}, None).subject == "s"
