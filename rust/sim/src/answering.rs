//! What becomes of requests that Python had, and of the connections that they came from.

use ottla_core::CoreError;
use ottla_core::serving::Reply;

use crate::node::{Node, invalid};

impl Node {
    /// # Errors
    /// As `call`.
    pub fn reply(&self, token: u64, reply: &Reply<'_>) -> Result<(), CoreError> {
        self.call(|| {
            let &Reply {
                body, mute, stays, ..
            } = reply;
            let mute_ms = i64::try_from(mute.as_millis()).unwrap_or(i64::MAX);
            let until_ms = match mute_ms {
                0 => 0,
                _ => self.steady_ms().saturating_add(mute_ms),
            };
            let mut state = self.state();
            if let Some(line) = state.lines.values_mut().find(|line| line.waits_for(token)) {
                let question = line.answer(body, until_ms);
                if let Some(question) = question.filter(|_| stays) {
                    self.kept.keep(question, body, &reply.errors);
                }
            }
            Ok(())
        })
    }

    /// # Errors
    /// As `call`.
    pub fn forget_replies(&self) -> Result<(), CoreError> {
        self.call(|| {
            self.kept.forget();
            Ok(())
        })
    }

    /// # Errors
    /// As `call`.
    pub fn hang_up(&self, token: u64) -> Result<(), CoreError> {
        self.call(|| {
            let mut state = self.state();
            let mut waiting = state.lines.iter();
            let found = waiting.find(|(_, line)| line.waits_for(token));
            if let Some(id) = found.map(|(id, _)| *id) {
                state.part(id);
            }
            Ok(())
        })
    }

    /// # Errors
    /// "invalid" if somebody else spoke there before.
    pub fn identify(&self, connection_id: u64, principal: &str) -> Result<(), CoreError> {
        self.call(|| {
            let state = self.state();
            let line = state.lines.get(&connection_id);
            if line.is_none_or(|line| line.connection.identify(principal)) {
                return Ok(());
            }
            Err(invalid(format!(
                "{principal} cannot speak on a connection that is somebody else's"
            )))
        })
    }
}
