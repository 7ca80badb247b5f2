//! A set of rows by their keys: all of them, or those with the smallest hashes.

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Error, Result};

/// Bits of a key that are kept.
pub(crate) const KEPT: u32 = 50;
/// Bits of the content's key that a sketch keeps.
const KEPT_BY_SKETCH: u32 = 36;

/// How much is kept of the rows that were fitted on.
///
/// | | keeps | bytes | sees |
/// |---|---|---|---|
/// | `Sketch { k }` | the k rows with the smallest hashes, which are a random sample | about 8.7 k for 250,000 rows, 4 KB for the default k | an overlap of a share f of the training rows with probability 1-(1-f)^k |
/// | `EveryRow` | each row: 34 bits for which row it is and 50 for what it holds, at 250,000 rows | 10.5 a row | a single row |
///
/// The default, k = 459, sees an overlap of 1% of the training rows with a probability of 99%.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub enum RowTracking {
    /// A sample of the rows.
    Sketch {
        /// How many rows, at least 1.
        k: u32,
    },
    /// All rows.
    EveryRow,
}

impl Default for RowTracking {
    fn default() -> Self {
        Self::Sketch { k: 459 }
    }
}

impl RowTracking {
    /// The sketch that sees an overlap of this share of the training rows with a probability of 99%: the smallest k with
    /// 1-(1-f)^k ≥ 0.99.
    ///
    /// ```
    /// use mlsys_core::RowTracking;
    ///
    /// assert_eq!(RowTracking::seeing(0.01)?, RowTracking::default());
    /// assert_eq!(RowTracking::seeing(0.001)?, RowTracking::Sketch { k: 4603 });
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a share that is not between 0.000001 and 1.
    pub fn seeing(share: f64) -> Result<Self> {
        if !(1e-6..=1.0).contains(&share) {
            return Err(Error::invalid_parameter("RowTracking", "share", share, "from 0.000001 to 1"));
        }
        Ok(Self::Sketch { k: (0.01f64.ln() / (-share).ln_1p()).ceil().max(1.0) as u32 })
    }

    pub(crate) fn validate(self) -> Result<()> {
        match self {
            Self::Sketch { k: 0 } => Err(Error::invalid_parameter("RowTracking", "k", 0, "1 or more")),
            _ => Ok(()),
        }
    }

    /// What both can bear: a sketch where one is a sketch, the smaller of two.
    fn least(self, other: Self) -> Self {
        match (self, other) {
            (Self::Sketch { k }, Self::Sketch { k: l }) => Self::Sketch { k: k.min(l) },
            (sketch @ Self::Sketch { .. }, Self::EveryRow) => sketch,
            (Self::EveryRow, other) => other,
        }
    }

    /// Bits of the content's key that are kept.
    pub(crate) fn content_bits(self) -> u32 {
        match self {
            Self::Sketch { .. } => KEPT_BY_SKETCH,
            Self::EveryRow => KEPT,
        }
    }

    pub(crate) fn at_most(self) -> usize {
        match self {
            Self::Sketch { k } => k as usize,
            Self::EveryRow => usize::MAX,
        }
    }
}

/// The first bits of the keys of a row: which row it is, and what it holds.
pub(crate) type Row = (u64, u64);

/// Rows in ascending order, none twice. The identity comes first, so that the smallest are a sample of the rows, whatever
/// they hold.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RowSet {
    tracking: RowTracking,
    rows: Vec<Row>,
}

/// Without the rows, which would bury a message.
impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows kept of {:?}", self.rows.len(), self.tracking)
    }
}

impl RowSet {
    /// The set of rows with these keys of 64 bits.
    pub(crate) fn new(tracking: RowTracking, keys: impl Iterator<Item = Row>) -> Self {
        let bits = tracking.content_bits();
        let mut rows: Vec<Row> =
            keys.map(|(identity, content)| (identity >> (64 - KEPT), content >> (64 - bits))).collect();
        let mut few = tracking.at_most();
        // The smallest first, more and more of them until enough of them differ: sorting all of them takes longer.
        while few < rows.len() / 2 {
            few *= 2;
            rows.select_nth_unstable(few);
            let mut head = rows[..few].to_vec();
            head.sort_unstable();
            head.dedup();
            if head.len() >= tracking.at_most() {
                rows = head;
                break;
            }
        }
        rows.par_sort_unstable();
        rows.dedup();
        rows.truncate(tracking.at_most());
        rows.shrink_to_fit();
        Self { tracking, rows }
    }

    pub(crate) fn tracking(&self) -> RowTracking {
        self.tracking
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether every row that was seen is held.
    pub(crate) fn is_complete(&self) -> bool {
        self.rows.len() < self.tracking.at_most()
    }

    /// The places of the rows of this identity.
    pub(crate) fn of_identity(&self, identity: u64) -> Range<usize> {
        let from = self.rows.partition_point(|row| row.0 < identity);
        let rows = self.rows[from..].iter().take_while(|row| row.0 == identity).count();
        from..from + rows
    }

    /// The rows of both.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let tracking = self.tracking.least(other.tracking);
        let cut = |set: &Self| {
            let shift = set.tracking.content_bits() - tracking.content_bits();
            set.rows.iter().map(move |&(identity, content)| (identity, content >> shift)).collect::<Vec<_>>()
        };
        let mut rows = cut(self);
        rows.extend(cut(other));
        // Two ascending runs: one merge.
        rows.sort();
        rows.dedup();
        rows.truncate(tracking.at_most());
        Self { tracking, rows }
    }

    /// Golomb's code: per row the distance to the identity before it, of which the lowest `rice` bits stand as they are and
    /// the rest as that many ones and a zero, then the content's bits.
    pub(crate) fn encode(&self) -> EncodedRows {
        let count = self.rows.len() as u64;
        let mean = self.rows.last().map_or(0, |row| row.0 / count.max(1));
        let rice = mean.checked_ilog2().unwrap_or(0);
        let (mut bits, mut before) = (BitWriter::default(), 0);
        for &(identity, content) in &self.rows {
            let distance = identity - before;
            before = identity;
            (0..distance >> rice).for_each(|_| bits.push(1, 1));
            bits.push(0, 1);
            bits.push(distance & ((1 << rice) - 1), rice);
            bits.push(content, self.tracking.content_bits());
        }
        EncodedRows { tracking: self.tracking, count, rice, bits: Bytes(bits.bytes) }
    }

    /// The rows in these bytes, which may come from anyone.
    pub(crate) fn decode(encoded: &EncodedRows) -> Result<Self> {
        let EncodedRows { tracking, count, rice, bits } = encoded;
        let damaged = |expected: &str, found: &dyn fmt::Display| {
            Error::state(format!("rows seen with {expected}"), found.to_string())
        };
        tracking.validate()?;
        if *rice > KEPT {
            return Err(damaged("at most 50 bits a distance", rice));
        }
        // Each row takes these bits at least: what follows is no larger than what is there.
        let least = u128::from(1 + rice + tracking.content_bits());
        if u128::from(*count) * least > bits.0.len() as u128 * 8 {
            return Err(damaged("bits for each row", &format!("{count} rows in {} bytes", bits.0.len())));
        }
        if *count > tracking.at_most() as u64 {
            return Err(damaged("at most k rows", count));
        }
        let mut reader = BitReader { bytes: &bits.0, at: 0 };
        let mut rows: Vec<Row> = Vec::with_capacity(*count as usize);
        let mut before = 0u64;
        let cut = || damaged("bits for each row", &"an end before the last");
        for _ in 0..*count {
            let mut whole = 0u64;
            while reader.pull(1).ok_or_else(cut)? == 1 {
                whole += 1;
            }
            let rest = reader.pull(*rice).ok_or_else(cut)?;
            let distance = whole.checked_mul(1 << rice).and_then(|whole| whole.checked_add(rest));
            let identity =
                distance.and_then(|distance| before.checked_add(distance)).filter(|id| id >> KEPT == 0);
            before = identity.ok_or_else(|| damaged("keys of 50 bits", &"a longer one"))?;
            let row = (before, reader.pull(tracking.content_bits()).ok_or_else(cut)?);
            if rows.last().is_some_and(|last| *last >= row) {
                return Err(damaged("rows in ascending order", &"a row twice"));
            }
            rows.push(row);
        }
        let left = bits.0.len() * 8 - reader.at;
        if left >= 8 || reader.pull(left as u32).is_some_and(|bits| bits != 0) {
            return Err(damaged("nothing after the last", &format!("{left} bits")));
        }
        Ok(Self { tracking: *tracking, rows })
    }
}

/// A [`RowSet`] as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncodedRows {
    tracking: RowTracking,
    count: u64,
    rice: u32,
    bits: Bytes,
}

/// Bytes that serde writes as bytes, and not as a list of numbers.
#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct OfBytes;
        impl<'de> Visitor<'de> for OfBytes {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> std::result::Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> std::result::Result<Bytes, E> {
                Ok(Bytes(bytes))
            }

            // As JSON has it.
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(OfBytes)
    }
}

/// Bits from the lowest of the first byte on.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    /// Bits used of the last byte; zero when it is full.
    used: u32,
}

impl BitWriter {
    fn push(&mut self, mut value: u64, mut bits: u32) {
        while bits > 0 {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let room = (8 - self.used).min(bits);
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value & ((1 << room) - 1)) as u8) << self.used;
            }
            value >>= room;
            bits -= room;
            self.used = (self.used + room) % 8;
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    /// The next bits, at most 64; `None` past the end.
    fn pull(&mut self, bits: u32) -> Option<u64> {
        let (mut value, mut have) = (0, 0);
        while have < bits {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let used = (self.at % 8) as u32;
            let room = (8 - used).min(bits - have);
            value |= (byte >> used & ((1 << room) - 1)) << have;
            have += room;
            self.at += room as usize;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_u64;

    fn set(tracking: RowTracking, rows: Range<u64>) -> RowSet {
        RowSet::new(tracking, rows.map(|row| (hash_u64(row, 1), hash_u64(row, 2))))
    }

    #[test]
    fn a_set_comes_back_from_its_code() {
        for rows in [0, 1, 2, 3, 100, 5_000] {
            for tracking in [RowTracking::EveryRow, RowTracking::default(), RowTracking::Sketch { k: 1 }] {
                let set = set(tracking, 0..rows);
                assert_eq!(RowSet::decode(&set.encode()).unwrap(), set);
            }
        }
        // The extremes of a key, and one row with two contents.
        let ends = [(0, 0), (0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)];
        let ends = RowSet::new(RowTracking::EveryRow, ends.into_iter());
        assert_eq!(ends.rows().len(), 4);
        assert_eq!(RowSet::decode(&ends.encode()).unwrap(), ends);
    }

    #[test]
    fn sizes_are_as_promised() {
        let bytes = |tracking| set(tracking, 0..250_000).encode().bits.0.len() as f64;
        assert!((10.4..10.6).contains(&(bytes(RowTracking::EveryRow) / 250_000.0)));
        assert!(bytes(RowTracking::default()) < 4_096.0);
    }

    #[test]
    fn the_smallest_are_kept_whatever_is_there_twice() {
        let once = set(RowTracking::Sketch { k: 50 }, 0..10_000);
        let all = set(RowTracking::EveryRow, 0..10_000);
        let identities = |set: &RowSet| set.rows().iter().map(|row| row.0).collect::<Vec<_>>();
        assert_eq!(identities(&once), identities(&all)[..50]);
        let many = (0..10_000)
            .flat_map(|row| (0..200).map(move |_| (hash_u64(row / 100, 1), hash_u64(row / 100, 2))));
        let many = RowSet::new(RowTracking::Sketch { k: 90 }, many);
        assert_eq!(many, set(RowTracking::Sketch { k: 90 }, 0..100));
        assert!(!many.is_complete() && all.is_complete());
    }

    #[test]
    fn hostile_codes_are_errors() {
        let good = set(RowTracking::EveryRow, 0..10).encode();
        let refused = |change: &dyn Fn(&mut EncodedRows)| {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(RowSet::decode(&changed).is_err());
        };
        refused(&|e| e.count = u64::MAX);
        refused(&|e| e.count += 1);
        refused(&|e| e.count -= 1);
        refused(&|e| e.rice = 51);
        refused(&|e| e.rice = u32::MAX);
        refused(&|e| e.bits.0.push(0));
        refused(&|e| e.bits.0.truncate(e.bits.0.len() - 1));
        refused(&|e| e.bits.0.clear());
        refused(&|e| e.bits.0.fill(0));
        refused(&|e| e.bits.0.fill(255));
        refused(&|e| e.tracking = RowTracking::Sketch { k: 9 });
        refused(&|e| e.tracking = RowTracking::Sketch { k: 0 });
    }
}
