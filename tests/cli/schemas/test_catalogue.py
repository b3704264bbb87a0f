"""What a registry has, told by registries that know pages, one big page, or none."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ottla.cli.schemas import catalogue
from ottla.serdes.contract import Contract, Registered
from ottla.serdes.errors import RegistryError

ALL = [Registered(Contract('"int"'), f"s{n}", 1, n) for n in range(7)]


class Pages:
    """A registry that gives at most `most` rows at a time; None: all, whatever is asked for."""

    def __init__(self, most: int | None) -> None:
        self.most, self.asked = most, 0

    def schemas(self, _: Any, *, offset: int, limit: int, **__: Any) -> list[Registered]:
        """A page."""
        self.asked += 1
        assert self.asked < 20
        return ALL if self.most is None else ALL[offset : offset + min(limit, self.most)]


class Old:
    """A registry that can't tell all schemas at once."""

    def __init__(self, status: int) -> None:
        self.status = status

    def schemas(self, *_: Any, **__: Any) -> list[Registered]:
        """It has no such thing."""
        raise RegistryError(self.status, self.status, "no such path")

    def subjects(self, *_: Any, **__: Any) -> list[str]:
        """All, whatever prefix is asked for."""
        return ["a1", "a2", "b1"]

    def versions(self, subject: str, **_: Any) -> list[int]:
        """Two."""
        return [1, 2]

    def version(self, subject: str, number: int, **_: Any) -> Registered:
        """One of them."""
        return Registered(Contract('"int"'), subject, number, number)


@pytest.mark.parametrize("most", [1, 3, 7, 1000, None])
def test_every_page_is_read_once(most: int | None) -> None:
    """If this failed, a registry with small pages would be copied in part, or one without asked
    for ever.
    """
    assert catalogue.versions(Pages(most)) == ALL  # type: ignore[arg-type]


def test_an_old_registry_is_asked_one_by_one() -> None:
    """If this failed, nothing of an old registry could be listed or copied."""
    found = catalogue.versions(Old(404), ":*:a")  # type: ignore[arg-type]
    assert [(one.subject, one.version) for one in found] == [
        ("a1", 1), ("a1", 2), ("a2", 1), ("a2", 2),
    ]  # fmt: skip
    found = catalogue.versions(Old(405), "a", latest_only=True)  # type: ignore[arg-type]
    assert [(one.subject, one.version) for one in found] == [("a1", 2), ("a2", 2)]


def test_a_refusal_is_no_age() -> None:
    """If this failed, who may not ask would be told that there is nothing."""
    with pytest.raises(RegistryError):
        catalogue.versions(Old(403))  # type: ignore[arg-type]


def test_subjects_are_asked_of_at_once_and_told_in_their_order() -> None:
    """If this failed, thousands of subjects would be asked of one by one, or one would be shown
    with the level of another.
    """
    together = threading.Barrier(catalogue.REQUESTS_AT_ONCE, timeout=60)

    def ask(subject: str) -> str:
        together.wait()
        return subject.upper()

    names = [f"s{at}" for at in range(catalogue.REQUESTS_AT_ONCE * 2)]
    assert list(catalogue.at_once(ask, names)) == [name.upper() for name in names]
