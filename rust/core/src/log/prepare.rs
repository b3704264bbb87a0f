//! Getting batches ready for a log without the log: every check that its batches alone decide, and what must be
//! written anew. Only the configuration is needed, so it can be done beside the log's lock.
//!
//! Most batches are walked in less than a millisecond. One of a few kilobytes may unpack to gigabytes: `prepare_light`
//! stops there, and whoever serves others does the rest where it may take its time and its memory is counted.

use super::api::AppendContext;
use super::config::{LogConfig, TimestampType};
use super::error::AppendError;
use super::validate::{mixed, rewrite, split, target, walk};
use crate::batch::{HEADER_BYTES, Header, first_header, seal, set_max_timestamp};
use crate::compression::{packing, unpacking};

/// What light work may take: memory for the codecs, and unpacked bytes, a multiple of the packed ones more.
const LIGHT_BYTES: usize = 16 << 20;
const LIGHT_RATIO: usize = 8;

/// What is known of batches that only wait for their offsets, and what takes their place where they had to be
/// written anew.
pub struct Prepared {
    anew: Option<Vec<u8>>,
    found: Vec<(usize, Header)>,
}

impl Prepared {
    /// Whether the batches are not kept as they came.
    pub fn is_converted(&self) -> bool {
        self.anew.is_some()
    }

    /// The bytes to write, where they are `batches` as they came, and where each batch lies in them.
    pub(super) fn parts<'a>(
        &'a mut self,
        batches: &'a mut [u8],
    ) -> (&'a mut [u8], &'a mut Vec<(usize, Header)>) {
        let bytes = self.anew.as_deref_mut().unwrap_or(batches);
        (bytes, &mut self.found)
    }
}

/// Check one or more whole batches. Bytes after the last whole batch are left out.
///
/// # Errors
/// What a client did wrong, with Kafka's code.
pub fn prepare(
    batches: &mut [u8],
    config: &LogConfig,
    context: &AppendContext,
) -> Result<Prepared, AppendError> {
    let found = split(batches, config, context)?;
    work(batches, found, config, context, u64::MAX)?.ok_or_else(mixed)
}

/// The same, if it is soon done; None if not, and then nothing was changed.
///
/// # Errors
/// As `prepare`.
pub fn prepare_light(
    batches: &mut [u8],
    config: &LogConfig,
    context: &AppendContext,
) -> Result<Option<Prepared>, AppendError> {
    let found = split(batches, config, context)?;
    let memory = found.iter().map(|(at, header)| {
        let batch = &batches[*at..*at + header.size()];
        memory_for(batch, header, config)
    });
    if memory.max().unwrap_or(0) > LIGHT_BYTES {
        return Ok(None);
    }
    let most = batches.len().saturating_mul(LIGHT_RATIO);
    let most = most.saturating_add(LIGHT_BYTES) as u64;
    work(batches, found, config, context, most)
}

/// What `prepare` takes at most for these batches beside what comes out of it, which `max.message.bytes` bounds.
pub fn memory_to_prepare(batches: &[u8], config: &LogConfig) -> usize {
    let mut most = 0;
    let mut rest = batches;
    while let Ok(header) = first_header(rest) {
        let (batch, behind) = rest.split_at(header.size().min(rest.len()));
        most = most.max(memory_for(batch, &header, config));
        rest = behind;
    }
    most
}

fn memory_for(batch: &[u8], header: &Header, config: &LogConfig) -> usize {
    let codec = header.codec().unwrap_or_default();
    let target = target(header, config);
    let anew = if target == codec {
        0
    } else {
        packing(target, config.compression_levels)
    };
    unpacking(codec, &batch[HEADER_BYTES..]).saturating_add(anew)
}

/// None if more than `most` bytes would have to be unpacked.
fn work(
    batches: &mut [u8],
    mut found: Vec<(usize, Header)>,
    config: &LogConfig,
    context: &AppendContext,
    most: u64,
) -> Result<Option<Prepared>, AppendError> {
    let mut anew: Option<Vec<u8>> = None;
    for (n, place) in found.iter_mut().enumerate() {
        let (at, header) = *place;
        let batch = &mut batches[at..at + header.size()];
        let Some(walked) = walk(batch, &header, config, context, most)? else {
            return Ok(None);
        };
        if walked.rewrite && anew.is_none() {
            anew = Some(Vec::new());
            if n > 0 {
                return Err(mixed());
            }
        }
        if let Some(out) = &mut anew {
            let new = rewrite(batch, &header, config, context)?;
            let header = Header::parse(&new).ok_or_else(mixed)?;
            *place = (out.len(), header);
            out.extend_from_slice(&new);
            continue;
        }
        let (append_time, max) = match config.timestamp_type {
            TimestampType::LogAppendTime => (true, context.now_ms),
            TimestampType::CreateTime => (false, walked.max_timestamp),
        };
        if set_max_timestamp(batch, append_time, max) {
            seal(batch);
            place.1 = Header::parse(batch).ok_or_else(mixed)?;
        }
    }
    Ok(Some(Prepared { anew, found }))
}
