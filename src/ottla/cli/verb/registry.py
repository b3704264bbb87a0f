"""`ottla registry`: a schema registry on a Kafka that is there, Ottla or Apache Kafka."""

from __future__ import annotations

from typing import Any

import click

from ottla.cli.reach import Where
from ottla.cli.registry_options import PORT, access_of, advertised, ca_of, port_taken_told, tls_of
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import reaches
from ottla.cli.verb.shown import is_terminal, json_option


@verb(
    "registry",
    "serve a schema registry; Ctrl-C stops it",
    ("for the node at localhost:9092, at localhost:8081", "ottla registry"),
    ("for another cluster, for other machines", "ottla registry --at kafka:9092 --host 0.0.0.0"),
    ("for those in a file of NAME:PASSWORD lines", "ottla registry --people people.txt"),
    ("over TLS", "ottla registry --tls-cert server.pem --tls-key server.key"),
    exit_codes=(
        (0, "stopped cleanly"),
        (1, "it could not start; the reason is printed"),
        (2, "the command line is wrong"),
    ),
)
@reaches
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    metavar="PORT",
    help=f"Where it is served; {PORT} if left out, 0 for any free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="The address to listen on; 127.0.0.1 if left out, 0.0.0.0 for all.",
)
@click.option(
    "--advertise",
    metavar="HOST[:PORT]",
    help="Where other instances reach this one, if that is not where it listens.",
)
@click.option("--topic", metavar="TOPIC", help="Where schemas are kept; _schemas if left out.")
@click.option(
    "--keys-topic",
    metavar="TOPIC",
    help="Where keys for field encryption are kept; _dek_registry_keys if left out.",
)
@click.option(
    "--group",
    metavar="GROUP",
    help="The group in which instances elect who writes; schema-registry if left out.",
)
@click.option("--follower", is_flag=True, help="Never lead: send what changes to who does.")
@click.option("--people", metavar="FILE", help="Who may ask: lines of NAME:PASSWORD.")
@click.option("--tokens", metavar="FILE", help="Who may ask: lines of TOKEN NAME.")
@click.option("--tls-cert", metavar="FILE", help="Serve TLS with this certificate (PEM).")
@click.option("--tls-key", metavar="FILE", help="The certificate's key (PEM).")
@click.option(
    "--tls-ca", metavar="FILE", help="Other instances show certificates of this CA (PEM)."
)
@click.option("--tls-client-ca", metavar="FILE", help="Clients show certificates of this CA.")
@json_option
def VERB(
    *,
    where: Where,
    port: int,
    host: str,
    advertise: str | None,
    topic: str | None,
    keys_topic: str | None,
    group: str | None,
    follower: bool,
    people: str | None,
    tokens: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_ca: str | None,
    tls_client_ca: str | None,
    as_json: bool,
) -> int:
    """Serve until somebody asks for the end."""
    from ottla.cli.server import Signals, flush_terminal
    from ottla.registry.service import Options, Registry

    advertised_host, advertised_port = advertised(advertise)
    places: dict[str, Any] = {"topic": topic, "keys_topic": keys_topic, "group": group}
    options = Options(
        host=host,
        port=port,
        is_eligible=not follower,
        tls=tls_of(tls_cert, tls_key, tls_client_ca),
        tls_ca=ca_of(tls_ca),
        access=access_of(people, tokens),
        advertised_host=advertised_host,
        advertised_port=advertised_port,
    )._replace(**{name: told for name, told in places.items() if told is not None})
    with port_taken_told("--port"), Registry(where.service(), options) as registry:
        # Until here Ctrl-C ends it at once, as it waits for a Kafka that is away.
        signals = Signals()
        flush_terminal(_welcome(registry.url, where, registry.instance.state, as_json))
        signals.wait_for_word()
    if is_terminal() and not as_json:
        flush_terminal("\nstopped cleanly\n")
    return 0


def _welcome(url: str, where: Where, state: Any, as_json: bool) -> str:
    if as_json:
        import json

        return json.dumps({"url": url, "bootstrap_servers": where.at}) + "\n"
    count = len(state.subjects())
    subjects = f"{count} subject{'' if count == 1 else 's'}"
    told = f"Schema registry is ready at {url} (Kafka {where.at}, {subjects}"
    return f"{told}; Ctrl-C stops it)\n"
