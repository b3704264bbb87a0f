//! Calls of the user's functions: an expression is evaluated here, a Python function by the host.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::plan::function::{Argument, Function};
use crate::record::Record;
use crate::stop::{Outcome, raised};
use crate::value::Value;

/// What an operator offers to a function; what it does not offer stays null.
pub struct Offer<'r, O> {
    pub key: &'r Value<O>,
    pub value: &'r Value<O>,
    pub aggregate: &'r Value<O>,
    pub left: &'r Value<O>,
    pub right: &'r Value<O>,
    pub timestamp: i64,
    pub headers: &'r Headers,
}

static NO_HEADERS: Headers = Headers::new();

impl<'r, O> Offer<'r, O> {
    pub fn new(key: &'r Value<O>) -> Self {
        Self {
            key,
            value: &Value::Null,
            aggregate: &Value::Null,
            left: &Value::Null,
            right: &Value::Null,
            timestamp: -1,
            headers: &NO_HEADERS,
        }
    }

    pub fn record(record: &'r Record<O>) -> Self {
        Self {
            value: record.value(),
            timestamp: record.timestamp,
            headers: &record.headers,
            ..Self::new(&record.key)
        }
    }

    pub fn value(self, value: &'r Value<O>) -> Self {
        Self { value, ..self }
    }

    pub fn aggregate(self, aggregate: &'r Value<O>) -> Self {
        Self { aggregate, ..self }
    }

    pub fn sides(self, left: &'r Value<O>, right: &'r Value<O>) -> Self {
        Self {
            left,
            right,
            ..self
        }
    }
}

impl<H: Application> Run<'_, H> {
    pub fn call(
        &mut self,
        function: &Function,
        offer: &Offer<'_, H::Object>,
    ) -> Outcome<H, Value<H::Object>> {
        if let Some(expression) = &function.expression {
            let value = expression.evaluate(
                self.host,
                &mut self.engine.noted,
                offer.key,
                offer.value,
                offer.timestamp,
                offer.headers,
            )?;
            return Ok(value);
        }
        if let Some(batch) = function.batch
            && let Some(value) = self.engine.ahead.take(batch, self.engine.context.cause)
        {
            return Ok(value);
        }
        let mut arguments = [const { Value::Null }; 6];
        let mut count = 0;
        for argument in &function.arguments {
            arguments[count] = self.argument(*argument, offer);
            count += 1;
        }
        self.host
            .call(function.call, &arguments[..count])
            .map_err(raised)
    }

    fn argument(&mut self, argument: Argument, offer: &Offer<'_, H::Object>) -> Value<H::Object> {
        match argument {
            Argument::Key => offer.key.clone(),
            Argument::Value => offer.value.clone(),
            Argument::Aggregate => offer.aggregate.clone(),
            Argument::Left => offer.left.clone(),
            Argument::Right => offer.right.clone(),
            Argument::Timestamp => Value::Int(offer.timestamp),
            Argument::Headers => self.host.headers(offer.headers),
            Argument::Context => {
                let context = &self.engine.context;
                let topic = context.topic.map(|topic| self.plan.topic_name(topic));
                self.host.context(context, topic)
            }
        }
    }

    /// Whether a predicate holds.
    pub fn test(&mut self, function: &Function, offer: &Offer<'_, H::Object>) -> Outcome<H, bool> {
        match self.call(function, offer)? {
            Value::Bool(truth) => Ok(truth),
            Value::Null => Ok(false),
            other => self.host.truth(&other).map_err(raised),
        }
    }
}
