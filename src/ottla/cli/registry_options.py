"""How a registry is served, as options of a command say it: what `ottla registry` and `ottla up`
share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ottla.cli.options import WrongWords
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.web.access import Access
    from ottla.web.tls import Tls

PORT = 8081


@contextmanager
def port_taken_told(option: str) -> Iterator[None]:
    """Say by which option a registry's port is chosen, where it can't be listened on.

    Raises:
        OttlaError: what was raised within.
    """
    from ottla.web.tls import CannotServe

    try:
        yield
    except CannotServe as error:
        if error.hint and "port" in error.hint:
            error.hint = (
                f"{option} PORT names another, 0 any free one; ottla status shows what runs"
            )
        raise


def access_of(people: str | None, tokens: str | None) -> Access | None:
    """Who may ask, by files of names with passwords and of tokens; None where there is none.

    Raises:
        OttlaError: a file can't be read, names nobody, or has a line that can't be meant.
    """
    if people is None and tokens is None:
        return None
    from ottla.web.access import Access

    access = Access()
    for file, add in ((people, access.add_people), (tokens, access.add_tokens)):
        if file is not None:
            try:
                add(Path(file).read_text(encoding="utf-8").splitlines())
            except UnicodeDecodeError:
                raise OttlaError(f"{file} is no text in UTF-8") from None
    if not access:
        raise OttlaError(
            f"{people or tokens} names nobody, so nobody could ask",
            hint="leave the option out to let everybody ask",
        )
    return access


def tls_of(certificate: str | None, key: str | None, ca: str | None) -> Tls | None:
    """What TLS is served with; None where it is not.

    Raises:
        WrongWords: a certificate comes with its key.
    """
    if certificate is None and key is None:
        if ca is not None:
            raise WrongWords("--tls-client-ca needs --tls-cert and --tls-key")
        return None
    if certificate is None or key is None:
        raise WrongWords("--tls-cert and --tls-key go together")
    from ottla.web.tls import Tls

    for file in (certificate, key, *([ca] if ca else [])):
        with open(file, "rb"):
            pass
    return Tls(Path(certificate), Path(key), Path(ca) if ca else None)


def ca_of(file: str | None) -> Path | None:
    """The CA of other instances' certificates.

    Raises:
        OSError: the file can't be read.
    """
    if file is None:
        return None
    with open(file, "rb"):
        pass
    return Path(file)


def advertised(address: str | None) -> tuple[str | None, int | None]:
    """Host and port of HOST[:PORT].

    Raises:
        WrongWords: it is none.
    """
    if address is None:
        return None, None
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = address, ""
    is_ipv6 = host.startswith("[") and host.endswith("]")
    if (
        not host
        or set(host) & set("/ ,")
        or (":" in host and not is_ipv6)
        or (port and not (port.isdigit() and 0 < int(port) < 65536))
    ):
        raise WrongWords(
            f"--advertise takes host or host:port, not '{address}'",
            hint="an IPv6 address stands in brackets: [fd00::1]:8081",
        )
    return host, int(port) if port else None
