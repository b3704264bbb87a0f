//! What happens to a record that fails: the handler is asked, a dead letter is written, or all stops.
//!
//! A dead letter is the source's record as it came, with Kafka's headers that say what happened. The raw
//! record is let go once a sink has written a record that it caused; a dead letter after that has neither
//! key nor value.

use bytes::Bytes;

use crate::application::{Answer, Application, Failure};
use crate::engine::Run;
use crate::host::Fault;
use crate::output::Stamp;
use crate::plan::NodeId;
use crate::plan::operator::Operator;
use crate::stop::{Outcome, Stage, Stop, What, decided};

const PREFIX: &str = "__streams.errors.";

impl<H: Application> Run<'_, H> {
    /// A node failed on a record. A sink's failure is its parent's; what was decided goes up as it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn node_failed(&mut self, id: NodeId, stop: Stop<H::Error>) -> Outcome<H> {
        let is_sink = matches!(self.plan.nodes[id].operator, Operator::Sink(_));
        if stop.decided || is_sink {
            return Err(stop);
        }
        self.failed(Stage::Processing, id, stop)
    }

    /// Ask the handler; come back where it says to go on without the record.
    #[cold]
    pub(crate) fn failed(&mut self, stage: Stage, id: NodeId, stop: Stop<H::Error>) -> Outcome<H> {
        let name = &self.plan.nodes[id].name;
        let is_global = self.engine.is_global[id];
        let outcome = self.decide(stage, name, stop, !is_global);
        outcome.map_err(|mut stop| {
            // A sink's failure is its parent's too.
            stop.decided = stage != Stage::Production;
            stop
        })
    }

    #[cold]
    pub(crate) fn decide(
        &mut self,
        stage: Stage,
        name: &str,
        mut stop: Stop<H::Error>,
        has_dead_letters: bool,
    ) -> Outcome<H> {
        let topic = self
            .engine
            .context
            .topic
            .map(|topic| self.plan.topic_name(topic));
        let failure = Failure {
            stage,
            node: name,
            topic,
            context: &self.engine.context,
            fault: &stop.fault,
        };
        let answer = match self.host.failed(&failure) {
            Ok(answer) => answer,
            Err(error) => {
                let mut failed = decided(Fault::Host(error));
                failed.tell(name, What::Handler(stage), &self.engine.context);
                return Err(failed);
            }
        };
        let described = self.host.describe(&stop.fault);
        if has_dead_letters {
            self.dead_letter(&described);
        }
        if answer == Answer::Fail {
            stop.tell(name, What::Stage(stage), &self.engine.context);
            return Err(stop);
        }
        let kind = described.class.rsplit('.').next().unwrap_or_default();
        self.skip(name, &format!("{} failed: {kind}", stage.word()));
        Ok(())
    }

    fn dead_letter(&mut self, described: &crate::application::Description) {
        let Some(name) = &self.plan.settings.dead_letter_topic else {
            return;
        };
        let topic = self.plan.topics.number(name);
        let context = &self.engine.context;
        let source = context
            .topic
            .map(|topic| self.plan.topic_name(topic).to_owned());
        let said = [
            ("exception", Some(described.class.clone())),
            ("message", Some(described.message.clone())),
            ("stacktrace", Some(described.stack.clone())),
            ("topic", source),
            ("partition", Some(context.partition.to_string())),
            ("offset", Some(context.offset.to_string())),
        ];
        let mut headers = context.headers.clone();
        headers.extend(said.map(|(name, text)| (format!("{PREFIX}{name}"), text.map(Bytes::from))));
        let stamp = Stamp {
            cause: context.cause,
            topic,
            timestamp: context.timestamp,
            headers: &headers,
            partition: -1,
        };
        let (key, value) = (context.raw_key.clone(), context.raw_value.clone());
        self.engine
            .output
            .push(key.as_deref(), value.as_deref(), stamp);
    }
}
