//! Joins of two tables by key: each side reads the other's present value, and a merger takes both results.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::operators::joins::{NULL_KEY, OUT_OF_ORDER};
use crate::plan::join::TableTableJoin;
use crate::plan::operator::Keeping;
use crate::plan::sides::{JoinKind, Side};
use crate::plan::{Node, NodeId};
use crate::record::{Change, Payload, Record, Stamped};
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::Value;

#[inline(never)]
pub(in crate::operators) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a TableTableJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Change(change) = &record.payload else {
        return Ok(());
    };
    if record.key.is_null() {
        run.skip(&node.name, NULL_KEY);
        return Ok(());
    }
    if row.versioned && !change.is_latest {
        run.skip(&node.name, OUT_OF_ORDER);
        return Ok(());
    }
    let other = run.view(&row.other, &record.key, None, id)?;
    let (other, time) = match other {
        Some(Stamped {
            value, timestamp, ..
        }) => (value, timestamp),
        None => (Value::Null, -1),
    };
    let nothing = change.new.is_null() && change.old.is_null();
    if other.is_null() && (row.needs_other() || nothing) {
        return Ok(());
    }
    let new = row.joined(run, &record.key, &change.new, &other)?;
    let old = if row.send_old {
        row.joined(run, &record.key, &change.old, &other)?
    } else {
        Value::Null
    };
    let joined = Record {
        key: record.key.clone(),
        payload: Payload::Change(Change {
            new,
            old,
            is_latest: change.is_latest,
        }),
        timestamp: if other.is_null() {
            record.timestamp
        } else {
            record.timestamp.max(time)
        },
        headers: record.headers.clone(),
    };
    run.forward(node, &joined)
}

impl TableTableJoin {
    /// Without the other side's value there is no result: inner joins, and a left join's right side.
    fn needs_other(&self) -> bool {
        match self.kind {
            JoinKind::Inner => true,
            JoinKind::Left => self.side == Side::Right,
            JoinKind::Outer => false,
        }
    }

    /// Without this side's value there is no result: inner joins, and a left join's left side.
    fn needs_this(&self) -> bool {
        match self.kind {
            JoinKind::Inner => true,
            JoinKind::Left => self.side == Side::Left,
            JoinKind::Outer => false,
        }
    }

    /// What is joined of this side's and the other side's value; null where there is no result.
    fn joined<H: Application>(
        &self,
        run: &mut Run<'_, H>,
        key: &Value<H::Object>,
        this: &Value<H::Object>,
        other: &Value<H::Object>,
    ) -> Outcome<H, Value<H::Object>> {
        if this.is_null() && (self.needs_this() || other.is_null()) {
            return Ok(Value::Null);
        }
        let (left, right) = match self.side {
            Side::Left => (this, other),
            Side::Right => (other, this),
        };
        run.call(&self.joiner, &Offer::new(key).sides(left, right))
    }
}

/// Take a result of either side; keep it where the join is materialized.
#[inline(never)]
pub(in crate::operators) fn merge<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    keeping: Keeping,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Change(change) = &record.payload else {
        return Ok(());
    };
    let mut is_latest = change.is_latest;
    if let Some(store) = keeping.store {
        let headers = Vec::new();
        let put = Put {
            value: &change.new,
            timestamp: record.timestamp,
            headers: &headers,
        };
        match run.put_versioned(store, &record.key, put)? {
            Some(latest) => is_latest = latest,
            None => return Ok(()),
        }
    }
    let old = if keeping.send_old {
        change.old.clone()
    } else {
        Value::Null
    };
    let merged = Record {
        key: record.key.clone(),
        payload: Payload::Change(Change {
            new: change.new.clone(),
            old,
            is_latest,
        }),
        timestamp: record.timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &merged)
}
