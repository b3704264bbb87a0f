//! Names of topics by number. The plan's own come first; functions that name topics may add more.
//!
//! A name never goes, so numbers and names may be kept by anyone.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

pub type TopicId = u32;

/// Chunks double: the first has `FIRST` places.
const FIRST: usize = 64;
const CHUNKS: usize = 24;

#[derive(Debug)]
pub struct Topics {
    chunks: [OnceLock<Box<[OnceLock<String>]>>; CHUNKS],
    numbers: Mutex<HashMap<String, TopicId>>,
}

impl Topics {
    pub fn new(names: Vec<String>) -> Self {
        let topics = Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            numbers: Mutex::default(),
        };
        for name in names {
            topics.number(&name);
        }
        topics
    }

    /// The number of a name; a new one where there is none.
    pub fn number(&self, name: &str) -> TopicId {
        let mut numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(number) = numbers.get(name) {
            return *number;
        }
        let number = numbers.len();
        let (chunk, place) = place(number);
        let size = FIRST << chunk;
        let chunk = self.chunks[chunk].get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        let _ = chunk[place].set(name.to_owned());
        numbers.insert(name.to_owned(), number as TopicId);
        number as TopicId
    }

    pub fn find(&self, name: &str) -> Option<TopicId> {
        let numbers = self.numbers.lock().unwrap_or_else(|e| e.into_inner());
        numbers.get(name).copied()
    }

    pub fn name(&self, number: TopicId) -> &str {
        let (chunk, place) = place(number as usize);
        let name = self.chunks[chunk]
            .get()
            .and_then(|chunk| chunk[place].get());
        name.map_or("", String::as_str)
    }

    pub fn len(&self) -> usize {
        self.numbers.lock().unwrap_or_else(|e| e.into_inner()).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn place(number: usize) -> (usize, usize) {
    let chunk = ((number / FIRST) + 1).ilog2() as usize;
    let before = FIRST * ((1 << chunk) - 1);
    (chunk, number - before)
}
