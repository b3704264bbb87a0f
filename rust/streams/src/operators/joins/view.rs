//! A joined table that has no store: what it holds for a key is joined of what both sides hold.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::plan::NodeId;
use crate::plan::function::Function;
use crate::plan::sides::JoinKind;
use crate::plan::view::View;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::value::Value;

/// The row of `View::Joined`.
pub struct Joined<'v> {
    pub kind: JoinKind,
    pub left: &'v View,
    pub right: &'v View,
    pub joiner: &'v Function,
}

impl<H: Application> Run<'_, H> {
    pub(crate) fn joined_view(
        &mut self,
        row: &Joined<'_>,
        key: &Value<H::Object>,
        node: NodeId,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let left = self.view(row.left, key, None, node)?;
        if left.is_none() && row.kind != JoinKind::Outer {
            return Ok(None);
        }
        let right = self.view(row.right, key, None, node)?;
        if right.is_none() && (row.kind == JoinKind::Inner || left.is_none()) {
            return Ok(None);
        }
        let times = [left.as_ref(), right.as_ref()].into_iter().flatten();
        let timestamp = times.map(|side| side.timestamp).max().unwrap_or(-1);
        let left = left.map_or(Value::Null, |side| side.value);
        let right = right.map_or(Value::Null, |side| side.value);
        let value = self.call(row.joiner, &Offer::new(key).sides(&left, &right))?;
        let joined = Stamped {
            value,
            timestamp,
            headers: Vec::new(),
        };
        Ok(Some(joined).filter(|joined| !joined.value.is_null()))
    }
}
