//! Records that wait: where they came from, and how they go on as if they came now.

use crate::application::Application;
use crate::engine::Run;
use crate::plan::TopicId;
use crate::serde::{Kind, Serde};
use crate::stop::Outcome;
use crate::stores::buffered::Origin;

/// Stands in where a store keeps bytes as they are.
pub static BYTES: Serde = Serde::Native {
    kind: Kind::Bytes,
    id: 0,
};

pub type Place = Origin<Option<TopicId>>;

impl<'a, H: Application> Run<'a, H> {
    /// Where the record at hand came from, with its time and headers as they are here.
    pub(crate) fn origin(&self) -> Place {
        let context = &self.engine.context;
        let raw = if self.plan.settings.keeps_raw {
            (context.raw_key.clone(), context.raw_value.clone())
        } else {
            (None, None)
        };
        Origin {
            topic: context.topic,
            partition: context.partition,
            offset: context.offset,
            timestamp: context.timestamp,
            headers: context.headers.clone(),
            raw,
        }
    }

    pub(crate) fn topic_name(&self, topic: Option<TopicId>) -> &'a str {
        let plan = self.plan;
        topic.map_or("", |topic| plan.topic_name(topic))
    }

    /// Do something as if the record at hand came from there; what is caused is still the present's.
    pub(crate) fn within(
        &mut self,
        place: Place,
        act: impl FnOnce(&mut Self) -> Outcome<H>,
    ) -> Outcome<H> {
        let here = self.origin();
        self.move_to(place);
        let outcome = act(self);
        self.move_to(here);
        outcome
    }

    fn move_to(&mut self, place: Place) {
        let context = &mut self.engine.context;
        context.topic = place.topic;
        context.partition = place.partition;
        context.offset = place.offset;
        context.timestamp = place.timestamp;
        context.headers = place.headers;
        if self.plan.settings.keeps_raw {
            (context.raw_key, context.raw_value) = place.raw;
        }
    }
}
