//! Joins: of streams, of streams with tables, of tables.
//!
//! Joiners are called with (key, left, right) whichever side a record came from. What was fetched from
//! stores is held as values, so nothing of the engine is borrowed while the host runs.

mod clock;
mod outer;
pub(super) mod self_join;
pub(super) mod stream_stream;
pub(super) mod stream_table;
pub(super) mod table_table;
mod view;

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::functions::Offer;
use crate::plan::Node;
use crate::plan::function::Function;
use crate::record::{Payload, Record};
use crate::stop::Outcome;
use crate::value::Value;

pub use clock::Shared;
pub use view::Joined;

pub(crate) static NO_HEADERS: Headers = Headers::new();

pub(crate) const NULL_KEY: &str = "the key is null";
pub(crate) const NULL_KEY_OR_VALUE: &str = "the key or the value is null";
/// Of a stream with a table.
pub(crate) const NO_JOIN: &str = "the join's key or the value is null";
pub(crate) const OUT_OF_ORDER: &str = "a later version of the key is known";

/// Pass on what a joiner makes of two values, with a time of its own.
pub(crate) fn forward_joined<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    joiner: &Function,
    record: &Record<H::Object>,
    sides: (&Value<H::Object>, &Value<H::Object>),
    timestamp: i64,
) -> Outcome<H> {
    let value = run.call(joiner, &Offer::new(&record.key).sides(sides.0, sides.1))?;
    let joined = Record {
        key: record.key.clone(),
        payload: Payload::Plain(value),
        timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &joined)
}
