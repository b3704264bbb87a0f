//! Heartbeats of consumers at their times, while topics are created beside them.
//!
//! A heartbeat's time counts from when it was due, not from when it could be sent: who waits for an answer that is
//! late sends the next ones late, too.

use std::thread;
use std::time::{Duration, Instant};

use crate::measure::{Latencies, Meter};
use crate::modes::{Common, all, on_all};
use crate::wire::{self, Connection, Writer};
use crate::{Args, Outcome};

const HEARTBEAT: (i16, i16) = (12, 1);
const JOIN_GROUP: (i16, i16) = (11, 2);
const SYNC_GROUP: (i16, i16) = (14, 1);
const FIND_COORDINATOR: (i16, i16) = (10, 1);
const SESSION_MS: i32 = 300_000;
/// How long the heartbeats go before anything is created.
const ALONE: Duration = Duration::from_secs(2);

fn request((api, version): (i16, i16)) -> Writer {
    Writer::request(api, version)
}

/// A group of one; gives the request for its heartbeat.
fn join(connection: &mut Connection, group: &str) -> Outcome<Vec<u8>> {
    let since = Instant::now();
    loop {
        let mut w = request(FIND_COORDINATOR);
        w.text(group);
        w.i8(0);
        let mut r = connection.ask(&w.done())?;
        r.i32();
        let found = r.i16();
        if found != 0 {
            // Who joins all the same may become a member, of whom nobody knows at the next try.
            if since.elapsed() > Duration::from_secs(60) {
                return Err(format!("{group} has no coordinator: error {found}").into());
            }
            thread::sleep(Duration::from_millis(50));
            continue;
        }
        let mut w = request(JOIN_GROUP);
        w.text(group);
        w.i32(SESSION_MS);
        w.i32(SESSION_MS);
        w.text("");
        w.text("consumer");
        w.i32(1);
        w.text("range");
        w.i32(0);
        let mut r = connection.ask(&w.done())?;
        r.i32();
        let joined = r.i16();
        let generation = r.i32();
        if joined == 0 {
            r.skip_text();
            r.skip_text();
            let length = r.i16() as usize;
            let member = String::from_utf8(r.take(length).to_vec())?;
            return sync(connection, group, generation, &member);
        }
        if since.elapsed() > Duration::from_secs(60) {
            return Err(format!("{group} can't be joined: error {joined}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn sync(
    connection: &mut Connection,
    group: &str,
    generation: i32,
    member: &str,
) -> Outcome<Vec<u8>> {
    let mut w = request(SYNC_GROUP);
    w.text(group);
    w.i32(generation);
    w.text(member);
    w.i32(1);
    w.text(member);
    w.i32(0);
    let mut r = connection.ask(&w.done())?;
    r.i32();
    match r.i16() {
        0 => {}
        error => return Err(format!("SyncGroup answered error {error}").into()),
    }
    let mut w = request(HEARTBEAT);
    w.text(group);
    w.i32(generation);
    w.text(member);
    Ok(w.done())
}

/// `--conns MEMBERS --every MS --secs N --parts N --topics N`: the heartbeats of so many groups of one, and beside
/// them so many topics of so many partitions are created, one request after the other.
pub fn run(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let every = Duration::from_millis(args.number("every", 100)?.max(1));
    let length = Duration::from_secs(args.number("secs", 60)?);
    let topics = args.number("topics", 1)?;
    let joined = on_all(&common, |number| {
        let mut connection = Connection::open(&common.bootstrap)?;
        let beat = join(&mut connection, &format!("{}-{number}", common.topic))?;
        Ok((connection, beat))
    })?;
    let meter = Meter::start(&common.pid);
    let began = Instant::now();
    let (found, led) = thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, (mut connection, beat)) in joined.into_iter().enumerate() {
            let first = every * number as u32 / common.connections as u32;
            threads.push(scope.spawn(move || -> Outcome<Latencies> {
                let mut due = began + first;
                let mut found = Latencies::default();
                while due.duration_since(began) < length {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let mut r = connection.ask(&beat)?;
                    r.i32();
                    match r.i16() {
                        0 => found.0.push(due.elapsed().as_nanos() as u64),
                        error => return Err(format!("Heartbeat answered error {error}").into()),
                    }
                    due += every;
                }
                Ok(found)
            }));
        }
        thread::sleep(ALONE);
        let since = Instant::now();
        for number in 0..topics {
            let topic = format!("{}-{number}", common.topic);
            wire::create(&common.bootstrap, &topic, common.partitions)?;
        }
        let led = since.elapsed().as_secs_f64();
        let mut found = Vec::new();
        for thread in threads {
            found.push(thread.join().map_err(|_| "a client thread panicked")??);
        }
        Outcome::Ok((found, led))
    })?;
    let cost = meter.fields(0, 0, 1);
    let latency = all(found).field();
    println!("{{\"mode\":\"beats\",\"led_s\":{led:.3},{cost},{latency}}}");
    Ok(())
}
