//! Merge of sorted keys: finds the keys that occur in more than one file.
//!
//! Pure: the cursors do the reading. Files are sorted by key and hold a key once, so a tournament over the cursors (a
//! loser tree: one comparison for each level and step) brings equal keys together with one row of each file in memory.

/// A position in the sorted keys of one file.
pub(crate) trait Cursor {
    /// Why a key could not be read.
    type Error;

    /// The first sixteen bytes of the present key, as a big-endian number, filled up with zeros; `None` at the end.
    fn prefix(&self) -> Option<u128>;

    /// The whole key where the prefix may not tell keys apart, else nothing.
    fn rest(&self) -> &[u8];

    /// Number of the row, the first is 0.
    fn row(&self) -> u64;

    /// Moves to the next row.
    fn advance(&mut self) -> Result<(), Self::Error>;
}

/// A row that shares its key with a row of another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Which of the cursors.
    pub(crate) file: u32,
    /// Number of the row in its file.
    pub(crate) row: u64,
}

/// What the tournament compares first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    done: bool,
    prefix: u128,
}

impl Head {
    fn of(cursor: &impl Cursor) -> Self {
        let prefix = cursor.prefix();
        Self {
            done: prefix.is_none(),
            prefix: prefix.unwrap_or_default(),
        }
    }
}

struct Tournament<C> {
    cursors: Vec<C>,
    heads: Vec<Head>,
    /// Place 0: the winner. Place i: the loser of the match between the subtrees 2i and 2i + 1.
    places: Vec<u32>,
}

impl<C: Cursor> Tournament<C> {
    fn new(cursors: Vec<C>) -> Self {
        let count = cursors.len();
        let heads = cursors.iter().map(Head::of).collect();
        let mut tournament = Self {
            cursors,
            heads,
            places: vec![0; count],
        };
        // The leaves are at count..2 * count.
        let mut winners: Vec<u32> = (0..2 * count).map(|leaf| (leaf % count.max(1)) as u32).collect();
        for (leaf, winner) in winners.iter_mut().enumerate().skip(count) {
            *winner = (leaf - count) as u32;
        }
        for node in (1..count).rev() {
            let (left, right) = (winners[2 * node], winners[2 * node + 1]);
            let (winner, loser) = if tournament.before(right, left) {
                (right, left)
            } else {
                (left, right)
            };
            winners[node] = winner;
            tournament.places[node] = loser;
        }
        if count > 1 {
            tournament.places[0] = winners[1];
        }
        tournament
    }

    fn before(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.heads[a as usize], self.heads[b as usize]);
        match x.cmp(&y) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal if x.done => a < b,
            std::cmp::Ordering::Equal => (self.cursors[a as usize].rest(), a) < (self.cursors[b as usize].rest(), b),
        }
    }

    /// Moves the winner on and finds the next one.
    fn advance(&mut self) -> Result<(), C::Error> {
        let mut winner = self.places[0];
        let cursor = &mut self.cursors[winner as usize];
        cursor.advance()?;
        self.heads[winner as usize] = Head::of(cursor);
        let mut node = (winner as usize + self.cursors.len()) / 2;
        while node > 0 {
            let loser = self.places[node];
            if self.before(loser, winner) {
                self.places[node] = winner;
                winner = loser;
            }
            node /= 2;
        }
        self.places[0] = winner;
        Ok(())
    }
}

/// Calls `found` with the rows of each key that more than one file holds, in the order of the keys.
///
/// # Errors
/// The first error of a cursor or of `found`.
pub(crate) fn merge<C, E>(cursors: Vec<C>, mut found: impl FnMut(&[Member]) -> Result<(), E>) -> Result<(), E>
where
    C: Cursor,
    E: From<C::Error>,
{
    if cursors.len() < 2 {
        return Ok(());
    }
    let mut tournament = Tournament::new(cursors);
    let mut group: Vec<Member> = Vec::new();
    let mut group_head = None;
    let mut group_rest: Vec<u8> = Vec::new();
    loop {
        let file = tournament.places[0];
        let head = tournament.heads[file as usize];
        let cursor = &tournament.cursors[file as usize];
        if head.done || group_head != Some(head) || group_rest != cursor.rest() {
            if group.len() > 1 {
                found(&group)?;
            }
            if head.done {
                return Ok(());
            }
            group.clear();
            group_head = Some(head);
            group_rest.clear();
            group_rest.extend_from_slice(cursor.rest());
        }
        let row = cursor.row();
        group.push(Member { file, row });
        tournament.advance()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    struct Listed {
        keys: Vec<Vec<u8>>,
        position: usize,
    }

    impl Cursor for Listed {
        type Error = Infallible;

        fn prefix(&self) -> Option<u128> {
            let key = self.keys.get(self.position)?;
            let mut bytes = [0; 16];
            let length = key.len().min(16);
            bytes[..length].copy_from_slice(&key[..length]);
            Some(u128::from_be_bytes(bytes))
        }

        fn rest(&self) -> &[u8] {
            self.keys.get(self.position).map_or(&[], Vec::as_slice)
        }

        fn row(&self) -> u64 {
            self.position as u64
        }

        fn advance(&mut self) -> Result<(), Infallible> {
            self.position += 1;
            Ok(())
        }
    }

    fn groups(files: &[Vec<Vec<u8>>]) -> Vec<Vec<(u32, u64)>> {
        let cursors = files
            .iter()
            .map(|keys| Listed {
                keys: keys.clone(),
                position: 0,
            })
            .collect();
        let mut found = Vec::new();
        merge::<_, Infallible>(cursors, |members| {
            found.push(members.iter().map(|member| (member.file, member.row)).collect());
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn keys_of_one_file_only_are_not_found() {
        let file = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(groups(&[]), [[(0, 0); 0]; 0]);
        assert_eq!(groups(&[file(&["a", "b"])]), [[(0, 0); 0]; 0]);
        assert_eq!(
            groups(&[file(&["a", "c", "d"]), file(&["b", "c"]), file(&[]), file(&["a", "c"])]),
            [vec![(0, 0), (3, 0)], vec![(0, 1), (1, 1), (3, 1)]]
        );
    }

    #[test]
    fn keys_that_share_their_first_sixteen_bytes_are_told_apart() {
        let file = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>();
        let long = [
            file(&["0123456789abcdef", "0123456789abcdefX"]),
            file(&["0123456789abcdef\0", "0123456789abcdefX"]),
        ];
        assert_eq!(groups(&long), [[(0, 1), (1, 1)]]);
    }

    proptest! {
        #[test]
        fn every_shared_key_is_found_once(files in prop::collection::vec(
            prop::collection::btree_set(prop::collection::vec(0u8..3, 0..20), 0..30), 0..9)
        ) {
            let files: Vec<Vec<Vec<u8>>> = files.into_iter().map(|keys| keys.into_iter().collect()).collect();
            let mut expected: BTreeMap<&[u8], Vec<(u32, u64)>> = BTreeMap::new();
            for (file, keys) in files.iter().enumerate() {
                for (row, key) in keys.iter().enumerate() {
                    expected.entry(key).or_default().push((file as u32, row as u64));
                }
            }
            expected.retain(|_, members| members.len() > 1);
            prop_assert_eq!(groups(&files), expected.into_values().collect::<Vec<_>>());
        }
    }
}
