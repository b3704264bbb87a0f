//! What a log asks of the first batch of a transaction, and of the marker that ends it.

use super::*;

const ID: i64 = 7;

fn asked(number: u64, adds: bool) -> Verifying {
    Verifying {
        number,
        adds,
        now_ms: NOW,
    }
}

/// Somebody is asked about a batch of this sequence: the number that it is given.
fn ask(log: &mut Log<SimDisk>, epoch: i16, sequence: i32, asked: &Verifying) -> Option<u64> {
    let header = first_header(&produced(ID, epoch, sequence, 1, true)).unwrap();
    log.verify(&header, asked).unwrap()
}

/// Append one of these with that number: the error code.
fn put_with(log: &mut Log<SimDisk>, number: u64, epoch: i16, sequence: i32) -> Code {
    let context = AppendContext {
        verification: number,
        ..client()
    };
    let done = log.append(&mut produced(ID, epoch, sequence, 1, true), &context);
    done.map_or_else(|error| error.code, |_| Code::None)
}

fn end(log: &mut Log<SimDisk>, epoch: i16, transaction_version: i16) -> Code {
    let context = AppendContext {
        origin: Origin::Coordinator,
        transaction_version,
        ..client()
    };
    let done = log.append(&mut marker(ID, epoch, true), &context);
    done.map_or_else(|error| error.code, |_| Code::None)
}

/// A batch that comes after its transaction's end would open one that nobody ends, and block all readers.
#[test]
fn the_first_batch_needs_the_number_that_stands() {
    let (_, mut log) = fresh(config());
    assert_eq!(put_with(&mut log, 0, 0, 0), Code::InvalidTxnState);
    assert_eq!(ask(&mut log, 0, 0, &asked(5, false)), Some(5));
    assert_eq!(ask(&mut log, 0, 1, &asked(6, false)), Some(5));
    assert_eq!(put_with(&mut log, 6, 0, 0), Code::InvalidTxnState);
    assert_eq!(put_with(&mut log, 0, 0, 0), Code::InvalidTxnState);
    assert_eq!(put_with(&mut log, 5, 0, 0), Code::None);
    assert_eq!(ask(&mut log, 0, 1, &asked(7, false)), None, "it is known");
    assert_eq!(put_with(&mut log, 0, 0, 1), Code::None);
    assert_eq!(end(&mut log, 0, 0), Code::None);
    assert_eq!(put_with(&mut log, 5, 0, 2), Code::InvalidTxnState);
}

/// A marker of no version of transactions would be written, and by which rule it ended would be known to nobody.
#[test]
fn a_marker_is_of_some_version() {
    let (_, mut log) = fresh(config());
    assert_eq!(ask(&mut log, 1, 0, &asked(1, true)), Some(1));
    assert_eq!(put_with(&mut log, 1, 1, 0), Code::None);
    assert_eq!(end(&mut log, 0, -1), Code::InvalidProducerEpoch);
    assert_eq!(end(&mut log, 1, -1), Code::UnknownServerError);
    assert_eq!(end(&mut log, 2, -1), Code::UnknownServerError);
    assert_eq!(end(&mut log, 2, 2), Code::None);
}

/// What a refused append says would be forgotten before the retry that it asks for.
#[test]
fn what_is_not_appended_ends_nothing() {
    let (_, mut log) = fresh(config());
    assert_eq!(ask(&mut log, 0, 0, &asked(5, false)), Some(5));
    assert_eq!(put_with(&mut log, 5, 0, 1), Code::OutOfOrderSequenceNumber);
    assert_eq!(put_with(&mut log, 5, 0, 0), Code::None);
}

/// A batch that was asked about before the end of its transaction would be part of none; and the next transaction of a
/// producer that may begin it early would be refused.
#[test]
fn a_marker_ends_what_was_asked_about_its_transaction() {
    for (adds, epochs, version, expected) in [
        (false, (0, 0), 0, Code::InvalidTxnState),
        (false, (1, 1), 2, Code::InvalidTxnState),
        (true, (0, 1), 2, Code::InvalidProducerEpoch), // of the transaction that ends, come late
        (true, (1, 1), 2, Code::None),                 // of the next one, come early
        (true, (1, 1), 0, Code::InvalidTxnState),      // of the one that an older client ends
        (true, (2, 1), 2, Code::InvalidTxnState),
    ] {
        let (_, mut log) = fresh(config());
        let (of_batch, of_marker) = epochs;
        if of_batch > 0 {
            assert_eq!(ask(&mut log, 0, 0, &asked(1, adds)), Some(1));
            assert_eq!(put_with(&mut log, 1, 0, 0), Code::None);
        }
        assert_eq!(ask(&mut log, of_batch, 0, &asked(5, adds)), Some(5));
        assert_eq!(end(&mut log, of_marker, version), Code::None);
        let done = put_with(&mut log, 5, of_batch, 0);
        assert_eq!(done, expected, "adds: {adds}, {epochs:?}");
    }
}

/// A refused request of version 2, from anybody, would let an older client's late batch in behind its marker.
#[test]
fn what_is_asked_last_says_which_version_it_is_of() {
    for later in [0, 1] {
        let (_, mut log) = fresh(config());
        assert_eq!(
            ask(&mut log, 0, 0, &asked(1, true)),
            Some(1),
            "and is refused"
        );
        assert_eq!(ask(&mut log, later, 0, &asked(2, false)), Some(1));
        assert_eq!(end(&mut log, later, 2), Code::None);
        assert_eq!(put_with(&mut log, 1, later, 0), Code::InvalidTxnState);
    }
}

/// Keyed by its producer alone, a batch of the next transaction would join the last one, and share its end.
#[test]
fn a_transaction_is_known_by_its_epoch_too() {
    let (_, mut log) = fresh(config());
    assert_eq!(ask(&mut log, 0, 0, &asked(1, true)), Some(1));
    assert_eq!(put_with(&mut log, 1, 0, 0), Code::None);
    assert_eq!(put_with(&mut log, 1, 1, 0), Code::InvalidTxnState);
    assert_eq!(ask(&mut log, 1, 0, &asked(2, true)), Some(2));
    let old = first_header(&produced(ID, 0, 1, 1, true)).unwrap();
    assert_eq!(end(&mut log, 1, 2), Code::None);
    let refused = log.verify(&old, &asked(3, true)).unwrap_err();
    assert_eq!(refused.code, Code::InvalidProducerEpoch);
    assert_eq!(put_with(&mut log, 2, 1, 0), Code::None);
    let summary = &log.producers()[0];
    assert_eq!(summary.current_transaction_first_offset, 2);
}

/// Of several batches that were sent together the second could come first, and be there without the first for good.
#[test]
fn a_transaction_begins_with_the_lowest_sequence_that_was_asked_about() {
    let order = Code::OutOfOrderSequenceNumber;
    // What is asked about, what comes first: a producer that is unknown here may begin anywhere, unless it adds.
    for (adds, sequences, first, expected) in [
        (false, &[4][..], 4, Code::None),
        (false, &[5, 4], 5, order),
        (false, &[5, 4], 4, Code::None),
        (true, &[4], 4, order),
        (true, &[0, 4], 4, order),
        (true, &[4, 0], 0, Code::None),
    ] {
        let (_, mut log) = fresh(config());
        for sequence in sequences {
            ask(&mut log, 0, *sequence, &asked(1, adds));
        }
        let done = put_with(&mut log, 1, 0, first);
        assert_eq!(done, expected, "adds: {adds}, {first} of {sequences:?}");
    }
    // A later epoch's sequences are its own, and an earlier one's are nothing to it.
    let (_, mut log) = fresh(config());
    for (epoch, sequence) in [(0, 0), (1, 3), (0, 1)] {
        ask(&mut log, epoch, sequence, &asked(1, false));
    }
    assert_eq!(put_with(&mut log, 1, 1, 4), order);
    assert_eq!(put_with(&mut log, 1, 1, 3), Code::None);
}

/// Clients that ask and never write would fill the memory; and an answer to who died before would be taken.
#[test]
fn what_is_asked_is_soft() {
    let (disk, mut log) = fresh(config());
    let expiration_ms = log.config().producer_id_expiration_ms;
    ask(&mut log, 0, 0, &asked(1, false));
    log.expire_producers(NOW + expiration_ms - 1);
    assert_eq!(ask(&mut log, 0, 0, &asked(2, false)), Some(1));
    log.expire_producers(NOW + expiration_ms);
    assert_eq!(put_with(&mut log, 1, 0, 0), Code::InvalidTxnState);
    assert_eq!(ask(&mut log, 0, 0, &asked(3, false)), Some(3));
    log.close(true).unwrap();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(put_with(&mut log, 3, 0, 0), Code::InvalidTxnState);
}

/// A coordinator's own batches would be refused, which it asks nobody about; and so would all that a follower is sent.
#[test]
fn only_clients_batches_are_asked_about() {
    let (_, mut log) = fresh(config());
    put_marker(&mut log, produced(ID, 0, 5, 1, true)).unwrap();
    put_marker(&mut log, marker(ID, 0, true)).unwrap();
    let mut sent = produced(ID, 0, 9, 1, true);
    crate::batch::assign(&mut sent, log.log_end_offset(), 0);
    log.append_as_follower(&sent, NOW).unwrap();
    assert_eq!(log.log_end_offset(), 3);
}

/// A retry whose answer was lost would be refused, though it is in the transaction that is open.
#[test]
fn a_duplicate_is_found_before_anything_is_asked() {
    let (_, mut log) = fresh(config());
    let first = put(&mut log, produced(ID, 0, 0, 2, true)).unwrap();
    end(&mut log, 0, 0);
    let again = log.append(&mut produced(ID, 0, 0, 2, true), &client());
    let again = again.unwrap();
    assert!(again.duplicate && again.base_offset == first.base_offset);
}

/// A marker of an epoch that is over would end the transaction after it. From version 2 on each has its own epoch; a
/// marker that is written again ends nothing, and no epoch is above the last.
#[test]
fn a_marker_has_the_epoch_that_its_version_asks_for() {
    let fenced = Code::InvalidProducerEpoch;
    for (version, last, is_open, of_marker, expected) in [
        (0, 3, true, 2, fenced),
        (0, 3, true, 3, Code::None),
        (1, 3, true, 3, Code::None),
        (2, 3, true, 2, fenced),
        (2, 3, true, 3, fenced),
        (2, 3, true, 4, Code::None),
        (2, 3, false, 3, Code::None),
        (2, 3, false, 2, fenced),
        (2, i16::MAX, true, i16::MAX, Code::None),
    ] {
        let (_, mut log) = fresh(config());
        put(&mut log, produced(ID, last, 0, 1, is_open)).unwrap();
        let done = end(&mut log, of_marker, version);
        let case = (version, last, is_open, of_marker);
        assert_eq!(done, expected, "{case:?}");
    }
}

/// A transaction on such a topic could never end, and its readers would wait for ever.
#[test]
fn no_topics_configuration_keeps_a_marker_out() {
    let mut kept = config();
    (kept.cleanup_compact, kept.compression) = (true, Some(Codec::Gzip));
    kept.timestamp_type = TimestampType::LogAppendTime;
    let (_, mut log) = fresh(kept.clone());
    put(&mut log, produced(ID, 0, 0, 1, true)).unwrap();
    kept.max_message_bytes = 10;
    log.set_config(kept);
    assert_eq!(end(&mut log, 0, 0), Code::None);
    log.set_high_watermark(2);
    assert_eq!(log.last_stable_offset(), 2);
    let slice = log.read(1, 1, i64::MAX, true).unwrap();
    let header = first_header(&bytes_of(&slice)).unwrap();
    assert!(header.is_control() && header.is_transactional());
    assert_eq!(header.codec(), Some(Codec::None));
}

/// Readers would take a marker for another one, or for a record. The bytes are those that Apache Kafka 4.3.1 wrote into
/// a log; what is before them a leader assigns.
#[test]
fn a_marker_is_what_apache_kafka_writes() {
    let written = "025c562732003000000000000001a20413cdca000001a20413cdca00000000000000070001ffffffff00000001\
                   2000000008000000000c00000000000000";
    let aborts = Marker {
        commit: false,
        coordinator_epoch: 0,
        timestamp_ms: 0x01a2_0413_cdca,
    };
    let batch = aborts.batch(7, 1).unwrap();
    let hex: String = batch[16..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, written);
    let commits = Marker {
        commit: true,
        coordinator_epoch: 3,
        ..aborts
    };
    let batch = commits.batch(6, 1).unwrap();
    assert!(crc_holds(&batch));
    let header = first_header(&batch).unwrap();
    assert_eq!(
        super::super::scan::marker_of(&header, &batch),
        Some(commits)
    );
}
