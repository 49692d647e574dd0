//! Sets of rows of a file, by number.

/// Rows of a file: one bit for each row up to the last one of the set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    count: u64,
}

impl RowSet {
    /// Adds a row.
    pub(crate) fn add(&mut self, row: u64) {
        let (word, bit) = ((row / 64) as usize, 1 << (row % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.count += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// Whether a row is in the set.
    pub(crate) fn contains(&self, row: u64) -> bool {
        let word = self.words.get((row / 64) as usize).copied().unwrap_or_default();
        word & 1 << (row % 64) != 0
    }

    /// Number of rows in the set.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The rows of a file of `rows` rows that are not in the set.
    pub(crate) fn complement(&self, rows: u64) -> Self {
        let mut others = Self::default();
        (0..rows)
            .filter(|row| !self.contains(*row))
            .for_each(|row| others.add(row));
        others
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.words.iter().zip(0_u64..).flat_map(|(word, index)| {
            // Each step clears the lowest bit.
            let rest = std::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)));
            rest.take_while(|rest| *rest != 0)
                .map(move |rest| index * 64 + u64::from(rest.trailing_zeros()))
        })
    }

    /// The same bytes for the same rows.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.words.iter().flat_map(|word| word.to_le_bytes())
    }
}

/// How many rows of a set come before a row.
#[derive(Debug)]
pub(crate) struct Ranks(Vec<u64>);

impl Ranks {
    /// Of a set that does not change any more.
    pub(crate) fn of(rows: &RowSet) -> Self {
        let counts = rows.words.iter().scan(0, |sum, word| {
            let before = *sum;
            *sum += u64::from(word.count_ones());
            Some(before)
        });
        Self(counts.collect())
    }

    /// The number of rows of the set before `row`, which is one of them.
    pub(crate) fn rank(&self, rows: &RowSet, row: u64) -> u64 {
        let (word, bit) = ((row / 64) as usize, 1_u64 << (row % 64));
        self.0[word] + u64::from((rows.words[word] & (bit - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[u64]) -> RowSet {
        let mut set = RowSet::default();
        rows.iter().for_each(|row| set.add(*row));
        set
    }

    #[test]
    fn rows_are_counted_once() {
        let rows = set(&[3, 64, 3, 1000]);
        assert_eq!(rows.count(), 3);
        assert!(rows.contains(64) && !rows.contains(65) && !rows.contains(5000));
        assert!(rows.bytes().eq(set(&[1000, 64, 3]).bytes()));
        assert_eq!(set(&[1, 3]).complement(5), set(&[0, 2, 4]));
    }

    #[test]
    fn rows_come_in_ascending_order() {
        let rows = [0, 1, 62, 63, 64, 127, 128, 6_400];
        let mut shuffled = rows;
        shuffled.reverse();
        assert!(set(&shuffled).iter().eq(rows));
        assert_eq!(set(&[]).iter().next(), None);
    }

    #[test]
    fn a_row_knows_how_many_come_before_it() {
        let rows = set(&[3, 63, 64, 1000]);
        let ranks = Ranks::of(&rows);
        let found: Vec<u64> = rows.iter().map(|row| ranks.rank(&rows, row)).collect();
        assert_eq!(found, [0, 1, 2, 3]);
    }
}
