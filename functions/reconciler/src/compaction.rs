//! Which data files of a partition to merge. No I/O.
//!
//! Every raw file leaves a data file in each partition that it has rows of. Readers pay for files, not for rows, so a partition
//! that gets many small files gets one of their rows instead. Few or large files are adopted as they are: they are not
//! written twice.

/// Files are merged up to this size in bytes.
pub(crate) const TARGET_BYTES: u64 = 128 * 1024 * 1024;
/// Files from this size on, in bytes, stay as they are.
pub(crate) const LARGE_BYTES: u64 = TARGET_BYTES / 2;
/// Small files that a batch may add to a partition without a merge.
const ADOPTED_FILES: usize = 4;
/// Files of a partition from which on the small ones are merged, those of earlier batches included.
pub(crate) const MOST_FILES: usize = 10;

/// The files to merge, each group to one file, when files of these sizes are added to a partition in which files of those sizes
/// stay. An index counts the additions first, then the staying files.
pub(crate) fn after_batch(additions: &[u64], staying: &[u64]) -> Vec<Vec<usize>> {
    let small = |sizes: &[u64], first: usize| -> Vec<(usize, u64)> {
        let numbered = (first..).zip(sizes.iter().copied());
        numbered.filter(|(_, size)| *size < LARGE_BYTES).collect()
    };
    let fresh = small(additions, 0);
    let groups = if fresh.len() > ADOPTED_FILES {
        groups(&fresh)
    } else {
        Vec::new()
    };
    let saved: usize = groups.iter().map(|group| group.len() - 1).sum();
    if additions.len() + staying.len() - saved <= MOST_FILES {
        return groups;
    }
    self::groups(&[fresh, small(staying, additions.len())].concat())
}

/// The files to merge in a partition with files of these sizes, so that at most one small one is left.
pub(crate) fn of_partition(sizes: &[u64]) -> Vec<Vec<usize>> {
    let small = sizes.iter().copied().enumerate();
    let small: Vec<(usize, u64)> = small.filter(|(_, size)| *size < LARGE_BYTES).collect();
    groups(&small)
}

/// Consecutive files that fit the target together, at least two.
fn groups(files: &[(usize, u64)]) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Vec<usize>, u64)> = Vec::new();
    for (index, size) in files {
        match groups.last_mut() {
            Some((group, bytes)) if *bytes + size <= TARGET_BYTES => {
                group.push(*index);
                *bytes += size;
            }
            _ => groups.push((vec![*index], *size)),
        }
    }
    let groups = groups.into_iter().map(|(group, _)| group);
    groups.filter(|group| group.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KB: u64 = 1024;

    #[test]
    fn few_or_large_files_are_adopted() {
        assert!(after_batch(&[KB], &[KB; 9]).is_empty());
        assert!(after_batch(&[KB; 4], &[KB; 6]).is_empty());
        assert!(after_batch(&[LARGE_BYTES; 20], &[]).is_empty());
    }

    #[test]
    fn many_small_files_become_one_and_large_ones_stay() {
        assert_eq!(after_batch(&[KB; 5], &[KB]), [[0, 1, 2, 3, 4]]);
        assert_eq!(
            after_batch(&[KB, LARGE_BYTES, KB, KB, KB, KB], &[LARGE_BYTES]),
            [[0, 2, 3, 4, 5]]
        );
    }

    #[test]
    fn files_of_earlier_batches_are_merged_too_when_there_are_many() {
        assert_eq!(after_batch(&[KB], &[KB; 10]), [(0..11).collect::<Vec<_>>()]);
        assert_eq!(after_batch(&[KB; 5], &[KB; 10]), [(0..15).collect::<Vec<_>>()]);
    }

    #[test]
    fn what_exceeds_the_target_becomes_several_files() {
        let third = TARGET_BYTES / 3;
        assert_eq!(after_batch(&[third; 7], &[]), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(of_partition(&[third; 7]), [[0, 1, 2], [3, 4, 5]]);
    }

    proptest! {
        #[test]
        fn a_partition_of_less_than_the_target_keeps_at_most_ten_files_and_two_after_optimize(
            additions in prop::collection::vec(1..10 * KB, 1..500),
            staying in prop::collection::vec(1..10 * KB, 0..11),
        ) {
            let merged = after_batch(&additions, &staying);
            let saved: usize = merged.iter().map(|group| group.len() - 1).sum();
            prop_assert!(additions.len() + staying.len() - saved <= MOST_FILES);
            let merged = of_partition(&additions);
            let saved: usize = merged.iter().map(|group| group.len() - 1).sum();
            prop_assert!(additions.len() - saved <= 2);
        }
    }
}
