//! What a batch must be before a leader appends it, as 4.x checks it: the header's claims, then every record.
//!
//! Offsets inside an uncompressed batch are taken as they are, as Apache Kafka does; inside a compressed one they
//! must count up from 0. What 4.3.1 answers with UNKNOWN_SERVER_ERROR (a codec that does not exist, a compressed
//! stream that is broken) gets an error of its own here; none of them is worth a retry.

use super::api::{AppendContext, Origin};
use super::config::{LogConfig, TimestampType};
use super::error::{AppendError, Flaw, RecordError};
use crate::batch::{
    BatchSpec, Builder, Cut, Fault, HEADER_BYTES, Header, MAGIC, NO_TIMESTAMP, RecordHead, Records,
    SliceSource, Source, StreamSource, crc_holds, first_header,
};
use crate::code::Code;
use crate::compression::{Codec, Decompressor};

/// First Produce version that may carry zstd.
const ZSTD_FROM_PRODUCE: i16 = 7;
/// Errors named to a client, at most: a batch can hold millions of bad records.
const RECORD_ERRORS_MAX: usize = 1000;
/// Of them in the sentence that sums them up.
const RECORD_ERRORS_SHOWN: usize = 3;
/// How much of a record is written anew at once.
const PIECE_BYTES: usize = 64 << 10;

/// What the walk over a batch's records found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    pub max_timestamp: i64,
    /// The batch cannot be kept as it came.
    pub rewrite: bool,
}

fn refuse(code: Code, text: impl Into<String>) -> AppendError {
    AppendError::new(code, text)
}

fn content(text: impl Into<String>) -> AppendError {
    AppendError::content(Code::InvalidRecord, text)
}

/// Cut `bytes` into whole batches, checking headers and checksums. Bytes after the last whole batch are left out.
pub fn split(
    bytes: &[u8],
    config: &LogConfig,
    context: &AppendContext,
) -> Result<Vec<(usize, Header)>, AppendError> {
    let client = context.origin == Origin::Client;
    let mut found = Vec::with_capacity(1);
    let mut at = 0;
    loop {
        let header = match first_header(&bytes[at..]) {
            Ok(header) => header,
            Err(Cut::Incomplete) => break,
            Err(Cut::Magic(magic)) if client && magic < MAGIC => {
                return Err(refuse(
                    Code::InvalidRecord,
                    format!("the batch has format {magic}; only format 2 is taken"),
                )
                .counted(Flaw::Magic));
            }
            Err(cut) => {
                return Err(refuse(Code::CorruptMessage, cut.to_string()).counted(Flaw::Checksum));
            }
        };
        found.push((at, header));
        at += header.size();
    }
    if found.is_empty() || (client && found.len() != 1) {
        return Err(refuse(
            Code::InvalidRecord,
            format!(
                "a partition's records must be exactly one batch, not {}",
                found.len()
            ),
        ));
    }
    for (at, header) in &found {
        check_header(&bytes[*at..*at + header.size()], header, config, context)?;
    }
    Ok(found)
}

fn check_header(
    batch: &[u8],
    header: &Header,
    config: &LogConfig,
    context: &AppendContext,
) -> Result<(), AppendError> {
    let client = context.origin == Origin::Client;
    let codec = header.codec().ok_or_else(|| {
        refuse(
            Code::UnsupportedCompressionType,
            "a codec that does not exist",
        )
    })?;
    if client && codec == Codec::Zstd && context.produce_version < ZSTD_FROM_PRODUCE {
        return Err(refuse(
            Code::UnsupportedCompressionType,
            format!("zstd needs Produce version {ZSTD_FROM_PRODUCE}"),
        ));
    }
    if client && header.base_offset != 0 {
        return Err(content(format!(
            "a produced batch begins at offset 0, not {}",
            header.base_offset
        ))
        .counted(Flaw::OffsetOrSequence));
    }
    // What ends a transaction is small, and if it were refused its readers would wait for ever.
    let is_marker = !client && header.is_control();
    let is_bounded = context.origin != Origin::Raft && !is_marker;
    if is_bounded && batch.len() > config.max_message_bytes as usize {
        return Err(too_large(batch.len() as u64, config));
    }
    if !crc_holds(batch) {
        return Err(refuse(
            Code::CorruptMessage,
            format!("the batch's checksum is not {}", header.crc),
        )
        .counted(Flaw::Checksum));
    }
    let span = i64::from(header.last_offset_delta) + 1;
    if span <= 0 || header.record_count <= 0 || span != i64::from(header.record_count) {
        return Err(content(format!(
            "{} records on {span} offsets",
            header.record_count
        )));
    }
    if client && header.is_control() {
        return Err(content("clients may not write control records"));
    }
    if client && header.has_producer_id() && header.base_sequence < 0 {
        return Err(content(format!(
            "sequence {} of producer {}",
            header.base_sequence, header.producer_id
        ))
        .counted(Flaw::OffsetOrSequence));
    }
    Ok(())
}

fn too_large(size: u64, config: &LogConfig) -> AppendError {
    refuse(
        Code::MessageTooLarge,
        format!(
            "a batch of {size} bytes; max.message.bytes is {}",
            config.max_message_bytes
        ),
    )
    .counted(Flaw::TooLarge)
}

/// Walk over every record; None if more than `most` bytes must be unpacked for it.
pub fn walk(
    batch: &[u8],
    header: &Header,
    config: &LogConfig,
    context: &AppendContext,
    most: u64,
) -> Result<Option<Walked>, AppendError> {
    let codec = header.codec().unwrap_or_default();
    let records = &batch[HEADER_BYTES..];
    let target = target(header, config);
    let recode = target != codec;
    let (max_timestamp, counted, bytes) = if codec == Codec::None {
        let mut records = Records::new(SliceSource::new(records), header.record_count);
        walk_records(&mut records, header, config, context)?
    } else {
        let stream = Decompressor::new(codec, records)
            .map_err(|e| content(format!("the compressed records: {e}")))?;
        let source = StreamSource::limited(stream, most);
        let mut records = Records::new(source, header.record_count);
        let walked = walk_records(&mut records, header, config, context);
        if records.position() >= most {
            return Ok(None);
        }
        walked?
    };
    if codec != Codec::None && !counted && !recode {
        let error = content("offsets inside a compressed batch count up from 0");
        return Err(error.counted(Flaw::OffsetOrSequence));
    }
    // Unpacked it would be too large: say so before it takes the memory.
    if recode && target == Codec::None && bytes > u64::from(config.max_message_bytes) {
        return Err(too_large(bytes, config));
    }
    Ok(Some(Walked {
        max_timestamp,
        rewrite: recode,
    }))
}

/// (largest timestamp, whether offsets count up from 0, bytes of all records)
fn walk_records<S: Source>(
    records: &mut Records<S>,
    header: &Header,
    config: &LogConfig,
    context: &AppendContext,
) -> Result<(i64, bool, u64), AppendError> {
    let mut max_timestamp = NO_TIMESTAMP;
    let mut counted = true;
    let mut bytes = 0;
    let mut index = 0;
    let mut refused = 0_u64;
    let mut errors: Vec<RecordError> = Vec::new();
    let (mut code, mut flaw) = (Code::InvalidRecord, Flaw::None);
    while let Some(head) = records.next_head().map_err(|fault| broken(index, &fault))? {
        let timestamp = header.timestamp(head.timestamp_delta);
        if let Some((kind, text)) = check_record(&head, timestamp, header, config, context) {
            if kind == Code::InvalidTimestamp {
                code = kind;
            } else {
                flaw = Flaw::NoKey;
            }
            refused += 1;
            if errors.len() < RECORD_ERRORS_MAX {
                errors.push(RecordError {
                    batch_index: index,
                    text: Some(text),
                });
            }
        }
        counted &= head.offset_delta == index;
        bytes += head.size as u64;
        max_timestamp = max_timestamp.max(timestamp);
        index += 1;
    }
    if errors.is_empty() {
        return Ok((max_timestamp, counted, bytes));
    }
    let text = match code {
        Code::InvalidTimestamp => {
            "One or more records have been rejected due to invalid timestamp".to_owned()
        }
        _ => summary(refused, &errors),
    };
    Err(AppendError {
        record_errors: errors,
        flaw,
        ..AppendError::content(code, text)
    })
}

/// Kafka's sentence for records that were refused for different reasons, its way of printing a list included.
fn summary(refused: u64, errors: &[RecordError]) -> String {
    let shown: Vec<String> = errors
        .iter()
        .take(RECORD_ERRORS_SHOWN)
        .map(|error| {
            let text = error.text.as_deref().unwrap_or("null");
            format!(
                "RecordError(batchIndex={}, message='{text}')",
                error.batch_index
            )
        })
        .collect();
    format!(
        "One or more records have been rejected due to {refused} record errors in total, \
         and only showing the first three errors at most: [{}]",
        shown.join(", ")
    )
}

fn broken(index: i32, fault: &Fault) -> AppendError {
    content(format!("record {index}: {}", fault.text()))
}

fn check_record(
    head: &RecordHead,
    timestamp: i64,
    header: &Header,
    config: &LogConfig,
    context: &AppendContext,
) -> Option<(Code, String)> {
    if config.cleanup_compact && !head.has_key {
        return Some((
            Code::InvalidRecord,
            format!(
                "Compacted topic cannot accept message without key in topic partition {}",
                AppendError::PARTITION
            ),
        ));
    }
    if config.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
        let now = i128::from(context.now_ms);
        let least = now - i128::from(config.timestamp_before_max_ms);
        let most = now + i128::from(config.timestamp_after_max_ms);
        if !(least..=most).contains(&i128::from(timestamp)) {
            let offset = header.base_offset.saturating_add(head.offset_delta.into());
            let text = format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. \
                 The timestamp should be within [{least}, {most}]"
            );
            return Some((Code::InvalidTimestamp, text));
        }
    } else if header.is_log_append_time() {
        let text = format!(
            "Invalid timestamp type in message with offset {}. \
             Producer should not set timestamp type to LogAppendTime.",
            header.base_offset.saturating_add(head.offset_delta.into())
        );
        return Some((Code::InvalidTimestamp, text));
    }
    None
}

/// Write a batch anew with the topic's codec, offsets that count up, and the broker's time where the topic says so.
/// Its records were walked. They pass through in pieces, and it ends where the new batch would be too large.
pub fn rewrite(
    batch: &[u8],
    header: &Header,
    config: &LogConfig,
    context: &AppendContext,
) -> Result<Vec<u8>, AppendError> {
    let codec = header.codec().unwrap_or_default();
    let append_time = match config.timestamp_type {
        TimestampType::LogAppendTime => Some(context.now_ms),
        TimestampType::CreateTime => None,
    };
    let spec = BatchSpec {
        codec: config.compression.unwrap_or(codec),
        levels: config.compression_levels,
        log_append_time_ms: append_time,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.is_transactional(),
        control: header.is_control(),
        ..BatchSpec::default()
    };
    let io = |e: std::io::Error| refuse(Code::CorruptMessage, e.to_string());
    let most = config.max_message_bytes as usize;
    let mut builder = Builder::new(spec).map_err(io)?;
    let stream = Decompressor::new(codec, &batch[HEADER_BYTES..]).map_err(io)?;
    let mut records = Records::new(StreamSource::new(stream), header.record_count);
    let mut index = 0;
    while let Some(record) = records.open().map_err(|fault| broken(index, &fault))? {
        // Its own, under LogAppendTime too: the header alone says otherwise there.
        let timestamp = header.timestamp(record.timestamp_delta);
        builder.begin(timestamp, record.rest).map_err(io)?;
        let mut left = record.rest;
        while left > 0 {
            let source = records.source();
            let piece = source
                .some(left.min(PIECE_BYTES))
                .map_err(|fault| broken(index, &fault))?;
            builder.push(piece).map_err(io)?;
            let taken = piece.len();
            source.skip(taken).map_err(|fault| broken(index, &fault))?;
            left -= taken;
            if builder.written() > most {
                return Err(too_large(builder.written() as u64, config));
            }
        }
        index += 1;
    }
    let batch = builder.finish(None).map_err(io)?;
    if batch.len() > most {
        return Err(too_large(batch.len() as u64, config));
    }
    Ok(batch)
}

pub fn mixed() -> AppendError {
    refuse(
        Code::InvalidRecord,
        "these batches cannot be appended together",
    )
}

/// The codec that a batch of this codec is kept in; control batches stay as they are.
pub fn target(header: &Header, config: &LogConfig) -> Codec {
    let codec = header.codec().unwrap_or_default();
    if codec == Codec::None && header.is_control() {
        return codec;
    }
    config.compression.unwrap_or(codec)
}
