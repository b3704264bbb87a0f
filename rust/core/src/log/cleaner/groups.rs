//! Which segments become one: neighbours, as long as they would fit if nothing of them went.

use std::ops::Range;

use super::super::index::OFFSETS_MAX;

/// What a cleaning knows of a segment that is to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub base: i64,
    pub size: u64,
    pub offset_index_bytes: u64,
    pub time_index_bytes: u64,
    pub modified_ms: i64,
}

/// Places of segments that are cleaned into one each. `upper` is where the segment after the last one begins.
pub fn groups(
    sources: &[Source],
    size_max: u64,
    index_bytes_max: u64,
    upper: i64,
) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let (mut size, mut offsets, mut times) = (0, 0, 0);
    for (at, source) in sources.iter().enumerate() {
        let next = sources.get(at + 1).map_or(upper, |next| next.base);
        let joins = groups.last().is_some_and(|group| {
            let span = next
                .saturating_sub(1)
                .saturating_sub(sources[group.start].base);
            size + source.size <= size_max
                && offsets + source.offset_index_bytes <= index_bytes_max
                && times + source.time_index_bytes <= index_bytes_max
                && (source.size == 0 || span <= OFFSETS_MAX)
        });
        if joins && let Some(group) = groups.last_mut() {
            group.end = at + 1;
        } else {
            groups.push(at..at + 1);
            (size, offsets, times) = (0, 0, 0);
        }
        size += source.size;
        offsets += source.offset_index_bytes;
        times += source.time_index_bytes;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(base: i64, size: u64) -> Source {
        Source {
            base,
            size,
            offset_index_bytes: size / 10,
            time_index_bytes: size / 10,
            modified_ms: 0,
        }
    }

    /// A group that is too large makes a segment that no reader finds its way in.
    #[test]
    fn neighbours_join_while_they_fit() {
        let sources = [(0, 40), (10, 40), (20, 40), (30, 0), (40, 100)].map(|(b, s)| source(b, s));
        assert_eq!(groups(&sources, 100, 1000, 50), [0..2, 2..4, 4..5]);
        assert_eq!(groups(&sources, 1000, 9, 50), [0..2, 2..4, 4..5]);
        assert_eq!(groups(&sources, 1000, 1000, 50), vec![0..5; 1]);
        assert_eq!(groups(&[], 1000, 1000, 50), []);
        let far = [source(0, 10), source(1 << 30, 10), source(1 << 32, 10)];
        assert_eq!(groups(&far, 1000, 1000, (1 << 32) + 10), [0..1, 1..2, 2..3]);
        let near = [source(0, 10), source(1 << 30, 10)];
        assert_eq!(groups(&near, 1000, 1000, 1 << 31), vec![0..2; 1]);
    }
}
