//! A state store as the plan knows it.

use super::TopicId;
use super::reading::{Fields, Read};
use crate::serde::Serde;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    KeyValue,
    Lru,
    Window,
    Session,
    Versioned,
    SuppressBuffer,
    GraceBuffer,
    OuterJoin,
    Subscription,
}

/// One store. Times are ms; what a kind does not use is 0 or false.
#[derive(Clone, Debug)]
pub struct Store {
    pub name: String,
    pub kind: StoreKind,
    /// None keeps bytes as they are.
    pub key: Option<Serde>,
    pub value: Option<Serde>,
    pub timestamped: bool,
    /// An operator that keeps times was given a store that does not: they are read as -1.
    pub times_lost: bool,
    pub with_headers: bool,
    /// Its changelog's records have headers, although its values may have none.
    pub logs_headers: bool,
    pub persistent: bool,
    /// The topic that serdes of a registry see: the changelog's name, logged or not.
    pub serde_topic: String,
    /// The topic that its changes are written to: none where it is not logged, is global, or a source
    /// topic stands in for it.
    pub changelog: Option<TopicId>,
    pub is_global: bool,
    pub retention: i64,
    pub window_size: i64,
    pub segment_interval: i64,
    pub retain_duplicates: bool,
    pub history_retention: i64,
    pub entries_max: usize,
    pub grace: i64,
    /// The names of native aggregates, each as JSON with its colon, where one operator alone keeps such
    /// here; the store then keeps them as cells.
    pub columns: Box<[Box<[u8]>]>,
}

impl Store {
    /// `topic` numbers a topic by its full name.
    pub fn read(
        fields: &Fields<'_>,
        changelog: Option<String>,
        app_id: &str,
        topic: &mut impl FnMut(&str) -> TopicId,
    ) -> Read<Self> {
        let own = fields.get("changelog_topic").is_none();
        let is_global = fields.flag("is_global")?;
        let writes = own && !is_global;
        Ok(Self {
            name: fields.of.to_owned(),
            kind: StoreKind::read(fields)?,
            key: read_serde_or_none(fields, "key")?,
            value: read_serde_or_none(fields, "value")?,
            timestamped: fields.flag("timestamped")?,
            times_lost: fields.flag("times_lost")?,
            with_headers: fields.flag("with_headers")?,
            logs_headers: fields.flag("with_headers")? || fields.flag("logs_headers")?,
            persistent: fields.flag("persistent")?,
            serde_topic: changelog
                .clone()
                .unwrap_or_else(|| format!("{app_id}-{}-changelog", fields.of)),
            changelog: changelog.filter(|_| writes).map(|name| topic(&name)),
            is_global,
            retention: fields.int_or("retention_ms", 0)?,
            window_size: fields.int_or("window_size_ms", 0)?,
            segment_interval: fields.int_or("segment_interval_ms", 0)?,
            retain_duplicates: fields.flag("retain_duplicates")?,
            history_retention: fields.int_or("history_retention_ms", 0)?,
            entries_max: usize::try_from(fields.int_or("entries_max", 0)?).unwrap_or(0),
            grace: fields.int_or("grace_ms", 0)?,
            columns: Box::default(),
        })
    }
}

impl StoreKind {
    fn read(fields: &Fields<'_>) -> Read<Self> {
        Ok(match fields.text("kind")? {
            "key_value" => Self::KeyValue,
            "lru" => Self::Lru,
            "window" => Self::Window,
            "session" => Self::Session,
            "versioned" => Self::Versioned,
            "suppress_buffer" => Self::SuppressBuffer,
            "grace_buffer" => Self::GraceBuffer,
            "outer_join" => Self::OuterJoin,
            "subscription" => Self::Subscription,
            other => return Err(fields.wrong("kind", &format!("is unknown: {other}"))),
        })
    }
}

/// A serde: `{"host": number, "native": row or nothing}`.
pub fn read_serde(fields: &Fields<'_>, name: &str) -> Read<Serde> {
    let serde = Fields::new(fields.of, fields.need(name)?)?;
    let id = serde.number("host")?;
    Ok(match serde.get("native") {
        Some(row) => Serde::new(row, id),
        None => Serde::Host(id),
    })
}

pub fn read_serde_or_none(fields: &Fields<'_>, name: &str) -> Read<Option<Serde>> {
    match fields.get(name) {
        None => Ok(None),
        Some(_) => read_serde(fields, name).map(Some),
    }
}
