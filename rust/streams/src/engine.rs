//! The state of a task and how a record goes through its operators, depth first.
//!
//! Operators are functions of a `Run`: the plan, which never changes, the engine, which holds all state,
//! and the host. While the host runs code of the user that may call back, nothing of the engine is held.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::ahead::Ahead;
use crate::application::Application;
use crate::context::Context;
use crate::heap::Heap;
use crate::host::Headers;
use crate::json::Noted;
use crate::operators;
use crate::output::{Output, Stamp};
use crate::plan::operator::Operator;
use crate::plan::store::StoreKind;
use crate::plan::{Node, NodeId, Plan, StoreId, TopicId};
use crate::punctuation::Punctuation;
use crate::record::Record;
use crate::stop::Outcome;
use crate::stores::Store;

pub struct Engine<H: Application> {
    pub plan: Arc<Plan>,
    pub context: Context,
    pub output: Output,
    pub stores: Box<[Store]>,
    /// What operators keep beside stores, by node.
    pub(crate) states: Box<[operators::State]>,
    /// What the two sides of stream-stream joins share.
    pub(crate) shared: Box<[operators::joins::Shared]>,
    pub(crate) skipped: Vec<Skipped>,
    /// By clock.
    pub(crate) punctuations: [Heap<Punctuation>; 2],
    pub(crate) schedules: u64,
    pub(crate) cancelled: HashSet<u64>,
    /// Some store writes its changelog at the commit alone.
    pub(crate) has_suppress: bool,
    /// Nodes below sources of global stores.
    pub(crate) is_global: Box<[bool]>,
    /// Bytes of the key at hand, kept to be used again.
    pub(crate) scratch: Vec<u8>,
    pub(crate) value_scratch: Vec<u8>,
    /// Where fields of the source's document stand.
    pub(crate) noted: Noted,
    /// What a record adds to columns, kept to be used again.
    pub(crate) given: operators::Given,
    /// What functions of many values have said of this batch.
    pub(crate) ahead: Ahead<H::Object>,
}

/// Records that a node left out for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub node: String,
    pub reason: String,
    pub count: u64,
}

/// One call into operators: the lifetime of the plan is longer than that of what changes.
pub struct Run<'a, H: Application> {
    pub plan: &'a Plan,
    pub engine: &'a mut Engine<H>,
    pub host: &'a mut H,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    StreamTime,
    WallClock,
}

impl<H: Application> Engine<H> {
    pub fn new(plan: Arc<Plan>) -> Self {
        let rows = plan.stores.iter();
        let stores = rows.map(|store| Store::new(store, &plan.settings));
        let mut stores: Box<[Store]> = stores.collect();
        let closing = plan.nodes.iter();
        for store in closing.filter_map(|node| node.operator.emits_on_close()) {
            match &mut stores[store] {
                Store::Window(store) => store.emit_on_close(),
                Store::Session(store) => store.emit_on_close(),
                _ => {}
            }
        }
        Self {
            context: Context::default(),
            output: Output::default(),
            stores,
            states: plan
                .nodes
                .iter()
                .map(|_| operators::State::default())
                .collect(),
            shared: (0..plan.shared)
                .map(|_| operators::joins::Shared::default())
                .collect(),
            skipped: Vec::new(),
            punctuations: Default::default(),
            schedules: 0,
            cancelled: HashSet::new(),
            has_suppress: plan
                .stores
                .iter()
                .any(|s| s.kind == StoreKind::SuppressBuffer),
            is_global: below_global(&plan),
            scratch: Vec::new(),
            value_scratch: Vec::new(),
            noted: Noted::new(&plan.fields),
            given: Vec::new(),
            ahead: Ahead::default(),
            plan,
        }
    }

    /// A processor at `node` passes a record on: to all children, or to the one of this place.
    pub fn forward(
        &mut self,
        host: &mut H,
        node: NodeId,
        child: Option<usize>,
        record: &Record<H::Object>,
    ) -> Outcome<H> {
        let plan = Arc::clone(&self.plan);
        let mut run = Run {
            plan: &plan,
            engine: self,
            host,
        };
        match child {
            None => run.forward(&plan.nodes[node], record),
            Some(place) => run.forward_to(plan.nodes[node].children[place], record),
        }
    }

    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// A record of a store's changelog, where it has one.
    pub fn log(
        &mut self,
        topic: Option<TopicId>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) {
        if let Some(topic) = topic {
            let stamp = Stamp {
                cause: self.context.cause,
                topic,
                timestamp,
                headers,
                partition: -1,
            };
            self.output.push(key, value, stamp);
        }
    }
}

impl<'a, H: Application> Run<'a, H> {
    /// A record for all children, in order. The record's time and headers become the context's meanwhile.
    pub fn forward(&mut self, node: &'a Node, record: &Record<H::Object>) -> Outcome<H> {
        if let [child] = node.children[..]
            && !self.plan.settings.keeps_raw
        {
            return self.forward_to(child, record);
        }
        let raw = self.raw_before(node);
        let outcome = node
            .children
            .iter()
            .try_for_each(|&child| self.forward_to(child, record));
        if let Some((key, value)) = raw {
            self.engine.context.raw_key = key;
            self.engine.context.raw_value = value;
        }
        outcome
    }

    /// The raw record, which a sink below lets go: it is gone for whom else the record is sent to, not
    /// for the operator that made and sent it.
    fn raw_before(&self, node: &Node) -> Option<(Option<Bytes>, Option<Bytes>)> {
        let context = &self.engine.context;
        let keeps = !matches!(
            node.operator,
            Operator::Branch(_) | Operator::JoinWindow(_) | Operator::PassThrough
        );
        let wanted = self.plan.settings.keeps_raw && keeps;
        wanted.then(|| (context.raw_key.clone(), context.raw_value.clone()))
    }

    pub fn forward_to(&mut self, child: NodeId, record: &Record<H::Object>) -> Outcome<H> {
        let context = &mut self.engine.context;
        if context.timestamp == record.timestamp && context.headers == record.headers {
            return self.deliver(child, record);
        }
        let timestamp = std::mem::replace(&mut context.timestamp, record.timestamp);
        let headers = std::mem::replace(&mut context.headers, record.headers.clone());
        let outcome = self.deliver(child, record);
        self.engine.context.timestamp = timestamp;
        self.engine.context.headers = headers;
        outcome
    }

    fn deliver(&mut self, node: NodeId, record: &Record<H::Object>) -> Outcome<H> {
        let plan: &'a Plan = self.plan;
        match operators::process(self, &plan.nodes[node], node, record) {
            Ok(()) => Ok(()),
            Err(stop) => self.node_failed(node, stop),
        }
    }

    /// Count a record that a node leaves out; the host hears of the first.
    #[cold]
    pub fn skip(&mut self, node: &str, reason: &str) {
        let skipped = &mut self.engine.skipped;
        if let Some(row) = skipped
            .iter_mut()
            .find(|row| row.node == node && row.reason == reason)
        {
            row.count += 1;
            return;
        }
        skipped.push(Skipped {
            node: node.to_owned(),
            reason: reason.to_owned(),
            count: 1,
        });
        let context = &self.engine.context;
        let topic = context.topic.map(|topic| self.plan.topic_name(topic));
        self.host.skipped(node, reason, topic, context);
    }

    pub fn store(&mut self, store: StoreId) -> &mut Store {
        &mut self.engine.stores[store]
    }
}

/// Which nodes stand below a source of a global store.
fn below_global(plan: &Plan) -> Box<[bool]> {
    let mut found = vec![false; plan.nodes.len()];
    let sources = plan.sources.iter().filter(|source| source.is_global);
    let mut rest: Vec<NodeId> = sources
        .flat_map(|source| source.children.to_vec())
        .collect();
    while let Some(node) = rest.pop() {
        if !std::mem::replace(&mut found[node], true) {
            rest.extend(plan.nodes[node].children.iter());
        }
    }
    found.into()
}
