//! What a simulated file holds: bytes, and behind them as many zeros as its length says, which take no memory.

#[derive(Clone, Default)]
pub struct Bytes {
    data: Vec<u8>,
    len: usize,
}

impl Bytes {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn set_len(&mut self, len: usize) {
        self.data.truncate(len);
        self.len = len;
    }

    pub fn write(&mut self, position: u64, bytes: &[u8]) {
        let position = position as usize;
        let end = position + bytes.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[position..end].copy_from_slice(bytes);
        self.len = self.len.max(end);
    }

    /// How many bytes are there to read, of those that were asked for.
    pub fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let Ok(position) = usize::try_from(position) else {
            return 0;
        };
        let count = self.len.saturating_sub(position).min(buffer.len());
        let known = self.data.get(position..).unwrap_or(&[]);
        let known = &known[..known.len().min(count)];
        buffer[..known.len()].copy_from_slice(known);
        buffer[known.len()..count].fill(0);
        count
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = self.data.clone();
        all.resize(self.len, 0);
        all
    }
}
