"""A registry that serves: an instance behind HTTP, from `start` to `stop`.

At the start everything is read before the port is opened, so that the first answer is as good as
any; at the end requests under way are answered, and the group is left, before Kafka is let go of.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ottla.registry import topic
from ottla.registry.api import associations, keys, meta, schemas, settings, subjects
from ottla.registry.api.description import SHAPES
from ottla.registry.api.ways import Ways, within_context
from ottla.registry.election.elector import TIMES, GroupTimes
from ottla.registry.instance import GROUP, Instance
from ottla.registry.keys import records
from ottla.registry.refusals import STORE_FAILED
from ottla.web.access import Access
from ottla.web.application import BODY_BYTES_MAX, Application
from ottla.web.openapi import described
from ottla.web.operation import Answer, Operation, Request, dense
from ottla.web.serving import Serving
from ottla.web.tls import CannotServe, Tls

TYPES = (
    "application/vnd.schemaregistry.v1+json",
    "application/vnd.schemaregistry+json",
    "application/json",
)
TAKES = ("application/octet-stream",)
PORT = 8081


class Options(NamedTuple):
    """How a registry is served.

    `advertised_host` and `advertised_port` are where other instances reach it, where that is not
    where it listens. `tls_ca` is a file of PEM: the authority by which this instance knows the
    certificates of the others, besides those that the system trusts; `tls.ca` is that of clients.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    topic: str = topic.NAME
    keys_topic: str = records.TOPIC
    group: str = GROUP
    is_eligible: bool = True
    tls: Tls | None = None
    tls_ca: Path | None = None
    access: Access | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    advertised_host: str | None = None
    advertised_port: int | None = None
    times: GroupTimes = TIMES


class Registry:
    """A schema registry on a Kafka.

    Args:
        kafka: settings of `ottla.client`, bootstrap.servers among them.

    Raises:
        CannotServe: the files of TLS can't be used.
    """

    def __init__(self, kafka: Mapping[str, Any] | str, options: Options | None = None) -> None:
        self._options = options = options or Options()
        given = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
        self.instance = Instance(
            given,
            topic_name=options.topic,
            keys_topic_name=options.keys_topic,
            group=options.group,
            is_eligible=options.is_eligible,
            trusts=_trusts(options.tls, options.tls_ca),
            times=options.times,
        )
        application = Application(
            operations(self.instance),
            types=TYPES,
            takes=TAKES,
            access=options.access,
            body_bytes_max=options.body_bytes_max,
            fault_code=STORE_FAILED,
            before=within_context,
        )
        self._serving = Serving(application, host=options.host, port=options.port, tls=options.tls)

    @property
    def url(self) -> str:
        """Where clients on this machine find it, once it has started."""
        return self._serving.url

    def start(self) -> None:
        """Read what there is, serve, and take part in electing a leader.

        Raises:
            OttlaError: Kafka can't be reached, the topic is no use, or the port is taken.
        """
        options = self._options
        self.instance.load()
        try:
            self._serving.start()
        except BaseException:
            self.instance.close()
            raise
        scheme = "https" if options.tls else "http"
        host = options.advertised_host or _reachable(options.host)
        self.instance.join(host, options.advertised_port or self._serving.port, scheme)

    def stop(self) -> None:
        """Answer what is under way, leave the group, and end; again: nothing."""
        self._serving.stop()
        self.instance.close()

    def __enter__(self) -> Registry:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def operations(instance: Instance) -> list[Operation]:
    """Every operation of the registry, as rows; the last one describes them all."""
    ways = Ways(instance)
    groups = (meta, subjects, schemas, settings, associations, keys)
    rows = [row for group in groups for row in group.operations(ways)]

    async def description(_: Request) -> Answer:
        told = described(
            rows,
            SHAPES,
            title="Schema Registry",
            version=meta.SERVES,
            types=TYPES,
            takes=TAKES,
        )
        return Answer(200, dense(told), "application/json")

    says = "All operations, as OpenAPI describes them"
    return [*rows, Operation("GET", "/openapi.json", "getDescription", says, description)]


def _trusts(tls: Tls | None, ca: Path | None) -> ssl.SSLContext | None:
    """Instances know each other by the system's authorities, by the one that is named, and by what
    they show themselves: one certificate for all of them may have been signed by nobody.

    Raises:
        CannotServe: a file can't be used.
    """
    if tls is None and ca is None:
        return None
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise CannotServe(
                f"{ca} is no certificate of an authority: {error}",
                hint="files of certificates are in PEM",
            ) from None
    if tls is not None:
        tls.check()
        context.load_verify_locations(tls.certificate)
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
            context.load_cert_chain(tls.certificate, tls.key)
    return context


def _reachable(host: str) -> str:
    """A name for this machine, where it listens on every address."""
    return socket.gethostname() if host in ("", "0.0.0.0", "::") else host
