//! Plans: what a message's fields are, and how they lie in bytes at every version of it.
//!
//! A plan is data. It is declared in Python (`ottla.wire.messages`, `ottla.wire.stored`), compiled to
//! `StructPlan`s once a class, and walked by one decoder and one encoder; no message has code of its own.
//! The codec knows nothing of who holds the values: a `Build` makes them, a `Source` gives them, and `T` is
//! whatever those two wish to keep beside each struct.
//!
//! What stays true: a length that the bytes claim allocates nothing before those bytes were seen, the number of structs
//! is limited, nesting is as deep as the plan and no deeper, and everything that is wrong ends in one `Fault` that names the field.

mod decode;
mod encode;
mod marked;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::Arc;

pub use decode::{Build, decode};
pub use encode::{Source, encode};
pub use marked::Marked;
pub use read::Reader;

/// The longest string that Kafka allows, in bytes, in classic and compact form alike.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// A closed range of versions; empty when `first` is above `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    pub const NONE: Self = Self { first: 0, last: -1 };

    #[inline]
    pub fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// The type of a field or of an array's elements.
#[derive(Debug)]
pub enum Kind<T> {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    String,
    Bytes,
    /// Record batches as they lie in a log; the codec does not look inside.
    Records,
    Uuid,
    Struct(Arc<StructPlan<T>>),
    Array(Box<Kind<T>>),
}

/// What a field holds when its version does not carry it, or when its tag was left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Preset {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// No elements, no bytes, the zero uuid, or a struct whose fields all hold their own presets.
    Empty,
}

#[derive(Debug)]
pub struct Field<T> {
    pub name: String,
    pub kind: Kind<T>,
    pub versions: Versions,
    pub nullable: Versions,
    pub tagged: Versions,
    pub tag: u32,
    pub ignorable: bool,
    /// The client id of the request header keeps its classic form in flexible versions.
    pub never_flexible: bool,
    pub preset: Preset,
}

/// A struct's fields in the order of the wire.
#[derive(Debug)]
pub struct StructPlan<T> {
    pub name: String,
    pub fields: Vec<Field<T>>,
    /// Indexes of the fields that have a tag at some version, by rising tag.
    tags: Vec<usize>,
    pub owner: T,
}

impl<T> StructPlan<T> {
    pub fn new(name: String, fields: Vec<Field<T>>, owner: T) -> Self {
        let mut tags: Vec<usize> = (0..fields.len())
            .filter(|&index| fields[index].tagged != Versions::NONE)
            .collect();
        tags.sort_by_key(|&index| fields[index].tag);
        Self {
            name,
            fields,
            tags,
            owner,
        }
    }

    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

/// A message: a struct with the versions it exists in and the first that is flexible (KIP-482).
#[derive(Debug)]
pub struct Plan<T> {
    pub root: Arc<StructPlan<T>>,
    pub versions: Versions,
    pub flexible: Versions,
}

/// What was wrong, where in the message, and where in the bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub text: String,
    pub offset: Option<usize>,
    /// Innermost first; filled in on the way out.
    path: Vec<String>,
}

impl Fault {
    pub fn new(text: impl Into<String>, offset: Option<usize>) -> Box<Self> {
        Box::new(Self {
            text: text.into(),
            offset,
            path: Vec::new(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.path.iter().rev().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(out, "{dot}{name}")?;
        }
        if !self.path.is_empty() {
            write!(out, ": ")?;
        }
        write!(out, "{}", self.text)?;
        match self.offset {
            Some(offset) => write!(out, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

/// Why a message was not decoded or encoded: the message's fault, or an error of whoever holds the values.
#[derive(Debug)]
pub enum Refused<E> {
    Fault(Box<Fault>),
    Host(E),
}

impl<E> Refused<E> {
    fn within(mut self, name: &str) -> Self {
        if let Self::Fault(fault) = &mut self {
            fault.path.push(name.to_owned());
        }
        self
    }
}

impl<E> From<Box<Fault>> for Refused<E> {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

fn check_version<T>(plan: &Plan<T>, version: i16) -> Result<(), Box<Fault>> {
    if plan.versions.contains(version) {
        return Ok(());
    }
    let Versions { first, last } = plan.versions;
    Err(Fault::new(
        format!("has no version {version}, only {first} to {last}"),
        None,
    ))
}
