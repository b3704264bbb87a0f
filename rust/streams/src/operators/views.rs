//! A table's present value of a key, wherever it stands.

use crate::application::Application;
use crate::engine::Run;
use crate::plan::NodeId;
use crate::plan::view::View;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::value::Value;

impl<H: Application> Run<'_, H> {
    /// `as_of` only where the store below is versioned. `node` is who asks, for what is left out.
    pub fn view(
        &mut self,
        _view: &View,
        _key: &Value<H::Object>,
        _as_of: Option<i64>,
        _node: NodeId,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        Ok(None)
    }
}
