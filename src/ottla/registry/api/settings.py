"""Operations of configs, modes, contexts and compatibility."""

from __future__ import annotations

from typing import Any

from ottla.registry.api.ways import (
    DEFAULT_TO_GLOBAL,
    FORCE,
    LIMIT,
    NORMALIZE,
    OFFSET,
    RECURSIVE,
    VERBOSE,
    Ways,
    subject_of,
)
from ottla.registry.contracts import Json
from ottla.registry.deciding import checking, deleting, looking, setting
from ottla.registry.deciding.decision import Decision
from ottla.registry.instance import Instance
from ottla.web.operation import STRING, Operation, Request, Switch

CONTEXT_PREFIX = Switch("contextPrefix", STRING, "", "what it begins with")
_CHECKED = "/compatibility/subjects/{subject}/versions"


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    now, compared, written = ways.now, ways.compared, ways.written
    return [
        *_settings(ways, "", "everything", "TopLevel"),
        *_settings(ways, "/{subject}", "a subject", "Subject"),
        Operation(
            "GET", "/contexts", "listContexts", "The contexts", now(_contexts),
            (CONTEXT_PREFIX, OFFSET, LIMIT), gives="Names",
        ),
        Operation(
            "DELETE", "/contexts/{context}", "deleteContext", "Delete a context that is empty",
            written(_delete_context), refuses=(40401, 42205, 42211), status=204,
        ),
        Operation(
            "POST", _CHECKED, "testCompatibilityForSubject",
            "Whether a schema may be the next version", compared(_check), (NORMALIZE, VERBOSE),
            takes="RegisterSchemaRequest", gives="CompatibilityCheckResponse", refuses=(42201,),
        ),
        Operation(
            "POST", f"{_CHECKED}/{{version}}", "testCompatibilityBySubjectName",
            "Whether a schema may come after one version", compared(_check), (NORMALIZE, VERBOSE),
            takes="RegisterSchemaRequest", gives="CompatibilityCheckResponse",
            refuses=(40401, 40402, 42201, 42202),
        ),
    ]  # fmt: skip


def _settings(ways: Ways, path: str, whose: str, name: str) -> list[Operation]:
    """The rows of a config and a mode, of everything or of a subject."""
    now, written = ways.now, ways.written
    return [
        Operation(
            "GET", f"/config{path}", f"get{name}Config", f"The config of {whose}",
            now(_config), (DEFAULT_TO_GLOBAL,), gives="Config",
            refuses=(40408, 42208),
        ),
        Operation(
            "PUT", f"/config{path}", f"update{name}Config", f"Change the config of {whose}",
            written(_set_config), takes="ConfigUpdateRequest", gives="ConfigUpdateRequest",
            refuses=(42203, 42205, 42208, 42210),
        ),
        Operation(
            "DELETE", f"/config{path}", f"delete{name}Config",
            f"Take back the config of {whose}", written(_delete_config), gives="Config",
            refuses=(40408, 42205, 42208),
        ),
        Operation(
            "GET", f"/mode{path}", f"get{name}Mode", f"The mode of {whose}", now(_mode),
            (DEFAULT_TO_GLOBAL,), gives="Mode", refuses=(40409, 42208),
        ),
        Operation(
            "PUT", f"/mode{path}", f"update{name}Mode", f"Change the mode of {whose}",
            written(_set_mode), (FORCE,), takes="Mode", gives="Mode",
            refuses=(42204, 42205, 42208),
        ),
        Operation(
            "DELETE", f"/mode{path}", f"delete{name}Mode", f"Take back the mode of {whose}",
            written(_delete_mode), (RECURSIVE,), gives="Mode",
            refuses=(40409, 42208),
        ),
    ]  # fmt: skip


def _subject(request: Request) -> str | None:
    return request.path.get("subject")


def _config(instance: Instance, request: Request) -> Json:
    return setting.get_config(
        instance.state, _subject(request), default_to_global=request.query["defaultToGlobal"]
    )


def _set_config(instance: Instance, request: Request) -> Decision:
    return setting.set_config(instance.state, _subject(request), request.json())


def _delete_config(instance: Instance, request: Request) -> Decision:
    return setting.delete_config(instance.state, _subject(request))


def _mode(instance: Instance, request: Request) -> Json:
    return setting.get_mode(
        instance.state, _subject(request), default_to_global=request.query["defaultToGlobal"]
    )


def _set_mode(instance: Instance, request: Request) -> Decision:
    force = request.query["force"]
    return setting.set_mode(instance.state, _subject(request), request.json(), force=force)


def _delete_mode(instance: Instance, request: Request) -> Decision:
    recursive = request.query["recursive"]
    return setting.delete_mode(instance.state, _subject(request), recursive=recursive)


def _contexts(instance: Instance, request: Request) -> list[Any]:
    query = request.query
    found = [c for c in instance.state.contexts() if c.startswith(query["contextPrefix"])]
    return looking.page(found, query["offset"], query["limit"])


def _delete_context(instance: Instance, request: Request) -> Decision:
    return deleting.delete_context(instance.state, request.path["context"])


def _check(instance: Instance, request: Request) -> Json:
    told = checking.check(
        instance.state,
        instance.reading,
        subject_of(instance, request),
        request.path.get("version"),
        request.json(),
        normalize=request.query["normalize"],
    )
    answer: Json = {"is_compatible": not told}
    if request.query["verbose"]:
        answer["messages"] = told
    return answer
