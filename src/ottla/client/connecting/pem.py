"""Certificates and keys as settings name them: PEM, in a file or in the setting itself.

Keystores of Java's own kinds and PKCS#12 are refused by name, with the command that turns one into
PEM. A text that has lost its line ends on its way through a properties file gets them back.
"""

from __future__ import annotations

import os
import re
from typing import Final

from ottla.client.errors import BadSetting
from ottla.client.files import unread_hint

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HEADERS: Final = re.compile(r"^\s*Proc-Type:")
_JKS: Final = b"\xfe\xed\xfe\xed"
HINT_TRUSTSTORE: Final = (
    "`keytool -exportcert -rfc -keystore FILE -alias ALIAS -file ca.pem` writes it as PEM; then "
    "set ssl.truststore.type=PEM and ssl.truststore.location=ca.pem"
)
HINT_KEYSTORE: Final = (
    "`keytool -importkeystore -srckeystore FILE -destkeystore own.p12 -deststoretype PKCS12` and "
    "`openssl pkcs12 -in own.p12 -out own.pem -nodes` write it as PEM; then set "
    "ssl.keystore.type=PEM and ssl.keystore.location=own.pem"
)


def read_pem(key: str, path: str, *, hint: str) -> str:
    """A file's PEM; of a folder, that of all its files.

    Raises:
        BadSetting: it can't be read, or is no PEM.
    """
    if os.path.isdir(path):
        names = sorted(os.listdir(path))
        files = [place for name in names if os.path.isfile(place := os.path.join(path, name))]
        text = "\n".join(_read(key, file).decode("latin-1") for file in files)
    else:
        data = _read(key, path)
        if data.startswith(_JKS) or data[:1] == b"0":
            kind = "a Java keystore (JKS)" if data.startswith(_JKS) else "PKCS#12 or DER"
            raise BadSetting(key, f"{key}={path} is {kind}, not PEM", hint=hint)
        text = data.decode("latin-1")
    return checked(key, text, of=path)


def checked(key: str, text: str, *, of: str | None = None) -> str:
    """The PEM blocks of a text, with the line ends that they need.

    Raises:
        BadSetting: it has none.
    """
    found = _BLOCK.findall(text)
    if not found:
        where = f"{key}={of}" if of else key
        hint = "PEM has a line -----BEGIN ...----- and base64 behind it"
        raise BadSetting(key, f"{where} holds no PEM", hint=hint)
    return "".join(_wrapped(label, body) for label, body in found)


def _read(key: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        text = f"{key}={path} can't be read: {error.strerror}"
        raise BadSetting(key, text, hint=unread_hint(error)) from None


def _wrapped(label: str, body: str) -> str:
    if not _HEADERS.match(body):
        text = "".join(body.split())
        body = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{body.strip()}\n-----END {label}-----\n"
