//! The rows of joins and of suppress.

use super::function::Function;
use super::reading::{Fields, Read};
use super::sides::{JoinKind, Side};
use super::store::read_serde;
use super::view::View;
use super::window::JoinWindows;
use super::{Names, StoreId};
use crate::serde::Serde;

#[derive(Clone, Debug)]
pub struct Suppress {
    pub store: StoreId,
    pub wait: i64,
    pub until_window_closes: bool,
    pub records_max: Option<i64>,
    pub bytes_max: Option<i64>,
    /// Emit early when the buffer is full; else the task stops.
    pub emit_when_full: bool,
    pub safe_to_drop_tombstones: bool,
    pub source: Option<View>,
}

#[derive(Clone, Debug)]
pub struct StreamStreamJoin {
    pub side: Side,
    pub kind: JoinKind,
    pub windows: JoinWindows,
    pub joiner: Function,
    pub other_store: StoreId,
    pub outer_store: Option<StoreId>,
    /// The number of what both sides share; see `Plan::shared`.
    pub shared: usize,
}

#[derive(Clone, Debug)]
pub struct StreamSelfJoin {
    pub windows: JoinWindows,
    pub joiner: Function,
    pub store: StoreId,
}

#[derive(Clone, Debug)]
pub struct StreamTableJoin {
    pub kind: JoinKind,
    pub joiner: Function,
    pub table: View,
    pub versioned: bool,
    pub buffer: Option<StoreId>,
    pub grace: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct StreamGlobalJoin {
    pub kind: JoinKind,
    pub selector: Function,
    pub joiner: Function,
    pub table: View,
}

#[derive(Clone, Debug)]
pub struct TableTableJoin {
    pub side: Side,
    pub kind: JoinKind,
    pub joiner: Function,
    pub other: View,
    pub send_old: bool,
    pub versioned: bool,
}

#[derive(Clone, Debug)]
pub struct SubscriptionSend {
    pub extractor: Function,
    pub foreign_key: Serde,
    pub value: Serde,
    pub kind: JoinKind,
    pub versioned: bool,
    pub foreign_key_topic: String,
    pub value_topic: String,
}

#[derive(Clone, Debug)]
pub struct SubscriptionReceive {
    pub store: StoreId,
    pub foreign_key: Serde,
    pub primary_key: Serde,
    pub foreign_key_topic: String,
    pub primary_key_topic: String,
}

#[derive(Clone, Debug)]
pub struct SubscriptionJoin {
    pub table: View,
}

#[derive(Clone, Debug)]
pub struct ForeignTableJoin {
    pub store: StoreId,
    pub foreign_key: Serde,
    pub primary_key: Serde,
    pub foreign_key_topic: String,
    pub primary_key_topic: String,
    pub versioned: bool,
}

#[derive(Clone, Debug)]
pub struct ResponseJoin {
    pub table: View,
    pub value: Serde,
    pub joiner: Function,
    pub kind: JoinKind,
    pub value_topic: String,
}

impl Suppress {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            store: names.store(row, "store")?,
            wait: row.int("wait_ms")?,
            until_window_closes: row.flag("until_window_closes")?,
            records_max: row.int_or_none("records_max")?,
            bytes_max: row.int_or_none("bytes_max")?,
            emit_when_full: row.text("when_full")? == "emit",
            safe_to_drop_tombstones: row.flag("safe_to_drop_tombstones")?,
            source: View::read_or_none(row, "source", names)?,
        })
    }
}

impl StreamStreamJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            side: Side::read(row)?,
            kind: JoinKind::read(row)?,
            windows: JoinWindows::read(row, "windows")?,
            joiner: Function::read(row, "joiner")?,
            other_store: names.store(row, "other_store")?,
            outer_store: names.store_or_none(row, "outer_store")?,
            shared: names.shared(row.text("shared")?),
        })
    }
}

impl StreamSelfJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            windows: JoinWindows::read(row, "windows")?,
            joiner: Function::read(row, "joiner")?,
            store: names.store(row, "store")?,
        })
    }
}

impl StreamTableJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            kind: JoinKind::read(row)?,
            joiner: Function::read(row, "joiner")?,
            table: View::read(row, "table", names)?,
            versioned: row.flag("versioned")?,
            buffer: names.store_or_none(row, "buffer")?,
            grace: row.int_or_none("grace_ms")?,
        })
    }
}

impl StreamGlobalJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            kind: JoinKind::read(row)?,
            selector: Function::read(row, "selector")?,
            joiner: Function::read(row, "joiner")?,
            table: View::read(row, "table", names)?,
        })
    }
}

impl TableTableJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            side: Side::read(row)?,
            kind: JoinKind::read(row)?,
            joiner: Function::read(row, "joiner")?,
            other: View::read(row, "other", names)?,
            send_old: row.flag("send_old")?,
            versioned: row.flag("versioned")?,
        })
    }
}

impl SubscriptionSend {
    pub fn read(row: &Fields<'_>, _names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            extractor: Function::read(row, "extractor")?,
            foreign_key: read_serde(row, "foreign_key")?,
            value: read_serde(row, "value")?,
            kind: JoinKind::read(row)?,
            versioned: row.flag("versioned")?,
            foreign_key_topic: row.text("foreign_key_topic")?.to_owned(),
            value_topic: row.text("value_topic")?.to_owned(),
        })
    }
}

impl SubscriptionReceive {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            store: names.store(row, "store")?,
            foreign_key: read_serde(row, "foreign_key")?,
            primary_key: read_serde(row, "primary_key")?,
            foreign_key_topic: row.text("foreign_key_topic")?.to_owned(),
            primary_key_topic: row.text("primary_key_topic")?.to_owned(),
        })
    }
}

impl SubscriptionJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            table: View::read(row, "table", names)?,
        })
    }
}

impl ForeignTableJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            store: names.store(row, "store")?,
            foreign_key: read_serde(row, "foreign_key")?,
            primary_key: read_serde(row, "primary_key")?,
            foreign_key_topic: row.text("foreign_key_topic")?.to_owned(),
            primary_key_topic: row.text("primary_key_topic")?.to_owned(),
            versioned: row.flag("versioned")?,
        })
    }
}

impl ResponseJoin {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            table: View::read(row, "table", names)?,
            value: read_serde(row, "value")?,
            joiner: Function::read(row, "joiner")?,
            kind: JoinKind::read(row)?,
            value_topic: row.text("value_topic")?.to_owned(),
        })
    }
}
