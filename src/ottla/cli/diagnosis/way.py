"""From a name to a node that answers, and to every address that the cluster gives to its clients.

A client goes this way twice: to the address that it was told, and then to those that the cluster
says (advertised.listeners). Most of what goes wrong goes wrong at the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ottla.cli.diagnosis.cause import Cause
from ottla.cli.diagnosis.port import Speaks, probe
from ottla.client.connecting import dialing
from ottla.client.connecting.addresses import parse_bootstrap
from ottla.client.errors import (
    ApiNotSupported,
    AuthenticationFailed,
    BadAddress,
    BrokerError,
    TlsFailed,
    address_text,
)
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.reach import Where
    from ottla.client.client import Client

PRODUCE, FETCH, METADATA = 0, 1, 3
_NEEDED = {PRODUCE: "Produce", FETCH: "Fetch", 2: "ListOffsets", METADATA: "Metadata"}


def to_node(where: Where) -> Iterator[str]:
    """Name, port, protocol, versions: to the first address that was given.

    Raises:
        Cause: what is wrong on the way.
    """
    secured = where.settings.get("security.protocol", "PLAINTEXT").upper()
    try:
        addresses = parse_bootstrap(where.at, secured)
    except BadAddress as error:
        hint = error.hint or "host:port, several with commas between"
        raise Cause("address", str(error), hint=hint) from None
    causes: list[Cause] = []
    for host, port in addresses:
        try:
            yield from _to_address(where, host, port, secured)
        except Cause as cause:
            causes.append(cause)
    if len(causes) == len(addresses):
        raise causes[0]
    for one in causes:
        yield f"one of {len(addresses)} addresses is not needed, as another answers: {one}"


def _to_address(where: Where, host: str, port: int, secured: str) -> Iterator[str]:
    yield _resolved(host, port)
    at = address_text(host, port)
    if secured == "PLAINTEXT":
        speaks = probe(host, port)
        yield f"{at} speaks Kafka"
        _require_no_sasl(at, speaks)
        _require_versions(at, speaks)
    else:
        _secured(where, at, host, port, secured)
        yield f"{at} lets us in by {secured}"


def _resolved(host: str, port: int) -> str:
    try:
        found = dialing.resolve(host, port)
    except OttlaError as error:
        raise Cause(
            "name",
            f"the name '{host}' can't be resolved on this machine",
            hint="check its spelling; what a container is called is known beside it alone",
        ) from error
    places = ", ".join(dict.fromkeys(str(place[0]) for *_, place in found))
    return f"{host} is {places}" if places != host else f"{host} is an address"


def _require_no_sasl(at: str, speaks: Speaks) -> None:
    if speaks.mechanisms is None:
        return
    known = ", ".join(speaks.mechanisms)
    first = speaks.mechanisms[0] if speaks.mechanisms else "PLAIN"
    raise Cause(
        "sasl",
        f"the listener at {at} wants to know who we are by SASL ({known})",
        hint=f"-X security.protocol=SASL_PLAINTEXT -X sasl.mechanism={first} "
        "-X sasl.username=... -X sasl.password=..., or a file of them with --command-config",
    )


def _require_versions(at: str, speaks: Speaks) -> None:
    from ottla.wire.api import api

    if PRODUCE not in speaks.versions and METADATA not in speaks.versions:
        raise Cause(
            "controller",
            f"the port at {at} is a controller's, which clients do not talk to",
            hint="take the port of a broker's listener: `listeners` without those that "
            "controller.listener.names names",
        )
    for key, name in _NEEDED.items():
        ours = api(key)
        low, high = speaks.versions.get(key, (0, -1))
        if high < ours.min_version or low > ours.max_version:
            there = f"{low} to {high}" if high >= low else "none"
            older = "older" if high < ours.min_version else "newer"
            raise Cause(
                "version",
                f"the node at {at} serves {name} in versions {there}; clients of Kafka 4 need "
                f"{ours.min_version} to {ours.max_version}",
                hint=f"it is {older} than today's clients know: upgrade the "
                f"{'node to Kafka 2.1 or later' if older == 'older' else 'client'}",
            )


def _secured(where: Where, at: str, host: str, port: int, protocol: str) -> None:
    """By TLS or SASL the client itself goes, and says what it met."""
    try:
        with where._replace(at=at).client(quiet=True) as client:
            client.connection()
    except TlsFailed as error:
        if _speaks_in_the_clear(host, port):
            clear = protocol.replace("SASL_SSL", "SASL_PLAINTEXT").replace("SSL", "PLAINTEXT")
            raise Cause(
                "no-tls",
                f"the listener at {at} speaks Kafka without TLS, and this client wants TLS",
                hint=f"-X security.protocol={clear}",
            ) from None
        raise Cause("tls", f"{at}: {error}", hint=error.hint or "check the certificates") from None
    except AuthenticationFailed as error:
        hint = error.hint or "check sasl.mechanism, sasl.username and sasl.password"
        raise Cause("authentication", f"{at}: {error}", hint=hint) from None
    except OttlaError as error:
        if protocol.endswith("SSL") and _speaks_in_the_clear(host, port):
            raise Cause(
                "no-tls",
                f"the listener at {at} speaks Kafka without TLS, and this client wants TLS",
                hint="-X security.protocol=PLAINTEXT (or SASL_PLAINTEXT)",
            ) from None
        raise Cause("connect", f"{error}", hint=error.hint or "see the node's log") from None


def _speaks_in_the_clear(host: str, port: int) -> bool:
    try:
        probe(host, port)
    except Cause:
        return False
    return True


# ---------------------------------------------------------------- what the cluster gives out


def to_cluster(where: Where, client: Client) -> Iterator[str]:
    """Every broker, at the address that the cluster gives to clients.

    Raises:
        Cause: an address leads nowhere, or somewhere else.
    """
    from ottla.client.admin import cluster

    try:
        found = cluster.describe(client)
    except ApiNotSupported as error:
        raise Cause("version", str(error), hint="the cluster is older than Kafka 2.8") from None
    except BrokerError as error:
        raise Cause("refused-by-node", str(error), hint=error.hint or "see its log") from None
    if not found.brokers:
        raise Cause(
            "no-brokers",
            "the cluster has no broker that may serve",
            hint="are they starting, or fenced? their logs, and the controller's, say why",
        )
    yield f"cluster {found.id} has {len(found.brokers)} broker(s)"
    in_the_clear = where.settings.get("security.protocol", "PLAINTEXT").upper() == "PLAINTEXT"
    for broker in found.brokers:
        _reached(where, broker.id, broker.host, broker.port, in_the_clear)
        _is_the_same(where, broker.id, broker.host, broker.port, found.id)
        yield f"broker {broker.id} is at {address_text(broker.host, broker.port)}"


def _reached(where: Where, broker_id: int, host: str, port: int, in_the_clear: bool) -> None:
    at = address_text(host, port)
    mend = (
        "set advertised.listeners of the broker to an address that this machine can reach"
        " (`ottla up --advertise HOST:PORT`)"
    )
    try:
        dialing.resolve(host, port)
    except OttlaError:
        raise Cause(
            "advertised-name",
            f"{where.at} answers, but broker {broker_id} tells clients to come to {at}, and "
            f"'{host}' can't be resolved on this machine",
            hint=mend,
        ) from None
    if not in_the_clear:
        return
    try:
        probe(host, port)
    except Cause as cause:
        raise Cause(
            "advertised",
            f"{where.at} answers, but broker {broker_id} tells clients to come to {at}: {cause}",
            hint=mend,
        ) from None


def _is_the_same(where: Where, broker_id: int, host: str, port: int, cluster_id: str) -> None:
    """Behind an advertised `localhost` there may be another cluster."""
    from ottla.client.admin import cluster

    at = address_text(host, port)
    try:
        with where._replace(at=at).client(quiet=True) as other:
            found = cluster.describe(other).id
    except OttlaError as error:
        raise Cause(
            "advertised",
            f"{where.at} answers, but broker {broker_id} at {at} does not: {error}",
            hint=error.hint or "its log says more",
        ) from None
    if found != cluster_id:
        raise Cause(
            "another-cluster",
            f"broker {broker_id} tells clients to come to {at}, where another cluster answers "
            f"({found}, not {cluster_id})",
            hint="set advertised.listeners of the broker to an address that leads back to it",
        )
