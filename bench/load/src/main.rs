//! A load generator for any server that speaks Kafka.
//!
//! `load MODE --bs HOST:PORT --topic T [--pid SERVER] ...`; every mode prints one JSON line with rates,
//! latencies, and the server's CPU and memory as /proc tells them. Requests are built once and sent again, so
//! that the client costs little and the server is what is measured. Only non-flexible versions are used, but for transactions.

mod beats;
mod e2e;
mod measure;
mod modes;
mod transactions;
mod wire;

use std::collections::HashMap;
use std::error::Error;

/// What goes wrong in a run ends it, with a text.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// `--name value` pairs.
pub struct Args(HashMap<String, String>);

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Args> {
        let mut found = HashMap::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                return Err(format!("{word:?} is no option").into());
            };
            let value = words
                .next()
                .ok_or_else(|| format!("--{name} has no value"))?;
            found.insert(name.to_owned(), value);
        }
        Ok(Args(found))
    }

    /// A text, or its default.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.0
            .get(name)
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    }

    /// Whether the option was given.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A whole number, which may end in k, m or g (powers of 1,024).
    pub fn number(&self, name: &str, default: u64) -> Outcome<u64> {
        let Some(text) = self.0.get(name) else {
            return Ok(default);
        };
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'k') => (&text[..text.len() - 1], 10),
            Some(b'm') => (&text[..text.len() - 1], 20),
            Some(b'g') => (&text[..text.len() - 1], 30),
            _ => (text.as_str(), 0),
        };
        let number: u64 = digits
            .parse()
            .map_err(|_| format!("--{name} {text}: no number"))?;
        Ok(number << shift)
    }
}

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mode = words.next().unwrap_or_default();
    let args = Args::parse(words)?;
    match mode.as_str() {
        "produce" => modes::produce(&args),
        "consume" => modes::consume(&args),
        "rpc" => modes::rpc(&args),
        "create" => modes::create(&args),
        "delete" => modes::delete(&args),
        "alter" => modes::alter(&args),
        "e2e" => e2e::run(&args),
        "beats" => beats::run(&args),
        "transact" => transactions::transact(&args),
        "stream" => transactions::stream(&args),
        _ => Err(
            "usage: load produce|consume|e2e|rpc|create|delete|alter|beats|transact|stream --bs HOST:PORT --topic T ..."
                .into(),
        ),
    }
}
