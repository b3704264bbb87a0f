//! Transactions of one producer, of version 2 (KIP-890), one after the other; and one long stream of batches, in a transaction
//! or of an idempotent producer outside of any.

use std::collections::VecDeque;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::measure::{Latencies, Meter};
use crate::modes::Common;
use crate::wire::{self, Connection, Reader, Writer};
use crate::{Args, Outcome};

const PRODUCE_VERSION: i16 = 12;
const END_TXN: i16 = 26;
const INIT_PRODUCER_ID: i16 = 22;
const FIND_COORDINATOR: i16 = 10;
/// What is answered until a coordinator is there, or the transaction before has ended.
const COME_AGAIN: [i16; 4] = [14, 15, 16, 51];
const TRIES: u32 = 2000;

/// Who writes.
struct Producer {
    /// Empty if it is outside of transactions.
    transactional_id: String,
    id: i64,
    epoch: i16,
    sequence: i32,
}

impl Producer {
    fn begin(connection: &mut Connection, transactional_id: &str) -> Outcome<Producer> {
        let asks = |name: &str| (!name.is_empty()).then_some(name.to_owned());
        for _ in 0..TRIES {
            if !transactional_id.is_empty() {
                let mut w = Writer::request(FIND_COORDINATOR, 2);
                w.text(transactional_id);
                w.i8(1);
                connection.ask(&w.done())?;
            }
            let mut w = Writer::flexible(INIT_PRODUCER_ID, 5);
            w.compact_text(asks(transactional_id).as_deref());
            w.i32(60_000);
            w.i64(-1);
            w.i16(-1);
            w.tags();
            let mut r = connection.ask(&w.done())?;
            r.skip(1 + 4);
            match r.i16() {
                0 => {
                    return Ok(Producer {
                        transactional_id: transactional_id.to_owned(),
                        id: r.i64(),
                        epoch: r.i16(),
                        sequence: 0,
                    });
                }
                error if COME_AGAIN.contains(&error) => sleep(Duration::from_millis(10)),
                error => return Err(format!("InitProducerId answered error {error}").into()),
            }
        }
        Err("no producer id".into())
    }

    /// A Produce of this batch, which becomes this producer's next one.
    fn request(&mut self, topic: &str, batch: &mut [u8], count: usize) -> Vec<u8> {
        let transactional = !self.transactional_id.is_empty();
        wire::sign(batch, (self.id, self.epoch), self.sequence, transactional);
        self.sequence += count as i32;
        let mut w = Writer::flexible(wire::PRODUCE, PRODUCE_VERSION);
        w.compact_text(transactional.then_some(&*self.transactional_id));
        w.i16(-1);
        w.i32(30_000);
        w.unsigned(2);
        w.compact_text(Some(topic));
        w.unsigned(2);
        w.i32(0);
        w.unsigned(batch.len() as u64 + 1);
        w.0.extend_from_slice(batch);
        w.tags();
        w.tags();
        w.tags();
        w.done()
    }

    /// EndTxn: with this epoch, or another producer, it goes on.
    fn commit(&mut self, connection: &mut Connection) -> Outcome<Duration> {
        let mut w = Writer::flexible(END_TXN, 5);
        w.compact_text(Some(&self.transactional_id));
        w.i64(self.id);
        w.i16(self.epoch);
        w.i8(1);
        w.tags();
        let frame = w.done();
        for _ in 0..TRIES {
            let since = Instant::now();
            let mut r = connection.ask(&frame)?;
            let took = since.elapsed();
            r.skip(1 + 4);
            match r.i16() {
                0 => {
                    (self.id, self.epoch, self.sequence) = (r.i64(), r.i16(), 0);
                    return Ok(took);
                }
                error if COME_AGAIN.contains(&error) => sleep(Duration::from_millis(1)),
                error => return Err(format!("EndTxn answered error {error}").into()),
            }
        }
        Err("the transaction does not end".into())
    }
}

/// The error of the one partition in a Produce v12 response.
fn produce_error(answer: &[u8]) -> i16 {
    let mut r = Reader::new(answer, 5);
    r.varint();
    let name = r.varint() as usize - 1;
    r.skip(name);
    r.varint();
    r.i32();
    r.i16()
}

/// `--txns --records --rec`: so many transactions of so many records each, in one batch; the latency is EndTxn's.
pub fn transact(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let count = args.number("records", 1)? as usize;
    let txns = args.number("txns", 1000)?;
    let size = args.number("rec", 100)? as usize;
    wire::create(&common.bootstrap, &common.topic, 1)?;
    let mut batch = wire::batch(count, size, false, None)?;
    let mut connection = Connection::open(&common.bootstrap)?;
    let mut producer = Producer::begin(&mut connection, &common.topic)?;
    let meter = Meter::start(&common.pid);
    let mut found = Latencies::default();
    for _ in 0..txns {
        let frame = producer.request(&common.topic, &mut batch, count);
        let mut error = -1;
        for _ in 0..TRIES {
            connection.ask(&frame)?;
            error = produce_error(&connection.answer);
            if !COME_AGAIN.contains(&error) {
                break;
            }
        }
        if error != 0 {
            return Err(format!("Produce answered error {error}").into());
        }
        found.0.push(producer.commit(&mut connection)?.as_nanos() as u64);
    }
    let cost = meter.fields(txns * (count * size) as u64, txns * count as u64, txns);
    println!("{{\"mode\":\"transact\",{cost},{}}}", found.field());
    Ok(())
}

/// `--total --rec --batch --open 1`: batches, five on the way, in one transaction if it is open; else of an idempotent producer.
pub fn stream(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let open = args.number("open", 0)? == 1;
    let size = args.number("rec", 1024)? as usize;
    let batch_size = args.number("batch", 65536)? as usize;
    let count = (batch_size.saturating_sub(61) / (size + 8)).max(1);
    let requests = (args.number("total", 1 << 30)? / (count * size) as u64).max(1);
    wire::create(&common.bootstrap, &common.topic, 1)?;
    let mut batch = wire::batch(count, size, false, None)?;
    let mut connection = Connection::open(&common.bootstrap)?;
    let name = if open { common.topic.as_str() } else { "" };
    let mut producer = Producer::begin(&mut connection, name)?;
    let meter = Meter::start(&common.pid);
    let mut on_the_way = VecDeque::new();
    let (mut sent, mut got) = (0, 0);
    while got < requests {
        if sent < requests && on_the_way.len() < 5 {
            on_the_way.push_back(());
            connection.send(&producer.request(&common.topic, &mut batch, count))?;
            sent += 1;
            continue;
        }
        connection.receive()?;
        on_the_way.pop_front();
        got += 1;
        let error = produce_error(&connection.answer);
        if error != 0 {
            return Err(format!("Produce answered error {error}").into());
        }
    }
    let bytes = requests * (count * size) as u64;
    let cost = meter.fields(bytes, requests * count as u64, requests);
    if open {
        producer.commit(&mut connection)?;
    }
    println!("{{\"mode\":\"stream\",{cost}}}");
    Ok(())
}
