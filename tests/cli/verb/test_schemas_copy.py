"""A registry written into a folder, and put into another with the same ids."""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from cli.commands import run
from cli.script import Ran
from cli.verb.conftest import Schemas
from cli.verb.test_schemas import MONEY, ORDER, OTHER, PRICED, WIDER, file
from ottla.cli.schemas import importing
from ottla.cli.schemas.archive import INDEX
from ottla.serdes.errors import RegistryUnreachable


class Fresh:
    """An empty registry."""

    def __init__(self, broker: ottla.Broker) -> None:
        self.url = broker.schema_registry_url

    def ask(self, *words: Any) -> Ran:
        """`ottla schemas ...` there."""
        return run(["ottla", "schemas", *map(str, words), "--registry", self.url])


@pytest.fixture
def fresh() -> Iterator[Fresh]:
    """A registry that nobody has put anything into."""
    with ottla.Broker(registry=True) as broker:
        yield Fresh(broker)


@pytest.fixture
def source(schemas: Schemas) -> Schemas:
    """A registry with a little of everything, made once."""
    if "copied-value" not in schemas("list", "--names").stdout.split():
        schemas("register", "gone-first", file("s.avsc", OTHER))
        schemas("register", "copied-value", file("o.avsc", ORDER))
        schemas("register", "copied-value", file("w.avsc", WIDER), "--metadata", "owner=shop")
        schemas("register", "a-money", file("money.proto", MONEY))
        reference = ["--reference", "money.proto=a-money:1"]
        schemas("register", "a-first", file("priced.proto", PRICED), *reference)
        schemas("register", "js", file("j.json", '{"type": "object", "title": "ü"}'))
        schemas("register", "odd/../name é", "o.avsc")
        schemas("register", ":.there:copied-value", "s.avsc")
        schemas("delete", "gone-first", "--yes")
        schemas("delete", "copied-value", "1", "--yes")
        schemas("level", "copied-value", "FULL")
        schemas("level", ":.there:", "NONE")
        schemas("mode", "js", "READONLY")
        done = schemas("list", "--names", "--deleted")
        assert len(done.stdout.splitlines()) == 7
    return schemas


def same(left: Path, right: Path) -> bool:
    """Whether two folders hold the same bytes."""
    found = filecmp.dircmp(left, right)
    if found.left_only or found.right_only or found.funny_files:
        return False
    _, wrong, odd = filecmp.cmpfiles(left, right, found.common_files, shallow=False)
    return not (wrong or odd) and all(same(left / name, right / name) for name in found.subdirs)


def test_there_and_back(source: Schemas, fresh: Fresh) -> None:
    """If this failed, a registry that was copied would answer otherwise than the one before."""
    done = source("export", "one", "--deleted")
    assert done.stdout == "exported 8 versions of 7 subjects to one\n"
    assert all(Path("one").resolve() in path.resolve().parents for path in Path("one").rglob("*"))
    shown = fresh.ask("import", "one", "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "nothing was done\n")
    assert fresh.ask("list", "--names", "--deleted").stdout == ""
    assert fresh.ask("import", "one").stdout == "imported 8 versions\n"
    assert fresh.ask("export", "two", "--deleted").exit_code == 0
    assert same(Path("one"), Path("two"))
    again = json.loads(fresh.ask("import", "one", "--json").stdout)
    assert again == {"registered": 0, "deleted": 0, "settings": 0, "there": 8}
    assert fresh.ask("import", "one", "--dry-run").stderr.startswith("nothing is to be done")
    assert fresh.ask("mode").stdout == "the registry: mode READWRITE\n"
    assert fresh.ask("register", "new", file("new.avsc", '"bytes"')).exit_code == 0


@pytest.mark.parametrize(
    ("breaks_with", "code"), [(RegistryUnreachable("gone"), 1), (KeyboardInterrupt(), 130)]
)
def test_an_import_that_breaks_off(
    source: Schemas,
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
    breaks_with: BaseException,
    code: int,
) -> None:
    """If this failed, an import that broke would have to be begun in a new registry, or leave the
    old one where nobody can register.
    """
    source("export", "all", "--deleted")
    real, asked = importing._register, 0

    def breaks(*arguments: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise breaks_with
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(importing, "_register", breaks)
        done = fresh.ask("import", "all")
    assert (done.exit_code, "goes on where this stopped" in done.stderr) == (code, True)
    assert fresh.ask("mode").stdout == "the registry: mode READWRITE\n"
    done = fresh.ask("import", "all")
    assert done.stdout == "imported 5 versions; 3 there already\n"
    fresh.ask("export", "copy", "--deleted")
    assert same(Path("all"), Path("copy"))


def test_beside_what_is_there(source: Schemas, fresh: Fresh) -> None:
    """If this failed, an import would give records of one registry schemas of another."""
    source("export", "all", "--deleted")
    fresh.ask("register", "mine", file("other.avsc", '"bytes"'))
    done = fresh.ask("import", "all", "--merge")
    assert (done.exit_code, "the id 1 of" in done.stderr) == (1, True)
    assert "is that of mine there" in done.stderr
    source("export", "js", "--prefix", "js")
    done = fresh.ask("import", "js")
    assert (done.exit_code, "--merge imports beside it" in done.stderr) == (1, True)
    assert fresh.ask("import", "js", "--merge").stdout == "imported 1 version\n"
    fresh.ask("delete", "js", "--yes")
    fresh.ask("mode", "js", "--unset")
    fresh.ask("delete", "mine", "--permanent", "--yes")
    done = fresh.ask("register", "copied-value", file("b.avsc", '"long"'))
    done = fresh.ask("import", "all", "--merge")
    assert (done.exit_code, "copied-value" in done.stderr) == (1, True)


def test_a_registry_keeps_its_mode(
    source: Schemas, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, an import would open a registry that is closed, for good or meanwhile."""
    from ottla.serdes.registry_client import SchemaRegistry

    source("export", "all", "--deleted")
    fresh.ask("mode", "--all", "READONLY")
    set_mode, modes = SchemaRegistry.set_mode, []

    def seen(self: Any, mode: str, subject: str | None = None, **more: Any) -> Any:
        modes.append((mode, subject))
        return set_mode(self, mode, subject, **more)

    monkeypatch.setattr(SchemaRegistry, "set_mode", seen)
    done = fresh.ask("import", "all")
    assert done.stdout == "imported 8 versions\n"
    assert "the registry keeps its mode READONLY; --take-modes makes it READWRITE" in done.stderr
    assert done.stderr.endswith(f"at {fresh.url}\n")
    assert [mode for mode, subject in modes if subject is None] == ["IMPORT", "READONLY"]
    assert fresh.ask("mode").stdout == "the registry: mode READONLY\n"
    done = fresh.ask("import", "all", "--take-modes")
    assert "the registry: mode READWRITE, was READONLY\n" in done.stderr
    assert fresh.ask("mode").stdout == "the registry: mode READWRITE\n"
    fresh.ask("mode", "--all", "IMPORT", "--force")
    done = fresh.ask("import", "all")
    assert "the registry: mode READWRITE, was IMPORT\n" in done.stderr


def test_a_level_that_an_import_changes_is_told(source: Schemas, fresh: Fresh) -> None:
    """If this failed, a registry would have another level than yesterday, and nobody know why."""
    source("export", "all", "--deleted")
    fresh.ask("level", "--all", "NONE")
    done = fresh.ask("import", "all")
    assert "the registry: level BACKWARD, was NONE\n" in done.stderr
    assert "copied-value" not in done.stderr, "it is new there"


def test_into_a_context(source: Schemas, fresh: Fresh) -> None:
    """If this failed, a copy beside the original would overwrite it, or lose what it refers to."""
    source("export", "some", "--prefix", ":.:a-")
    assert fresh.ask("import", "some").stdout == "imported 2 versions\n"
    assert fresh.ask("import", "some", "--context", ".into").stdout == "imported 2 versions\n"
    shown = json.loads(fresh.ask("show", ":.into:a-first", "--references", "--json").stdout)
    assert [row["way"] for row in shown] == ["to"]
    done = fresh.ask("register", ":.into:next", file("new.avsc", '"bytes"'))
    assert done.exit_code == 0, "its mode is no longer IMPORT"
    source("export", "both")
    done = source("import", "both", "--context", ".x")
    assert (done.exit_code, "several contexts" in done.stderr) == (1, True)
    assert source("import", "both", "--context", "x").exit_code == 2


def test_what_an_export_leaves_out_is_told(source: Schemas) -> None:
    """If this failed, a copy that can't be imported would look like a whole one."""
    done = source("export", "part", "--prefix", "a-first")
    assert (done.exit_code, "a-money 1" in done.stderr) == (0, True)
    done = source("import", "part", "--context", ".part")
    assert (done.exit_code, "refers to :.part:a-money 1, which is neither" in done.stderr) == (
        1,
        True,
    )
    done = source("export", "none", "--prefix", "nothing-begins-so")
    assert (done.exit_code, Path("none").exists()) == (1, False)


def test_a_folder_that_is_no_archive(source: Schemas) -> None:
    """If this failed, an export would overwrite somebody's files, or an import read others."""
    Path("full").mkdir()
    file("full/mine.txt", "x")
    done = source("export", "full")
    assert (done.exit_code, "is not empty, and no archive" in done.stderr) == (1, True)
    done = source("import", "full")
    assert (done.exit_code, "it has no index.jsonl" in done.stderr) == (1, True)
    source("export", "good")
    before = sorted(Path("good").rglob("*"))
    assert source("export", "good", "--prefix", "js").exit_code == 0
    assert source("export", "good").exit_code == 0
    assert sorted(Path("good").rglob("*")) == before
    index = Path("good", INDEX)
    lines = index.read_text().splitlines()
    row = json.loads(lines[-1])
    for changed, said in (
        ({"file": "../x"}, "outside of its folder"),
        ({"file": "/etc/passwd"}, "outside of its folder"),
        ({"file": "schemas/none.avsc"}, "is missing, and index.jsonl names it"),
        ({"version": "x"}, f":{len(lines)} makes no sense"),
        ({"references": 5}, f":{len(lines)} makes no sense"),
    ):
        index.write_text("\n".join([*lines[:-1], json.dumps({**row, **changed})]))
        done = source("import", "good")
        assert (done.exit_code, said in done.stderr) == (1, True), done
    index.write_text("\n".join([*lines, "{", ""]))
    assert "makes no sense" in source("import", "good").stderr
    index.write_text('{"kind": "registry", "format": 2}\n')
    assert "this reads format 1" in source("import", "good").stderr


def test_references_in_a_circle(source: Schemas) -> None:
    """If this failed, an archive that somebody edited would never be read to its end."""
    source("export", "circle", "--prefix", "a-")
    index = Path("circle", INDEX)
    rows = [json.loads(line) for line in index.read_text().splitlines()]
    for row in rows:
        if row.get("subject") == "a-money":
            row["references"] = [{"name": "x", "subject": "a-first", "version": 1}]
    index.write_text("".join(json.dumps(row) + os.linesep for row in rows))
    done = source("import", "circle", "--context", ".circle")
    assert (done.exit_code, "references go in a circle" in done.stderr) == (1, True)
