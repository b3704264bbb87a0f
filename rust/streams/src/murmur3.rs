//! Murmur3 in 128 bits, as foreign-key joins hash a left value.
//!
//! It is the x64 variant with Apache Hive's seed, which Kafka took over: two peers of one application, one
//! of them in Java, must find the same hash for the same bytes. It guards against stale answers, not
//! against people.

const SEED: u64 = 104_729;
const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The two halves of the hash of `data`.
pub fn hash128(data: &[u8]) -> (u64, u64) {
    let (mut h1, mut h2) = (SEED, SEED);
    let mut blocks = data.chunks_exact(16);
    for block in &mut blocks {
        let (low, high) = block.split_at(8);
        h1 ^= scramble1(little_endian(low));
        h1 = h1
            .rotate_left(27)
            .wrapping_add(h2)
            .wrapping_mul(5)
            .wrapping_add(0x52dc_e729);
        h2 ^= scramble2(little_endian(high));
        h2 = h2
            .rotate_left(31)
            .wrapping_add(h1)
            .wrapping_mul(5)
            .wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    let (low, high) = tail.split_at(tail.len().min(8));
    // A part that is not there scrambles to 0 and changes nothing.
    h2 ^= scramble2(little_endian(high));
    h1 ^= scramble1(little_endian(low));
    let length = data.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    (h1, h2.wrapping_add(h1))
}

fn little_endian(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(whole)
}

fn scramble1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn scramble2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

#[cfg(test)]
mod tests {
    use super::hash128;

    /// A wrong hash would make every answer of a Java peer look stale.
    #[test]
    fn hashes_what_java_hashes() {
        let java: [(usize, u64, u64); 11] = [
            (0, 0x9d27_64a0_18e3_2942, 0x8c3c_f3b0_3593_8518),
            (1, 0xbff2_166f_25d4_e3ca, 0xad76_f900_42c3_2eb7),
            (7, 0xe2c1_2aaa_3761_5c8d, 0x78e8_fff4_49ac_d2e3),
            (8, 0x5376_fe5d_8752_a480, 0x2bcf_b922_970c_534c),
            (9, 0xb79c_c91e_67eb_164f, 0x7285_936d_18b5_c4c8),
            (15, 0x8541_4409_32df_88a8, 0x1337_8190_6f75_8397),
            (16, 0x3b1c_a826_ba2a_8ab1, 0x00ff_368a_f7e1_5570),
            (17, 0x1460_6ec8_9b0c_68c7, 0x20e3_8f08_a941_bbdf),
            (31, 0x0fc8_bff6_b4d6_35a2, 0xdb8b_6c0c_e90a_3cd8),
            (32, 0x271f_c7ad_ca25_c66d, 0x69f4_99a2_c53f_d088),
            (33, 0xc811_ac02_57c0_6b43, 0xde48_15d1_c281_354e),
        ];
        for (length, first, second) in java {
            let data: Vec<u8> = (0..length).map(|i| ((i * 37 + 200) % 256) as u8).collect();
            assert_eq!(hash128(&data), (first, second), "{length} bytes");
        }
    }
}
