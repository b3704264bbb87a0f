//! Every number that lies in a file or comes in a batch may be the least, the greatest, or anything between.

use super::damage::*;
use super::*;

const BATCH_FIELDS: [(usize, usize); 13] = [
    (0, 8),
    (8, 4),
    (12, 4),
    (16, 1),
    (17, 4),
    (21, 2),
    (23, 4),
    (27, 8),
    (35, 8),
    (43, 8),
    (51, 2),
    (53, 4),
    (57, 4),
];

fn put_number(bytes: &mut [u8], at: usize, width: usize, value: i64) {
    bytes[at..at + width].copy_from_slice(&value.to_be_bytes()[8 - width..]);
}

/// Open what these files are, clean and not, and do everything with it.
fn survive(files: &[(String, Vec<u8>)], hints: OpenHints, what: &str) {
    for (clean_shutdown, now_ms) in [(true, NOW), (false, i64::MAX), (false, i64::MIN)] {
        let disk = disk_with(files);
        let hints = OpenHints {
            clean_shutdown,
            ..hints
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let opened = Log::open(disk.clone(), dir(), damaged_config(), now_ms, hints);
            let Ok((mut log, recovery)) = opened else {
                return;
            };
            let _ = recovery.to_string();
            exercise(&disk, &mut log, now_ms);
            let _ = log.close(true);
        }));
        assert!(
            done.is_ok(),
            "{what}, clean {clean_shutdown}, now {now_ms}: see above"
        );
    }
}

type Repair<'a> = &'a dyn Fn(&mut [u8], usize);

/// Each of these fields, by place and width, of the first and the last such file.
fn each_field(
    suffix: &str,
    fields: impl Fn(&[u8]) -> Vec<(usize, usize)>,
    repair: Option<Repair<'_>>,
) {
    let whole = folder();
    let mut tried = 0;
    let places: Vec<usize> = (0..whole.len())
        .filter(|n| whole[*n].0.ends_with(suffix) && !whole[*n].1.is_empty())
        .collect();
    assert!(!places.is_empty(), "no {suffix}");
    for place in [places[0], places[places.len() - 1]] {
        let (name, bytes) = &whole[place];
        for (at, width) in fields(bytes) {
            for value in extremes(width as u32 * 8) {
                let mut files = whole.clone();
                put_number(&mut files[place].1, at, width, value);
                let what = format!("{name} byte {at} is {value}");
                survive(&files, OpenHints::default(), &what);
                if let Some(repair) = repair {
                    repair(&mut files[place].1, at);
                    survive(&files, OpenHints::default(), &format!("{what}, sealed"));
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 0);
}

/// One batch header with an extreme number must not stop a node, with a right checksum or a wrong one.
#[test]
fn numbers_in_segments() {
    let fields = |bytes: &[u8]| {
        let batches = batches_at(bytes);
        let chosen = [0, batches.len() / 2, batches.len() - 1];
        let place = |n: usize| BATCH_FIELDS.map(|(at, width)| (batches[n].0 + at, width));
        chosen.into_iter().flat_map(place).collect()
    };
    let whole = folder();
    let reseal = move |bytes: &mut [u8], at: usize| {
        let original = &whole.iter().find(|(_, own)| own.len() == bytes.len());
        let Some((_, original)) = original else {
            return;
        };
        let batches = batches_at(original);
        if let Some((from, len)) = batches.iter().find(|(b, len)| *b <= at && at < b + len) {
            crate::batch::seal(&mut bytes[*from..from + len]);
        }
    };
    each_field(LOG_SUFFIX, fields, Some(&reseal));
}

/// An index points anywhere; nobody may follow it blindly.
#[test]
fn numbers_in_indexes() {
    let entries = |bytes: &[u8], parts: &[(usize, usize)], size: usize| -> Vec<(usize, usize)> {
        let count = bytes.len() / size;
        let chosen = [0, count / 2, count - 1].map(|n| n * size);
        let all = chosen
            .iter()
            .flat_map(|at| parts.iter().map(move |(p, w)| (at + p, *w)));
        all.collect()
    };
    each_field(".index", |b| entries(b, &[(0, 4), (4, 4)], 8), None);
    each_field(".timeindex", |b| entries(b, &[(0, 8), (8, 4)], 12), None);
    let parts = [(0, 2), (2, 8), (10, 8), (18, 8), (26, 8)];
    each_field(".txnindex", |b| entries(b, &parts, 34), None);
}

/// A snapshot is believed when its checksum holds.
#[test]
fn numbers_in_snapshots() {
    let fields = |bytes: &[u8]| {
        let mut all = vec![(0, 2), (2, 4), (6, 4)];
        for entry in (10..bytes.len()).step_by(46) {
            let parts = [
                (0, 8),
                (8, 2),
                (10, 4),
                (14, 8),
                (22, 4),
                (26, 8),
                (34, 4),
                (38, 8),
            ];
            all.extend(parts.map(|(at, width)| (entry + at, width)));
        }
        all
    };
    let reseal = |bytes: &mut [u8], _: usize| {
        let crc = crate::crc::crc32c(&bytes[6..]);
        bytes[2..6].copy_from_slice(&crc.to_be_bytes());
    };
    each_field(SNAPSHOT_SUFFIX, fields, Some(&reseal));
}

/// Epochs, names and checkpoints are texts: numbers may even be larger than any integer.
#[test]
fn numbers_in_texts_and_names() {
    let whole = folder();
    let place = |name: &str| whole.iter().position(|(n, _)| n == name).unwrap();
    let epochs = String::from_utf8(whole[place(EPOCHS_FILE)].1.clone()).unwrap();
    let words: Vec<&str> = epochs.split_whitespace().collect();
    let mut values: Vec<String> = extremes(64).iter().map(i64::to_string).collect();
    values.extend(["9223372036854775808", "-", "+1", "00", "1e3"].map(str::to_owned));
    for n in 0..words.len() {
        for value in &values {
            let mut words = words.clone();
            words[n] = value;
            let (head, rows) = words.split_at(2);
            let rows: Vec<String> = rows.chunks(2).map(|row| row.join(" ")).collect();
            let text = format!("{}\n{}\n", head.join("\n"), rows.join("\n"));
            let mut files = whole.clone();
            files[place(EPOCHS_FILE)].1 = text.clone().into_bytes();
            survive(&files, OpenHints::default(), &text);
        }
    }
    for n in 0..whole.len() {
        let Some(base) = offset_of(&whole[n].0) else {
            continue;
        };
        for value in extremes(64).into_iter().filter(|value| *value >= 0) {
            let mut files = whole.clone();
            files[n].0 = file_name(value, &whole[n].0[20..]);
            survive(
                &files,
                OpenHints::default(),
                &format!("{base} is {}", files[n].0),
            );
        }
    }
    for value in extremes(64) {
        let hints = OpenHints {
            recovery_point: value,
            ..OpenHints::default()
        };
        survive(&whole, hints, "the recovery point");
        let hints = OpenHints {
            log_start_offset: value,
            ..hints
        };
        survive(&whole, hints, "both checkpoints");
    }
}

/// Produced by a client, a coordinator, the quorum, or sent by a leader: no number in a header is anyone's promise.
#[test]
fn numbers_in_appended_batches() {
    let mut spec = BatchSpec {
        producer_id: 4,
        producer_epoch: 1,
        base_sequence: 0,
        ..BatchSpec::default()
    };
    for (control, base) in [
        (false, 0),
        (true, 0),
        (false, i64::MAX - 1),
        (false, i64::MAX),
    ] {
        (spec.control, spec.transactional) = (control, control);
        let hints = OpenHints {
            log_start_offset: base,
            ..OpenHints::default()
        };
        for (at, width) in BATCH_FIELDS {
            for value in extremes(width as u32 * 8) {
                for origin in [Origin::Client, Origin::Coordinator, Origin::Raft] {
                    let disk = disk();
                    let (mut log, _) = open_with(&disk, config(), hints);
                    let mut bytes = batch_with(spec, &["a", "b"]);
                    put_number(&mut bytes, at, width, value);
                    crate::batch::seal(&mut bytes);
                    let context = AppendContext { origin, ..client() };
                    let mut led = bytes.clone();
                    let _ = log.append(&mut led, &context);
                    let _ = log.append_as_follower(&bytes, NOW);
                    let _ = log.append(&mut bytes.clone(), &context);
                    // Behind a whole batch, where its predecessor's numbers are held against its own.
                    let _ = log.append(&mut batch(&["whole"]), &client());
                    put_number(&mut bytes, 0, 8, log.log_end_offset());
                    let _ = log.append_as_follower(&bytes, NOW);
                    exercise(&disk, &mut log, NOW);
                    log.close(false).unwrap();
                    let (mut log, _) = open_with(&disk, config(), hints);
                    exercise(&disk, &mut log, NOW);
                }
            }
        }
    }
}

fn varint(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    crate::batch::varint::put_i64(&mut out, value);
    out
}

/// The numbers within a record: each at its extremes, in every codec, kept as it came and written anew.
#[test]
fn numbers_in_records() {
    let plain: [i64; 9] = [16, 0, 0, 1, 1, 1, 1, 1, 1];
    let record = |numbers: [i64; 9]| {
        let [size, timestamp, offset, key, value, headers, name, held, _] = numbers;
        let mut out = varint(size);
        out.push(0);
        out.extend([varint(timestamp), varint(offset), varint(key)].concat());
        out.push(b'k');
        out.extend(varint(value));
        out.push(b'v');
        out.extend([varint(headers), varint(name)].concat());
        out.push(b'n');
        out.extend(varint(held));
        out.push(b'h');
        out
    };
    for place in 0..8 {
        for value in extremes(64) {
            let mut numbers = plain;
            numbers[place] = value;
            let mut records = record(numbers);
            if place != 0 {
                let size = (records.len() - 1) as i64;
                numbers[0] = size;
                records = record(numbers);
            }
            for codec in 0..5 {
                let spec = BatchSpec {
                    codec: Codec::from_number(codec).unwrap(),
                    ..BatchSpec::default()
                };
                let mut bytes = batch_with(spec, &[]);
                let onto = bytes[..HEADER_BYTES].to_vec();
                let mut stream =
                    crate::compression::Compressor::new(spec.codec, spec.levels, onto).unwrap();
                std::io::Write::write_all(&mut stream, &records).unwrap();
                bytes = stream.finish().unwrap();
                let length = (bytes.len() - 12) as i64;
                put_number(&mut bytes, 8, 4, length);
                put_number(&mut bytes, 23, 4, 0);
                put_number(&mut bytes, 27, 8, NOW);
                put_number(&mut bytes, 57, 4, 1);
                crate::batch::seal(&mut bytes);
                for compression in [None, Some(Codec::None), Some(Codec::Lz4)] {
                    let (disk, mut log) = fresh(LogConfig {
                        compression,
                        ..config()
                    });
                    let _ = put(&mut log, bytes.clone());
                    let _ = log.append_as_follower(&bytes, NOW);
                    exercise(&disk, &mut log, NOW);
                }
            }
        }
    }
}

/// A topic may be configured with anything that an integer holds.
#[test]
fn numbers_in_configurations() {
    let keys = [
        "segment.bytes",
        "segment.ms",
        "segment.jitter.ms",
        "segment.index.bytes",
        "index.interval.bytes",
        "retention.ms",
        "retention.bytes",
        "max.message.bytes",
        "message.timestamp.before.max.ms",
        "message.timestamp.after.max.ms",
        "flush.messages",
        "flush.ms",
        "file.delete.delay.ms",
        "producer.id.expiration.ms",
        "compression.gzip.level",
        "compression.zstd.level",
    ];
    let whole = folder();
    for key in keys {
        for value in extremes(64) {
            for compression in ["producer", "gzip", "zstd"] {
                let disk = disk_with(&whole);
                let clean = OpenHints {
                    clean_shutdown: true,
                    ..OpenHints::default()
                };
                let (mut log, _) = open_with(&disk, damaged_config(), clean);
                let mut config = damaged_config();
                if key == "segment.index.bytes" && value > 1 << 16 {
                    continue; // The simulated disk keeps all of a file in memory.
                }
                let _ = config.set("compression.type", &ConfigValue::Text(compression.into()));
                if config.set(key, &ConfigValue::Int(value)).is_ok() {
                    log.set_config(config);
                    exercise(&disk, &mut log, NOW);
                    exercise(&disk, &mut log, i64::MAX);
                    log.close(true).unwrap();
                }
            }
        }
    }
}
