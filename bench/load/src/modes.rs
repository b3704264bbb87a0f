//! The modes that go as fast as they can: produce, consume, small requests; and creating and deleting topics.

use std::collections::VecDeque;
use std::thread;
use std::time::Instant;

use crate::measure::{Latencies, Meter};
use crate::wire::{self, Connection, Writer};
use crate::{Args, Outcome};

/// What every mode is told.
pub struct Common {
    pub bootstrap: String,
    pub topic: String,
    pub pid: String,
    pub partitions: i32,
    pub connections: u64,
}

impl Common {
    pub fn of(args: &Args) -> Outcome<Common> {
        Ok(Common {
            bootstrap: args.text("bs", "127.0.0.1:9092"),
            topic: args.text("topic", "load"),
            pid: args.text("pid", "0"),
            partitions: args.number("parts", 1)? as i32,
            connections: args.number("conns", 1)?.max(1),
        })
    }
}

/// Runs `work` on a thread for each connection and collects what they return.
pub fn on_all<T: Send>(
    common: &Common,
    work: impl Fn(u64) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..common.connections)
            .map(|c| {
                scope.spawn({
                    let work = &work;
                    move || work(c)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().map_err(|_| "a client thread panicked")?)
            .collect()
    })
}

/// Keeps up to `inflight` requests on the way until `count` are answered.
fn pipeline(
    common: &Common,
    count: u64,
    inflight: usize,
    mut frame: impl FnMut(u64) -> Vec<u8>,
    frames: usize,
    mut check: impl FnMut(&[u8]) -> Outcome<()>,
) -> Outcome<Latencies> {
    let mut connection = Connection::open(&common.bootstrap)?;
    let mut ready: Vec<Vec<u8>> = (0..frames as u64).map(&mut frame).collect();
    let mut sent_at = VecDeque::with_capacity(inflight);
    let mut found = Latencies::default();
    let (mut sent, mut got) = (0, 0);
    while got < count {
        if sent < count && sent_at.len() < inflight {
            let one = &mut ready[(sent % frames as u64) as usize];
            one[8..12].copy_from_slice(&(sent as i32).to_be_bytes());
            sent_at.push_back(Instant::now());
            connection.send(one)?;
            sent += 1;
            continue;
        }
        connection.receive()?;
        let id = i32::from_be_bytes(connection.answer[..4].try_into()?);
        if id != got as i32 {
            return Err(format!("answer {id} came instead of {got}").into());
        }
        check(&connection.answer)?;
        found
            .0
            .extend(sent_at.pop_front().map(|t| t.elapsed().as_nanos() as u64));
        got += 1;
    }
    Ok(found)
}

pub fn all(parts: Vec<Latencies>) -> Latencies {
    Latencies(parts.into_iter().flat_map(|p| p.0).collect())
}

/// Batches whose records have one of so many keys, drawn anew for each.
fn keyed(batches: u64, shape: (usize, usize, bool), keys: u64) -> Outcome<Vec<Vec<u8>>> {
    let (count, size, lz4) = shape;
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    let mut key = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        Some((dice >> 11) % keys)
    };
    (0..batches)
        .map(|_| wire::batch_of(count, size, lz4, None, &mut key))
        .collect()
}

/// `--rec --batch --total | --reqs --acks --codec --conns --parts --inflight --configs --keys`; `--batch 0` is one record a request,
/// `--configs key=value,key=value` are the topic's; with `--keys N` each record has one of so many keys, drawn anew each time.
pub fn produce(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let (size, batch_size) = (
        args.number("rec", 1024)? as usize,
        args.number("batch", 65536)? as usize,
    );
    let acks: i16 = args.text("acks", "-1").parse()?;
    let inflight = args.number("inflight", 5)? as usize;
    let codec = args.text("codec", "none");
    let count = (batch_size.saturating_sub(61) / (size + 8)).max(1);
    let raw = (count * size) as u64;
    let requests = if args.has("reqs") {
        args.number("reqs", 0)?
    } else {
        args.number("total", 1 << 30)? / raw
    };
    let each = (requests / common.connections).max(1);
    let configs = args.text("configs", "");
    wire::create_with(
        &common.bootstrap,
        &common.topic,
        common.partitions,
        &configs,
    )?;
    let keys = args.number("keys", 0)?;
    let batch = wire::batch(count, size, codec == "lz4", None)?;
    let frames = if keys > 0 {
        each
    } else {
        common.partitions as u64
    };
    let keyed = match keys {
        0 => Vec::new(),
        _ => keyed(each, (count, size, codec == "lz4"), keys)?,
    };
    let meter = Meter::start(&common.pid);
    let found =
        on_all(&common, |c| {
            let frame = |n: u64| {
                let partition = (n + c) as i32 % common.partitions;
                let batch = keyed.get(n as usize).unwrap_or(&batch);
                wire::produce_request(&common.topic, partition, acks, batch)
            };
            pipeline(&common, each, inflight, frame, frames as usize, |answer| {
                match wire::produce_error(answer) {
                    0 => Ok(()),
                    error => Err(format!("Produce answered error {error}").into()),
                }
            })
        })?;
    let done = each * common.connections;
    let cost = meter.fields(done * raw, done * count as u64, done);
    println!(
        "{{\"mode\":\"produce\",\"batch_bytes\":{},{cost},{}}}",
        batch.len(),
        all(found).field()
    );
    Ok(())
}

/// `--total --max --pmax --conns --parts --crc 1`: reads until so many bytes have come, or nothing comes any more.
pub fn consume(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let (max, partition_max) = (
        args.number("max", 50 << 20)? as i32,
        args.number("pmax", 1 << 20)? as i32,
    );
    let total = args.number("total", 1 << 30)? / common.connections;
    let check = args.number("crc", 0)? == 1;
    let meter = Meter::start(&common.pid);
    let found = on_all(&common, |c| {
        let mut connection = Connection::open(&common.bootstrap)?;
        let mine = (0..common.partitions).filter(|p| *p as u64 % common.connections == c);
        let mut at: Vec<(i32, i64)> = mine.map(|p| (p, 0)).collect();
        let (mut bytes, mut records, mut requests, mut idle) = (0, 0, 0u64, 0);
        while bytes < total && idle < 20 {
            connection.send(&wire::fetch_request(&common.topic, &at, max, partition_max))?;
            connection.receive()?;
            requests += 1;
            let (some, more) = wire::eat(&connection.answer, &mut at, check, |_| ())?;
            bytes += some;
            records += more;
            idle = if some == 0 { idle + 1 } else { 0 };
        }
        Ok((bytes, records, requests))
    })?;
    let sum = found
        .iter()
        .fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
    let cost = meter.fields(sum.0, sum.1, sum.2);
    println!(
        "{{\"mode\":\"consume\",\"bytes\":{},\"records\":{},{cost}}}",
        sum.0, sum.1
    );
    Ok(())
}

/// `--api 3|18 --reqs --inflight --conns`: one small request again and again.
pub fn rpc(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let requests = args.number("reqs", 100_000)?;
    let inflight = args.number("inflight", 1)? as usize;
    let frame = match args.number("api", 3)? {
        18 => Writer::request(wire::API_VERSIONS, 2).done(),
        3 => wire::metadata_request(&common.topic),
        api => return Err(format!("--api {api}: 3 (Metadata) or 18 (ApiVersions)").into()),
    };
    wire::create(&common.bootstrap, &common.topic, common.partitions)?;
    let each = requests / common.connections;
    let meter = Meter::start(&common.pid);
    let found = on_all(&common, |_| {
        pipeline(&common, each, inflight, |_| frame.clone(), 1, |_| Ok(()))
    })?;
    let cost = meter.fields(0, 0, each * common.connections);
    println!("{{\"mode\":\"rpc\",{cost},{}}}", all(found).field());
    Ok(())
}

/// `--parts N`: seconds until the reply, and until every leader answers.
pub fn create(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let meter = Meter::start(&common.pid);
    let (replied, led) = wire::create(&common.bootstrap, &common.topic, common.partitions)?;
    let cost = meter.fields(0, 0, 1);
    println!("{{\"mode\":\"create\",\"replied_s\":{replied:.3},\"led_s\":{led:.3},{cost}}}");
    Ok(())
}

/// `--configs key=value,key=value`: the topic's, from now on.
pub fn alter(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let configs = args.text("configs", "");
    let configs: Vec<_> = configs
        .split(',')
        .filter_map(|one| one.split_once('='))
        .collect();
    let mut w = Writer::request(wire::INCREMENTAL_ALTER_CONFIGS, 0);
    w.i32(1);
    w.i8(2);
    w.text(&common.topic);
    w.i32(configs.len() as i32);
    for (key, value) in configs {
        w.text(key);
        w.i8(0);
        w.text(value);
    }
    w.i8(0);
    let mut connection = Connection::open(&common.bootstrap)?;
    let mut r = connection.ask(&w.done())?;
    r.i32();
    r.i32();
    match r.i16() {
        0 => Ok(()),
        error => Err(format!("IncrementalAlterConfigs answered error {error}").into()),
    }
}

pub fn delete(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let mut w = Writer::request(wire::DELETE_TOPICS, 1);
    w.i32(1);
    w.text(&common.topic);
    w.i32(30_000);
    Connection::open(&common.bootstrap)?.ask(&w.done())?;
    Ok(())
}
