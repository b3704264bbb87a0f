//! What waits for Python: a request to decide, or news. Both drivers queue these, each with its own kind of connection.

use crate::connection::RequestHeader;
use crate::hosting::Event;

/// A request for Python. The body is what follows the header, in a frame of its own: the connection reads on.
#[derive(Debug)]
pub struct Asked<C> {
    /// Addresses the answer.
    pub token: u64,
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<String>,
    pub body: Vec<u8>,
    /// Where it came from.
    pub connection: C,
}

#[derive(Debug)]
pub enum Item<C> {
    Asked(Asked<C>),
    Event(Event),
}

impl<C> Asked<C> {
    /// Still without its body, which is not copied before it is known that somebody has to decide it.
    pub fn new(token: u64, header: &RequestHeader, connection: C) -> Self {
        Self {
            token,
            api_key: header.api_key,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.map(str::to_owned),
            body: Vec::new(),
            connection,
        }
    }
}

impl<C> Item<C> {
    /// The same from a connection as somebody else knows it.
    pub fn map<T>(self, connection: impl FnOnce(C) -> T) -> Item<T> {
        match self {
            Self::Asked(asked) => Item::Asked(Asked {
                token: asked.token,
                api_key: asked.api_key,
                api_version: asked.api_version,
                correlation_id: asked.correlation_id,
                client_id: asked.client_id,
                body: asked.body,
                connection: connection(asked.connection),
            }),
            Self::Event(event) => Item::Event(event),
        }
    }
}
