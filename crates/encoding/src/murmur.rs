//! MurmurHash3, which hashed features are numbered by elsewhere.

/// MurmurHash3 (x86, 32 bits), as a signed number.
///
/// ```
/// assert_eq!(mlsys_encoding::murmur3_32(b"dog", 0), -1_312_749_093);
/// ```
///
/// Austin Appleby, *SMHasher*, 2016.
pub fn murmur3_32(bytes: &[u8], seed: u32) -> i32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let mix = |word: u32| word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = seed;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        hash ^= mix(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
        hash ^= mix(word);
    }
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    hash as i32
}

/// The place of a feature among `n`, and the sign of its values.
pub(crate) fn place(name: &[u8], n: u32, alternate_sign: bool) -> (u32, f64) {
    let hash = murmur3_32(name, 0);
    let sign = if alternate_sign && hash < 0 { -1.0 } else { 1.0 };
    (folded(hash, n), sign)
}

/// The absolute value of the least number is no number: it counts as the largest, as scikit-learn has it.
fn folded(hash: i32, n: u32) -> u32 {
    let n = u64::from(n);
    let least = || (2_147_483_647_u64.wrapping_sub(n - 1) % n) as u32;
    hash.checked_abs().map_or_else(least, |hash| (hash as u64 % n) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let known = [("cat", 1_751_422_759), ("elephant", -1_063_169_582), ("run", -243_905_464), ("", 0)];
        known.iter().for_each(|(word, hash)| assert_eq!(murmur3_32(word.as_bytes(), 0), *hash, "{word}"));
    }

    #[test]
    fn the_least_hash_has_a_place() {
        assert_eq!(folded(i32::MIN, 10), 8);
        assert_eq!(folded(i32::MIN, 1 << 20), 0);
        assert_eq!(folded(-13, 10), 3);
    }
}
