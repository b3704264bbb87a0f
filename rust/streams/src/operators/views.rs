//! A table's present value of a key, wherever it stands: in a store, or through operators above one.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::functions::Offer;
use crate::operators::joins::Joined;
use crate::operators::suppress::held_before;
use crate::operators::waiting::Place;
use crate::plan::NodeId;
use crate::plan::operator::Operator;
use crate::plan::view::View;
use crate::record::Stamped;
use crate::stop::{Outcome, raised};
use crate::value::Value;

impl<H: Application> Run<'_, H> {
    /// `as_of` only where the store below is versioned. `node` is who asks, for what is left out.
    pub fn view(
        &mut self,
        view: &View,
        key: &Value<H::Object>,
        as_of: Option<i64>,
        node: NodeId,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        match view {
            View::Stored(store) => self.get(*store, key, as_of),
            View::Filtered {
                source,
                predicate,
                negate,
            } => {
                let Some(held) = self.view(source, key, as_of, node)? else {
                    return Ok(None);
                };
                let holds = self.test(predicate, &Offer::new(key).value(&held.value))?;
                Ok((holds != *negate).then_some(held))
            }
            View::Mapped { source, mapper } => {
                let Some(held) = self.view(source, key, as_of, node)? else {
                    return Ok(None);
                };
                let value = self.call(mapper, &Offer::new(key).value(&held.value))?;
                Ok((!value.is_null()).then_some(Stamped { value, ..held }))
            }
            View::Transformed { source, node: at } => {
                let held = self.view(source, key, as_of, node)?;
                self.transformed(*at, key, held)
            }
            View::Joined {
                kind,
                left,
                right,
                joiner,
            } => {
                let row = Joined {
                    kind: *kind,
                    left,
                    right,
                    joiner,
                };
                self.joined_view(&row, key, node)
            }
            View::Buffered { source, store } => match held_before(self, *store, key)? {
                Some(held) => Ok(held),
                None => self.view(source, key, as_of, node),
            },
        }
    }

    /// Asks the node's transformer, with the time and headers of the value that it is given.
    fn transformed(
        &mut self,
        at: NodeId,
        key: &Value<H::Object>,
        held: Option<Stamped<H::Object>>,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let Operator::TableTransformValues { processor, .. } = self.plan.nodes[at].operator else {
            return Ok(None);
        };
        let timestamp = held.as_ref().map_or(-1, |held| held.timestamp);
        let headers = held
            .as_ref()
            .map_or_else(Headers::new, |held| held.headers.clone());
        let value = held.map_or(Value::Null, |held| held.value);
        let place = Place {
            topic: None,
            partition: -1,
            offset: -1,
            timestamp,
            headers: headers.clone(),
            raw: (None, None),
        };
        let mut made = Value::Null;
        self.within(place, |run| {
            made = run
                .host
                .transform_view(run.engine, processor, at, key, &value)
                .map_err(raised)?;
            Ok(())
        })?;
        Ok((!made.is_null()).then_some(Stamped {
            value: made,
            timestamp,
            headers,
        }))
    }
}
