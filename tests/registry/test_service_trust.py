"""Instances over TLS: by what they know each other."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import ottla
from client.certificates import Authority, Issued
from ottla.registry.service import Options, Registry
from ottla.web.tls import CannotServe, Tls
from servers import eventually


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A Kafka without a registry."""
    with ottla.Broker() as found:
        yield found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom nobody else's system trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> list[Issued]:
    """A certificate for each of two instances."""
    return [authority.issue(name) for name in ("one", "other")]


@pytest.mark.parametrize("knows_the_ca", [True, False])
def test_a_write_between_instances_of_a_private_ca(
    broker: ottla.Broker,
    authority: Authority,
    issued: list[Issued],
    name: Callable[[], str],
    knows_the_ca: bool,
) -> None:
    """If this failed, nobody could write through a follower where certificates are a company's own,
    or a leader would be believed whose certificate nobody has vouched for.
    """
    place = Options(
        port=0, topic=name(), group=name(), tls_ca=authority.ca if knows_the_ca else None
    )
    with ExitStack() as stack:
        leader, follower = (
            stack.enter_context(
                Registry(
                    broker.bootstrap_servers,
                    place._replace(tls=Tls(*each), is_eligible=is_eligible),
                )
            )
            for each, is_eligible in zip(issued, (True, False), strict=True)
        )
        eventually(lambda: follower.instance.leadership.leader is not None, "it knows who leads")
        client = stack.enter_context(
            httpx.Client(verify=ssl.create_default_context(cafile=authority.ca), timeout=60)
        )
        path = "/subjects/s/versions"
        got = client.post(follower.url + path, json={"schema": '"int"'})
        if knows_the_ca:
            assert (got.status_code, got.json()["id"]) == (200, 1)
            assert client.get(leader.url + path).json() == [1]
        else:
            assert (got.status_code, got.json()["error_code"]) == (500, 50003)
            assert "CERTIFICATE_VERIFY_FAILED" in got.json()["message"]
            assert "--tls-ca FILE" in got.json()["message"]


@pytest.mark.parametrize("told", ["nothing", "no PEM"])
def test_a_ca_that_is_none(tmp_path: Path, told: str) -> None:
    """If this failed, a wrong file would be a traceback, or be told at the first write."""
    file = tmp_path / "ca.pem"
    if told != "nothing":
        file.write_text(told)
    with pytest.raises(CannotServe, match="no certificate of an authority"):
        Registry("127.0.0.1:1", Options(port=0, tls_ca=file))
