"""Certificates and keys: which files a service shows, looked at before they are used.

granian's server ends the whole process for a file that it can't use. So OpenSSL reads them first,
and a key must be of a kind that the server knows; what is wrong is an error with the file's name.
"""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path
from typing import NamedTuple

from ottla.errors import OttlaError

KEYS = {
    "RSA": bytes.fromhex("2a864886f70d010101"),
    "P-256": bytes.fromhex("2a8648ce3d030107"),
    "P-384": bytes.fromhex("2b81040022"),
    "Ed25519": bytes.fromhex("2b6570"),
}
"""Kinds of keys that the server can use, and the identifiers that their files have at the front."""
FRONT_BYTES = 100
KEY = re.compile(r"-----BEGIN ((?:\w+ )?PRIVATE KEY)-----(.+?)-----END \1-----", re.DOTALL)


class CannotServe(OttlaError):
    """An address that can't be listened on, certificates that can't be used, or no server."""


class Tls(NamedTuple):
    """What a TLS server shows: files in PEM; with `ca`, clients show certificates as well."""

    certificate: Path
    key: Path
    ca: Path | None = None

    def check(self) -> None:
        """Look whether they can be used.

        Raises:
            CannotServe: a file can't be read, is not what it should be, or is of no use here.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        at, what = self.certificate, "certificate"
        try:
            at.read_bytes()
            at, what = self.key, "key"
            _check_kind(self.key)
            at, what = self.certificate, f"certificate for the key in {self.key}"
            context.load_cert_chain(self.certificate, self.key)
            if self.ca is not None:
                at, what = self.ca, "certificate of an authority"
                context.load_verify_locations(self.ca)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise CannotServe(
                f"{at} is no {what}: {error}", hint="files of certificates and keys are in PEM"
            ) from None


def _check_kind(path: Path) -> None:
    found = KEY.search(path.read_text())
    if found is None:
        raise ValueError("no private key is in it")
    kind, told = found.groups()
    if kind == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in told:
        raise CannotServe(
            f"the key in {path} is encrypted, and can't be used so",
            hint=f"write it plainly where only the service may read it: openssl pkey -in {path}",
        )
    front = base64.b64decode("".join(told.split()))[:FRONT_BYTES]
    is_known = kind == "RSA PRIVATE KEY" or any(each in front for each in KEYS.values())
    if not is_known:
        raise CannotServe(
            f"the key in {path} is of a kind that can't be used",
            hint=f"make one of {', '.join(KEYS)}",
        )
