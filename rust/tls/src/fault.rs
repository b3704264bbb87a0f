//! Why a TLS connection is to be closed: a kind for programs, and a text for people.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// What went wrong, as far as somebody could do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The peer's certificate is no longer valid.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// Nobody who is trusted signed it.
    UnknownIssuer,
    /// It is another's.
    WrongName,
    /// It is no good for another reason.
    Certificate,
    /// The peer wants a certificate of ours, or another one.
    ClientCertificate,
    /// There is no version or cipher suite that both sides speak.
    Incompatible,
    /// What came is not TLS at all.
    NoTls,
    /// The peer ended it for another reason.
    Alert,
    /// The peer broke TLS's rules, or somebody between.
    Protocol,
}

impl FaultKind {
    /// Its stable name.
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::Expired => "expired",
            FaultKind::NotYetValid => "not-yet-valid",
            FaultKind::UnknownIssuer => "unknown-issuer",
            FaultKind::WrongName => "wrong-name",
            FaultKind::Certificate => "certificate",
            FaultKind::ClientCertificate => "client-certificate",
            FaultKind::Incompatible => "incompatible",
            FaultKind::NoTls => "no-tls",
            FaultKind::Alert => "alert",
            FaultKind::Protocol => "protocol",
        }
    }
}

/// The end of a session.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub text: String,
}

impl Fault {
    fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// `heard_tls`: a whole record of TLS came before. `has_certificate`: we had one to show.
    pub(crate) fn of(error: &Error, heard_tls: bool, has_certificate: bool) -> Self {
        match error {
            Error::InvalidCertificate(why) => of_certificate(why),
            Error::NoCertificatesPresented => {
                Self::new(FaultKind::Certificate, "it showed no certificate")
            }
            Error::AlertReceived(alert) => of_alert(*alert, has_certificate),
            Error::InvalidMessage(_) if !heard_tls => {
                Self::new(FaultKind::NoTls, "what it answers is not TLS")
            }
            Error::PeerIncompatible(why) => Self::new(
                FaultKind::Incompatible,
                format!("it speaks no version or cipher suite of TLS that we do ({why:?})"),
            ),
            other => Self::new(
                FaultKind::Protocol,
                format!("it breaks TLS's rules: {other}"),
            ),
        }
    }
}

fn of_certificate(why: &CertificateError) -> Fault {
    match why {
        CertificateError::Expired => Fault::new(FaultKind::Expired, "its certificate has expired"),
        CertificateError::ExpiredContext { not_after, .. } => Fault::new(
            FaultKind::Expired,
            format!("its certificate has expired on {}", date(*not_after)),
        ),
        CertificateError::NotValidYet => {
            Fault::new(FaultKind::NotYetValid, "its certificate is not valid yet")
        }
        CertificateError::NotValidYetContext { not_before, .. } => Fault::new(
            FaultKind::NotYetValid,
            format!("its certificate is not valid before {}", date(*not_before)),
        ),
        CertificateError::UnknownIssuer => Fault::new(
            FaultKind::UnknownIssuer,
            "its certificate is signed by nobody whom we trust",
        ),
        CertificateError::NotValidForName => {
            Fault::new(FaultKind::WrongName, "its certificate is for another name")
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let whose = if presented.is_empty() {
                "no name (subjectAltName)".to_owned()
            } else {
                presented.join(", ")
            };
            Fault::new(
                FaultKind::WrongName,
                format!(
                    "its certificate is for {whose}, not for {}",
                    expected.to_str()
                ),
            )
        }
        CertificateError::BadSignature => Fault::new(
            FaultKind::Certificate,
            "it does not prove that its certificate is its own",
        ),
        other => Fault::new(
            FaultKind::Certificate,
            format!("its certificate can't be accepted: {other}"),
        ),
    }
}

fn of_alert(alert: AlertDescription, has_certificate: bool) -> Fault {
    let name = snake(&format!("{alert:?}"));
    match alert {
        AlertDescription::CertificateRequired => Fault::new(
            FaultKind::ClientCertificate,
            format!("it wants a certificate of ours (alert {name})"),
        ),
        // What TLS 1.2 and Java say for it.
        AlertDescription::BadCertificate | AlertDescription::NoCertificate if !has_certificate => {
            Fault::new(
                FaultKind::ClientCertificate,
                format!("it wants a certificate of ours (alert {name})"),
            )
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
            if has_certificate =>
        {
            Fault::new(
                FaultKind::ClientCertificate,
                format!("it does not accept our certificate (alert {name})"),
            )
        }
        AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity => Fault::new(
            FaultKind::Incompatible,
            format!("it speaks no version or cipher suite of TLS that we do (alert {name})"),
        ),
        _ => Fault::new(
            FaultKind::Alert,
            format!("it ended the connection (alert {name})"),
        ),
    }
}

/// `BadCertificate` as the RFCs write it: `bad_certificate`.
fn snake(name: &str) -> String {
    let mut found = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_lower {
            found.push('_');
        }
        after_lower = !letter.is_ascii_uppercase();
        found.push(letter.to_ascii_lowercase());
    }
    found
}

/// A day of the Gregorian calendar, UTC.
fn date(time: UnixTime) -> String {
    let mut days = time.as_secs() / 86_400;
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_735_689_599, "2024-12-31"),
            (4_102_444_800, "2100-01-01"),
        ] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            assert_eq!(date(time), day);
        }
    }

    #[test]
    fn alerts_are_named_as_the_rfcs_do() {
        assert_eq!(snake("BadCertificate"), "bad_certificate");
        assert_eq!(snake("UnknownCA"), "unknown_ca");
    }
}
