"""The options that say which cluster: `--at`, `--command-config`, `-X key=value`; and what a shell
completes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ottla.cli.reach import AT, where

if TYPE_CHECKING:
    from ottla.client.client import Client

COMPLETION_PATIENCE_MS = 800
"""A shell that is waiting for TAB's answer."""


def reaches(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that say where to; it is called with `where`."""
    import functools

    @functools.wraps(function)
    def called(
        *, at: str | None, command_config: str | None, x: tuple[str, ...], **more: Any
    ) -> Any:
        return function(where=where(at, command_config, x), **more)

    for option in reversed(
        (
            click.option(
                "-b",
                "--at",
                "--bootstrap-server",
                "at",
                metavar="HOST:PORT",
                help=f"The cluster; {AT}, or OTTLA_AT of the environment, if left out.",
            ),
            click.option(
                "--command-config",
                metavar="FILE",
                help="A properties file with settings of the client (TLS, SASL, time-outs); "
                "OTTLA_CONFIG of the environment if left out.",
            ),
            click.option(
                "-X", "x", metavar="KEY=VALUE", multiple=True, help="One such setting; repeatable."
            ),
        )
    ):
        called = option(called)
    return called


# ---------------------------------------------------------------- completion


def _asked(ctx: click.Context, question: Callable[[Client], list[str]]) -> list[str]:
    """What the cluster knows, for a shell that completes a word; nothing if nobody answers."""
    try:
        place = where(ctx.params.get("at"), ctx.params.get("command_config"))
        with place.client(patience_ms=COMPLETION_PATIENCE_MS, quiet=True) as client:
            return question(client)
    except Exception:  # a shell shows whatever goes wrong here in the middle of its line
        return []


def complete_topic(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Topics that begin so."""
    from ottla.client.admin import topics

    found = _asked(ctx, lambda client: topics.names(client, internal=False))
    return [name for name in found if name.startswith(incomplete)]


HARMLESS = re.compile(r"[\w.,:@%+=/-]+")
"""Names that a shell takes as they are: anybody may call a group `x;rm -r ~`."""


def complete_group(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Groups that begin so, and whose names no shell would read as more than a name."""
    from ottla.client.admin import groups

    found = _asked(ctx, lambda client: [row.group for row in groups.list_groups(client)])
    return [one for one in found if one.startswith(incomplete) and HARMLESS.fullmatch(one)]
