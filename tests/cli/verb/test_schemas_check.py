"""Schemas compared by words: with a subject, with files, with each other."""

from __future__ import annotations

import builtins
import json
import sys
from typing import Any

import pytest

from cli.verb.conftest import Schemas
from cli.verb.test_schemas import MONEY, ORDER, OTHER, PRICED, WIDER, file, told

LONGER = WIDER.replace("}]", '}, {"name": "more", "type": "int", "default": 0}]')


def test_against_a_subject(schemas: Schemas) -> None:
    """If this failed, a build would take a schema that the registry refuses, or the other way."""
    schemas("register", "check-value", file("o.avsc", ORDER))
    schemas("register", "check-value", file("w.avsc", WIDER))
    done = schemas("check", "check-value", file("l.avsc", LONGER))
    assert done == (0, "l.avsc may come after check-value (level BACKWARD)\n", "")
    done = schemas("check", "check-value", file("s.avsc", OTHER))
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.startswith("s.avsc may not come after check-value (level BACKWARD):\n")
    assert "\n      (this schema can't read data of version 2)\n" in done.stdout
    done = schemas("check", "check-value", "s.avsc", "--version", 1)
    assert "data of version 1)" in done.stdout
    done = schemas("check", "check-value", "s.avsc", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["compatible"], found["level"]) == (1, False, "BACKWARD")
    (reason,) = found["reasons"]
    assert (reason["path"], reason["kind"]) == ("/fields/0/type", "TYPE_MISMATCH")
    done = schemas("check", "check-value", file("bad.avsc", ORDER.replace('"int"', '"in"')))
    assert (done.exit_code, "bad.avsc:2:36: no type has the name" in done.stderr) == (1, True)
    done = schemas("check", "check-value", "o.avsc", "--version", 9)
    assert (done.exit_code, "no version 9" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("olds", "new", "level", "code"),
    [
        ([ORDER], WIDER, "BACKWARD", 0),
        ([ORDER], WIDER, "FORWARD", 1),
        ([ORDER], WIDER, "FULL", 1),
        ([ORDER], OTHER, "NONE", 0),
        ([WIDER], ORDER, "FORWARD", 0),
        ([OTHER, ORDER], WIDER, "BACKWARD", 0),
        ([OTHER, ORDER], WIDER, "BACKWARD_TRANSITIVE", 1),
        ([ORDER, OTHER], WIDER, "BACKWARD", 1),
        ([ORDER, WIDER], LONGER, "FULL_TRANSITIVE", 1),
    ],
)
def test_against_files(schemas: Schemas, olds: list[str], new: str, level: str, code: int) -> None:
    """If this failed, a build without a registry would take what breaks readers, or refuse what
    does not.
    """
    against = [
        word for at, old in enumerate(olds) for word in ("--against", file(f"{at}.avsc", old))
    ]
    done = schemas("check", *against, file("new.avsc", new), "--level", level.lower())
    assert (done.exit_code, done.stderr) == (code, "")
    assert f"(level {level})" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("check o.avsc", 2, "SUBJECT and FILE are to be told"),
        ("check s o.avsc x", 2, "SUBJECT and FILE are to be told"),
        ("check s o.avsc --level FULL", 2, "--level goes with --against"),
        ("check --against o.avsc", 2, "is missing"),
        ("check --against o.avsc s o.avsc", 2, "one FILE is to be told, and no subject"),
        ("check --against o.avsc o.avsc --version 1", 2, "--against asks no registry"),
        ("check --against o.avsc o.avsc --reference x", 2, "--reference takes NAME=FILE"),
        ("check --against o.avsc money.proto", 1, "o.avsc is AVRO, and money.proto is PROTOBUF"),
        ("check --against bad.avsc o.avsc", 1, "bad.avsc:1:1"),
        ("check --against priced.proto priced.proto", 1, "hint: --reference NAME=FILE says where"),
        ("check --against o.avsc o.avsc --level FULLER", 2, "--level"),
        ("diff o.avsc", 2, "one file alone has no other"),
        ("diff a 1 2 3", 2, "two schemas are compared"),
        ("diff o.avsc money.proto", 1, "o.avsc is AVRO, and money.proto is PROTOBUF"),
        ("diff nobody", 1, "no subject 'nobody'"),
        ("diff priced.proto priced.proto", 1, "--reference NAME=FILE says where that is"),
    ],
)
def test_what_is_wrong_is_told(schemas: Schemas, words: str, code: int, said: str) -> None:
    """If this failed, a slip would look like a schema that breaks readers."""
    file("o.avsc", ORDER)
    file("money.proto", MONEY)
    file("priced.proto", PRICED)
    file("bad.avsc", "nonsense")
    done = schemas(*words.split())
    assert (done.exit_code, done.stdout) == (code, ""), done
    assert said in done.stderr


def test_files_that_refer(schemas: Schemas) -> None:
    """If this failed, schemas with imports could not be checked without a registry."""
    file("money.proto", MONEY)
    file("old.proto", PRICED)
    file("new.proto", PRICED.replace("price = 1", "price = 2"))
    reference = ["--reference", "money.proto=money.proto"]
    done = schemas("check", "--against", "old.proto", "old.proto", *reference)
    assert done.exit_code == 0
    done = schemas("diff", "old.proto", "new.proto", *reference)
    assert (done.exit_code, "-  m.Money price = 1;\n+  m.Money price = 2;" in done.stdout) == (
        0,
        True,
    )


def test_what_changed(schemas: Schemas) -> None:
    """If this failed, `diff` would name the wrong one of two as the one that can't read."""
    schemas("register", "diff-value", file("o.avsc", ORDER))
    done = schemas("diff", "diff-value")
    assert (done.exit_code, "diff-value has one version alone" in done.stderr) == (1, True)
    schemas("register", "diff-value", file("w.avsc", WIDER))
    done = schemas("diff", "diff-value")
    assert done.stdout.startswith(
        "diff-value 2 reads what diff-value 1 wrote\n"
        "diff-value 1 can't read what diff-value 2 wrote:\n"
        "  /fields/0/type  TYPE_MISMATCH\n"
    )
    assert "under level BACKWARD\n\n--- diff-value 1\n+++ diff-value 2\n" in done.stdout
    assert '\n-      "type": "int"\n+      "type": "long"\n' in done.stdout
    assert told(schemas, "diff", "diff-value", 2, 1)["level"] == "FORWARD"
    assert told(schemas, "diff", "diff-value", 1)["new"] == "diff-value 2"
    assert told(schemas, "diff", "diff-value", file("s.avsc", OTHER))["level"] == "NONE"
    assert told(schemas, "diff", "diff-value", 1, "o.avsc")["level"] == "FULL"
    assert schemas("diff", "o.avsc", "o.avsc").stdout.endswith("the texts are equal\n")
    assert schemas("diff", "diff-value", 1, 9).stderr.endswith("hint: diff-value has 1, 2\n")


def test_a_plain_install(schemas: Schemas, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, files could not be checked without packages that Avro and Protobuf need not,
    or JSON Schema would end in a traceback.
    """
    from ottla.schemas.json_schema import engine

    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] in ("jsonschema_rs", "granian", "fastavro", "google"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for module in [name for name in sys.modules if name.startswith("jsonschema_rs")]:
        monkeypatch.delitem(sys.modules, module)
    engine.engine.cache_clear()
    try:
        assert schemas("check", "--against", file("o.avsc", ORDER), "o.avsc").exit_code == 0
        assert schemas("check", "--against", file("m.proto", MONEY), "m.proto").exit_code == 0
        done = schemas("check", "--against", file("j.json", '{"type": "object"}'), "j.json")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.endswith("hint: pip install 'ottla[registry]'\n")
    finally:
        engine.engine.cache_clear()
