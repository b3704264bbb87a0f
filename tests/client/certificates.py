"""Certificates of a test's own: a CA, and what it signs, made by the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
"""


class Issued(NamedTuple):
    """A certificate and the key to it, as files of PEM."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """One file with both, as Java's PEM keystores have it."""
        found = self.key.with_suffix(".both.pem")
        found.write_text(self.key.read_text() + self.certificate.read_text())
        return found


class Authority:
    """Who signs: `ca` is what to trust."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._config = folder / "openssl.cnf"
        self._config.write_text(CONFIG)
        self.ca = folder / "ca.pem"
        self._key = key_in(folder, "ca")
        subject = ("-subj", f"/CN={name}", "-days", "3650", "-extensions", "authority")
        files = ("-key", str(self._key), "-out", str(self.ca))
        openssl("req", "-x509", "-new", "-config", str(self._config), *subject, *files)

    def issue(
        self, name: str, *, names: str = "DNS:localhost,IP:127.0.0.1", days: int = 3650
    ) -> Issued:
        """A certificate for somebody; expired with days below zero."""
        key = key_in(self.folder, name)
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        asks = ("-config", str(self._config), "-subj", f"/CN={name}", "-key", str(key))
        openssl("req", "-new", *asks, "-out", str(request))
        extensions = self.folder / f"{name}.cnf"
        extensions.write_text(f"{CONFIG}subjectAltName = {names}\n")
        files = ("-in", str(request), "-out", str(certificate))
        by = ("-CA", str(self.ca), "-CAkey", str(self._key), "-CAcreateserial")
        kind = ("-days", str(days), "-extfile", str(extensions), "-extensions", "leaf")
        openssl("x509", "-req", *files, *by, *kind)
        return Issued(certificate, key)


def openssl(*words: str) -> None:
    """Run it, and fail with what it said."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def key_in(folder: Path, name: str) -> Path:
    """A new private key on P-256, in PKCS#8."""
    key = folder / f"{name}.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
    return key
