//! What all TLS connections of one client share: whom it trusts, who it is, and what it speaks.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::verify::Verifier;

/// What may be set, as PEM and as Java's, OpenSSL's and the RFCs' names.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Whom to trust; `None` for whom the platform trusts.
    pub ca_pem: Option<&'a [u8]>,
    /// The client's own certificate, followed by those that lead to a root.
    pub certificate_pem: Option<&'a [u8]>,
    pub key_pem: Option<&'a [u8]>,
    /// Whether a peer must show a certificate of somebody trusted.
    pub verifies: bool,
    /// Whether that certificate must be of the name that was connected to.
    pub verifies_name: bool,
    /// `TLSv1.2`, `TLSv1.3`; empty for both.
    pub protocols: &'a [String],
    /// Empty for all that rustls has.
    pub cipher_suites: &'a [String],
}

/// Settings that make no config: the kind is for programs, the text for people.
#[derive(Debug)]
pub struct Refused {
    pub kind: &'static str,
    pub text: String,
}

/// Settings that were read and found good.
pub struct Config {
    pub(crate) inner: Arc<ClientConfig>,
    pub(crate) has_certificate: bool,
}

impl Config {
    pub fn new(settings: &Settings<'_>) -> Result<Self, Refused> {
        let mut provider = ring::default_provider();
        choose_suites(&mut provider, settings.cipher_suites)?;
        let versions = versions(settings.protocols)?;
        let provider = Arc::new(provider);
        let verifier = verifier(settings, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| Refused {
                kind: "tls-cipher",
                text: format!("no cipher suite goes with the protocols: {error}"),
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (inner, has_certificate) = match (settings.certificate_pem, settings.key_pem) {
            (None, None) => (builder.with_no_client_auth(), false),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, "tls-certificate")?;
                let own = builder
                    .with_client_auth_cert(chain, private_key(key)?)
                    .map_err(|error| Refused {
                        kind: "tls-key",
                        text: unusable_key(&error),
                    })?;
                (own, true)
            }
            (Some(_), None) => {
                return Err(Refused {
                    kind: "tls-key",
                    text: "there is a certificate, but no key to it".into(),
                });
            }
            (None, Some(_)) => {
                return Err(Refused {
                    kind: "tls-certificate",
                    text: "there is a key, but no certificate to it".into(),
                });
            }
        };
        Ok(Self {
            inner: Arc::new(inner),
            has_certificate,
        })
    }
}

fn versions(names: &[String]) -> Result<Vec<&'static SupportedProtocolVersion>, Refused> {
    if names.is_empty() {
        return Ok(vec![&TLS13, &TLS12]);
    }
    let found = names.iter().map(|name| match name.as_str() {
        "TLSv1.3" => Ok(&TLS13),
        "TLSv1.2" => Ok(&TLS12),
        _ => Err(Refused {
            kind: "tls-protocol",
            text: format!("'{name}' is not spoken, but TLSv1.2 and TLSv1.3 are"),
        }),
    });
    found.collect()
}

fn choose_suites(provider: &mut CryptoProvider, names: &[String]) -> Result<(), Refused> {
    if names.is_empty() {
        return Ok(());
    }
    let known = provider.cipher_suites.clone();
    let name_of = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
    let mut chosen = Vec::new();
    for name in names {
        let wanted = bare(name);
        match known.iter().find(|suite| bare(&name_of(suite)) == wanted) {
            Some(suite) => chosen.push(*suite),
            None => {
                let names: Vec<String> = known
                    .iter()
                    .map(|suite| name_of(suite).replacen("TLS13_", "TLS_", 1))
                    .collect();
                return Err(Refused {
                    kind: "tls-cipher",
                    text: format!("'{name}' is not spoken, but {} are", names.join(", ")),
                });
            }
        }
    }
    provider.cipher_suites = chosen;
    Ok(())
}

/// A cipher suite's name in a form in which the RFCs' and OpenSSL's are the same.
fn bare(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let body = upper
        .strip_prefix("TLS13_")
        .or_else(|| upper.strip_prefix("TLS_"))
        .unwrap_or(&upper)
        .replacen("_WITH_", "_", 1)
        .replace(['_', '-'], "");
    match body.strip_suffix("POLY1305SHA256") {
        Some(start) => format!("{start}POLY1305"),
        None => body,
    }
}

fn verifier(settings: &Settings<'_>, provider: &Arc<CryptoProvider>) -> Result<Verifier, Refused> {
    let algorithms = provider.signature_verification_algorithms;
    if !settings.verifies {
        return Ok(Verifier::trusts_anybody(algorithms));
    }
    let mut roots = RootCertStore::empty();
    let mut own = Vec::new();
    match settings.ca_pem {
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(Refused {
                    kind: "tls-roots",
                    text: "the platform has no certificates of whom to trust".into(),
                });
            }
        }
        Some(pem) => {
            for (number, certificate) in certificates(pem, "tls-roots")?.into_iter().enumerate() {
                roots.add(certificate.clone()).map_err(|error| Refused {
                    kind: "tls-roots",
                    text: format!("certificate {} can't be read: {error}", number + 1),
                })?;
                own.push(certificate);
            }
        }
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| Refused {
            kind: "tls-roots",
            text: error.to_string(),
        })?;
    Ok(Verifier::trusts(
        inner,
        own,
        settings.verifies_name,
        algorithms,
    ))
}

fn certificates(pem: &[u8], kind: &'static str) -> Result<Vec<CertificateDer<'static>>, Refused> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let text = match found {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "there is no certificate in it (BEGIN CERTIFICATE)".to_owned(),
        Err(error) => format!("it is no PEM: {error}"),
    };
    Err(Refused { kind, text })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Refused> {
    if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(Refused {
            kind: "tls-encrypted-key",
            text: "the private key is encrypted".into(),
        });
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| Refused {
        kind: "tls-key",
        text:
            "there is no private key in it (BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)"
                .into(),
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn unusable_key(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "the private key is not that of the certificate".to_owned()
        }
        other => format!("the private key can't be used: {other}"),
    }
}
