"""Write the pages of this folder from the rows in the code: `make docs`. A test holds them against
it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ottla.config.alteration import changes_while_running
from ottla.config.documentation import documentation
from ottla.config.group import synonym
from ottla.config.row import REFUSED, Row, broker_rows, group_rows, topic_rows
from ottla.config.topic import SYNONYMS
from ottla.metrics.rows import rows as metric_rows

HERE = Path(__file__).parent
WRITTEN = "<!-- Written by `make docs` from the code; do not edit. -->"
CHANGES = {"static": "no", "broker": "per broker", "cluster": "per broker or for all"}


def pages() -> dict[str, str]:
    """File name to text of every page."""
    return {
        "broker-configs.md": _broker(),
        "topic-configs.md": _topic(),
        "group-configs.md": _group(),
        "metrics.md": _metrics(),
    }


def _page(title: str, words: str, head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    table = [tuple(head), tuple("---" for _ in head), *(tuple(line) for line in lines)]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    return f"{WRITTEN}\n# {title}\n\n{words}\n\n{body}\n"


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
    head = ("key", "type", "default", "changes while running", "what it does")
    first = _page(
        "Broker configs",
        f"What a `server.properties` may set. Of {len(rows)} keys these {len(honoured)} are "
        "honoured; keys that begin with `ottla.` are ours, all others are Apache Kafka 4.3.1's, "
        "with its defaults.",
        head,
        (
            [*_cells(row), _changes(row), documentation("broker", row.name) or ""]
            for row in honoured
        ),
    )
    second = _page(
        "Not honoured yet",
        "A file may set these: each is named in the log at WARN when the node starts, or refused "
        "where it would be unsafe to leave it out.",
        ("key", "type", "default", "what happens"),
        ([*_cells(row), _fate(row)] for row in others),
    )
    return first + "\n" + second.removeprefix(WRITTEN + "\n").replace("# ", "## ", 1)


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
        ("key", "type", "default", "broker's key", "what it does"),
        (
            [
                *_cells(row),
                ", ".join(f"`{key}`" for key in SYNONYMS[row.name]) or "none",
                documentation("topic", row.name) or "",
            ]
            for row in topic_rows().values()
            if not row.internal
        ),
    )


def _group() -> str:
    return _page(
        "Group configs",
        "What a group may set for itself, within the broker's bounds. Share and streams groups, "
        "and consumer groups of the new protocol, are not there yet; classic groups set nothing.",
        ("key", "type", "default", "broker's key", "what it does"),
        (
            [
                *_cells(row),
                f"`{synonym(row.name)}`" if synonym(row.name) else "none",
                documentation("group", row.name) or "",
            ]
            for row in group_rows().values()
        ),
    )


def _metrics() -> str:
    return _page(
        "Metrics",
        "A server shows these at `/metrics` where `ottla.http.listen` says (for example "
        "`ottla.http.listen=127.0.0.1:9405`). Names that begin with `kafka_` are those that the "
        "public jmx_exporter rules for KRaft give to Apache Kafka's own metrics.",
        ("metric", "kind", "label", "what it says"),
        (
            [f"`{row.name}`", row.kind, f"`{row.label}`" if row.label else "", row.help]
            for row in metric_rows()
        ),
    )


def main() -> int:
    """Write all pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
