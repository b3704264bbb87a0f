//! How a source's raw record becomes one with values and a time; what happens to one that cannot be read.

use bytes::Bytes;

use crate::application::Application;
use crate::host::{By, Fault, Headers, Refusal};
use crate::json::Noted;
use crate::plan::source::{Format, Source};
use crate::plan::{Plan, SourceId};
use crate::queues::Input;
use crate::record::{Change, Payload, Record, Response, Subscription};
use crate::serde::Serde;
use crate::stop::{Outcome, Stage, What, decided};
use crate::task::Task;
use crate::value::Value;

/// A record that was read, and its offset.
type Read<O> = Option<(Record<O>, i64)>;

impl<H: Application> Task<H> {
    fn offset(&mut self, input: &Input) -> i64 {
        let place = input.topic as usize;
        if self.offsets.len() <= place {
            self.offsets.resize(place + 1, 0);
        }
        let offset = if input.offset < 0 {
            self.offsets[place]
        } else {
            input.offset
        };
        self.offsets[place] = offset.saturating_add(1);
        offset
    }

    /// A source's raw record with values and a time; none where it cannot be read, or has no time.
    pub(crate) fn read(
        &mut self,
        plan: &Plan,
        host: &mut H,
        source: SourceId,
        input: &Input,
        partition_time: i64,
    ) -> Outcome<H, Read<H::Object>> {
        let row = &plan.sources[source];
        let offset = self.offset(input);
        let mut record = match decode(plan, host, &mut self.engine.noted, row, input) {
            Ok(record) => record,
            Err(fault) => {
                self.unreadable(plan, host, row, input, offset, fault)?;
                return Ok(None);
            }
        };
        if let Some(extractor) = row.timestamp_extractor.filter(|_| !row.is_global) {
            let origin = (plan.topic_name(input.topic), input.partition, offset);
            let time = host.extract_timestamp(extractor, &record, origin, partition_time);
            record.timestamp = time.map_err(|error| {
                self.stand(input, offset, input.timestamp);
                let mut stop = decided(Fault::Host(error));
                stop.tell(&row.name, What::Extractor, &self.engine.context);
                stop
            })?;
        }
        if record.timestamp < 0 && !row.is_global {
            self.without_time(plan, host, row, input, offset, record.timestamp)?;
            return Ok(None);
        }
        Ok(Some((record, offset)))
    }

    /// A source's record as it will be read; none where it cannot be.
    pub(crate) fn glance(
        &mut self,
        plan: &Plan,
        host: &mut H,
        source: SourceId,
        input: &Input,
    ) -> Outcome<H, Option<Record<H::Object>>> {
        let row = &plan.sources[source];
        match decode(plan, host, &mut self.engine.noted, row, input) {
            Ok(record) => Ok(Some(record)),
            Err(Fault::Host(error)) => match host.forget(error) {
                Ok(()) => Ok(None),
                Err(error) => Err(decided(Fault::Host(error))),
            },
            Err(Fault::Refused(_)) => Ok(None),
        }
    }

    #[cold]
    fn unreadable(
        &mut self,
        plan: &Plan,
        host: &mut H,
        row: &Source,
        input: &Input,
        offset: i64,
        fault: Fault<H::Error>,
    ) -> Outcome<H> {
        let before = self.engine.context.clone();
        self.stand(input, offset, input.timestamp);
        let mut run = self.run(plan, host);
        if row.is_global {
            let class = run.host.describe(&fault).class;
            let kind = class.rsplit('.').next().unwrap_or_default();
            run.skip(&row.name, &format!("deserialization failed: {kind}"));
        } else {
            run.decide(Stage::Deserialization, &row.name, fault.into(), true)
                .map_err(|mut stop| {
                    stop.decided = true;
                    stop
                })?;
        }
        self.engine.context = before;
        Ok(())
    }

    /// A negative time is an error of the record, unless the user's extractor gave it.
    #[cold]
    fn without_time(
        &mut self,
        plan: &Plan,
        host: &mut H,
        row: &Source,
        input: &Input,
        offset: i64,
        timestamp: i64,
    ) -> Outcome<H> {
        let before = self.engine.context.clone();
        self.stand(input, offset, input.timestamp);
        if row.timestamp_extractor.is_none() {
            let name = plan.topic_name(input.topic);
            let refusal = Refusal {
                by: By::Operator,
                text: format!("a record of the topic {name} has the negative time {timestamp}"),
                hint: "give the source a timestamp extractor that makes one",
            };
            let mut stop = decided(refusal.into());
            stop.tell(&row.name, What::Reading, &self.engine.context);
            return Err(stop);
        }
        self.run(plan, host).skip(&row.name, "its time is negative");
        self.engine.context = before;
        Ok(())
    }
}

#[inline(always)]
fn decode<H: Application>(
    plan: &Plan,
    host: &mut H,
    noted: &mut Noted,
    row: &Source,
    input: &Input,
) -> Result<Record<H::Object>, Fault<H::Error>> {
    let name = plan.topic_name(input.topic);
    let headers = &input.headers;
    let key = row
        .key
        .deserialize(host, name, headers, input.key.as_ref())?;
    let bytes = input.value.as_ref();
    let payload = match row.format {
        Format::Plain => {
            let value = row
                .value
                .deserialize_noted(host, noted, name, headers, bytes)?;
            Payload::Plain(value)
        }
        Format::Change => Payload::Change(change(host, &row.value, name, headers, bytes)?),
        Format::Subscription => {
            let read = Subscription::read(bytes.unwrap_or(&Bytes::new()));
            Payload::Subscription(Box::new(read.map_err(unreadable)?))
        }
        Format::Response => {
            let read = Response::read(bytes.unwrap_or(&Bytes::new()));
            Payload::Response(Box::new(read.map_err(unreadable)?))
        }
    };
    Ok(Record {
        key,
        payload,
        timestamp: input.timestamp,
        headers: input.headers.clone(),
    })
}

fn unreadable<E>(text: String) -> Fault<E> {
    Fault::from(Refusal {
        by: By::Serde,
        text,
        hint: "read the topic with the serde that its records were written with",
    })
}

/// New and old value of a table's record, as Kafka's repartition topics have them.
fn change<H: Application>(
    host: &mut H,
    serde: &Serde,
    topic: &str,
    headers: &Headers,
    bytes: Option<&Bytes>,
) -> Result<Change<H::Object>, Fault<H::Error>> {
    let wrong = |why: &str| {
        let count = bytes.map_or(0, Bytes::len);
        unreadable(format!(
            "CHANGED cannot read {count} bytes: {why} (topic {topic})"
        ))
    };
    let Some((&kind, rest)) = bytes.and_then(|bytes| bytes.split_last()) else {
        return Err(wrong("a change has at least its kind"));
    };
    let bytes = bytes.cloned().unwrap_or_default();
    let mut end = rest.len();
    let (mut kind, mut is_latest) = (kind, true);
    if kind > 5 {
        return Err(wrong(&format!("there is no kind {kind}")));
    }
    if kind > 2 {
        if end == 0 || bytes[end - 1] > 1 {
            return Err(wrong("whether it is the latest is 0 or 1"));
        }
        end -= 1;
        is_latest = bytes[end] == 1;
        kind -= 3;
    }
    let (new, old) = match kind {
        0 => (None, Some(bytes.slice(..end))),
        1 => (Some(bytes.slice(..end)), None),
        _ => {
            let found = zigzag(&bytes[..end]);
            let Some((size, start)) = found.filter(|(size, start)| start + size <= end) else {
                return Err(wrong("the new value's length is past the end"));
            };
            let middle = start + size;
            (
                Some(bytes.slice(start..middle)),
                Some(bytes.slice(middle..end)),
            )
        }
    };
    let mut read = |bytes: Option<Bytes>| -> Result<Value<H::Object>, Fault<H::Error>> {
        serde.deserialize(host, topic, headers, bytes.as_ref())
    };
    Ok(Change {
        new: read(new)?,
        old: read(old)?,
        is_latest,
    })
}

/// A length, and where what follows it begins.
fn zigzag(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number: u64 = 0;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            let number = (number >> 1) as i64 ^ -((number & 1) as i64);
            return usize::try_from(number).ok().map(|size| (size, place + 1));
        }
    }
    None
}
