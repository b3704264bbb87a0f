//! A task: takes records in the order in which they are to be processed, and gives all that they cause.
//!
//! It has no clock and does no I/O. A record is queued at its topic; then, as long as something is queued,
//! the record with the lowest time is taken and goes through the topology, depth first; punctuations by
//! stream time follow; what was written to a topic that is a source here is queued again, where the plan's
//! settings say so. A topic of a global table is read at once, past all queues.

use std::sync::Arc;

use bytes::Bytes;

use crate::application::Application;
use crate::context::UNKNOWN;
use crate::engine::{Clock, Engine, Run};
use crate::heap::{Heap, Timed};
use crate::host::{By, Fault, Refusal};
use crate::plan::operator::Operator;
use crate::plan::sink::Target;
use crate::plan::{Plan, SourceId, TopicId};
pub use crate::queues::Input;
use crate::queues::{Head, Queue, Ready};
use crate::record::Record;
use crate::stop::{Outcome, Stage, What, decided, raised};

/// Where records of a topic go.
#[derive(Clone, Copy)]
enum Route {
    Unknown,
    Nowhere,
    Queue(usize),
    Global(SourceId),
    /// A global table's topic that a pattern matches, too.
    Both(SourceId, usize),
}

/// A queue that has a head, by the head's time.
struct Waiting {
    time: i64,
    queue: usize,
}

impl Timed for Waiting {
    fn time(&self) -> i64 {
        self.time
    }
}

pub struct Task<H: Application> {
    pub engine: Engine<H>,
    queues: Vec<Queue<H::Object>>,
    ready: Heap<Waiting>,
    routes: Vec<Route>,
    /// The queue of each source that reads a pattern.
    patterns: Vec<(SourceId, usize)>,
    pub(crate) offsets: Vec<i64>,
    /// Some topic that is written may be read here too.
    feeds: bool,
    fed_back: usize,
    /// How many records of the batch were taken: the place of the next one.
    taken: i32,
    /// How many records went through.
    gone: usize,
}

/// After how many records the host is asked whether to go on.
const UNASKED: usize = 1 << 14;

impl<H: Application> Task<H> {
    /// A task whose processors are made ready; `now` is the wall clock's time in ms.
    pub fn start(plan: Arc<Plan>, host: &mut H, now: i64) -> Outcome<H, Self> {
        let mut task = Self {
            engine: Engine::new(Arc::clone(&plan)),
            queues: Vec::new(),
            ready: Heap::default(),
            routes: Vec::new(),
            patterns: Vec::new(),
            offsets: Vec::new(),
            feeds: false,
            fed_back: 0,
            taken: 0,
            gone: 0,
        };
        task.engine.context.now = now;
        for (id, source) in plan.sources.iter().enumerate() {
            for topic in &source.topics {
                let route = if source.is_global {
                    Route::Global(id)
                } else {
                    task.queues.push(Queue::new(id));
                    Route::Queue(task.queues.len() - 1)
                };
                task.set_route(*topic, route);
            }
            if source.is_pattern {
                task.queues.push(Queue::new(id));
                task.patterns.push((id, task.queues.len() - 1));
            }
        }
        for topic in global_topics(&plan) {
            if let (Route::Global(global), Some(queue)) = (
                task.route(&plan, host, topic),
                task.pattern_queue(&plan, host, topic),
            ) {
                task.set_route(topic, Route::Both(global, queue));
            }
        }
        task.feeds = plan.settings.loop_back && task.may_feed_back(&plan, host);
        for (id, node) in plan.nodes.iter().enumerate() {
            let processor = match node.operator {
                Operator::Process { processor, .. }
                | Operator::TableTransformValues { processor, .. } => processor,
                _ => continue,
            };
            task.run(&plan, host).stand_at(now);
            host.start(&mut task.engine, processor, id)
                .map_err(|error| {
                    let mut stop = raised(error);
                    stop.tell(&node.name, What::Init, &task.engine.context);
                    stop
                })?;
        }
        Ok(task)
    }

    pub(crate) fn run<'a>(&'a mut self, plan: &'a Plan, host: &'a mut H) -> Run<'a, H> {
        Run {
            plan,
            engine: &mut self.engine,
            host,
        }
    }

    /// Process records in order; what they cause is appended to `engine.output`, which the caller clears.
    ///
    /// On a stop what came before counts; the place of the record that stopped is `engine.context.cause`.
    pub fn process(&mut self, host: &mut H, records: Vec<Input>, now: i64) -> Outcome<H> {
        self.begin(now);
        self.go_on(host, records)
    }

    /// A batch begins, whose records come in pieces (`go_on`).
    pub fn begin(&mut self, now: i64) {
        self.engine.context.now = now;
        self.fed_back = 0;
        self.taken = 0;
    }

    /// Process the next records of a batch: their places are counted on.
    pub fn go_on(&mut self, host: &mut H, records: Vec<Input>) -> Outcome<H> {
        let plan = Arc::clone(&self.engine.plan);
        if !plan.segments.is_empty() {
            self.engine.context.cause = self.taken;
            self.look_ahead(&plan, host, self.taken, &records)?;
        }
        for record in records {
            self.engine.context.cause = self.taken;
            self.taken = self.taken.saturating_add(1);
            self.take(&plan, host, record)?;
        }
        Ok(())
    }

    /// How many records of the batch were taken.
    pub fn taken(&self) -> i32 {
        self.taken
    }

    /// The wall clock is `now`: what its punctuations cause.
    pub fn advance(&mut self, host: &mut H, now: i64) -> Outcome<H> {
        let plan = Arc::clone(&self.engine.plan);
        self.engine.context.now = now;
        self.engine.context.cause = -1;
        self.fed_back = 0;
        self.run(&plan, host).punctuate(Clock::WallClock, now)?;
        self.engine.commit_suppressed();
        self.work(&plan, host)
    }

    /// Close all processors; the first that fails is told, unless a later one was interrupted.
    pub fn close(&mut self, host: &mut H) -> Outcome<H> {
        let plan = Arc::clone(&self.engine.plan);
        let mut outcome = Ok(());
        self.run(&plan, host).stand_at(UNKNOWN);
        for (id, node) in plan.nodes.iter().enumerate() {
            if let Operator::Process { processor, .. }
            | Operator::TableTransformValues { processor, .. } = node.operator
            {
                let closed = host.close(&mut self.engine, processor, id);
                outcome = match (outcome, closed) {
                    (Ok(()), Err(error)) => {
                        let mut stop = raised(error);
                        stop.tell(&node.name, What::Close, &self.engine.context);
                        Err(stop)
                    }
                    (first, Ok(())) => first,
                    (first, Err(error)) => host.forget(error).map_err(raised).and(first),
                };
            }
        }
        outcome
    }

    // ------------------------------------------------------------ where records go

    fn set_route(&mut self, topic: TopicId, route: Route) {
        let place = topic as usize;
        if self.routes.len() <= place {
            self.routes.resize(place + 1, Route::Unknown);
        }
        self.routes[place] = route;
    }

    fn route(&mut self, plan: &Plan, host: &mut H, topic: TopicId) -> Route {
        if let Some(route) = self.routes.get(topic as usize)
            && !matches!(route, Route::Unknown)
        {
            return *route;
        }
        let mut route = Route::Nowhere;
        if let Some(queue) = self.pattern_queue(plan, host, topic) {
            route = Route::Queue(queue);
        }
        self.set_route(topic, route);
        route
    }

    /// The queue of the source whose pattern matches a topic.
    fn pattern_queue(&self, plan: &Plan, host: &mut H, topic: TopicId) -> Option<usize> {
        if self.patterns.is_empty() {
            return None;
        }
        let source = host.pattern_source(plan.topic_name(topic))?;
        let mut patterns = self.patterns.iter();
        patterns
            .find(|(id, _)| *id == source)
            .map(|(_, queue)| *queue)
    }

    pub(crate) fn source_of(
        &mut self,
        plan: &Plan,
        host: &mut H,
        topic: TopicId,
    ) -> Option<SourceId> {
        match self.route(plan, host, topic) {
            Route::Queue(queue) | Route::Both(_, queue) => Some(self.queues[queue].source),
            _ => None,
        }
    }

    /// Whether a topic that is written is read here too.
    fn may_feed_back(&mut self, plan: &Plan, host: &mut H) -> bool {
        let mut written: Vec<TopicId> = Vec::new();
        for node in &plan.nodes {
            match &node.operator {
                Operator::Sink(sink) => match sink.target {
                    Target::Topic(topic) => written.push(topic),
                    Target::Extracted(_) => return true,
                },
                _ => continue,
            }
        }
        written.extend(plan.stores.iter().filter_map(|store| store.changelog));
        let dead = plan.settings.dead_letter_topic.as_ref();
        written.extend(dead.map(|name| plan.topics.number(name)));
        written
            .into_iter()
            .any(|topic| !matches!(self.route(plan, host, topic), Route::Nowhere))
    }

    // ------------------------------------------------------------ records

    fn take(&mut self, plan: &Plan, host: &mut H, record: Input) -> Outcome<H> {
        let route = self.route(plan, host, record.topic);
        if let Route::Both(global, queue) = route {
            self.take_to(plan, host, Route::Queue(queue), record.clone())?;
            return self.update_global(plan, host, global, record);
        }
        self.take_to(plan, host, route, record)
    }

    fn take_to(&mut self, plan: &Plan, host: &mut H, route: Route, record: Input) -> Outcome<H> {
        match route {
            Route::Queue(queue) if self.feeds || !self.ready.is_empty() => {
                self.enqueue(plan, host, queue, record)?;
                self.work(plan, host)
            }
            // Nothing waits, and nothing can come back: the record need not queue.
            Route::Queue(queue) => {
                let (source, time) = (self.queues[queue].source, self.queues[queue].partition_time);
                let Some((read, offset)) = self.read(plan, host, source, &record, time)? else {
                    return Ok(());
                };
                let queue = &mut self.queues[queue];
                queue.partition_time = queue.partition_time.max(read.timestamp);
                self.go(plan, host, source, &read, (record, offset))
            }
            Route::Global(source) => self.update_global(plan, host, source, record),
            Route::Nowhere | Route::Unknown | Route::Both(..) => {
                let name = plan.topic_name(record.topic);
                let refusal = Refusal {
                    by: By::Operator,
                    text: format!("no source of the topology reads the topic {name}"),
                    hint: "look at the topology's sources",
                };
                Err(Fault::from(refusal).into())
            }
        }
    }

    /// Whether a stop has left records in queues.
    pub(crate) fn has_waiting(&self) -> bool {
        let mut queues = self.queues.iter();
        queues.any(|queue| queue.head.is_some() || !queue.waiting.is_empty())
    }

    fn enqueue(&mut self, plan: &Plan, host: &mut H, queue: usize, record: Input) -> Outcome<H> {
        let was_empty = self.queues[queue].head.is_none();
        self.queues[queue].waiting.push_back(record);
        self.fill(plan, host, queue)?;
        if let Some(head) = self.queues[queue].head.as_ref().filter(|_| was_empty) {
            let time = head.time();
            self.ready.push(Waiting { time, queue });
        }
        Ok(())
    }

    fn fill(&mut self, plan: &Plan, host: &mut H, queue: usize) -> Outcome<H> {
        let mut unread = false;
        while self.queues[queue].head.is_none() {
            let Some(record) = self.queues[queue].waiting.pop_front() else {
                break;
            };
            let (source, time) = (self.queues[queue].source, self.queues[queue].partition_time);
            let read = self.read(plan, host, source, &record, time)?;
            unread = read.is_none();
            self.queues[queue].head = read.map(|(read, offset)| {
                Head::Ready(Box::new(Ready {
                    record: read,
                    input: record,
                    offset,
                }))
            });
        }
        if unread {
            self.queues[queue].head = Some(Head::Unread);
        }
        Ok(())
    }

    /// Take records until nothing is queued, the earliest first.
    fn work(&mut self, plan: &Plan, host: &mut H) -> Outcome<H> {
        self.feed_back(plan, host)?;
        while let Some(Waiting { queue, .. }) = self.ready.pop() {
            let held = &mut self.queues[queue];
            let head = held.head.take();
            if let Some(head) = &head {
                held.partition_time = held.partition_time.max(head.time());
            }
            let source = held.source;
            self.fill(plan, host, queue)?;
            if let Some(head) = &self.queues[queue].head {
                let time = head.time();
                self.ready.push(Waiting { time, queue });
            }
            if let Some(Head::Ready(ready)) = head {
                let Ready {
                    record,
                    input,
                    offset,
                } = *ready;
                self.go(plan, host, source, &record, (input, offset))?;
            }
            self.feed_back(plan, host)?;
        }
        Ok(())
    }

    /// One record through the topology, then the punctuations that its time makes due.
    fn go(
        &mut self,
        plan: &Plan,
        host: &mut H,
        source: SourceId,
        record: &Record<H::Object>,
        (input, offset): (Input, i64),
    ) -> Outcome<H> {
        let context = &mut self.engine.context;
        context.stream_time = context.stream_time.max(record.timestamp);
        self.stand_moved(input, offset, record.timestamp);
        self.forward(plan, host, source, record)?;
        if !self.engine.punctuations[Clock::StreamTime as usize].is_empty() {
            let time = self.engine.context.stream_time;
            self.run(plan, host).punctuate(Clock::StreamTime, time)?;
        }
        if self.engine.has_suppress {
            self.engine.commit_suppressed();
        }
        self.gone = self.gone.wrapping_add(1);
        if self.gone.is_multiple_of(UNASKED) {
            host.interrupted()
                .map_err(|error| decided(Fault::Host(error)))?;
        }
        Ok(())
    }

    /// As `stand`, where the raw record is not needed any more.
    fn stand_moved(&mut self, input: Input, offset: i64, timestamp: i64) {
        let context = &mut self.engine.context;
        context.timestamp = timestamp;
        context.headers = input.headers;
        context.topic = Some(input.topic);
        context.partition = input.partition;
        context.offset = offset;
        context.raw_key = input.key;
        context.raw_value = input.value;
    }

    pub(crate) fn stand(&mut self, input: &Input, offset: i64, timestamp: i64) {
        let context = &mut self.engine.context;
        context.timestamp = timestamp;
        context.headers.clone_from(&input.headers);
        context.topic = Some(input.topic);
        context.partition = input.partition;
        context.offset = offset;
        context.raw_key.clone_from(&input.key);
        context.raw_value.clone_from(&input.value);
    }

    /// A sink fails in its parent: one right below a source in the source, which asks no handler.
    fn forward(
        &mut self,
        plan: &Plan,
        host: &mut H,
        source: SourceId,
        record: &Record<H::Object>,
    ) -> Outcome<H> {
        let mut run = self.run(plan, host);
        let source = &plan.sources[source];
        for &child in &source.children {
            run.forward_to(child, record).map_err(|mut stop| {
                let what = What::Stage(Stage::Processing);
                stop.tell(&source.name, what, &run.engine.context);
                stop
            })?;
        }
        Ok(())
    }

    fn update_global(
        &mut self,
        plan: &Plan,
        host: &mut H,
        source: SourceId,
        record: Input,
    ) -> Outcome<H> {
        let Some((read, offset)) = self.read(plan, host, source, &record, UNKNOWN)? else {
            return Ok(());
        };
        let stream_time = self.engine.context.stream_time;
        let time = record.timestamp;
        self.stand_moved(record, offset, time);
        self.forward(plan, host, source, &read)?;
        self.engine.context.stream_time = stream_time;
        Ok(())
    }

    /// Queue what was written to topics that are sources here.
    fn feed_back(&mut self, plan: &Plan, host: &mut H) -> Outcome<H> {
        if !self.feeds {
            return Ok(());
        }
        while let Some(row) = self.engine.output.rows().get(self.fed_back).copied() {
            self.fed_back += 1;
            let route = self.route(plan, host, row.topic);
            if matches!(route, Route::Nowhere | Route::Unknown) {
                continue;
            }
            let output = &self.engine.output;
            let record = Input {
                topic: row.topic,
                partition: 0,
                offset: UNKNOWN,
                key: output.key(&row).map(Bytes::copy_from_slice),
                value: output.value(&row).map(Bytes::copy_from_slice),
                timestamp: row.timestamp,
                headers: output.headers(&row).to_vec(),
            };
            match route {
                Route::Queue(queue) => self.enqueue(plan, host, queue, record)?,
                Route::Global(source) => self.update_global(plan, host, source, record)?,
                Route::Both(source, queue) => {
                    self.enqueue(plan, host, queue, record.clone())?;
                    self.update_global(plan, host, source, record)?;
                }
                Route::Nowhere | Route::Unknown => {}
            }
        }
        Ok(())
    }
}

fn global_topics(plan: &Plan) -> impl Iterator<Item = TopicId> {
    let sources = plan.sources.iter().filter(|source| source.is_global);
    sources.flat_map(|source| source.topics.iter().copied())
}
