"""Bootstrap addresses: `host:port,host:port`, IPv6 in brackets.

Only the text is judged here; whether a name resolves is found out when it is dialled.
"""

from __future__ import annotations

from ottla.client.errors import BadAddress

_FILES = (".properties", ".conf", ".cfg", ".config", ".ini")
_HINT = "write host:port, several with commas between; IPv6 as [::1]:9092"


def parse_bootstrap(text: str, security_protocol: str = "PLAINTEXT") -> list[tuple[str, int]]:
    """The (host, port) pairs of a bootstrap list, to be reached by that protocol.

    Raises:
        BadAddress: it is empty, or one of them is not host:port, or asks for another protocol.
    """
    parsed = [_parse(part.strip(), security_protocol) for part in text.split(",") if part.strip()]
    if not parsed:
        raise BadAddress("the list of servers to connect to is empty", hint=_HINT)
    return parsed


def _parse(text: str, security_protocol: str) -> tuple[str, int]:
    scheme, separator, rest = text.partition("://")
    if separator:
        if scheme.upper() != security_protocol:
            is_known = scheme.upper() in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
            raise BadAddress(
                f"'{text}' asks for {scheme}, but security.protocol is {security_protocol}",
                hint=f"set security.protocol={scheme.upper()}" if is_known else _HINT,
            )
        text = rest
    host, colon, port_text = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadAddress(f"'{text}' is ambiguous: is its last part a port?", hint=_HINT)
    if not colon or not host:
        is_file = "/" in text or text.lower().endswith(_FILES)
        file = f'give ottla.client.read_properties("{text}"), which reads a file of settings'
        raise BadAddress(f"'{text}' has no port", hint=file if is_file else _HINT)
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
        raise BadAddress(f"'{text}': '{port_text}' is not a port (1 to 65535)", hint=_HINT)
    return host, int(port_text)
