"""What pages name is there: paths, commands and their options, metrics, config keys, defaults.

Pages that are written from the code (`docs/reference`) need no such test, and the changelog may
name what was. A name with a capital word in it (`NAME`, `ROOM`) stands for many and is not looked
up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from ottla.cli.launch import COMMANDS
from ottla.cli.options import help_text
from ottla.client.foreign_settings import IDLE, REFUSED
from ottla.client.settings import HONOURED, OTHER_NAMES
from ottla.config.row import broker_rows, group_rows, topic_rows
from ottla.metrics.rows import rows as metric_rows

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    if "reference" not in path.parts and path.name != "CHANGELOG.md"
)
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
PLACE = re.compile(r"(?:src|config|examples|tests|docs|bin|rust|bench)/[\w./-]*")
MADE = ("docs/_build", "tests/java/target", "rust/target")
"""What is there once something was built."""
SCRIPT = re.compile(r"\bkafka-[a-z0-9-]+\.sh\b")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
METRIC = re.compile(r"\b(?:kafka|ottla)_[a-z0-9_]+")
NO_METRIC = ("kafka_per_test", "kafka_config", "kafka_topics", "kafka_consumergroup_lag")
"""Fixtures, a command's file, and what another exporter calls lag."""
NO_METRIC_BEGINS = ("kafka_client_", "kafka_cleanshutdown")
KEY = re.compile(r"([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+)(?:=.*)?")
FILES = re.compile(r"\.(py|pyi|rs|md|sh|svg|properties|checkpoint|metadata|index|log|toml|json)$")
UNITS = re.compile(
    r"\.(ms|bytes|minutes|hours|enable|size|seconds|rate|percent|threads|messages|records|factor"
    r"|replicas|partitions|retries|servers|policy|type|reset|timeout|level|id|dirs?|listen)$"
)
"""How keys of configurations end, and hardly anything else."""
SAID = {
    "cluster.id",  # of meta.properties
    "directory.id",
    "broker.dir",  # what the code calls things
    "rebalance.time.ms",  # a column of kafka-consumer-perf-test.sh
    "testcontainers.reuse.enable",  # of its own
    "application.id",  # of Kafka Streams in Java
    "num.stream.threads",
    "statestore.cache.max.bytes",
}
OF_REGISTRIES = ("kafkastore.", "schema.compatibility.", "schema.registry.")
"""How keys of another registry's file begin, which a page says the options instead of."""


def spans(page: str) -> Iterator[str]:
    """What a page writes between backticks, outside of its blocks."""
    yield from SPAN.findall(BLOCK.sub("", (ROOT / page).read_text(encoding="utf-8")))


def stands_for_many(text: str) -> bool:
    """Whether a name is no name but the form of some."""
    return re.search(r"[A-Z]{3}|\*|\.\.\.|_X\b", text) is not None


@cache
def options_of() -> dict[str, frozenset[str]]:
    """The options of each command, by what its help says."""
    from ottla.cli import kafka_storage
    from ottla.cli.verb import app

    found = {}
    for name, module in COMMANDS.items():
        if name not in ("ottla", "kafka-storage"):
            command = import_module(f"ottla.cli.{module}").COMMAND
            found[f"{name}.sh"] = frozenset(OPTION.findall(help_text(command)))
    verbs = [command for command, _ in kafka_storage.VERB_ROWS.values()]
    storage = " ".join(help_text(command) for command in verbs)
    found["kafka-storage.sh"] = frozenset(OPTION.findall(storage))
    for words, verb in app.every_verb():
        found[words] = frozenset(opt for one in verb.params for opt in one.opts)
    return found


@cache
def keys() -> frozenset[str]:
    """Every key that a configuration may have: of a broker, topic, group or client."""
    clients = {name for names in HONOURED.values() for name in names}
    others = {*OTHER_NAMES, *REFUSED, *IDLE}
    dotted = {name.replace("_", ".") for name in others}
    return frozenset({*broker_rows(), *topic_rows(), *group_rows(), *clients, *others, *dotted})


@cache
def neighbours() -> frozenset[str]:
    """What keys begin with, up to their last word; of TLS and SASL other clients have names of
    their own.
    """
    mine = [name for name in keys() if not name.startswith(("ssl.", "sasl."))]
    begins = [name.rsplit(".", 1)[0] for name in mine if name.count(".") > 1]
    return frozenset(begins)


@pytest.mark.parametrize("page", PAGES)
def test_paths_are_there(page: str) -> None:
    """If this failed, whoever looks for a file that a page names would not find it."""
    named = {m[0].rstrip(".") for text in spans(page) if (m := PLACE.match(text))}
    missing = [
        name
        for name in sorted(named)
        if not stands_for_many(name)
        if not name.startswith(MADE)
        if not any((ROOT / root / name).exists() for root in ("", "src/ottla", "rust/core/src"))
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_there(page: str) -> None:
    """If this failed, a page would tell of a command that is not here, nor said to be missing."""
    missed = SCRIPT.findall((ROOT / "docs" / "not-here-yet.md").read_text(encoding="utf-8"))
    known = {*(f"{name}.sh" for name in COMMANDS), *missed}
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not set(SCRIPT.findall(text)) - known


def _verb_of(text: str) -> str:
    """`ottla groups reset` of `ottla groups reset my-group --yes`, or what comes nearest."""
    words = text.split(" | ")[0].split()
    if words[:1] != ["ottla"]:
        return ""
    for verb in (" ".join(words[:3]), " ".join(words[:2])):
        usual = {"ottla config": "ottla config show", "ottla topics": "ottla topics list"}
        usual |= {
            "ottla groups": "ottla groups list",
            "ottla transactions": "ottla transactions list",
        }
        found = usual.get(verb, verb)
        if found in options_of():
            return found
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_options_are_there(page: str) -> None:
    """If this failed, a page would name an option that its command does not know."""
    wrong = []
    for text in spans(page):
        name = SCRIPT.match(text)
        called = name[0] if name else _verb_of(text)
        if called in options_of():
            unknown = set(OPTION.findall(text)) - options_of()[called]
            wrong += [f"{called} {one}" for one in sorted(unknown)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_metrics_are_there(page: str) -> None:
    """If this failed, somebody would watch, or be alarmed by, a metric that nobody shows."""
    known = {row.name for row in metric_rows()}
    histograms = [row.name for row in metric_rows() if row.kind == "histogram"]
    known |= {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    named = {name for text in spans(page) for name in METRIC.findall(text)}
    missing = [
        name
        for name in sorted(named - known - {*NO_METRIC})
        if not name.startswith(NO_METRIC_BEGINS)
        if not (name.endswith("_") and any(one.startswith(name) for one in known))
        if not (ROOT / "src" / "ottla" / "cli" / f"{name}.py").exists()
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_config_keys_are_there(page: str) -> None:
    """If this failed, somebody would set a key that nothing reads."""
    named = {m[1] for text in spans(page) if (m := KEY.fullmatch(text))}
    missing = [
        name
        for name in sorted(named - keys() - SAID)
        if not FILES.search(name)
        if not name.startswith(OF_REGISTRIES)
        if UNITS.search(name) or name.rsplit(".", 1)[0] in neighbours()
    ]
    assert not missing


ROW = re.compile(r"^\| `([a-z0-9.]+)` \| (the consumer's|the broker's) \| `([^`]+)` \|", re.M)


def test_defaults_of_the_groups_page() -> None:
    """If this failed, the page on groups would tell other times than those that hold."""
    from ottla.client.settings import Settings

    consumer = Settings("consumer", {})
    rows = ROW.findall((ROOT / "docs" / "concepts" / "groups.md").read_text(encoding="utf-8"))
    assert len(rows) == 8
    for key, whose, default in rows:
        if whose == "the broker's":
            assert broker_rows()[key].default == default, key
        else:
            assert str(consumer[key]) == default, key
