//! One client's end of one TLS connection, apart from its socket.

use std::io::{Read, Write};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::config::{Config, Refused};
use crate::fault::Fault;

/// It is told what arrived and what to send, and says what came and what to put on the wire.
///
/// The hello is there to be sent at once. Whatever it was told may leave something to send: also
/// bytes that arrived (the handshake goes on, a key is changed, an alert).
pub struct Session {
    inner: ClientConnection,
    /// For the wire; up to `sent` it is there.
    out: Vec<u8>,
    sent: usize,
    fault: Option<Fault>,
    has_certificate: bool,
    heard_tls: bool,
    is_closed: bool,
}

impl Session {
    pub fn new(config: &Config, server_name: &str) -> Result<Self, Refused> {
        let refused = |text: String| Refused {
            kind: "tls-name",
            text,
        };
        let name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| refused(format!("'{server_name}' is no name that a certificate has")))?;
        let mut inner = ClientConnection::new(config.inner.clone(), name)
            .map_err(|error| refused(error.to_string()))?;
        // Whoever drives it hands over a piece only when the one before is on the wire.
        inner.set_buffer_limit(None);
        let mut session = Self {
            inner,
            out: Vec::new(),
            sent: 0,
            fault: None,
            has_certificate: config.has_certificate,
            heard_tls: false,
            is_closed: false,
        };
        session.fill();
        Ok(session)
    }

    /// Whether the peer is not verified yet, and plaintext would wait.
    pub fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    /// Whether the peer said that it sends no more.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Why to close the connection, once `to_send` is on the wire: that tells the peer why.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Bytes arrived; the plaintext that they end.
    pub fn received(&mut self, mut data: &[u8]) -> Vec<u8> {
        let mut plaintext = Vec::new();
        while !data.is_empty() && self.fault.is_none() && !self.is_closed {
            let taken = self.inner.read_tls(&mut data);
            let done = match taken {
                Ok(0) => break,
                Ok(_) => self.inner.process_new_packets(),
                Err(error) => Err(rustls::Error::General(error.to_string())),
            };
            // Would block means that there is no more of it by now.
            let _ = self.inner.reader().read_to_end(&mut plaintext);
            match done {
                Ok(state) => {
                    self.heard_tls |= self.inner.protocol_version().is_some();
                    self.is_closed = state.peer_has_closed();
                }
                Err(error) => {
                    self.fault = Some(Fault::of(&error, self.heard_tls, self.has_certificate));
                }
            }
        }
        self.fill();
        plaintext
    }

    /// Encrypt all of this for the wire, after what is to be sent already.
    pub fn write(&mut self, plaintext: &[u8]) {
        let taken = self.inner.writer().write_all(plaintext);
        debug_assert!(taken.is_ok(), "its buffer has no limit");
        self.fill();
    }

    /// Say that nothing more will be sent.
    pub fn hang_up(&mut self) {
        self.inner.send_close_notify();
        self.fill();
    }

    /// What is to be put on the wire.
    pub fn to_send(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// So much of `to_send` is on the wire.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    fn fill(&mut self) {
        while self.inner.wants_write() {
            let written = self.inner.write_tls(&mut self.out);
            debug_assert!(written.is_ok(), "memory takes everything");
            if !matches!(written, Ok(1..)) {
                break;
            }
        }
    }
}
