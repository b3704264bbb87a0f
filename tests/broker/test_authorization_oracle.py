"""A client without any right is answered by Ottla as by Apache Kafka 4.3.1 with its
StandardAuthorizer, API by API and version by version.
"""

from __future__ import annotations

from typing import Any

import pytest

import ottla
from attack.line import Line
from broker.access import TABLE, Named, Rights
from oracle import Oracle, free_port
from ottla.wire.api import apis
from ottla.wire.schema import Struct

pytestmark = [pytest.mark.long, pytest.mark.jvm]

ABSENT = Named("absent", bytes(range(16)), "absent-group")
OTHERS = {18, 60}
"""APIs that need no right; what they say differs for other reasons."""
FREE_TEXTS = {"error_message"}


def plain(message: Any) -> Any:
    """A message as values, without the texts that are for people."""
    if isinstance(message, list):
        return [plain(one) for one in message]
    if not isinstance(message, Struct):
        return message
    names = [name for name in type(message).__fields__ if name not in FREE_TEXTS]
    return {name: plain(getattr(message, name)) for name in names}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A node whose brokers are administrators and whose clients are nobody."""
    internal, controller, client = free_port(), free_port(), free_port()
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{module} username="admin" password="p" user_admin="p";'
    listeners = {"PLAINTEXT": client, "INTERNAL": internal, "CONTROLLER": controller}
    oracle = Oracle(
        tmp_path_factory.mktemp("guarded"),
        {
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:SASL_PLAINTEXT,"
            "CONTROLLER:SASL_PLAINTEXT",
            "inter.broker.listener.name": "INTERNAL",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.internal.plain.sasl.jaas.config": jaas,
            "listener.name.controller.plain.sasl.jaas.config": jaas,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin",
        },
        ports=(client, controller),
    )
    oracle.format()
    oracle.start()
    yield oracle
    oracle.stop()


def test_nobody_is_answered_as_by_apache(guarded: Oracle) -> None:
    """Clients would meet other errors than those that they know what to do about."""
    differences = []
    with ottla.Broker() as broker:
        assert broker._node is not None
        broker._node._context.authorizer = Rights(lambda *_: False)
        ours, theirs = Line(broker.port), Line(guarded.port)
        for api in apis():
            row = TABLE.get(api.key)
            if row is None or api.key in OTHERS:
                continue
            for version in range(api.min_version, api.max_version + 1):
                request = row.request(ABSENT, version)
                got = plain(ours.ask(request, version))
                expected = plain(theirs.ask(request, version))
                for changing in ("brokers", "cluster_id", "controller_id"):
                    got.pop(changing, None)
                    expected.pop(changing, None)
                if got != expected:
                    differences.append(f"{type(request).__name__} v{version}: {got} != {expected}")
    assert not differences, "\n" + "\n".join(differences)
