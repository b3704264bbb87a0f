//! Records of batches as columns, laid out as Apache Arrow has them: who computes by columns copies nothing any more.

use crate::batch::{Fault, Header};

use super::fetched::Walk;

/// A column of bytes, each of which may be missing: where each ends, their bytes, and which are there (one bit each).
#[derive(Debug)]
pub struct Blobs {
    pub ends: Vec<i64>,
    pub data: Vec<u8>,
    pub valid: Vec<u8>,
    count: usize,
}

impl Default for Blobs {
    fn default() -> Self {
        Self {
            ends: vec![0],
            data: Vec::new(),
            valid: Vec::new(),
            count: 0,
        }
    }
}

impl Blobs {
    fn push(&mut self, bytes: Option<&[u8]>) {
        if self.count.is_multiple_of(8) {
            self.valid.push(0);
        }
        if let Some(bytes) = bytes {
            self.data.extend_from_slice(bytes);
            self.valid[self.count / 8] |= 1 << (self.count % 8);
        }
        self.count += 1;
        self.ends.push(self.data.len() as i64);
    }
}

/// What records hold, a column each.
#[derive(Debug)]
pub struct Columns {
    pub offsets: Vec<i64>,
    pub timestamps: Vec<i64>,
    pub keys: Blobs,
    pub values: Blobs,
    /// Behind each record, how many headers there are so far.
    pub header_ends: Vec<i32>,
    pub header_names: Blobs,
    pub header_values: Blobs,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            offsets: Vec::new(),
            timestamps: Vec::new(),
            keys: Blobs::default(),
            values: Blobs::default(),
            header_ends: vec![0],
            header_names: Blobs::default(),
            header_values: Blobs::default(),
        }
    }
}

impl Columns {
    /// Add the records of a batch from an offset on.
    pub fn add(
        &mut self,
        header: &Header,
        batch: &[u8],
        first_offset: i64,
        unpacked_bytes_max: u64,
    ) -> Result<(), Fault> {
        let mut walk = Walk::new(header, batch, unpacked_bytes_max)?;
        while let Some(spans) = walk.next(batch)? {
            let offset = header.base_offset + i64::from(spans.offset_delta);
            if offset < first_offset {
                continue;
            }
            let bytes = walk.bytes(batch);
            self.offsets.push(offset);
            self.timestamps
                .push(header.timestamp(spans.timestamp_delta));
            self.keys.push(spans.key.map(|at| &bytes[at]));
            self.values.push(spans.value.map(|at| &bytes[at]));
            for (name, value) in spans.headers {
                self.header_names.push(Some(&bytes[name]));
                self.header_values.push(value.map(|at| &bytes[at]));
            }
            let headers = i32::try_from(self.header_names.count)
                .map_err(|_| Fault::Record("more headers than a column can hold".to_owned()))?;
            self.header_ends.push(headers);
        }
        Ok(())
    }
}
