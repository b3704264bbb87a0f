//! What is known of a client's connection apart from its bytes; it parks requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ottla_core::partition::{Waiter, Wants};
use ottla_core::serving::{self, Asker};

/// What waits for Python with its connection.
pub type Asked = serving::Asked<Arc<Connection>>;
pub type Item = serving::Item<Arc<Connection>>;

/// Who speaks on a connection that did not say.
const ANONYMOUS: &str = "User:ANONYMOUS";

pub struct Connection {
    pub id: u64,
    pub listener: String,
    pub controller: bool,
    /// Host and port of our end, then of the peer's.
    pub ends: [(Box<str>, u16); 2],
    principal: OnceLock<Box<str>>,
    wants: Wants,
    rung: AtomicBool,
}

impl Connection {
    pub fn new(id: u64, listener: String, controller: bool, port: u16) -> Self {
        let peer = u16::try_from(id % 30_000).unwrap_or(0);
        let ends = [port, 30_000 + peer].map(|port| ("127.0.0.1".into(), port));
        Self {
            id,
            listener,
            controller,
            ends,
            principal: OnceLock::new(),
            wants: Wants::default(),
            rung: AtomicBool::new(false),
        }
    }

    pub fn asker(&self) -> Asker<'_> {
        let [(local_host, local_port), (peer_host, _)] = &self.ends;
        Asker {
            listener: &self.listener,
            local_host,
            local_port: *local_port,
            peer_host,
            principal: self.principal(),
        }
    }

    pub fn principal(&self) -> &str {
        self.principal.get().map_or(ANONYMOUS, |known| known)
    }

    /// False if somebody else spoke here before.
    pub fn identify(&self, principal: &str) -> bool {
        **self.principal.get_or_init(|| principal.into()) == *principal
    }

    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Whether it was rung; from now on it was not.
    pub fn hear(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Waiter for Connection {
    fn principal(&self) -> &str {
        self.principal()
    }

    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
    }
}
