"""Write the pages of this folder from the rows in the code: `make docs`. A test holds them against
it.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from ottla.broker.router import Router
from ottla.cli import kafka_storage
from ottla.cli.launch import COMMANDS
from ottla.cli.options import help_text
from ottla.cli.verb import app
from ottla.config.alteration import (
    changes_while_running,
    dynamic_rows,
    why_without_effect,
)
from ottla.config.connections import OF_LISTENERS
from ottla.config.documentation import documentation
from ottla.config.group import synonym
from ottla.config.row import REFUSED, Row, broker_rows, group_rows, topic_rows
from ottla.config.topic import SYNONYMS
from ottla.metrics.rows import rows as metric_rows
from ottla.wire.api import apis
from ottla.wire.errors import ErrorCode

HERE = Path(__file__).parent
WRITTEN = "<!-- Written by `make docs` from the code; do not edit. -->"
TOOLS = [name for name in COMMANDS.values() if name not in ("verb.app", "kafka_storage")]
CHANGES = {"static": "no", "broker": "per broker", "cluster": "per broker or for all"}


def pages() -> dict[str, str]:
    """File name to text of every page."""
    return {
        "broker-configs.md": _broker(),
        "topic-configs.md": _topic(),
        "group-configs.md": _group(),
        "metrics.md": _metrics(),
        "commands.md": _commands(),
        "verb.md": _verb(),
        "apis.md": _apis(),
        "errors.md": _errors(),
        **_client(),
        **_registry(),
        **_transactions(),
        **_streams(),
        "../../config/grafana/ottla.json": runpy.run_path(str(HERE / "dashboard.py"))["text"](),
        **_groups(),
        **_record(),
        **_folder(),
        "../../README.md": _readme(),
    }


SERVED = re.compile(r"(<!-- served[^>]*-->\n).*(<!-- /served -->)", re.DOTALL)


def _readme() -> str:
    """The README, with what it says of the APIs as they are served today."""
    router = Router()
    served = {api.name for flag in (False, True) for api in router.announced(controller=flag)}
    clients = {row.name for row in apis() if "broker" in row.listeners}
    text = (
        f"- {len(served & clients)} of the {len(clients)} APIs that a broker of Apache Kafka 4.3.1 "
        "has for its clients and peers, each at Kafka's own versions "
        "([which](docs/reference/apis.md)).\n"
    )
    readme = (HERE / ".." / ".." / "README.md").read_text(encoding="utf-8")
    return SERVED.sub(lambda found: found[1] + text + found[2], readme)


def _client() -> dict[str, str]:
    (found,) = _beside("client")
    return {
        "client.md": f"{WRITTEN}\n# ottla.client\n\n{found['text']()}",
        "client-settings.md": f"{WRITTEN}\n# Settings of clients\n\n{found['settings_text']()}",
        "client-admin.md": f"{WRITTEN}\n# ottla.client.admin\n\n{found['admin_text']()}",
    }


def _registry() -> dict[str, str]:
    api, serdes, contract, drawings = _beside("registry", "serdes", "contract", "drawings")
    return {
        "../concepts/contract-way.svg": drawings["way"](
            contract["way"](), contract["ACTORS"], "The way of a schema, and of records by it"
        ),
        "registry-api.md": f"{WRITTEN}\n# The registry's API\n\n{api['text']()}\n",
        "serdes.md": f"{WRITTEN}\n# ottla.serdes\n\n{serdes['text']()}",
    }


def _streams() -> dict[str, str]:
    (found,) = _beside("streams")
    page = f"{WRITTEN}\n# ottla.streams\n\n{found['text']()}"
    return {"streams.md": page, **found["drawings"]()}


def _transactions() -> dict[str, str]:
    found, drawings = _beside("transactions", "drawings")
    words = (
        "What the coordinator does with a transactional id, found by giving the decider each input "
        "in each state that it reaches. An input that has no row in a state changes nothing there: "
        "no record is written and no leader asked, and a client that sent it is told that all is "
        "well, as for another batch in a partition that the transaction has already.\n\n"
        "An `EndTxn` is the producer's present one here. One that comes again, as its answer was "
        "lost, has in version 2 the epoch from before the end: it is told that end once more, "
        "without an error, as soon as all markers are written (`INVALID_TXN_STATE` if it asks for "
        "the other end). Whoever has an older epoch hears `PRODUCER_FENCED`, and for a batch "
        "`INVALID_PRODUCER_EPOCH`: another producer has taken the id, or the node has ended the "
        "transaction. What offsets are committed in it enters it as a batch does, by the partition "
        "of `__consumer_offsets` that the group lives in (`TxnOffsetCommit`, and before version 2 "
        "`AddOffsetsToTxn`)."
    )
    return {
        "transactions.md": f"{WRITTEN}\n# Transactions\n\n{words}\n\n{found['table']()}",
        "../concepts/transaction-states.svg": drawings["states"](
            drawings["TRANSACTION"], found["steps"](2)
        ),
        **{
            f"../concepts/{name}.svg": drawings["way"](
                found["way"](level), found["ACTORS"], "The way of a transaction"
            )
            for name, level in (("transaction-way", 2), ("transaction-way-1", 1))
        },
    }


def _beside(*names: str) -> list[dict[str, Any]]:
    # They are no modules of a package, and whoever runs this file is anywhere.
    return [runpy.run_path(str(HERE / f"{name}.py")) for name in names]


def _record() -> dict[str, str]:
    found, drawings = _beside("record", "drawings")
    seen = found["recorded"]()
    rows = found["rows"](seen)
    return {
        "../concepts/record-way.svg": drawings["way"](
            found["way"](seen), found["ACTORS"], "The way of a record, from send to poll"
        ),
        "../concepts/record-batch.svg": drawings["layout"](rows, found["RECORD"], "in the CRC"),
    }


def _folder() -> dict[str, str]:
    (found,) = _beside("folder")
    page = "../concepts/folder.md"
    text = (HERE / page).read_text(encoding="utf-8")
    text = _put(text, "tree", f"```text\n{found['tree']()}\n```")
    return {page: _put(text, "files", found["table"]())}


def _put(text: str, name: str, body: str) -> str:
    """A page of ours with one part of it written anew."""
    begin, end = f"<!-- {name}, written by `make docs` -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise LookupError(f"no place for {name}")
    return f"{before}{begin}\n\n{body}\n\n{end}{after}"


def _groups() -> dict[str, str]:
    found, drawings = _beside("groups", "drawings")
    rounds = {name: found[name]() for name in ("eager", "cooperative", "static")}
    return {
        "../concepts/group-states.svg": drawings["states"](drawings["GROUP"], found["steps"]()),
        **{
            f"../concepts/group-{name}.svg": drawings["way"](
                one.said, one.actors, f"The way of a rebalance: {name}"
            )
            for name, one in rounds.items()
        },
    }


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    rows = [tuple(head), tuple("---" for _ in head), *(tuple(line) for line in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _page(title: str, words: str, *parts: str) -> str:
    return "\n\n".join((f"{WRITTEN}\n# {title}", words, *parts)) + "\n"


def _sectioned(
    sections: str, head: Iterable[str], lines: Iterable[tuple[str, list[str]]], level: int = 2
) -> str:
    """A table for each section of a page, from (name, cells)."""
    (found,) = _beside("sections")
    return "\n\n".join(
        f"{'#' * level} {title}\n\n{_table(head, rows)}"
        for title, rows in found["sorted_out"](found[sections], lines)
    )


def _code(text: str | None) -> str:
    if text is None:
        return "none"
    if text in ("", "REQUIRED"):
        return {"": "empty", "REQUIRED": "must be set"}[text]
    return f"`{text}`".replace("|", "\\|")


def _broker() -> str:
    rows = [row for row in broker_rows().values() if not row.internal]
    honoured = [row for row in rows if row.honoured]
    others = [row for row in rows if not row.honoured]
    return _page(
        "Broker configs",
        f"What a `server.properties` may set. Of {len(rows)} keys these {len(honoured)} are "
        "honoured; keys that begin with `ottla.` are ours, all others are Apache Kafka 4.3.1's, "
        f"with its defaults. Below them: the {len(others)} that are [not honoured "
        "yet](#not-honoured-yet), and which can be [changed while a node "
        "runs](#changed-while-a-node-runs).",
        _sectioned(
            "CONFIGS",
            ("key", "type", "default", "changes while running", "what it does"),
            (
                (row.name, [*_cells(row), _changes(row), documentation("broker", row.name) or ""])
                for row in honoured
            ),
        ),
        "## Not honoured yet",
        "A file may set these: each is named in the log at WARN when the node starts, or refused "
        "where it would be unsafe to leave it out.",
        _sectioned(
            "CONFIGS",
            ("key", "type", "default", "what happens"),
            ((row.name, [*_cells(row), _fate(row)]) for row in others),
            level=3,
        ),
        "## Changed while a node runs",
        *_dynamic(),
    )


def _dynamic() -> tuple[str, str]:
    rows = dynamic_rows()
    changing = [name for name in rows if changes_while_running(name)]
    own = " and ".join(f"`listener.name.NAME.{key}`" for key in OF_LISTENERS)
    return (
        f"What `kafka-configs.sh --alter --broker` may set in Apache Kafka 4.3.1: {len(rows)} "
        f"keys. {len(changing)} of them take effect at once in a running node, are kept in the "
        f"metadata log, and stand before what the file says; {own} are a listener's own. The "
        "others are refused by name. One that is set already, as in a folder that Apache Kafka "
        "wrote, is named in the log and may be deleted.",
        _sectioned(
            "CONFIGS",
            ("key", "may be set", "what a change does"),
            (
                (name, [f"`{name}`", CHANGES[row.scope], _of_change(name)])
                for name, row in rows.items()
            ),
            level=3,
        ),
    )


def _of_change(name: str) -> str:
    reason = why_without_effect(name)
    return "takes effect at once" if reason is None else f"refused: can't be {reason}"


def _changes(row: Row) -> str:
    return CHANGES[row.scope] if changes_while_running(row.name) else "no"


def _cells(row: Row) -> list[str]:
    return [f"`{row.name}`", row.type.lower(), _code(row.default)]


def _fate(row: Row) -> str:
    if row.stance.startswith(REFUSED):
        return "refused: " + row.stance.removeprefix(REFUSED)
    return row.stance


def _topic() -> str:
    return _page(
        "Topic configs",
        "What a topic may set for itself; without it, the broker's key counts.",
        _sectioned(
            "TOPIC_CONFIGS",
            ("key", "type", "default", "broker's key", "what it does"),
            (
                (
                    row.name,
                    [
                        *_cells(row),
                        ", ".join(f"`{key}`" for key in SYNONYMS[row.name]) or "none",
                        documentation("topic", row.name) or "",
                    ],
                )
                for row in topic_rows().values()
                if not row.internal
            ),
        ),
    )


def _group() -> str:
    return _page(
        "Group configs",
        "What a group may set for itself, within the broker's bounds. Share and streams groups, "
        "and consumer groups of the new protocol, are not there yet; classic groups set nothing.",
        _sectioned(
            "GROUP_CONFIGS",
            ("key", "type", "default", "broker's key", "what it does"),
            (
                (
                    row.name,
                    [
                        *_cells(row),
                        f"`{synonym(row.name)}`" if synonym(row.name) else "none",
                        documentation("group", row.name) or "",
                    ],
                )
                for row in group_rows().values()
            ),
        ),
    )


def _metrics() -> str:
    return _page(
        "Metrics",
        "A server shows these at `/metrics` where `ottla.http.listen` says (for example "
        "`ottla.http.listen=127.0.0.1:9405`). Names that begin with `kafka_` are those that the "
        "public jmx_exporter rules for KRaft give to Apache Kafka's own metrics. Which of them "
        "matter most, and what to do when they move: [what to "
        "watch](../guides/server.md#what-to-watch).",
        _sectioned(
            "METRICS",
            ("metric", "kind", "label", "what it says"),
            (
                (
                    row.name,
                    [
                        f"`{row.name}`",
                        row.kind,
                        ", ".join(f"`{label}`" for label in row.labels),
                        row.help,
                    ],
                )
                for row in metric_rows()
            ),
        ),
    )


def _commands() -> str:
    verbs = [command for command, _ in kafka_storage.VERB_ROWS.values()]
    tools = [import_module(f"ottla.cli.{name}") for name in TOOLS]
    commands = sorted([*(tool.COMMAND for tool in tools), *verbs], key=lambda each: each.name)
    parts = [(command.name, help_text(command)) for command in commands]
    about = (
        "What `--help` of the commands of Apache's names prints; [ottla](verb.md) has its own page."
    )
    return f"{WRITTEN}\n# Commands\n\n{about}\n\n{_shown(parts)}"


def _verb() -> str:
    parts = [("ottla", app.HELP.rstrip())]
    parts += [(words, app.help_of(words, verb).rstrip()) for words, verb in app.every_verb()]
    return f"{WRITTEN}\n# ottla\n\nWhat `--help` of each verb prints.\n\n{_shown(parts)}"


def _shown(parts: list[tuple[str, str]]) -> str:
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in parts)


def _apis() -> str:
    router = Router()
    broker = {api.key for api in router.announced(controller=False)}
    controller = {api.key for api in router.announced(controller=True)}
    served = {api.key: api for flag in (False, True) for api in router.announced(controller=flag)}
    return _page(
        "APIs",
        f"What a node announces and serves: {len(served)} APIs, at Apache Kafka 4.3.1's own lowest "
        "and highest versions. A client that asks for another one is hung up on.",
        _sectioned(
            "APIS",
            ("API", "key", "versions", "listeners"),
            (
                (
                    api.name,
                    [
                        api.name,
                        str(api.key),
                        f"{api.min_version} to {api.max_version}",
                        ", ".join(
                            name
                            for name, keys in (("broker", broker), ("controller", controller))
                            if api.key in keys
                        ),
                    ],
                )
                for api in served.values()
            ),
        ),
    )


CODES = 20
"""So many error codes make a section."""


def _errors() -> str:
    errors = sorted(ErrorCode.all(), key=int)
    groups: dict[int, list[ErrorCode]] = {}
    for error in errors:
        groups.setdefault(max(int(error), 0) // CODES, []).append(error)
    return _page(
        "Error codes",
        "The codes of Kafka's protocol, with what they mean in our words. A client may try again "
        "after a retriable one.",
        *(
            f"## {int(some[0])} to {int(some[-1])}\n\n"
            + _table(
                ("code", "name", "retriable", "what it says"),
                (
                    [str(int(one)), f"`{one.name}`", "yes" if one.retriable else "no", one.text]
                    for one in some
                ),
            )
            for some in groups.values()
        ),
    )


def main() -> int:
    """Write all pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
