//! Without a server: what settings are refused, and what a session makes of nonsense. Handshakes
//! with servers of other make are Python's tests (`tests/client/test_tls.py`).

use crate::{Config, FaultKind, Session, Settings};

const NONE: Settings<'static> = Settings {
    ca_pem: None,
    certificate_pem: None,
    key_pem: None,
    verifies: false,
    verifies_name: false,
    protocols: &[],
    cipher_suites: &[],
};

fn refused(settings: &Settings<'_>) -> (&'static str, String) {
    match Config::new(settings) {
        Ok(_) => panic!("it was taken"),
        Err(refused) => (refused.kind, refused.text),
    }
}

#[test]
fn suites_are_known_by_the_names_of_java_and_openssl() {
    for name in [
        "TLS_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ] {
        let names = [name.to_owned()];
        let settings = Settings {
            cipher_suites: &names,
            ..NONE
        };
        assert!(Config::new(&settings).is_ok(), "{name}");
    }
}

#[test]
fn what_rustls_has_not_is_refused_by_name() {
    let old = ["TLSv1.3".to_owned(), "TLSv1.1".to_owned()];
    let (kind, text) = refused(&Settings {
        protocols: &old,
        ..NONE
    });
    assert_eq!(kind, "tls-protocol");
    assert!(text.contains("'TLSv1.1'"));
    let weak = ["TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()];
    let (kind, text) = refused(&Settings {
        cipher_suites: &weak,
        ..NONE
    });
    assert_eq!(kind, "tls-cipher");
    assert!(text.contains("'TLS_RSA_WITH_AES_128_CBC_SHA'"));
}

#[test]
fn pem_that_holds_nothing_is_refused_by_what_it_is_for() {
    let empty = Some(b"nothing".as_slice());
    let all = Settings {
        verifies: true,
        ca_pem: empty,
        ..NONE
    };
    assert_eq!(refused(&all).0, "tls-roots");
    let own = Settings {
        certificate_pem: empty,
        key_pem: empty,
        ..NONE
    };
    assert_eq!(refused(&own).0, "tls-certificate");
    assert_eq!(
        refused(&Settings {
            key_pem: empty,
            ..NONE
        })
        .0,
        "tls-certificate"
    );
    assert_eq!(
        refused(&Settings {
            certificate_pem: empty,
            ..NONE
        })
        .0,
        "tls-key"
    );
}

#[test]
fn an_answer_that_is_no_tls_is_called_so() {
    for answer in [
        b"HTTP/1.1 400 Bad Request\r\n".as_slice(),
        &[0; 64],
        &[0xff; 9],
    ] {
        let mut session = Session::new(&Config::new(&NONE).unwrap(), "localhost").unwrap();
        let hello = session.to_send().len();
        assert!(hello > 50 && session.is_handshaking());
        session.sent(hello);
        assert_eq!(session.to_send(), b"");
        assert_eq!(session.received(answer), b"");
        assert_eq!(
            session.fault().map(|fault| fault.kind),
            Some(FaultKind::NoTls)
        );
        assert_eq!(session.received(answer), b"");
    }
}

#[test]
fn names_that_no_certificate_has_are_refused() {
    let config = Config::new(&NONE).unwrap();
    assert!(Session::new(&config, "10.0.0.1").is_ok());
    assert!(Session::new(&config, "::1").is_ok());
    assert!(Session::new(&config, "kafka_1.internal").is_ok());
    assert!(Session::new(&config, "a b").is_err());
}
