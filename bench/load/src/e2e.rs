//! End to end: a paced producer and a long-polling consumer; the latency is from send to decoded.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::{Latencies, Meter};
use crate::modes::Common;
use crate::wire::{self, Connection, Reader};
use crate::{Args, Outcome};

/// When the first record of a batch was sent: the first 8 bytes of its value.
fn stamp(batch: &[u8]) -> u64 {
    let mut r = Reader::new(batch, 61);
    r.varint(); // the record's length
    r.skip(1); // attributes
    for _ in 0..4 {
        r.varint(); // timestamp, offset, key, and the value's length
    }
    r.i64() as u64
}

/// Fetches until told to stop; latencies of what was sent after `warm_ns`.
fn consume(
    common: &Common,
    from: i64,
    stop: &AtomicBool,
    warm_ns: &AtomicU64,
) -> Outcome<Latencies> {
    let mut connection = Connection::open(&common.bootstrap)?;
    let mut at = vec![(0, from)];
    let mut found = Latencies::default();
    while !stop.load(Relaxed) {
        connection.send(&wire::fetch_request(&common.topic, &at, 50 << 20, 1 << 20))?;
        connection.receive()?;
        let (now, warm) = (wire::now_ns(), warm_ns.load(Relaxed));
        wire::eat(&connection.answer, &mut at, false, |batch| {
            let sent = stamp(batch);
            if sent >= warm {
                found.0.push(now.saturating_sub(sent));
            }
        })?;
    }
    Ok(found)
}

/// `--rate --tick_us --rec --secs --warm --acks`: every tick one request, with as many records as the rate asks for.
pub fn run(args: &Args) -> Outcome<()> {
    let common = Common::of(args)?;
    let (rate, tick_us) = (
        args.number("rate", 10_000)?.max(1),
        args.number("tick_us", 1000)?,
    );
    let (size, acks) = (
        args.number("rec", 100)?.max(8) as usize,
        args.text("acks", "-1").parse()?,
    );
    let (secs, warm) = (args.number("secs", 5)?, args.number("warm", 2)?);
    let each = (rate * tick_us / 1_000_000).max(1);
    let tick = Duration::from_nanos(each * 1_000_000_000 / rate);
    wire::create(&common.bootstrap, &common.topic, 1)?;
    let mut connection = Connection::open(&common.bootstrap)?;
    let from = wire::end_offset(&mut connection, &common.topic)?;
    // Sleeps are as exact as the kernel can, where it lets us ask for that.
    let _ = std::fs::write("/proc/self/timerslack_ns", "1000");
    let (stop, warm_ns) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    let mut answers = connection.stream.try_clone()?;
    thread::scope(|scope| {
        let consumer = scope.spawn(|| consume(&common, from, &stop, &warm_ns));
        scope.spawn(move || {
            // Acknowledgements are read and dropped.
            while matches!(answers.read(&mut [0; 65536]), Ok(n) if n > 0) {}
        });
        let start = Instant::now();
        let (mut next, mut sent, mut late) = (start, 0, 0u64);
        let mut meter = None;
        while start.elapsed().as_secs() < secs + warm {
            if meter.is_none() && start.elapsed().as_secs() >= warm {
                meter = Some(Meter::start(&common.pid));
                warm_ns.store(wire::now_ns(), Relaxed);
                (sent, late) = (0, 0);
            }
            match next.checked_duration_since(Instant::now()) {
                Some(rest) => thread::sleep(rest),
                None => late += u64::from(next.elapsed() > tick),
            }
            next += tick;
            let batch = wire::batch(each as usize, size, false, Some(wire::now_ns()))?;
            connection.send(&wire::produce_request(&common.topic, 0, acks, &batch))?;
            sent += 1;
        }
        let meter = meter.ok_or("--secs 0 measures nothing")?;
        let cost = meter.fields(sent * each * size as u64, sent * each, sent);
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Relaxed);
        // One more record ends the consumer's last long poll.
        let last = wire::batch(1, size, false, Some(1))?;
        connection.send(&wire::produce_request(&common.topic, 0, acks, &last))?;
        let mut found = consumer.join().map_err(|_| "the consumer panicked")??;
        connection.stream.shutdown(std::net::Shutdown::Both)?;
        println!(
            "{{\"mode\":\"e2e\",\"late\":{late},{cost},{}}}",
            found.field()
        );
        Ok(())
    })
}
