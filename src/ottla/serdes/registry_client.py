"""A client of a schema registry: Ottla's own, Confluent's, or any that has the same API.

    with SchemaRegistry("http://localhost:8081") as registry:
        registry.register("orders-value", '{"type": "record", "name": "Order", "fields": []}')

What can't change is remembered: schemas by id and by GUID, versions, and what was registered.
Which version is the latest counts for a minute. Any number of threads may use one client. A path
in the URL (`…/contexts/.staging`) stands before every request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ottla.errors import OttlaError
from ottla.serdes.contract import Checked, Contract, Json, Registered, registered, text_of
from ottla.serdes.errors import BadRegistrySetting, RegistryError
from ottla.serdes.memory import Memory
from ottla.serdes.registry_http import (
    RETRIES,
    RegistryHttp,
    Tls,
    Token,
    basic_header,
)

LATEST = "latest"
LATEST_SECONDS = 60.0
ENTRIES_MAX = 1000

T = TypeVar("T")


class SchemaRegistry:
    """A registry at one or several URLs, of which the first that answers is asked.

    Args:
        url: one URL, several with commas between, or a list of them.
        user, password: basic authentication; they may stand in the URL instead.
        token: for bearer authentication: a text, or what gives one, called for each request.
        ca, certificate, key, key_password: files in PEM, for https.
        verify: whether the server's certificate is looked at.
        timeout_seconds: how long one answer of one URL may take; without it 10 to a GET, and 35 to
            what may change something, for a registry has 30 for that.
        retries: how often all URLs are tried again.
        entries_max: how many schemas are remembered, of each kind.
        latest_seconds: how long the latest version of a subject is believed; 0: never.

    Raises:
        BadRegistrySetting: something of that can't be meant.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        user: str | None = None,
        password: str | None = None,
        token: Token | None = None,
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
        key_password: str | None = None,
        verify: bool = True,
        timeout_seconds: float | None = None,
        retries: int = RETRIES,
        entries_max: int = ENTRIES_MAX,
        latest_seconds: float = LATEST_SECONDS,
    ) -> None:
        urls = [part.strip() for part in url.split(",")] if isinstance(url, str) else list(url)
        if user is not None and token is not None:
            raise BadRegistrySetting("a user and a token are given: one of them is meant")
        tls = Tls(ca, certificate, key, key_password, verify)
        self._http = RegistryHttp(
            [part for part in urls if part],
            authorization=_authorization(user, password, token),
            tls=None if tls == Tls() else tls.context(),
            timeout_seconds=timeout_seconds,
            retries=retries,
        )
        self._by_id = Memory(entries_max)
        self._by_guid = Memory(entries_max)
        self._versions = Memory(entries_max)
        self._registered = Memory(entries_max)
        self._latest = Memory(entries_max, latest_seconds)

    @property
    def urls(self) -> list[str]:
        """Where it asks, without user info."""
        return [place.url for place in self._http.places]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        is_repeatable: bool | None = None,
        **switches: Any,
    ) -> Any:
        """Any request: the answer's JSON. Switches are the query; those that are None are left out.

        `is_repeatable` says that it may be sent again where nobody knows whether it arrived; it
        is assumed of GET and PUT.

        Raises:
            RegistryError: the registry refuses, or no registry answers.
            RegistryUnreachable: nobody answers.
        """
        query = urlencode({name: _switch(v) for name, v in switches.items() if v is not None})
        path = f"{path}?{query}" if query else path
        return self._http.request(method, path, body, is_repeatable=is_repeatable)

    def close(self) -> None:
        """Close the connections; again: nothing."""
        self._http.close()

    def __enter__(self) -> SchemaRegistry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ schemas

    def register(
        self, subject: str, schema: Contract | str | Mapping[str, Any], *, normalize: bool = False
    ) -> Registered:
        """Put a schema under a subject; the same again gives what is there.

        Raises:
            RegistryError: code 42201, it is no schema; 40901, it may not come after what is there.
        """
        contract = contract_of(schema)

        def ask() -> Registered:
            answer = self.request(
                "POST",
                f"/subjects/{_quoted(subject)}/versions",
                contract.json(),
                is_repeatable=True,  # the same again is the same
                normalize=normalize or None,
            )
            found = _schema(answer, contract)
            if "schema" not in answer and found.id is not None:
                # An older registry tells the id alone; rules may have come from elsewhere.
                found = found._replace(contract=self.by_id(found.id, subject).contract)
            self._latest.forget(lambda key: key[0] == subject)
            return found if found.subject else found._replace(subject=subject)

        key = (subject, contract.identity(), normalize)
        return self._registered.get(key, ask)

    def look_up(
        self,
        subject: str,
        schema: Contract | str | Mapping[str, Any],
        *,
        normalize: bool = False,
        deleted: bool = False,
    ) -> Registered:
        """The version of a subject that is this schema.

        Raises:
            RegistryError: code 40401, there is no such subject; 40403, it has no such schema.
        """
        contract = contract_of(schema)
        if deleted:
            return self._looked_up(subject, contract, normalize, deleted)
        key = (subject, contract.identity(), normalize, "look_up")
        return self._registered.get(
            key, lambda: self._looked_up(subject, contract, normalize, deleted)
        )

    def _looked_up(
        self, subject: str, contract: Contract, normalize: bool, deleted: bool
    ) -> Registered:
        answer = self.request(
            "POST",
            f"/subjects/{_quoted(subject)}",
            contract.json(),
            is_repeatable=True,
            normalize=normalize or None,
            deleted=deleted or None,
        )
        return _schema(answer, contract)

    def by_id(
        self, schema_id: int, subject: str | None = None, *, form: str | None = None
    ) -> Registered:
        """The schema of an id; ids count within the context of the subject.

        `form` is what the registry calls a format, such as Protobuf's "serialized".

        Raises:
            RegistryError: code 40403, there is none.
        """

        def ask() -> Registered:
            path = f"/schemas/ids/{schema_id}"
            answer = self.request("GET", path, subject=subject, format=form)
            return _schema(answer)._replace(id=schema_id)

        return self._by_id.get((context_of(subject), schema_id, form), ask)

    def by_guid(self, guid: str, *, form: str | None = None) -> Registered:
        """The schema of a GUID.

        Raises:
            RegistryError: code 40403, there is none.
        """

        def ask() -> Registered:
            answer = self.request("GET", f"/schemas/guids/{_quoted(guid)}", format=form)
            return _schema(answer)._replace(guid=guid)

        return self._by_guid.get((guid, form), ask)

    def schemas(
        self,
        prefix: str | None = None,
        *,
        latest_only: bool = False,
        deleted: bool = False,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Registered]:
        """The versions of all subjects that begin so."""
        rows = self.request(
            "GET",
            "/schemas",
            subjectPrefix=prefix,
            latestOnly=latest_only or None,
            deleted=deleted or None,
            offset=offset,
            limit=limit,
        )
        return [_schema(row) for row in _rows(rows)]

    def types(self) -> list[str]:
        """The schema languages that the registry reads."""
        return _texts(self.request("GET", "/schemas/types"))

    # ------------------------------------------------------------ subjects and versions

    def subjects(
        self, prefix: str | None = None, *, deleted: bool = False, deleted_only: bool = False
    ) -> list[str]:
        """The subjects that begin so; `:*:` before it means in every context."""
        rows = self.request(
            "GET",
            "/subjects",
            subjectPrefix=prefix,
            deleted=deleted or None,
            deletedOnly=deleted_only or None,
        )
        return _texts(rows)

    def versions(
        self, subject: str, *, deleted: bool = False, deleted_only: bool = False
    ) -> list[int]:
        """The numbers of a subject's versions.

        Raises:
            RegistryError: code 40401, there is no such subject.
        """
        rows = self.request(
            "GET",
            f"/subjects/{_quoted(subject)}/versions",
            deleted=deleted or None,
            deletedOnly=deleted_only or None,
        )
        return [int(row) for row in _rows(rows)]

    def version(
        self,
        subject: str,
        number: int | str,
        *,
        deleted: bool = False,
        form: str | None = None,
    ) -> Registered:
        """A version of a subject; -1 or "latest" is the last, asked for anew each time.

        Raises:
            RegistryError: code 40401 or 40402, there is none.
        """

        def ask() -> Registered:
            answer = self.request(
                "GET",
                f"/subjects/{_quoted(subject)}/versions/{_quoted(str(number))}",
                deleted=deleted or None,
                format=form,
            )
            return _schema(answer)

        if number in (-1, LATEST):
            return ask()
        return self._versions.get((subject, int(number), form, deleted), ask)

    def latest(self, subject: str, *, form: str | None = None) -> Registered:
        """The last version of a subject, as it was at most `latest_seconds` ago.

        Raises:
            RegistryError: code 40401, there is no such subject.
        """
        return self._latest.get((subject, form), lambda: self.version(subject, LATEST, form=form))

    def latest_with(
        self, subject: str, properties: Mapping[str, str], *, deleted: bool = False
    ) -> Registered:
        """The last version whose metadata has all these properties, remembered as `latest` is.

        Raises:
            RegistryError: code 40401 or 40403, there is none.
        """
        query = [*(("key", name) for name in properties)]
        query += [("value", value) for value in properties.values()]
        if deleted:
            query.append(("deleted", "true"))
        path = f"/subjects/{_quoted(subject)}/metadata?{urlencode(query)}"
        key = (subject, tuple(sorted(properties.items())), deleted)
        return self._latest.get(key, lambda: _schema(self.request("GET", path)))

    def referenced_by(self, subject: str, number: int | str) -> list[int]:
        """The ids of schemas that refer to a version."""
        path = f"/subjects/{_quoted(subject)}/versions/{number}/referencedby"
        return [int(row) for row in _rows(self.request("GET", path))]

    def versions_of(self, schema_id: int, *, deleted: bool = False) -> list[tuple[str, int]]:
        """The subjects and versions that an id stands for."""
        path = f"/schemas/ids/{schema_id}/versions"
        rows = _rows(self.request("GET", path, deleted=deleted or None))
        return [(row["subject"], row["version"]) for row in rows]

    def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete a subject; its versions that were deleted. `permanent` after a soft delete.

        Raises:
            RegistryError: code 40401, there is none; 40404, it is deleted; 40405, it is not yet;
                42206, another schema refers to it.
        """
        path = f"/subjects/{_quoted(subject)}"
        rows = self.request("DELETE", path, permanent=permanent or None)
        self._forget(subject)
        return [int(row) for row in _rows(rows)]

    def delete_version(self, subject: str, number: int | str, *, permanent: bool = False) -> int:
        """Delete a version; its number. `permanent` after a soft delete.

        Raises:
            RegistryError: as `delete_subject`, and 40402, 40406, 40407 of the version.
        """
        path = f"/subjects/{_quoted(subject)}/versions/{number}"
        answer = self.request("DELETE", path, permanent=permanent or None)
        self._forget(subject)
        return int(answer)

    def check(
        self,
        subject: str,
        schema: Contract | str | Mapping[str, Any],
        number: int | str | None = None,
        *,
        normalize: bool = False,
    ) -> Checked:
        """Whether a schema may be the next version of a subject, or come after one version.

        Raises:
            RegistryError: code 42201, it is no schema; 40402, there is no such version.
        """
        path = f"/compatibility/subjects/{_quoted(subject)}/versions"
        answer = self.request(
            "POST",
            path if number is None else f"{path}/{number}",
            contract_of(schema).json(),
            is_repeatable=True,
            normalize=normalize or None,
            verbose=True,
        )
        answer = _object(answer)
        messages = tuple(str(row) for row in answer.get("messages") or ())
        return Checked(bool(answer.get("is_compatible")), messages)

    # ------------------------------------------------------------ settings and contexts

    def config(self, subject: str | None = None, *, default_to_global: bool = True) -> Json:
        """The config of a subject, or of everything.

        Raises:
            RegistryError: code 40408, it has none of its own, and that was asked for.
        """
        found = self.request("GET", _at("config", subject), **_default(subject, default_to_global))
        return _object(found)

    def set_config(self, config: Mapping[str, Any], subject: str | None = None) -> Json:
        """Change a config: `compatibility`, `normalize`, `alias` and others by the API's names.

        Raises:
            RegistryError: code 42203, a value that can't be meant.
        """
        answer = _object(self.request("PUT", _at("config", subject), dict(config)))
        self._latest.forget()
        return answer

    def delete_config(self, subject: str | None = None) -> Json:
        """Take back what was set."""
        return _object(self.request("DELETE", _at("config", subject)))

    def mode(self, subject: str | None = None, *, default_to_global: bool = True) -> str:
        """The mode of a subject, or of everything.

        Raises:
            RegistryError: code 40409, it has none of its own, and that was asked for.
        """
        answer = self.request("GET", _at("mode", subject), **_default(subject, default_to_global))
        return str(_object(answer).get("mode"))

    def set_mode(self, mode: str, subject: str | None = None, *, force: bool = False) -> str:
        """Change a mode: READWRITE, READONLY, READONLY_OVERRIDE, IMPORT, FORWARD.

        Raises:
            RegistryError: code 42204, there is no such mode; 42205, it may not be set now.
        """
        answer = self.request("PUT", _at("mode", subject), {"mode": mode}, force=force or None)
        return str(_object(answer).get("mode"))

    def delete_mode(self, subject: str | None = None, *, recursive: bool = False) -> str:
        """Take back what was set; the mode that it was."""
        answer = self.request("DELETE", _at("mode", subject), recursive=recursive or None)
        return str(_object(answer).get("mode"))

    def contexts(self) -> list[str]:
        """The contexts that there are."""
        return _texts(self.request("GET", "/contexts"))

    def delete_context(self, context: str) -> None:
        """Delete a context that is empty.

        Raises:
            RegistryError: code 42211, it is not.
        """
        self.request("DELETE", f"/contexts/{_quoted(context)}")

    def associations(
        self,
        resource: str,
        *,
        namespace: str = "-",
        resource_type: str | None = None,
        kind: str | None = None,
    ) -> list[Json]:
        """The subjects that a resource, as a topic, is associated with; `kind`: "key", "value"."""
        rows = self.request(
            "GET",
            f"/associations/resources/{_quoted(namespace)}/{_quoted(resource)}",
            resourceType=resource_type,
            associationType=kind,
        )
        return [_object(row) for row in _rows(rows)]

    def _forget(self, subject: str) -> None:
        for memory in (self._versions, self._registered, self._latest):
            memory.forget(lambda key: key[0] == subject)


def contract_of(schema: Contract | str | Mapping[str, Any]) -> Contract:
    """A contract as it is; a text, the name of a file or JSON's own values as one of Avro."""
    return schema if isinstance(schema, Contract) else Contract(text_of(schema))


def context_of(subject: str | None) -> str:
    """The context that a subject's name begins with; empty for the default one."""
    if subject and subject.startswith(":."):
        return subject[1:].partition(":")[0]
    return ""


def _authorization(
    user: str | None, password: str | None, token: Token | None
) -> Callable[[], str | None]:
    if token is not None:
        given = token
        return lambda: "Bearer " + (given() if callable(given) else given)
    if user is not None:
        header = basic_header(user, password or "")
        return lambda: header
    return lambda: None


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _switch(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(noun: str, subject: str | None) -> str:
    return f"/{noun}" if subject is None else f"/{noun}/{_quoted(subject)}"


def _default(subject: str | None, default_to_global: bool) -> dict[str, Any]:
    return {} if subject is None else {"defaultToGlobal": default_to_global}


# ---------------------------------------------------------------- the shape of answers


def _odd(answer: object) -> OttlaError:
    return RegistryError(
        200,
        200,
        f"an answer that no registry gives: {str(answer)[:60]!r}",
        hint="is it the URL of a schema registry?",
    )


def _object(answer: Any) -> Json:
    if not isinstance(answer, dict):
        raise _odd(answer)
    return answer


def _rows(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise _odd(answer)
    return answer


def _texts(answer: Any) -> list[str]:
    return [str(row) for row in _rows(answer)]


def _schema(answer: Any, asked: Contract | None = None) -> Registered:
    try:
        return registered(_object(answer), asked)
    except (KeyError, TypeError, AttributeError):
        raise _odd(answer) from None
