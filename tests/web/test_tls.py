"""Files of certificates and keys, good and bad."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from client.certificates import Authority, Issued, openssl
from ottla.web.serving import Serving
from ottla.web.tls import CannotServe, Tls
from web.asking import application


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate that is good."""
    return Authority(tmp_path_factory.mktemp("ca")).issue("service")


def made(folder: Path, *kind: str) -> Tls:
    """A key of some kind, and a certificate for it."""
    key, certificate = folder / "made.key", folder / "made.pem"
    openssl("genpkey", "-out", str(key), *kind)
    openssl("req", "-x509", "-new", "-key", str(key), "-subj", "/CN=x", "-out", str(certificate))
    return Tls(certificate, key)


EC = ("-algorithm", "EC", "-pkeyopt")


@pytest.mark.parametrize(
    "kind",
    [
        ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        (*EC, "ec_paramgen_curve:P-256"),
        (*EC, "ec_paramgen_curve:P-384"),
        ("-algorithm", "ED25519"),
    ],
    ids=lambda kind: kind[-1],
)
@pytest.mark.parametrize("traditional", [False, True])
def test_keys_that_can_be_used(kind: tuple[str, ...], traditional: bool, tmp_path: Path) -> None:
    """If this failed, a key that the server can use would be refused, or one that it can't use let
    through, at which the server ends the process.
    """
    tls = made(tmp_path, *kind)
    if traditional and "ED25519" not in kind:
        old = tmp_path / "traditional.key"
        openssl("pkey", "-in", str(tls.key), "-traditional", "-out", str(old))
        tls = tls._replace(key=old)
    one = Serving(application(), tls=tls)
    one.start()
    got = httpx.get(f"{one.url}/things/a", verify=False)
    one.stop()
    assert got.status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        (*EC, "ec_paramgen_curve:P-521"),
        (*EC, "ec_paramgen_curve:secp256k1"),
        ("-algorithm", "ED448"),
    ],
    ids=lambda kind: kind[-1],
)
def test_keys_of_other_kinds_are_refused(kind: tuple[str, ...], tmp_path: Path) -> None:
    """If this failed, the server's library would end the whole process."""
    with pytest.raises(CannotServe, match="of a kind that can't be used") as refused:
        Serving(application(), tls=made(tmp_path, *kind)).start()
    assert refused.value.hint == "make one of RSA, P-256, P-384, Ed25519"


def test_an_encrypted_key_is_refused(issued: Issued, tmp_path: Path) -> None:
    """If this failed, a key with a password would end the process, or ask on the terminal."""
    for name, words in (
        ("new", ("pkcs8", "-topk8", "-in", str(issued.key), "-passout", "pass:secret")),
        ("old", ("ec", "-in", str(issued.key), "-aes256", "-passout", "pass:secret")),
    ):
        key = tmp_path / name
        openssl(*words, "-out", str(key))
        with pytest.raises(CannotServe, match="is encrypted") as refused:
            Tls(issued.certificate, key).check()
        assert refused.value.hint is not None
        assert f"openssl pkey -in {key}" in refused.value.hint


def test_files_that_are_no_use_are_named(issued: Issued, tmp_path: Path) -> None:
    """If this failed, a service would start that nobody can ask, or the process end in a panic."""
    broken, missing, binary = (tmp_path / name for name in ("broken", "missing", "binary"))
    broken.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    binary.write_bytes(b"\xff\0" * 100)
    other = made(tmp_path, *EC, "ec_paramgen_curve:P-256")
    for tls, named, says in (
        (Tls(missing, issued.key), missing, "No such file"),
        (Tls(issued.certificate, missing), missing, "No such file"),
        (Tls(issued.certificate, tmp_path), tmp_path, "directory"),
        (Tls(issued.certificate, broken), broken, "no private key"),
        (Tls(issued.certificate, binary), binary, "no key"),
        (Tls(broken, issued.key), broken, "certificate for the key"),
        (Tls(binary, issued.key), binary, "certificate for the key"),
        (Tls(issued.key, issued.key), issued.key, "certificate for the key"),
        (Tls(issued.certificate, other.key), issued.certificate, "certificate for the key"),
        (Tls(*issued, ca=broken), broken, "authority"),
        (Tls(*issued, ca=missing), missing, "No such file"),
    ):
        with pytest.raises(CannotServe) as refused:
            Serving(application(), tls=tls).start()
        assert str(named) in str(refused.value)
        assert says in str(refused.value)
