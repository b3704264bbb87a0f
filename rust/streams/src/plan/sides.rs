//! The two sides of a join, and which of them a result needs.

use super::reading::{Fields, Read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Outer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

impl JoinKind {
    pub fn read(row: &Fields<'_>) -> Read<Self> {
        match row.text("kind")? {
            "inner" => Ok(Self::Inner),
            "left" => Ok(Self::Left),
            "outer" => Ok(Self::Outer),
            other => Err(row.wrong("kind", &format!("is unknown: {other}"))),
        }
    }
}

impl Side {
    pub fn read(row: &Fields<'_>) -> Read<Self> {
        match row.text("side")? {
            "left" => Ok(Self::Left),
            "right" => Ok(Self::Right),
            other => Err(row.wrong("side", &format!("is unknown: {other}"))),
        }
    }
}
