//! A binary heap by time, in an array, as `java.util.PriorityQueue` keeps it.
//!
//! Ties matter: records of one time from two topics are taken in the order in which Java's heap gives them,
//! which is not the order in which they came.

pub trait Timed {
    fn time(&self) -> i64;
}

#[derive(Debug)]
pub struct Heap<T> {
    items: Vec<T>,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T: Timed> Heap<T> {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn peek(&self) -> Option<&T> {
        self.items.first()
    }

    pub fn push(&mut self, item: T) {
        self.items.push(item);
        let mut place = self.items.len() - 1;
        while place > 0 {
            let parent = (place - 1) >> 1;
            if self.items[place].time() >= self.items[parent].time() {
                break;
            }
            self.items.swap(place, parent);
            place = parent;
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        let last = self.items.pop()?;
        if self.items.is_empty() {
            return Some(last);
        }
        let first = std::mem::replace(&mut self.items[0], last);
        self.sink();
        Some(first)
    }

    fn sink(&mut self) {
        let size = self.items.len();
        let mut place = 0;
        while place < size >> 1 {
            let mut child = 2 * place + 1;
            if child + 1 < size && self.items[child].time() > self.items[child + 1].time() {
                child += 1;
            }
            if self.items[place].time() <= self.items[child].time() {
                break;
            }
            self.items.swap(place, child);
            place = child;
        }
    }
}
