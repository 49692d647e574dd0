//! Merge of sorted keys: finds the keys that more than one row has.
//!
//! Pure: the cursors do the reading. What they read is sorted by key, so a tournament over them (a loser tree: one
//! comparison for each level and step) brings equal keys together with one row of each cursor in memory.

/// A position in the sorted keys of one file.
pub(crate) trait Cursor {
    /// Why a key could not be read.
    type Error;

    /// The first sixteen bytes of the present key, as a big-endian number, filled up with zeros; `None` at the end.
    fn prefix(&self) -> Option<u128>;

    /// The whole key if the prefix may be ambiguous, otherwise empty.
    fn suffix(&self) -> &[u8];

    /// The present row.
    fn member(&self) -> Member;

    /// Moves to the next row.
    fn advance(&mut self) -> Result<(), Self::Error>;
}

/// A row among those that are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Which of the files.
    pub(crate) file: u32,
    /// Number of the row in its file, the first is 0.
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
            // At the end `done` decides, and the prefix is not looked at.
            prefix: prefix.unwrap_or_default(),
        }
    }
}

struct Tournament<C> {
    cursors: Vec<C>,
    heads: Vec<Head>,
    /// Node 0: the winner. Node i: the loser of the match between the subtrees 2i and 2i + 1.
    nodes: Vec<u32>,
}

impl<C: Cursor> Tournament<C> {
    fn new(cursors: Vec<C>) -> Self {
        let count = cursors.len();
        let heads = cursors.iter().map(Head::of).collect();
        let mut tournament = Self {
            cursors,
            heads,
            nodes: vec![0; count],
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
            tournament.nodes[node] = loser;
        }
        if count > 1 {
            tournament.nodes[0] = winners[1];
        }
        tournament
    }

    fn before(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.heads[a as usize], self.heads[b as usize]);
        match x.cmp(&y) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal if x.done => a < b,
            std::cmp::Ordering::Equal => {
                (self.cursors[a as usize].suffix(), a) < (self.cursors[b as usize].suffix(), b)
            }
        }
    }

    /// Moves the winner on and finds the next one.
    fn advance(&mut self) -> Result<(), C::Error> {
        let mut winner = self.nodes[0];
        let cursor = &mut self.cursors[winner as usize];
        cursor.advance()?;
        self.heads[winner as usize] = Head::of(cursor);
        let mut node = (winner as usize + self.cursors.len()) / 2;
        while node > 0 {
            let loser = self.nodes[node];
            if self.before(loser, winner) {
                self.nodes[node] = winner;
                winner = loser;
            }
            node /= 2;
        }
        self.nodes[0] = winner;
        Ok(())
    }
}

/// Calls `visit` with every row and its key ([`Cursor::prefix`] and [`Cursor::suffix`]), in the order of the keys.
///
/// # Errors
/// The first error of a cursor or of `visit`.
pub(crate) fn merge<C, E>(cursors: Vec<C>, mut visit: impl FnMut(u128, &[u8], Member) -> Result<(), E>) -> Result<(), E>
where
    C: Cursor,
    E: From<C::Error>,
{
    if cursors.is_empty() {
        return Ok(());
    }
    let mut tournament = Tournament::new(cursors);
    loop {
        let winner = tournament.nodes[0] as usize;
        let head = tournament.heads[winner];
        if head.done {
            return Ok(());
        }
        let cursor = &tournament.cursors[winner];
        visit(head.prefix, cursor.suffix(), cursor.member())?;
        tournament.advance()?;
    }
}

/// Calls `found` with the rows of each key that more than one row has, in the order of the keys.
///
/// # Errors
/// The first error of a cursor or of `found`.
pub(crate) fn merge_shared<C, E>(cursors: Vec<C>, mut found: impl FnMut(&[Member]) -> Result<(), E>) -> Result<(), E>
where
    C: Cursor,
    E: From<C::Error>,
{
    let mut group: Vec<Member> = Vec::new();
    let mut group_key = (0, Vec::new());
    merge(cursors, |prefix, suffix, member| {
        if (group_key.0, group_key.1.as_slice()) != (prefix, suffix) {
            if group.len() > 1 {
                found(&group)?;
            }
            group.clear();
            group_key.0 = prefix;
            group_key.1.clear();
            group_key.1.extend_from_slice(suffix);
        }
        group.push(member);
        Ok::<_, E>(())
    })?;
    if group.len() > 1 {
        found(&group)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    struct Listed {
        file: u32,
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

        fn suffix(&self) -> &[u8] {
            self.keys.get(self.position).map_or(&[], Vec::as_slice)
        }

        fn member(&self) -> Member {
            Member {
                file: self.file,
                row: self.position as u64,
            }
        }

        fn advance(&mut self) -> Result<(), Infallible> {
            self.position += 1;
            Ok(())
        }
    }

    fn groups(files: &[Vec<Vec<u8>>]) -> Vec<Vec<(u32, u64)>> {
        let cursors = files
            .iter()
            .zip(0..)
            .map(|(keys, file)| Listed {
                file,
                keys: keys.clone(),
                position: 0,
            })
            .collect();
        let mut found = Vec::new();
        merge_shared::<_, Infallible>(cursors, |members| {
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
