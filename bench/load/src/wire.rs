//! The little of Kafka's protocol that the load needs: fixed versions, written and read by hand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Outcome;

pub const PRODUCE: i16 = 0;
pub const FETCH: i16 = 1;
pub const LIST_OFFSETS: i16 = 2;
pub const METADATA: i16 = 3;
pub const API_VERSIONS: i16 = 18;
pub const CREATE_TOPICS: i16 = 19;
pub const DELETE_TOPICS: i16 = 20;
pub const INCREMENTAL_ALTER_CONFIGS: i16 = 44;
const BATCH_HEADER: usize = 61;

pub fn now_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as u64)
}

/// Bytes of a request that grow.
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// A request's size (filled in by `done`) and header.
    pub fn request(api: i16, version: i16) -> Writer {
        let mut w = Writer(vec![0; 4]);
        w.i16(api);
        w.i16(version);
        w.i32(0);
        w.text("load");
        w
    }

    /// The same with tagged fields: compact texts and lists.
    pub fn flexible(api: i16, version: i16) -> Writer {
        let mut w = Self::request(api, version);
        w.tags();
        w
    }

    /// No tagged fields.
    pub fn tags(&mut self) {
        self.0.push(0);
    }

    /// An unsigned varint; of a compact list it is its length and one more.
    pub fn unsigned(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.0.push(v as u8 | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
    }

    pub fn compact_text(&mut self, v: Option<&str>) {
        let Some(v) = v else { return self.unsigned(0) };
        self.unsigned(v.len() as u64 + 1);
        self.0.extend(v.as_bytes());
    }

    pub fn i8(&mut self, v: i8) {
        self.0.push(v as u8);
    }

    pub fn i16(&mut self, v: i16) {
        self.0.extend(v.to_be_bytes());
    }

    pub fn i32(&mut self, v: i32) {
        self.0.extend(v.to_be_bytes());
    }

    pub fn i64(&mut self, v: i64) {
        self.0.extend(v.to_be_bytes());
    }

    pub fn text(&mut self, v: &str) {
        self.i16(v.len() as i16);
        self.0.extend(v.as_bytes());
    }

    /// The frame, its size in front.
    pub fn done(mut self) -> Vec<u8> {
        let size = (self.0.len() - 4) as i32;
        self.0[..4].copy_from_slice(&size.to_be_bytes());
        self.0
    }
}

/// A walk through a response; running off its end panics, since no run is worth anything after that.
pub struct Reader<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, at }
    }

    fn fixed<const N: usize>(&mut self) -> [u8; N] {
        let mut found = [0; N];
        found.copy_from_slice(self.take(N));
        found
    }

    pub fn take(&mut self, count: usize) -> &'a [u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.fixed())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.fixed())
    }

    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.fixed())
    }

    pub fn skip(&mut self, count: usize) {
        self.at += count;
    }

    pub fn skip_text(&mut self) {
        let size = self.i16();
        self.skip(size.max(0) as usize);
    }

    pub fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.take(1)[0];
            value |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return value;
            }
        }
    }
}

/// One connection and its buffer.
pub struct Connection {
    pub stream: TcpStream,
    pub answer: Vec<u8>,
}

impl Connection {
    pub fn open(bootstrap: &str) -> Outcome<Connection> {
        let stream = TcpStream::connect(bootstrap)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Connection {
            stream,
            answer: Vec::new(),
        })
    }

    pub fn send(&mut self, frame: &[u8]) -> Outcome<()> {
        Ok(self.stream.write_all(frame)?)
    }

    /// Reads the next response into `answer`; it starts with the correlation id.
    pub fn receive(&mut self) -> Outcome<()> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(i32::from_be_bytes(size))?;
        self.answer.resize(size, 0);
        Ok(self.stream.read_exact(&mut self.answer)?)
    }

    pub fn ask(&mut self, frame: &[u8]) -> Outcome<Reader<'_>> {
        self.send(frame)?;
        self.receive()?;
        Ok(Reader::new(&self.answer, 4))
    }
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// JSON-like text that lz4 shrinks three to four times.
fn fill(out: &mut Vec<u8>, size: usize, dice: &mut u64) {
    let end = out.len() + size;
    while out.len() < end {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        let (user, amount) = ((*dice >> 20) % 100_000, (*dice >> 40) % 9999);
        let text = format!(
            "{{\"user\":\"u{user:06}\",\"amount\":{amount},\"currency\":\"EUR\",\"status\":\"ok\"}},"
        );
        let room = end - out.len();
        out.extend(&text.as_bytes()[..text.len().min(room)]);
    }
}

/// One batch of `count` records with values of `size` bytes; a stamp goes into each value's first 8 bytes.
pub fn batch(count: usize, size: usize, lz4: bool, stamp: Option<u64>) -> Outcome<Vec<u8>> {
    batch_of(count, size, lz4, stamp, || None)
}

/// The same with keys.
pub fn batch_of(
    count: usize,
    size: usize,
    lz4: bool,
    stamp: Option<u64>,
    mut key: impl FnMut() -> Option<u64>,
) -> Outcome<Vec<u8>> {
    let mut records = Vec::with_capacity(count * (size + 12));
    let mut dice = 0x9E37_79B9_7F4A_7C15;
    let mut one = Vec::new();
    for offset in 0..count {
        one.clear();
        one.push(0);
        varint(&mut one, 0);
        varint(&mut one, offset as i64);
        match key() {
            Some(key) => {
                varint(&mut one, 8);
                one.extend(key.to_be_bytes());
            }
            None => varint(&mut one, -1),
        }
        varint(&mut one, size as i64);
        let value = one.len();
        fill(&mut one, size, &mut dice);
        if let Some(stamp) = stamp {
            one[value..value + 8].copy_from_slice(&stamp.to_be_bytes());
        }
        varint(&mut one, 0);
        varint(&mut records, one.len() as i64);
        records.extend(&one);
    }
    if lz4 {
        let info =
            lz4_flex::frame::FrameInfo::new().block_mode(lz4_flex::frame::BlockMode::Independent);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&records)?;
        records = encoder.finish()?;
    }
    let now = (now_ns() / 1_000_000) as i64;
    let mut w = Writer(Vec::with_capacity(BATCH_HEADER + records.len()));
    w.i64(0);
    w.i32((BATCH_HEADER - 12 + records.len()) as i32);
    w.i32(-1);
    w.i8(2);
    w.i32(0);
    w.i16(if lz4 { 3 } else { 0 });
    w.i32(count as i32 - 1);
    w.i64(now);
    w.i64(now);
    w.i64(-1);
    w.i16(-1);
    w.i32(-1);
    w.i32(count as i32);
    w.0.extend(records);
    let crc = checksum(&w.0[21..]);
    w.0[17..21].copy_from_slice(&crc.to_be_bytes());
    Ok(w.0)
}

/// Make a batch a producer's, with this sequence.
pub fn sign(batch: &mut [u8], producer: (i64, i16), sequence: i32, transactional: bool) {
    batch[21..23].copy_from_slice(&(if transactional { 0x10_i16 } else { 0 }).to_be_bytes());
    batch[43..51].copy_from_slice(&producer.0.to_be_bytes());
    batch[51..53].copy_from_slice(&producer.1.to_be_bytes());
    batch[53..57].copy_from_slice(&sequence.to_be_bytes());
    let crc = checksum(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

pub fn produce_request(topic: &str, partition: i32, acks: i16, batch: &[u8]) -> Vec<u8> {
    let mut w = Writer::request(PRODUCE, 7);
    w.i16(-1);
    w.i16(acks);
    w.i32(30_000);
    w.i32(1);
    w.text(topic);
    w.i32(1);
    w.i32(partition);
    w.i32(batch.len() as i32);
    w.0.extend(batch);
    w.done()
}

/// The error of the one partition in a Produce v7 response.
pub fn produce_error(answer: &[u8]) -> i16 {
    let mut r = Reader::new(answer, 4);
    r.i32();
    r.skip_text();
    r.i32();
    r.i32();
    r.i16()
}

pub fn fetch_request(topic: &str, at: &[(i32, i64)], max: i32, partition_max: i32) -> Vec<u8> {
    let mut w = Writer::request(FETCH, 11);
    w.i32(-1);
    w.i32(500);
    w.i32(1);
    w.i32(max);
    w.i8(0);
    w.i32(0);
    w.i32(-1);
    w.i32(1);
    w.text(topic);
    w.i32(at.len() as i32);
    for (partition, offset) in at {
        w.i32(*partition);
        w.i32(-1);
        w.i64(*offset);
        w.i64(-1);
        w.i32(partition_max);
    }
    w.i32(0);
    w.text("");
    w.done()
}

/// Walks a Fetch v11 response, moves the offsets on, and shows each whole batch; bytes and records.
pub fn eat(
    answer: &[u8],
    at: &mut [(i32, i64)],
    check: bool,
    mut show: impl FnMut(&[u8]),
) -> Outcome<(u64, u64)> {
    let mut r = Reader::new(answer, 8);
    let error = r.i16();
    if error != 0 {
        return Err(format!("Fetch answered error {error}").into());
    }
    r.i32();
    let (mut bytes, mut records) = (0, 0);
    for _ in 0..r.i32() {
        r.skip_text();
        for _ in 0..r.i32() {
            let partition = r.i32();
            let error = r.i16();
            if error != 0 {
                return Err(format!("Fetch of partition {partition}: error {error}").into());
            }
            r.skip(24);
            let aborted = r.i32().max(0) as usize;
            r.skip(aborted * 16 + 4);
            let size = r.i32().max(0) as usize;
            let data = r.take(size);
            let Some(place) = at.iter_mut().find(|(p, _)| *p == partition) else {
                continue;
            };
            let mut from = 0;
            while from + BATCH_HEADER <= data.len() {
                let mut h = Reader::new(data, from);
                let base = h.i64();
                let length = h.i32() as usize + 12;
                if from + length > data.len() {
                    break;
                }
                let one = &data[from..from + length];
                let last = i64::from(Reader::new(one, 23).i32());
                if check && checksum(&one[21..]) != Reader::new(one, 17).i32() as u32 {
                    return Err(format!("the batch at offset {base} has a wrong checksum").into());
                }
                if base + last >= place.1 {
                    place.1 = base + last + 1;
                    records += last as u64 + 1;
                    bytes += length as u64;
                }
                show(one);
                from += length;
            }
        }
    }
    Ok((bytes, records))
}

fn list_offsets(
    connection: &mut Connection,
    topic: &str,
    partitions: i32,
) -> Outcome<Vec<(i16, i64)>> {
    let mut w = Writer::request(LIST_OFFSETS, 1);
    w.i32(-1);
    w.i32(1);
    w.text(topic);
    w.i32(partitions);
    for partition in 0..partitions {
        w.i32(partition);
        w.i64(-1);
    }
    let mut r = connection.ask(&w.done())?;
    r.i32();
    r.skip_text();
    Ok((0..r.i32())
        .map(|_| {
            r.i32();
            let error = r.i16();
            r.i64();
            (error, r.i64())
        })
        .collect())
}

/// The end of partition 0.
pub fn end_offset(connection: &mut Connection, topic: &str) -> Outcome<i64> {
    Ok(list_offsets(connection, topic, 1)?
        .first()
        .map_or(0, |row| row.1))
}

/// Creates a topic and waits until every leader answers ListOffsets: metadata alone can run ahead of them.
/// Returns the seconds until the reply and until all leaders answered.
pub fn create(bootstrap: &str, topic: &str, partitions: i32) -> Outcome<(f64, f64)> {
    create_with(bootstrap, topic, partitions, "")
}

/// The same with configs of its own: `key=value,key=value`.
pub fn create_with(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    configs: &str,
) -> Outcome<(f64, f64)> {
    let configs: Vec<_> = configs
        .split(',')
        .filter_map(|one| one.split_once('='))
        .collect();
    let mut connection = Connection::open(bootstrap)?;
    let since = std::time::Instant::now();
    let mut w = Writer::request(CREATE_TOPICS, 4);
    w.i32(1);
    w.text(topic);
    w.i32(partitions);
    w.i16(1);
    w.i32(0);
    w.i32(configs.len() as i32);
    for (key, value) in configs {
        w.text(key);
        w.text(value);
    }
    w.i32(120_000);
    w.i8(0);
    let mut r = connection.ask(&w.done())?;
    r.i32();
    r.i32();
    r.skip_text();
    let error = r.i16();
    if error != 0 && error != 36 {
        return Err(format!("CreateTopics answered error {error}").into());
    }
    let replied = since.elapsed().as_secs_f64();
    while since.elapsed() < Duration::from_secs(120) {
        if list_offsets(&mut connection, topic, partitions)?
            .iter()
            .all(|row| row.0 == 0)
        {
            return Ok((replied, since.elapsed().as_secs_f64()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(format!("{topic} has no leaders after two minutes").into())
}

pub fn metadata_request(topic: &str) -> Vec<u8> {
    let mut w = Writer::request(METADATA, 5);
    w.i32(1);
    w.text(topic);
    w.i8(0);
    w.done()
}
