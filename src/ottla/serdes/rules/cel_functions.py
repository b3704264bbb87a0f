"""Functions that rules of CEL may call besides CEL's own: what a text is."""

from __future__ import annotations

import ipaddress
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}\Z")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
FORBIDDEN = re.compile(r"[\x00-\x20<>\"{}|\\^`\x7f]")
HOST_CHARACTERS_MAX = 253


def is_hostname(text: Any) -> bool:
    """Whether a text is the name of a host."""
    name = str(text).removesuffix(".")
    labels = name.split(".")
    return (
        0 < len(name) <= HOST_CHARACTERS_MAX
        and all(LABEL.match(label) for label in labels)
        and not labels[-1].isdigit()
    )


def is_email(text: Any) -> bool:
    """Whether a text is one address of mail, without a name before it."""
    local, at, host = str(text).rpartition("@")
    return bool(at) and LOCAL_PART.match(local) is not None and is_hostname(host)


def is_ipv4(text: Any) -> bool:
    """Whether a text is an address of IPv4."""
    return _is_address(text, 4)


def is_ipv6(text: Any) -> bool:
    """Whether a text is an address of IPv6."""
    return _is_address(text, 6)


def is_uuid(text: Any) -> bool:
    """Whether a text is a UUID."""
    try:
        uuid.UUID(str(text))
    except ValueError:
        return False
    return True


def is_uri(text: Any) -> bool:
    """Whether a text is a URI with a scheme."""
    return (
        is_uri_ref(text)
        and SCHEME.match(str(text).partition(":")[0]) is not None
        and (":" in str(text))
    )


def is_uri_ref(text: Any) -> bool:
    """Whether a text is a URI, or what one may write after a base."""
    try:
        urlsplit(str(text))
    except ValueError:
        return False
    return FORBIDDEN.search(str(text)) is None


def _is_address(text: Any, version: int) -> bool:
    try:
        return ipaddress.ip_address(str(text)).version == version
    except ValueError:
        return False


FUNCTIONS = {
    "isEmail": is_email,
    "isHostname": is_hostname,
    "isIpv4": is_ipv4,
    "isIpv6": is_ipv6,
    "isUri": is_uri,
    "isUriRef": is_uri_ref,
    "isUuid": is_uuid,
}
