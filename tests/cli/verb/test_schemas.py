"""Schemas listed, shown, registered, set and deleted by words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ottla
from cli.commands import run
from cli.verb.conftest import Schemas
from cli.verb.terminal import Terminal, completions
from ottla.cli.schemas.levels import LEVELS
from ottla.cli.verb.schemas.setting import MODES
from ottla.registry import settings

ORDER = '{"type": "record", "name": "Order",\n "fields": [{"name": "id", "type": "int"}]}'
WIDER = ORDER.replace('"int"', '"long"')
OTHER = ORDER.replace('"int"', '"string"')
MONEY = 'syntax = "proto3";\npackage m;\nmessage Money { int64 cents = 1; }\n'
PRICED = 'syntax = "proto3";\nimport "money.proto";\nmessage Priced { m.Money price = 1; }\n'


def file(name: str, text: str) -> str:
    """A file here."""
    Path(name).write_text(text)
    return name


def told(schemas: Schemas, *words: Any) -> Any:
    """What is printed as JSON."""
    done = schemas(*words, "--json")
    assert done.exit_code == 0, done
    return json.loads(done.stdout)


def test_a_schema_from_a_file_to_its_end(schemas: Schemas) -> None:
    """If this failed, the words of `ottla schemas` would not do what they say."""
    name = file("o.avsc", ORDER)
    assert schemas("register", "life-value", name).stdout.startswith("registered life-value ver")
    done = schemas("register", "life-value", name)
    assert done.stdout.endswith(", was there already\n")
    row = told(schemas, "register", "life-value", file("w.avsc", WIDER))
    assert (row["version"], row["registered"]) == (2, True)
    listed = schemas("list", "life")
    assert listed.stdout.split() == [
        "SUBJECT", "TYPE", "LATEST", "ID", "life-value", "AVRO", "2", str(row["id"]),
    ]  # fmt: skip
    (long,) = told(schemas, "list", "life", "--long")
    assert (long["versions"], long["level"], long["mode"]) == ([1, 2], "BACKWARD", "READWRITE")
    assert schemas("list", "life", "--names").stdout == "life-value\n"
    assert json.loads(schemas("show", "life-value", 1).stdout) == json.loads(ORDER)
    shown = told(schemas, "show", "life-value")
    assert (shown["id"], shown["guid"], shown["type"]) == (row["id"], row["guid"], "AVRO")
    assert schemas("show", "--id", row["id"]).stdout == schemas("show", "life-value").stdout
    assert schemas("show", "--guid", row["guid"]).stdout == schemas("show", "life-value").stdout
    versions = told(schemas, "show", "life-value", "--versions")
    assert [one["version"] for one in versions] == [1, 2]
    gone = schemas("delete", "life-value", "latest", "--yes")
    assert gone.stdout == "deleted version 2 of life-value\n"
    assert schemas("show", "life-value", 2).exit_code == 1
    assert told(schemas, "show", "life-value", 2, "--deleted")["deleted"]
    assert told(schemas, "delete", "life-value", "--permanent", "-y") == {
        "subject": "life-value",
        "versions": [1, 2],
        "permanent": True,
    }
    assert schemas("list", "life", "--deleted") == (0, "", "no subject begins with life\n")


def test_what_came_with_a_schema(schemas: Schemas) -> None:
    """If this failed, references, metadata or rules of a command line would be lost."""
    schemas("register", "with-money", file("money.proto", MONEY))
    priced = file("priced.proto", PRICED)
    done = schemas("register", "with-priced", priced)
    assert (done.exit_code, "priced.proto:2:1: " in done.stderr) == (1, True)
    assert '\n  import "money.proto";\n  ^\n' in done.stderr
    assert done.stderr.endswith(
        "hint: --reference NAME=SUBJECT:VERSION says where it is registered\n"
    )
    rules = {"domainRules": [{"name": "r", "kind": "CONDITION", "type": "CEL", "mode": "WRITE"}]}
    words = ["--metadata", "owner=shop", "--rules", file("rules.json", json.dumps(rules))]
    reference = ["--reference", "money.proto=with-money"]
    assert schemas("register", "with-priced", priced, *reference, *words).exit_code == 0
    shown = told(schemas, "show", "with-priced")
    assert shown["references"] == [{"name": "money.proto", "subject": "with-money", "version": 1}]
    assert shown["metadata"] == {"properties": {"owner": "shop"}}
    assert shown["rules"]["domainRules"][0]["name"] == "r"
    (to,) = told(schemas, "show", "with-priced", "--references")
    assert (to["way"], to["subject"], to["version"]) == ("to", "with-money", 1)
    (by,) = told(schemas, "show", "with-money", "--references")
    assert (by["way"], by["subject"], by["version"]) == ("from", "with-priced", 1)
    done = schemas("delete", "with-money", "--yes")
    assert (done.exit_code, "is referred to by with-priced 1" in done.stderr) == (1, True)
    assert schemas("delete", "with-priced", "--yes").exit_code == 0
    done = schemas("delete", "with-money", "--permanent", "--yes")
    assert (done.exit_code, "delete those first for good" in done.stderr) == (1, True)
    assert schemas("show", "with-money").exit_code == 0, "it is still there"
    assert schemas("diff", "with-money", "with-money").exit_code == 2


def test_rules_that_a_new_version_has_no_more(schemas: Schemas) -> None:
    """If this failed, who leaves a rule out of a file would lose it without a word."""
    rule = {"kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "true"}
    one, two = ({"name": name, **rule} for name in ("isPositive", "isShort"))
    both = file("both.json", json.dumps({"domainRules": [one, two]}))
    last = file("last.json", json.dumps({"domainRules": [two]}))
    words = ["--metadata", "owner=shop", "--rules"]
    schemas("register", "ruled-value", file("o.avsc", ORDER), *words, both)
    done = schemas("register", "ruled-value", file("w.avsc", WIDER), *words, both)
    assert "not in it" not in done.stderr
    done = schemas("register", "ruled-value", "w.avsc", "--metadata", "team=a", "--rules", last)
    assert "rules of version 2 are not in it: isPositive\n" in done.stderr
    assert "metadata of version 2 is not in it: owner\n" in done.stderr
    done = schemas("register", "ruled-value", "o.avsc", *words, both)
    assert done.stdout.endswith(", was there already; the latest is 3\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("show", 2, "SUBJECT is missing"),
        ("show a 1 --id 2", 2, "one of VERSION, --id and --guid"),
        ("show a --guid b", 2, "leave SUBJECT out"),
        ("show a b", 2, "'b' is no version"),
        ("show a 0", 2, "'0' is no version"),
        ("show no-such-subject", 1, "ottla schemas list shows all"),
        ("show --id 99999", 1, "no schema with the id 99999"),
        ("show --guid xyz", 1, "xyz"),
        ("register s missing.avsc", 1, "missing.avsc: No such file"),
        ("register s empty.avsc", 1, "empty.avsc is empty"),
        ("register s bytes.avsc", 1, "bytes.avsc is no text in UTF-8"),
        ("register s o.txt", 2, "o.txt: its name does not say what it is"),
        ("register s o.avsc --metadata x", 2, "--metadata takes KEY=VALUE"),
        ("register s o.avsc --reference x", 2, "--reference takes NAME=SUBJECT:VERSION"),
        ("register s o.avsc --reference x=y:0", 2, "--reference takes NAME=SUBJECT:VERSION"),
        ("register s o.avsc --reference x=nobody:1", 1, "register what is referred to first"),
        ("register s o.avsc --rules o.txt", 1, "o.txt:1:1: no JSON"),
        ("register s o.avsc --rules list.json", 1, "list.json is no rule set"),
        ("register s o.avsc more", 2, "one schema at a time"),
        ("register s o.avsc --type YAML", 2, "--type"),
        ("register s", 2, "FILE is missing"),
        ("register s", 2, "hint: ottla schemas register SUBJECT FILE"),
        ("register o.avsc s", 2, "hint: ottla schemas register s o.avsc"),
        ("check o.avsc s", 2, "hint: ottla schemas check s o.avsc"),
        ("register s avro.json", 1, "hint: it looks like an Avro schema: --type AVRO"),
        ("--registry http://127.0.0.1:1 show s", 1, "no schema registry answers"),
        ("--registry=http://127.0.0.1:1 --json show", 2, "SUBJECT is missing"),
        ("delete no-such-subject -y", 1, "no subject 'no-such-subject'"),
        ("delete s x -y", 2, "'x' is no version"),
        ("level FULL", 2, "whose level is to be FULL?"),
        ("level s FUL", 2, "did you mean FULL?"),
        ("level s nothing", 2, "there are NONE, BACKWARD"),
        ("level --unset", 2, "--unset takes back the level of a subject"),
        ("level --all a b", 2, "'b' is a word too many"),
        ("level s FULL --unset", 2, "'FULL' is a word too many"),
        ("level never-set --unset", 1, "no config of its own"),
        ("mode s WRITE", 2, "there is no mode 'WRITE'"),
        ("list a b", 2, "one prefix is enough"),
        ("list --url x", 2, "--registry URL names the registry"),
        ("subjects", 2, "did you mean list?"),
        ("list --registry http://127.0.0.1:1", 1, "`ottla up --registry` starts a node with one"),
        ("list --registry ftp://x", 2, "is no URL of a registry"),
        ("list --registry http://x:y", 2, "is no URL"),
        ("list --registry https://127.0.0.1:1 --ca missing.pem", 1, "missing.pem"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(schemas: Schemas, words: str, code: int, said: str) -> None:
    """If this failed, a slip would be told by nobody, or look like a failure of the registry."""
    file("o.avsc", ORDER)
    file("empty.avsc", " \n")
    file("o.txt", "x")
    file("avro.json", ORDER)
    file("list.json", "[]")
    Path("bytes.avsc").write_bytes(b"\xff\xfe\x00")
    done = schemas(*words.split())
    assert (done.exit_code, done.stdout) == (code, ""), done
    assert said in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.avsc", '{"type": "record", "name": "A",\n\t"fields": [{"name": "x", "type": "in"}]}',
         'a.avsc:2:35: no type has the name \'in\'\n\n   "fields": [{"name": "x", "type": "in"}]}\n'
         f"  {' ' * 34}^\n"),
        ("a.avsc", '{"type": "record"', "a.avsc:1:18: the schema is no JSON"),
        ("a.avsc", '{"type": "enum", "name": "A",\n "symbols": ["A",\n]}',
         "a.avsc:3:1: a value is missing before ]: is there a comma too many?\n\n  ]}\n  ^\n"),
        ("j.json", '{"type": "object", "properties": {"a": {},}}',
         "a value is missing before }: is there a comma too many?"),
        ("j.json", '{"type":\n "objct"}', 'j.json:2:2: the schema is invalid at #/type'),
        ("p.proto", 'syntax = "proto3";\nmessage A {\n  strin x = 1;\n}',
         "p.proto:3:3: the Protobuf schema is not valid"),
        ("long.avsc",
         '{"type": "record", "name": "A", "doc": "' + "x" * 500 + '", "fields": [{"name": "x", '
         '"type": "in"}], "doc2": "' + "y" * 500 + '"}', "^"),
    ],
)  # fmt: skip
def test_the_place_of_a_fault_is_shown(schemas: Schemas, name: str, text: str, said: str) -> None:
    """If this failed, who wrote a long schema would have to look for what is wrong in it."""
    done = schemas("register", "faulty", file(name, text))
    assert done.exit_code == 1
    assert said in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 300
    lines = done.stderr.splitlines()
    caret = next((at for at, line in enumerate(lines) if line.strip() == "^"), None)
    assert caret is not None
    assert lines[caret].index("^") <= len(lines[caret - 1])


def test_what_may_not_come_next_is_told_one_by_one(schemas: Schemas) -> None:
    """If this failed, who changes a schema would be told that it is wrong, but not what to do."""
    schemas("register", "next-value", file("o.avsc", ORDER))
    text = OTHER.replace("}]", '}, {"name": "more", "type": "int"}]')
    done = schemas("register", "next-value", file("other.avsc", text))
    assert done.exit_code == 1
    assert "it may not come after what next-value has (level BACKWARD):\n" in done.stderr
    assert "\n  /fields/0/type  TYPE_MISMATCH\n" in done.stderr
    assert "\n  /fields/1  READER_FIELD_MISSING_DEFAULT_VALUE\n" in done.stderr
    assert "ottla schemas diff next-value FILE" in done.stderr.partition("hint: ")[2]


def test_levels_and_modes(schemas: Schemas) -> None:
    """If this failed, a level or mode would be set for what was not named, or stay."""
    schemas("register", "set-value", file("o.avsc", ORDER))
    assert told(schemas, "level", "set-value") == {
        "subject": "set-value", "level": "BACKWARD", "own": False,
    }  # fmt: skip
    assert schemas("level", "set-value", "full").stdout == "set-value: level FULL\n"
    done = schemas("register", "set-value", file("w.avsc", WIDER))
    assert (done.exit_code, "level FULL" in done.stderr) == (1, True)
    done = schemas("level", "set-value", "--unset")
    assert done.stdout == "set-value: level BACKWARD, which is the registry's\n"
    done = schemas("level", "not-there", "NONE")
    assert (done.exit_code, "there is no subject not-there yet" in done.stderr) == (0, True)
    assert schemas("level").stdout == "the registry: level BACKWARD\n"
    assert schemas("level", "--all", "FORWARD").stdout == "the registry: level FORWARD\n"
    assert schemas("level", "--all", "--unset").stdout == "the registry: level BACKWARD\n"
    assert schemas("level", ":.ctx:", "NONE").stdout == "context .ctx: level NONE\n"
    assert schemas("mode", "set-value", "READONLY").stdout == "set-value: mode READONLY\n"
    done = schemas("register", "set-value", "w.avsc")
    assert "hint: ottla schemas mode set-value READWRITE" in done.stderr
    done = schemas("mode", "set-value", "--unset")
    assert done.stdout == "set-value: mode READWRITE, which is the registry's\n"
    done = schemas("mode", "set-value", "IMPORT")
    assert (done.exit_code, "--force sets it all the same" in done.stderr) == (1, True)
    assert schemas("mode", "set-value", "IMPORT", "--force").exit_code == 0
    schemas("mode", "set-value", "--unset")


def test_a_key_that_avro_ignores_is_told(schemas: Schemas) -> None:
    """If this failed, a default with a slip in its name would be found by who can't read data."""
    slip = WIDER.replace('"long"', '"long", "defualt": 1, "alias": ["x"], "names": 1, "owner": 2')
    said = 'w.avsc: the field id has a key "defualt", which Avro ignores: did you mean "default"?\n'
    for words in (
        ["register", "slip-value"],
        ["check", "slip-value"],
        ["check", "--against", "w.avsc"],
    ):
        done = schemas(*words, file("w.avsc", slip))
        assert (done.exit_code, said in done.stderr) == (0, True), done
        assert done.stderr.count("did you mean") == 2
    nested = '{"type": "array", "items": ' * 3000 + '"int"' + "}" * 3000
    assert "Recursion" not in schemas("check", "--against", "w.avsc", file("n.avsc", nested)).stderr


def test_who_is_refused_sees_no_request() -> None:
    """If this failed, a URL would stand where it is to be said that nobody was named."""
    from ottla.cli.registry_reach import refused
    from ottla.serdes.errors import RegistryError

    error = refused(RegistryError(401, 401, "who asks?", asked="GET http://x/y", hint="a token=x"))
    assert str(error) == "who asks? (401)"
    assert "--token TOKEN" in str(error.hint)


def test_levels_and_modes_are_the_registrys() -> None:
    """If this failed, a level that the registry knows could not be typed."""
    assert LEVELS == settings.LEVELS
    assert {*MODES} == {*settings.MODES, settings.FORWARD}


def test_a_name_that_is_nearly_right(schemas: Schemas) -> None:
    """If this failed, who types the topic's name instead of the subject's would be left alone."""
    schemas("register", "near-value", file("o.avsc", ORDER))
    for typed in ("near", "near-valeu", "ear-val"):
        assert schemas("show", typed).stderr.endswith("hint: did you mean near-value?\n")
    assert schemas("show", "near-value", 7).stderr.endswith("hint: near-value has 1\n")
    done = schemas("check", "near", "o.avsc")
    assert (done.exit_code, "did you mean near-value?" in done.stderr) == (0, True)


@pytest.mark.parametrize("action", ["show", "delete", "level", "mode", "diff", "list"])
def test_an_empty_word_is_no_subject(schemas: Schemas, action: str) -> None:
    """If this failed, a script whose variable is empty would ask for something else."""
    done = schemas(action, "")
    assert (done.exit_code, done.stdout, "SUBJECT is empty" in done.stderr) == (2, "", True)


def test_standard_input_and_contexts(schemas: Schemas) -> None:
    """If this failed, a schema could not come through a pipe, or not go into a context."""
    done = schemas("register", ":.pipe:s", "-", "--type", "avro", stdin=ORDER)
    assert done.stdout == "registered :.pipe:s version 1, id 1\n"
    assert ".pipe" in schemas("list", "--contexts").stdout.split()
    assert schemas("list", ":.pipe:", "--names").stdout == ":.pipe:s\n"
    assert told(schemas, "show", ":.pipe:", "--id", 1)["schema"]
    assert schemas("register", "s", "-", stdin=ORDER).exit_code == 2


def test_nobody_is_asked_where_no_terminal_is(schemas: Schemas) -> None:
    """If this failed, a script would delete what nobody said yes to, or hang."""
    schemas("register", "asked-value", file("o.avsc", ORDER))
    done = schemas("delete", "asked-value")
    assert (done.exit_code, "nobody is there to ask" in done.stderr) == (2, True)
    assert schemas("show", "asked-value").exit_code == 0


def test_on_a_terminal(schemas: Schemas) -> None:
    """If this failed, a person would see a schema on one line, or lose one without a question."""
    schemas("register", "seen-value", file("o.avsc", ORDER))
    with Terminal(["ottla", "schemas", "show", "seen-value"]) as terminal:
        assert terminal.ended() == 0
        assert "seen-value 1, id " in terminal.shown
        assert '\n  "fields": [\n' in terminal.shown
    with Terminal(["ottla", "schemas", "delete", "seen-value"]) as terminal:
        terminal.until("delete version 1 of seen-value")
        terminal.type("n\n")
        assert terminal.ended() == 1
    assert schemas("show", "seen-value").exit_code == 0


def test_a_shell_completes_subjects(schemas: Schemas) -> None:
    """If this failed, long names of subjects would have to be typed."""
    schemas("register", "tab-value", file("o.avsc", ORDER))
    schemas("register", "tab;touch x", "o.avsc")
    assert completions("ottla schemas show tab") == ["tab-value"]
    assert completions("ottla schemas delete tab", OTTLA_REGISTRY="http://127.0.0.1:1") == []


def test_which_registry_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this failed, a schema would go into the registry of a node that nobody named, or
    `ottla up --registry 0` would serve one that no command finds.
    """
    from ottla.cli import running_servers
    from ottla.cli.options import WrongWords
    from ottla.cli.registry_reach import AT, registry_at
    from ottla.errors import OttlaError

    monkeypatch.delenv("OTTLA_REGISTRY", raising=False)
    monkeypatch.delenv("OTTLA_AT", raising=False)
    here: list[running_servers.Server] = []
    monkeypatch.setattr(running_servers, "running_servers", lambda: here)
    assert registry_at(None).url == AT
    here.append(_server(9092, "http://localhost:8081"))
    assert registry_at(None).url == "http://localhost:8081"
    here.append(_server(9093, None))
    assert registry_at(None).url == "http://localhost:8081", "the other node has none"
    monkeypatch.setenv("OTTLA_AT", "127.0.0.1:9093")
    with pytest.raises(OttlaError, match="localhost:9093 has no schema registry; there is") as no:
        _ = registry_at(None).url
    assert "`ottla registry --at localhost:9093` serves one" in str(no.value.hint)
    here.append(_server(9094, "http://localhost:5000"))
    assert registry_at(None, node="localhost:9094").url == "http://localhost:5000"
    monkeypatch.setenv("OTTLA_AT", "localhost:9094")
    assert registry_at(None).url == "http://localhost:5000"
    monkeypatch.setenv("OTTLA_AT", "kafka.elsewhere:9092")
    with pytest.raises(WrongWords, match="is no node that runs here"):
        _ = registry_at(None).url
    monkeypatch.delenv("OTTLA_AT")
    with pytest.raises(WrongWords, match="2 nodes with a registry") as both:
        _ = registry_at(None).url
    assert "localhost:9094 (http://localhost:5000)" in str(both.value)
    monkeypatch.setenv("OTTLA_REGISTRY", "there:8081")
    assert registry_at(None).url == "http://there:8081"
    assert registry_at("here:8081").url == "http://here:8081"
    assert registry_at("http://me:secret@here:8081/x").shown == "http://here:8081/x"


def _server(port: int, registry: str | None) -> Any:
    from ottla.cli.running_servers import Server

    return Server(port, 1, ("broker",), f"localhost:{port}", registry=registry)


def test_of_two_registries_none_is_taken(
    registry_broker: ottla.Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If this failed, a command with two nodes here would change one of them by chance, or a
    comparison of files would ask which.
    """
    from ottla.cli import running_servers

    monkeypatch.delenv("OTTLA_REGISTRY", raising=False)
    monkeypatch.delenv("OTTLA_AT", raising=False)
    monkeypatch.chdir(tmp_path)
    url = registry_broker.schema_registry_url
    here = [_server(1, url), _server(2, "http://127.0.0.1:1")]
    monkeypatch.setattr(running_servers, "running_servers", lambda: here)
    name = file("o.avsc", ORDER)
    done = run(["ottla", "schemas", "register", "two-value", name])
    assert (done.exit_code, "2 nodes with a registry run here" in done.stderr) == (2, True)
    done = run(["ottla", "schemas", "register", "two-value", name, "--at", "localhost:1"])
    assert (done.exit_code, done.stderr) == (0, f"at {url}\n")
    assert run(["ottla", "schemas", "check", "--against", name, name]).exit_code == 0


def test_hints_from_elsewhere() -> None:
    """If this failed, who knows other tools' names would be sent to a list of verbs."""
    for word, hint in (
        ("schema-registry-start", "ottla registry serves a schema registry"),
        ("sr", "ottla schemas"),
        ("subjects", "ottla schemas"),
    ):
        done = run(["ottla", word, "x.properties"])
        assert (done.exit_code, hint in done.stderr) == (2, True)
