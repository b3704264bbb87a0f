"""The ways in which an operation is answered: now, in a thread, or by the leader.

What only looks at the state is answered at once, on the event loop; what reads schemas, or goes
through them all, is worked out in a thread, for it can take long; what changes something goes to
the leader.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

from ottla.registry.deciding.decision import Decision
from ottla.registry.instance import Instance
from ottla.registry.subjects import DEFAULT_CONTEXT, Subject, parsed
from ottla.web.operation import (
    BOOLEAN,
    INTEGER,
    STRING,
    STRINGS,
    Answer,
    Refusal,
    Request,
    Switch,
    answer_json,
)

Look = Callable[[Instance, Request], Any]
Decide = Callable[[Instance, Request], Decision]
Handler = Callable[[Request], Awaitable[Answer]]


class _Nothing(Refusal):
    """An empty list, which may only be not known yet."""


class Ways:
    """Binds an instance to the functions of rows."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def now(self, look: Look) -> Handler:
        """Answer from the state, on the event loop."""

        async def handle(request: Request) -> Answer:
            return _answer(await self.instance.read(lambda: look(self.instance, request)))

        return handle

    def listed(self, look: Look) -> Handler:
        """Answer a list from the state; where it is empty, one more look at the end of the log."""

        async def handle(request: Request) -> Answer:
            try:
                return _answer(
                    await self.instance.read(lambda: _some(look(self.instance, request)))
                )
            except _Nothing:
                return answer_json([])

        return handle

    def at_once(self, look: Look) -> Handler:
        """Answer from the state on the event loop; in a thread where that needs a schema read."""

        async def handle(request: Request) -> Answer:
            reads = bool(request.query.get("format") or request.query.get("findTags"))
            way = self.instance.work if reads else self.instance.read
            return _answer(await way(lambda: look(self.instance, request)))

        return handle

    def worked(self, look: Look) -> Handler:
        """Answer from the state, in a thread."""

        async def handle(request: Request) -> Answer:
            return _answer(await self.instance.work(lambda: look(self.instance, request)))

        return handle

    def compared(self, look: Look) -> Handler:
        """Answer by comparing schemas, in a thread apart from those that read."""

        async def handle(request: Request) -> Answer:
            answer = await self.instance.work(lambda: look(self.instance, request), compares=True)
            return _answer(answer)

        return handle

    def written(self, decide: Decide) -> Handler:
        """Have it decided and written."""

        async def handle(request: Request) -> Answer:
            return await self.instance.write(request, lambda: decide(self.instance, request))

        return handle

    def keyed(self, look: Look) -> Handler:
        """Answer from the keys, in a thread."""

        async def handle(request: Request) -> Answer:
            return _answer(await self.instance.work_on_keys(lambda: look(self.instance, request)))

        return handle

    def keyed_list(self, look: Look) -> Handler:
        """Answer a list from the keys; where it is empty, one more look at the end of the log."""

        async def handle(request: Request) -> Answer:
            try:
                return _answer(
                    await self.instance.work_on_keys(lambda: _some(look(self.instance, request)))
                )
            except _Nothing:
                return answer_json([])

        return handle

    def keyed_write(self, decide: Decide) -> Handler:
        """Have it decided and written among the keys."""

        async def handle(request: Request) -> Answer:
            return await self.instance.write(
                request, lambda: decide(self.instance, request), self.instance.keys
            )

        return handle


def _some(rows: Any) -> Any:
    if not rows:
        raise _Nothing(404, 404, "nothing is listed")
    return rows


def _answer(given: Any) -> Answer:
    return given if isinstance(given, Answer) else answer_json(given)


def subject_of(instance: Instance, request: Request, name: str = "subject") -> str:
    """The subject that a request means: what stands in its path, or what that is an alias of.

    It is one step: where that is an alias as well, its own name counts.
    """
    subject = str(parsed(request.path[name]))
    alias = (instance.state.config(subject) or {}).get("alias")
    return str(parsed(str(alias))) if alias else subject


def within_context(path: str, query: str) -> tuple[str, str]:
    """A path under /contexts/{context}/ as the one that names the context in each subject.

    Clients put it before every path, as a part of the registry's URL.

    Raises:
        Refusal: 404, for keys: they are the same in every context.
    """
    segments = path.split("/")
    if len(segments) < 4 or segments[1] != "contexts" or not segments[2]:
        return path, query
    context, rest = segments[2].removeprefix(":").removesuffix(":"), segments[3:]
    if context in ("", DEFAULT_CONTEXT):
        return "/" + "/".join(rest), query
    if not context.startswith("."):
        return path, query  # no context is called so, and nothing is there
    if rest[0] == "dek-registry":
        raise Refusal(
            404,
            404,
            f"there are no keys in the context {unquote(context)[:50]!r}: they are of all contexts",
            hint="ask /dek-registry without /contexts; a DEK's subject tells its own context",
        )
    prefix = quote(str(Subject(context, "")), safe="")
    at = {"subjects": 1, "config": 1, "mode": 1, "compatibility": 2}.get(rest[0])
    if at is not None and len(rest) > at and rest[at]:
        rest[at] = _within(prefix, rest[at])
    elif rest[0] in ("config", "mode"):
        rest = [rest[0], prefix]
    elif rest[0] in ("subjects", "schemas"):
        name = "subject" if len(rest) > 2 and rest[1] == "ids" else "subjectPrefix"
        wants = rest[0] == "subjects" or len(rest) == 1 or rest[1] == "ids"
        query = _placed(query, name, prefix) if wants else query
    elif rest[0].partition(":")[0] == "associations":
        if rest[1:2] == ["subjects"] and len(rest) > 2:
            rest[2] = _within(prefix, rest[2])
        query = _placed(query, "context", prefix)
    return "/" + "/".join(rest), query


def _within(prefix: str, subject: str) -> str:
    """A quoted subject with a context before it, unless it tells one itself."""
    text = unquote(subject)
    tells = parsed(text).context != DEFAULT_CONTEXT or text.startswith(f":{DEFAULT_CONTEXT}:")
    return subject if tells else prefix + subject


def _placed(query: str, name: str, prefix: str) -> str:
    """A query whose subject, told or not, is in the context."""
    parts = [part for part in query.split("&") if part]
    for at, part in enumerate(parts):
        key, _, value = part.partition("=")
        if key == name:
            if not value.lower().startswith((":", "%3a")):
                parts[at] = f"{name}={prefix}{value}"
            return "&".join(parts)
    return "&".join([*parts, f"{name}={prefix}"])


# Switches that several rows have.
NORMALIZE = Switch("normalize", BOOLEAN, False, "compare and keep the schema in its normal form")
FORMAT = Switch("format", STRING, "", "the form of the schema's text that is answered")
REFERENCE_FORMAT = Switch(
    "referenceFormat", STRING, "", 'with "qualified", subjects of references tell their context'
)
DELETED = Switch("deleted", BOOLEAN, False, "softly deleted ones too")
DELETED_ONLY = Switch("deletedOnly", BOOLEAN, False, "softly deleted ones alone")
PERMANENT = Switch("permanent", BOOLEAN, False, "for good, what was softly deleted before")
OFFSET = Switch("offset", INTEGER, 0, "how many to leave out at the beginning")
LIMIT = Switch("limit", INTEGER, -1, "how many at most; -1 for all")
SUBJECT = Switch("subject", STRING, "", "the subject, or the context, to look in")
FIND_TAGS = Switch("findTags", STRINGS, (), 'tell where these tags are; "*" for any')
VERBOSE = Switch("verbose", BOOLEAN, False, "say why, where it is not compatible")
DEFAULT_TO_GLOBAL = Switch(
    "defaultToGlobal", BOOLEAN, False, "what counts, where nothing of its own was set"
)
FORCE = Switch("force", BOOLEAN, False, "also where schemas are there already")
RECURSIVE = Switch("recursive", BOOLEAN, False, "of all that is within it, too")
DRY_RUN = Switch("dryRun", BOOLEAN, False, "say what would be done, and do nothing")
CASCADE_LIFECYCLE = Switch(
    "cascadeLifecycle", BOOLEAN, False, "delete the subjects of STRONG ones for good, too"
)
