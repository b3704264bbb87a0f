//! Batches that are written anew: every codec to every other, without holding what they unpack to.

use super::*;

fn codecs() -> impl Iterator<Item = Codec> {
    (0..5).filter_map(Codec::from_number)
}

fn records() -> Vec<(i64, String)> {
    let noise = |n: usize| -> String {
        let mut seed = n as u64;
        let next = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (seed >> 59) as u8 % 26)
        };
        (0..n).map(next).collect()
    };
    let sizes = [0, 1, 63, 64, 511, 512, 16_383, 16_385, 70_000, 300_000];
    let record = |(n, size): (usize, &usize)| (NOW + (n as i64 * 7) % 5, noise(*size));
    sizes.iter().enumerate().map(record).collect()
}

fn built(spec: BatchSpec) -> Vec<u8> {
    let records = records();
    let values: Vec<(i64, &str)> = records.iter().map(|(t, v)| (*t, v.as_str())).collect();
    timed(spec, &values)
}

/// What is written anew is what a producer with the topic's codec would have sent, to the last byte.
#[test]
fn every_codec_to_every_other() {
    for (source, target) in codecs().flat_map(|a| codecs().map(move |b| (a, b))) {
        for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
            let (_, mut log) = fresh(LogConfig {
                compression: Some(target),
                timestamp_type,
                ..config()
            });
            let spec = |codec| BatchSpec {
                codec,
                ..BatchSpec::default()
            };
            put(&mut log, built(spec(source))).unwrap();
            let stored = bytes_of(&log.read(0, usize::MAX, i64::MAX, true).unwrap());
            let header = crate::batch::first_header(&stored).unwrap();
            assert!(crc_holds(&stored));
            assert_eq!(header.codec(), Some(target));
            let read: Vec<String> = read_all(&mut log, 0).into_iter().map(|r| r.1).collect();
            let sent: Vec<String> = records().into_iter().map(|r| r.1).collect();
            assert!(read == sent, "{source:?} to {target:?}");
            let own = built(spec(target));
            assert!(stored[61..] == own[61..], "{source:?} to {target:?}");
            assert_eq!(header.base_timestamp, NOW);
            if timestamp_type == TimestampType::CreateTime {
                assert_eq!(header.max_timestamp, NOW + 4);
            } else {
                assert!(header.is_log_append_time());
                assert_eq!(header.max_timestamp, NOW);
            }
        }
    }
}

/// What unpacks to much is not looked through where others wait, and the batch is as it was.
#[test]
fn light_work_ends_where_it_becomes_heavy() {
    let zeroes = "0".repeat(1 << 20);
    let batch_of = |count: usize, codec| {
        let spec = BatchSpec {
            codec,
            ..BatchSpec::default()
        };
        batch_with(spec, &vec![zeroes.as_str(); count])
    };
    let config = LogConfig {
        max_message_bytes: 100 << 20,
        ..config()
    };
    for codec in codecs().filter(|codec| *codec != Codec::None) {
        for (count, light) in [(2, true), (80, false)] {
            let bytes = batch_of(count, codec);
            let mut sent = bytes.clone();
            let done = prepare_light(&mut sent, &config, &client()).unwrap();
            // Snappy reaches a fifth of the size at best, so that it is never heavy for what it is.
            let light = light || codec == Codec::Snappy && bytes.len() * 8 > count << 20;
            assert_eq!(done.is_some(), light, "{codec:?} {count}");
            assert!(sent == bytes);
            assert!(prepare(&mut sent, &config, &client()).is_ok());
        }
    }
    let mut plain = batch_of(80, Codec::None);
    let done = prepare_light(&mut plain, &config, &client()).unwrap();
    assert!(done.is_some(), "what is not packed costs what was sent");
}

/// Kafka refuses what became too large by its codec only after it looked at every record.
#[test]
fn what_becomes_too_large_is_refused() {
    let spec = |codec| BatchSpec {
        codec,
        ..BatchSpec::default()
    };
    let value = "x".repeat(200_000);
    for target in [Codec::None, Codec::Snappy] {
        let (_, mut log) = fresh(LogConfig {
            compression: Some(target),
            max_message_bytes: 3000,
            ..config()
        });
        let large = batch_with(spec(Codec::Zstd), &[&value]);
        assert_eq!(code(put(&mut log, large)), Code::MessageTooLarge);
        let values = [(NOW, value.as_str()), (NOW + 10 * 3_600_000, "late")];
        let wrong = timed(spec(Codec::Zstd), &values);
        assert_eq!(code(put(&mut log, wrong)), Code::InvalidTimestamp);
        assert_eq!(log.log_end_offset(), 0);
    }
}
