//! Functions of many values (`batched`, `arrow`): asked once for all records of a batch, before the first
//! of them goes through the topology.
//!
//! That is possible for an operator that records of one source reach by one way, through nothing but
//! expressions and other such functions: then its values are known beforehand. Its results wait here until the
//! record itself arrives, so order, times and failures are those of records one by one. What was not asked, or
//! failed for many, is asked for the record alone.
//!
//! A result is known by its record's place in the batch, which what the record causes shares. The record itself
//! is the first of its place that comes to its source, because all that waits is worked off before the next
//! record is taken; only after a stop something may be left, and then nothing is asked ahead.

use crate::application::Application;
use crate::engine::Run;
use crate::host::FunctionId;
use crate::operators::functions::Offer;
use crate::plan::function::Function;
use crate::plan::operator::Operator;
use crate::plan::segments::Segment;
use crate::plan::{NodeId, Plan};
use crate::queues::Input;
use crate::record::Record;
use crate::stop::{Outcome, raised};
use crate::task::Task;
use crate::value::Value;

/// Results by the place of their record in the batch, from the place `first` on.
pub struct Ahead<O> {
    first: i32,
    results: Vec<(FunctionId, Vec<Option<Value<O>>>)>,
}

impl<O> Default for Ahead<O> {
    fn default() -> Self {
        Self {
            first: 0,
            results: Vec::new(),
        }
    }
}

impl<O: Clone> Ahead<O> {
    fn place(&mut self, function: FunctionId, cause: i32) -> Option<&mut Option<Value<O>>> {
        let mut all = self.results.iter_mut();
        let (_, results) = all.find(|(known, _)| *known == function)?;
        results.get_mut(usize::try_from(cause.checked_sub(self.first)?).ok()?)
    }

    /// The result for the record at hand, which comes only once.
    pub fn take(&mut self, function: FunctionId, cause: i32) -> Option<Value<O>> {
        self.place(function, cause)?.take()
    }

    fn peek(&mut self, function: FunctionId, cause: i32) -> Option<Value<O>> {
        self.place(function, cause)?.clone()
    }
}

impl<H: Application> Task<H> {
    /// Ask functions of many values what they say of these records, the first of which has this place.
    pub(crate) fn look_ahead(
        &mut self,
        plan: &Plan,
        host: &mut H,
        first: i32,
        records: &[Input],
    ) -> Outcome<H> {
        self.engine.ahead = Ahead {
            first,
            results: Vec::new(),
        };
        if records.len() < 2 || self.has_waiting() {
            return Ok(());
        }
        for segment in &plan.segments {
            let (mut places, mut values) = (Vec::new(), Vec::new());
            for (place, input) in records.iter().enumerate() {
                if self.source_of(plan, host, input.topic) != Some(segment.source) {
                    continue;
                }
                let Some(record) = self.glance(plan, host, segment.source, input)? else {
                    continue;
                };
                if let Some(value) = self.run(plan, host).arriving(
                    segment,
                    record,
                    first.saturating_add(place as i32),
                ) {
                    places.push(place);
                    values.push(value);
                }
            }
            if values.len() < 2 {
                continue;
            }
            let given = host.call_batch(segment.function, &values).map_err(raised)?;
            let Some(given) = given else {
                continue; // It failed for some of them: each is asked for alone.
            };
            let mut results = vec![None; records.len()];
            for (place, result) in places.into_iter().zip(given) {
                results[place] = Some(result);
            }
            self.engine.ahead.results.push((segment.function, results));
        }
        Ok(())
    }
}

impl<H: Application> Run<'_, H> {
    /// The value of a record when it comes to the segment's operator; none, if it does not, or might fail.
    fn arriving(
        &mut self,
        segment: &Segment,
        mut record: Record<H::Object>,
        cause: i32,
    ) -> Option<Value<H::Object>> {
        for (step, id) in segment.way.iter().enumerate() {
            let next = segment.way.get(step + 1).copied().unwrap_or(segment.node);
            record = self.beyond(*id, next, record, cause)?;
        }
        Some(record.value().clone())
    }

    fn beyond(
        &mut self,
        id: NodeId,
        next: NodeId,
        record: Record<H::Object>,
        cause: i32,
    ) -> Option<Record<H::Object>> {
        let node = &self.plan.nodes[id];
        match &node.operator {
            Operator::Filter {
                predicate, negate, ..
            } => (self.foreseen_truth(predicate, &record, cause)? != *negate).then_some(record),
            Operator::SelectKey(mapper) => {
                let key = self.foreseen(mapper, &record, cause)?;
                Some(Record { key, ..record })
            }
            Operator::MapValues(mapper) => {
                let value = self.foreseen(mapper, &record, cause)?;
                let Record {
                    key,
                    timestamp,
                    headers,
                    ..
                } = record;
                Some(Record::plain(key, value, timestamp, headers))
            }
            Operator::Branch(predicates) => {
                let mut chosen = predicates.len();
                for (place, predicate) in predicates.iter().enumerate() {
                    if self.foreseen_truth(predicate, &record, cause)? {
                        chosen = place;
                        break;
                    }
                }
                (node.children.get(chosen) == Some(&next)).then_some(record)
            }
            _ => Some(record),
        }
    }

    fn foreseen(
        &mut self,
        function: &Function,
        record: &Record<H::Object>,
        cause: i32,
    ) -> Option<Value<H::Object>> {
        if let Some(batch) = function.batch {
            return self.engine.ahead.peek(batch, cause);
        }
        self.call(function, &Offer::record(record)).ok()
    }

    fn foreseen_truth(
        &mut self,
        function: &Function,
        record: &Record<H::Object>,
        cause: i32,
    ) -> Option<bool> {
        match self.foreseen(function, record, cause)? {
            Value::Bool(truth) => Some(truth),
            Value::Null => Some(false),
            other => self.host.truth(&other).ok(),
        }
    }
}
