"""Java's and librdkafka's settings of TLS and SASL, read into a `Reach`.

Both spellings of a setting are taken, alone or alike. What is not known, can't be served or
contradicts another is refused by name, also what would be ignored at the price of safety: TLS or a
password without a security protocol that has it. No error shows a password, key or token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ottla.client.connecting import pem, sasl_settings
from ottla.client.connecting.reach import PROTOCOLS, Reach, Tls
from ottla.client.errors import BadSetting

_TLS: Final = frozenset(
    """
    ssl.ca.location ssl.ca.pem ssl.truststore.location ssl.truststore.type ssl.truststore.password
    ssl.truststore.certificates ssl.certificate.location ssl.certificate.pem ssl.key.location
    ssl.key.pem ssl.key.password ssl.keystore.location ssl.keystore.type ssl.keystore.password
    ssl.keystore.key ssl.keystore.certificate.chain ssl.endpoint.identification.algorithm
    enable.ssl.certificate.verification ssl.enabled.protocols ssl.protocol ssl.cipher.suites
    """.split()  # noqa: SIM905 (a list of strings would take a page)
)
KEYS: Final = _TLS | sasl_settings.KEYS | {"security.protocol"}
"""All that is honoured."""

_OTHERS: Final = frozenset(
    """
    ssl.keymanager.algorithm ssl.trustmanager.algorithm ssl.secure.random.implementation
    sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
    sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
    sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.retry.backoff.ms
    sasl.login.retry.backoff.max.ms sasl.kerberos.kinit.cmd sasl.kerberos.service.name
    sasl.kerberos.min.time.before.relogin sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.ticket.renew.window.factor
    """.split()  # noqa: SIM905
)
"""What tunes Java's own machinery: harmless, and without effect here."""
_FAMILIES: Final = ("ssl.", "sasl.", "security.", "enable.ssl.", "enable.sasl.", "https.")
_NOT_HERE: Final = {
    "ssl.engine.factory.class": "a class that only Java can load",
    "ssl.provider": "a provider that only Java can load",
    "security.providers": "providers that only Java can load",
    "ssl.crl.location": "certificate revocation lists are not read",
    "ssl.curves.list": "the curves are rustls's own: X25519, P-256 and P-384",
    "ssl.sigalgs.list": "the signature algorithms are rustls's own",
    "ssl.engine.location": "OpenSSL's engines are not loaded",
    "ssl.providers": "OpenSSL's providers are not loaded",
}
_CALLED: Final = {
    "sasl.kerberos.domain.name": "Kerberos is not spoken",
    "sasl.kerberos.name": "Kerberos is not spoken",
    "sasl.oauth.token.provider": "it is oauth_cb here, a function as confluent-kafka's",
    "sasl.plain.password": "it is sasl.password here",
    "sasl.plain.username": "it is sasl.username here",
    "ssl.cafile": "it is ssl.ca.location here",
    "ssl.certfile": "it is ssl.certificate.location here",
    "ssl.check.hostname": "ssl.endpoint.identification.algorithm is https, or none",
    "ssl.ciphers": "it is ssl.cipher.suites here",
    "ssl.context": "ssl.ca.location, ssl.certificate.location and ssl.key.location name PEM files",
    "ssl.crlfile": "certificate revocation lists are not read",
    "ssl.keyfile": "it is ssl.key.location here",
    "ssl.password": "it is ssl.key.password here",
}
"""kafka-python's names."""
_IDLE: Final = sasl_settings.IDLE | frozenset(
    """
    ssl.truststore.type ssl.keystore.type ssl.endpoint.identification.algorithm ssl.protocol
    ssl.enabled.protocols ssl.cipher.suites enable.ssl.certificate.verification
    """.split()  # noqa: SIM905
)
"""What asks for nothing by itself: some write it beside every protocol."""
_ROOTS: Final = {
    "ssl.ca.location": "file",
    "ssl.ca.pem": "text",
    "ssl.truststore.location": "store",
    "ssl.truststore.certificates": "text",
}
_CERTIFICATES: Final = {
    "ssl.certificate.location": "file",
    "ssl.certificate.pem": "text",
    "ssl.keystore.location": "store",
    "ssl.keystore.certificate.chain": "text",
}
_PRIVATE_KEYS: Final = {
    "ssl.key.location": "file",
    "ssl.key.pem": "text",
    "ssl.keystore.location": "store",
    "ssl.keystore.key": "text",
}
_HINT_ENCRYPTED: Final = (
    "`openssl pkey -in KEY -out plain.pem` writes it without a password; let nobody else read it"
)


def reach_of(properties: Mapping[str, Any]) -> Reach:
    """What the settings ask for; others than those of security are not looked at.

    Raises:
        BadSetting: one of them means nothing, is not known, or contradicts another.
    """
    given = {key: value for key, value in properties.items() if value is not None}
    for key in given:
        _require_known(key)
    protocol = str(given.get("security.protocol", PROTOCOLS[0])).strip().upper()
    if protocol not in PROTOCOLS:
        hint = f"there are {', '.join(PROTOCOLS)}"
        raise BadSetting("security.protocol", f"security.protocol={protocol}: none", hint=hint)
    has_tls, has_sasl = protocol.endswith("SSL"), protocol.startswith("SASL")
    if not has_tls:
        _refuse_idle(given, _TLS, protocol, "SASL_SSL" if has_sasl else "SSL")
    if not has_sasl:
        _refuse_idle(given, sasl_settings.KEYS, protocol, "SASL_SSL")
    return Reach(
        protocol,
        tls=_tls(given) if has_tls else None,
        sasl=sasl_settings.login_of(given) if has_sasl else None,
    )


def _require_known(key: str) -> None:
    if key in KEYS or key in _OTHERS or not key.startswith(_FAMILIES):
        return
    if key in _NOT_HERE:
        raise BadSetting(key, f"{key} can't be honoured: {_NOT_HERE[key]}", hint="leave it out")
    if key in _CALLED:
        raise BadSetting(key, f"no setting {key}", hint=_CALLED[key])
    from ottla.config.nearest import nearest

    close = nearest(key, KEYS)
    hint = f"did you mean {close}?" if close else "settings of security are Java's or librdkafka's"
    raise BadSetting(key, f"no setting {key}", hint=hint)


def _refuse_idle(
    given: Mapping[str, Any], keys: frozenset[str], protocol: str, wanted: str
) -> None:
    """Whoever sets these wants to be safe, and would not be."""
    for key in given:
        if key in keys and key not in _IDLE:
            raise BadSetting(
                key,
                f"{key} is set, but security.protocol is {protocol}, which does not use it",
                hint=f"set security.protocol={wanted}, or leave {key} out",
            )


# ---------------------------------------------------------------- TLS


def _tls(given: Mapping[str, Any]) -> Tls:
    from ottla.wire.tls import BadTls

    roots_key, ca_pem = _pem(given, _ROOTS, "ssl.truststore.type", pem.HINT_TRUSTSTORE)
    own_key, certificate_pem = _pem(given, _CERTIFICATES, "ssl.keystore.type", pem.HINT_KEYSTORE)
    key_key, key_pem = _pem(given, _PRIVATE_KEYS, "ssl.keystore.type", pem.HINT_KEYSTORE)
    algorithm = str(given.get("ssl.endpoint.identification.algorithm", "https")).strip().lower()
    if algorithm not in ("https", "none", ""):
        raise BadSetting(
            "ssl.endpoint.identification.algorithm",
            f"ssl.endpoint.identification.algorithm={algorithm}: there is no such algorithm",
            hint="https compares the certificate's names; none, or nothing, compares nothing",
        )
    tls = Tls(
        ca_pem=ca_pem,
        certificate_pem=certificate_pem,
        key_pem=key_pem,
        verifies=sasl_settings.truth(given, "enable.ssl.certificate.verification", True),
        verifies_name=algorithm == "https",
        protocols=_protocols(given),
        cipher_suites=_listed(given, "ssl.cipher.suites"),
    )
    try:
        tls.config  # noqa: B018 (read now, while it is known which setting is no good)
    except BadTls as bad:
        key, hint = {
            "tls-roots": (roots_key, "it holds the certificates of those whom to trust, as PEM"),
            "tls-certificate": (own_key, "the certificate first, then those that lead to the CA"),
            "tls-key": (key_key, "a PEM key in PKCS#8, PKCS#1 (RSA) or SEC1 (EC) to it"),
            "tls-encrypted-key": (key_key, _HINT_ENCRYPTED),
            "tls-protocol": ("ssl.enabled.protocols", None),
            "tls-cipher": ("ssl.cipher.suites", None),
        }[bad.kind]
        raise BadSetting(key, f"{key}: {bad}", hint=hint) from None
    return tls


def _pem(
    given: Mapping[str, Any], kinds: Mapping[str, str], type_key: str, hint: str
) -> tuple[str, str | None]:
    """The one setting of several that is given, and its PEM; else the first one's name."""
    chosen = [key for key in kinds if given.get(key)]
    if len(chosen) > 1:
        both = f"{chosen[0]} and {chosen[1]}"
        raise BadSetting(chosen[1], f"both {both} are set", hint="leave one of them out")
    if not chosen:
        return next(iter(kinds)), None
    (key,) = chosen
    value = str(given[key])
    kind = kinds[key]
    if kind == "store":
        _require_pem_store(given, key, type_key, hint)
    if kind == "text":
        return key, pem.checked(key, value)
    return key, pem.read_pem(key, value, hint=hint)


def _require_pem_store(given: Mapping[str, Any], key: str, type_key: str, hint: str) -> None:
    store = str(given.get(type_key, "JKS")).strip().upper()
    if store == "PEM":
        return
    if type_key not in given and str(given[key]).lower().endswith((".pem", ".crt", ".cer")):
        hint = f"set {type_key}=PEM"
    raise BadSetting(key, f"{key} is a store of type {store}, and only PEM is read", hint=hint)


def _protocols(given: Mapping[str, Any]) -> tuple[str, ...]:
    names = _listed(given, "ssl.enabled.protocols")
    highest = str(given.get("ssl.protocol", "TLSv1.3")).strip()
    if highest not in ("TLS", "TLSv1.2", "TLSv1.3"):
        hint = "there are TLSv1.2 and TLSv1.3"
        raise BadSetting("ssl.protocol", f"ssl.protocol={highest} is not spoken", hint=hint)
    # As in Java, it matters where the list is not given.
    return names or (("TLSv1.2",) if highest == "TLSv1.2" else ())


def _listed(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Names with commas between, as Java has them, or colons, as librdkafka does."""
    text = str(given.get(key, "")).replace(":", ",")
    return tuple(name.strip() for name in text.split(",") if name.strip())
