"""`ottla config`: configs of topics, brokers, the cluster and groups, as they are and to change.

What a change does is shown before and after. Values may have units where the key has one:
`retention.ms=7d`, `segment.bytes=64MiB`; what is sent is the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ottla.cli.options import WrongWords
from ottla.cli.places import duration_ms
from ottla.cli.reach import Where
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import Column, Row, json_option, note, show

if TYPE_CHECKING:
    from ottla.client.admin.configs import Change, Entry
    from ottla.client.client import Client

_COLUMNS = (
    Column("KEY", "key"),
    Column("VALUE", "value"),
    Column("SET", "source", style=lambda value: "dim" if value == "default" else "green"),
)
_CHANGES = (
    Column("KEY", "key"),
    Column("WAS", "was"),
    Column("IS", "value", style=lambda value: "green"),
)
_SOURCES = {
    "DYNAMIC_TOPIC_CONFIG": "topic",
    "DYNAMIC_BROKER_CONFIG": "broker",
    "DYNAMIC_DEFAULT_BROKER_CONFIG": "cluster",
    "STATIC_BROKER_CONFIG": "file",
    "DEFAULT_CONFIG": "default",
    "DYNAMIC_BROKER_LOGGER_CONFIG": "logger",
    "DYNAMIC_CLIENT_METRICS_CONFIG": "client metrics",
    "DYNAMIC_GROUP_CONFIG": "group",
}
_BYTES = {
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}


class _Config(Actions):
    """`ottla config NAME` shows it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def _complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """First a topic, then keys."""
    words = ctx.params.get("words") or ()
    if not words and not any(ctx.params.get(of) for of in ("broker", "cluster", "group")):
        return complete_topic(ctx, param, incomplete)
    from ottla.config.row import broker_rows, group_rows, topic_rows

    rows = topic_rows()
    if ctx.params.get("group"):
        rows = group_rows()
    elif ctx.params.get("broker") or ctx.params.get("cluster"):
        rows = broker_rows()
    return sorted(key for key in rows if key.startswith(incomplete))


VERB = _Config("config", "show and change configs of topics, brokers, groups", None)


class _Of(NamedTuple):
    """Whose configs."""

    kind: int
    name: str
    title: str


def _of_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say that it is no topic."""
    for option in (
        click.option("--group", is_flag=True, help="NAME is a consumer group."),
        click.option("--cluster", is_flag=True, help="The default of all brokers; no NAME."),
        click.option("--broker", is_flag=True, help="NAME is a broker's id."),
    ):
        function = option(function)
    return function


def _of(name: str | None, broker: bool, cluster: bool, group: bool) -> _Of:
    """Which resource is meant.

    Raises:
        WrongWords: none, or several.
    """
    from ottla.client.admin import configs

    if broker + cluster + group > 1:
        raise WrongWords("--broker, --cluster and --group do not go together")
    if cluster:
        if name is not None:
            raise WrongWords(f"'{name}' is a word too many", hint="--cluster is of all brokers")
        return _Of(configs.BROKER, "", "the cluster's brokers")
    if name is None:
        raise WrongWords(
            "NAME is missing", hint="ottla config TOPIC; or --broker 1, --cluster, --group NAME"
        )
    if broker:
        return _Of(configs.BROKER, name, f"broker {name}")
    if group:
        return _Of(configs.GROUP, name, f"group {name}")
    return _Of(configs.TOPIC, name, f"topic {name}")


@VERB.add
@verb(
    "show",
    "configs and where they come from",
    ("what was set for a topic", "ottla config my-events"),
    ("all that it goes by", "ottla config my-events --all"),
    ("one value, for a script", "ottla config my-events --key retention.ms --json"),
    ("a broker; the default of all brokers", "ottla config 1 --broker; ottla config --cluster"),
)
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_topic)
@_of_options
@click.option("-a", "--all", "all_of_them", is_flag=True, help="Defaults as well.")
@click.option("-k", "--key", metavar="KEY", multiple=True, help="These keys; repeatable.")
@reaches
@json_option
def _show(
    where: Where,
    name: str | None,
    broker: bool,
    cluster: bool,
    group: bool,
    all_of_them: bool,
    key: tuple[str, ...],
    as_json: bool,
) -> None:
    of = _of(name, broker, cluster, group)
    with where.client() as client:
        entries = _entries(client, of)
    unknown = [one for one in key if one not in entries]
    if unknown:
        raise _no_key(unknown[0], list(entries))
    rows: list[Row] = [
        {
            "key": entry.name,
            "value": "(hidden)" if entry.sensitive else entry.value,
            "source": _SOURCES.get(entry.source, entry.source),
        }
        for entry in entries.values()
        if (entry.name in key if key else all_of_them or not entry.is_default)
    ]
    none = f"nothing was set for {of.title}; --all shows the defaults"
    show(_COLUMNS, sorted(rows, key=lambda row: row["key"]), as_json=as_json, none=none)


@VERB.add
@verb(
    "set",
    "change configs",
    ("keep a week", "ottla config set my-events retention.ms=7d"),
    ("of all brokers", "ottla config set --cluster log.cleaner.threads=2"),
    (
        "only ask whether it would be taken",
        "ottla config set my-events segment.bytes=1GiB --dry-run",
    ),
)
@click.argument(
    "words", metavar="[NAME] KEY=VALUE...", nargs=-1, required=True, shell_complete=_complete_words
)
@_of_options
@click.option("--append", is_flag=True, help="Add to lists instead of replacing them.")
@click.option("--subtract", is_flag=True, help="Take out of lists.")
@click.option("--dry-run", is_flag=True, help="Only ask the cluster whether it would do it.")
@reaches
@json_option
def _set(
    where: Where,
    words: tuple[str, ...],
    broker: bool,
    cluster: bool,
    group: bool,
    append: bool,
    subtract: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from ottla.client.admin import configs

    if append and subtract:
        raise WrongWords("--append and --subtract do not go together")
    named = words[0] if "=" not in words[0] else None
    of = _of(named, broker, cluster, group)
    given = pairs("ottla config set", words[named is not None :])
    if not given:
        raise WrongWords("KEY=VALUE is missing", hint="ottla config set NAME retention.ms=7d")
    how = configs.APPEND if append else configs.SUBTRACT if subtract else configs.SET
    changes = [configs.Change(key, how, value) for key, value in given.items()]
    _change(where, of, changes, dry_run=dry_run, as_json=as_json)


@VERB.add
@verb(
    "unset",
    "go back to the default",
    ("as the cluster has it", "ottla config unset my-events retention.ms"),
)
@click.argument(
    "words", metavar="[NAME] KEY...", nargs=-1, required=True, shell_complete=_complete_words
)
@_of_options
@click.option("--dry-run", is_flag=True, help="Only ask the cluster whether it would do it.")
@reaches
@json_option
def _unset(
    where: Where,
    words: tuple[str, ...],
    broker: bool,
    cluster: bool,
    group: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from ottla.client.admin import configs

    named = None if cluster else words[0]
    of = _of(named, broker, cluster, group)
    keys = words[named is not None :]
    if not keys:
        raise WrongWords("KEY is missing", hint="ottla config unset NAME retention.ms")
    changes = [configs.Change(key, configs.DELETE, None) for key in dict.fromkeys(keys)]
    _change(where, of, changes, dry_run=dry_run, as_json=as_json)


def _change(where: Where, of: _Of, changes: list[Change], *, dry_run: bool, as_json: bool) -> None:
    """Do it, and show what each key was and is."""
    from ottla.client.admin import configs

    with where.client() as client:
        before = _entries(client, of)
        known = before
        if not of.name:  # the cluster tells only of what is set: any broker knows the rest
            broker = min(client.attempt(client.nodes))
            known = _entries(client, of._replace(name=str(broker)))
        for change in changes:
            if change.name not in known:
                raise _no_key(change.name, list(known))
        configs.alter(client, of.kind, {of.name: changes}, validate_only=dry_run)
        after = before if dry_run else _entries(client, of)
    rows: list[Row] = []
    for change in changes:
        was, now = before.get(change.name), after.get(change.name)
        rows.append(
            {
                "key": change.name,
                "was": None if was is None else was.value,
                "value": _previewed(change, was) if dry_run else None if now is None else now.value,
            }
        )
    show(_CHANGES, rows, as_json=as_json)
    if dry_run and not as_json:
        note("nothing was changed; without --dry-run it will be")


def _previewed(change: Change, was: Entry | None) -> str | None:
    """What it would be."""
    from ottla.client.admin import configs

    if change.operation not in (configs.APPEND, configs.SUBTRACT):
        return change.value
    before = [one for one in ((was and was.value) or "").split(",") if one]
    given = [one for one in (change.value or "").split(",") if one]
    if change.operation == configs.SUBTRACT:
        return ",".join(one for one in before if one not in given)
    return ",".join(dict.fromkeys([*before, *given]))


def _entries(client: Client, of: _Of) -> dict[str, Entry]:
    from ottla.cli.places import no_topic
    from ottla.client.admin import configs, topics
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    try:
        found = configs.describe(client, of.kind, [of.name])
    except BrokerError as error:
        if of.kind == configs.TOPIC and error.code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            raise no_topic(of.name, topics.names(client)) from None
        raise
    return {entry.name: entry for entry in found[of.name]}


def _no_key(key: str, known: list[str]) -> WrongWords:
    from ottla.cli.options import nearest

    return WrongWords(
        f"there is no config {key}", hint=nearest(key, known) or "--all shows those that there are"
    )


def pairs(option: str, words: tuple[str, ...]) -> dict[str, str]:
    """`key=value` words as a dict, units resolved.

    Raises:
        WrongWords: a word has no `=`, or a unit makes no sense.
    """
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongWords(f"{option} takes key=value, not '{word}'")
        if key in found:
            raise WrongWords(f"{key} is given twice, but takes one value")
        found[key] = plain(key, value)
    return found


def plain(key: str, value: str) -> str:
    """The number that a value with a unit stands for; any other value as it is.

    Raises:
        WrongWords: a value of milliseconds or bytes is neither a number nor has a unit.
    """
    if re.fullmatch(r"-?\d+", value.strip()) or not value:
        return value
    if key.endswith(".ms"):
        ms = duration_ms(value.strip().lower())
        if ms is not None:
            return str(ms)
        raise WrongWords(f"{key} takes milliseconds, or a duration like 7d or 2h30m, not '{value}'")
    if key.endswith(".bytes"):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)", value.strip().lower())
        if match and match[2] in _BYTES:
            return str(round(float(match[1]) * _BYTES[match[2]]))
        raise WrongWords(f"{key} takes bytes, or a size like 64MiB, not '{value}'")
    return value
