//! Where an operator reads a table's present value: in a store, or through operators above the store.

use super::function::Function;
use super::reading::{Fields, Read};
use super::sides::JoinKind;
use super::{Names, NodeId, StoreId};

#[derive(Clone, Debug)]
pub enum View {
    Stored(StoreId),
    Filtered {
        source: Box<View>,
        predicate: Function,
        negate: bool,
    },
    Mapped {
        source: Box<View>,
        mapper: Function,
    },
    /// Read through the transformer of this node.
    Transformed {
        source: Box<View>,
        node: NodeId,
    },
    Joined {
        kind: JoinKind,
        left: Box<View>,
        right: Box<View>,
        joiner: Function,
    },
    /// A suppressed table: what its buffer held before, else what stands above it.
    Buffered {
        source: Box<View>,
        store: StoreId,
    },
}

impl View {
    pub fn read(fields: &Fields<'_>, name: &str, names: &Names<'_>) -> Read<Self> {
        let (kind, view) = fields.object(name)?;
        let source = || Self::read(&view, "source", names).map(Box::new);
        Ok(match kind {
            "Stored" => Self::Stored(names.store(&view, "store")?),
            "Filtered" => Self::Filtered {
                source: source()?,
                predicate: Function::read(&view, "predicate")?,
                negate: view.flag("negate")?,
            },
            "Mapped" => Self::Mapped {
                source: source()?,
                mapper: Function::read(&view, "mapper")?,
            },
            "Transformed" => Self::Transformed {
                source: source()?,
                node: names.node(&view, "node")?,
            },
            "JoinedView" => Self::Joined {
                kind: JoinKind::read(&view)?,
                left: Box::new(Self::read(&view, "left", names)?),
                right: Box::new(Self::read(&view, "right", names)?),
                joiner: Function::read(&view, "joiner")?,
            },
            "Buffered" => Self::Buffered {
                source: source()?,
                store: names.store(&view, "store")?,
            },
            other => return Err(fields.wrong(name, &format!("is of an unknown kind, {other}"))),
        })
    }

    pub fn read_or_none(fields: &Fields<'_>, name: &str, names: &Names<'_>) -> Read<Option<Self>> {
        match fields.get(name) {
            None => Ok(None),
            Some(_) => Self::read(fields, name, names).map(Some),
        }
    }
}
