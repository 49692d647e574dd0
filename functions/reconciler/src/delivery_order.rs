//! The order of deliveries of one day: which of two objects came later when the store's clock does not tell.

use std::cmp::Ordering;

/// Orders the keys of bronze objects that have the same time.
///
/// Names are compared without their extensions, so that `x.csv` comes before `x-fix.csv` and `x (1).csv`, and numbers in them
/// by their value, so that `x_v9.csv` comes before `x_v10.csv`. Different keys are never equal.
pub(crate) fn compare_keys(a: &str, b: &str) -> Ordering {
    // Rows of the same object are compared more often than rows of two.
    if a == b {
        return Ordering::Equal;
    }
    let (a_folder, a_name) = split(a);
    let (b_folder, b_name) = split(b);
    a_folder
        .cmp(b_folder)
        .then_with(|| compare_names(stem(a_name), stem(b_name)))
        .then_with(|| a.cmp(b))
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// The name without extensions: up to the first dot that letters follow, as in `x.1.csv.gz`.
fn stem(name: &str) -> &str {
    let is_extension = |(index, _): &(usize, &str)| {
        let following = name.as_bytes().get(index + 1);
        following.is_some_and(u8::is_ascii_alphabetic)
    };
    // A name that begins with a dot is all name.
    let end = name
        .match_indices('.')
        .filter(|(index, _)| *index > 0)
        .find(is_extension);
    &name[..end.map_or(name.len(), |(index, _)| index)]
}

/// Text by bytes, runs of digits by their value.
fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (x, y) = match (a.first(), b.first()) {
            (Some(x), Some(y)) => (*x, *y),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut a), number(&mut b));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order.is_ne() {
                return order;
            }
        } else if x == y {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return x.cmp(&y);
        }
    }
}

/// Takes the digits at the start; without leading zeros, longer ones are greater.
fn number<'t>(text: &mut &'t [u8]) -> &'t [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_one_another_as_people_number_them() {
        let in_order = [
            "t/d/x.csv",
            "t/d/x (1).csv",
            "t/d/x (2).csv",
            "t/d/x (10).csv",
            "t/d/x-fix.csv.gz",
            "t/d/x_v9.csv",
            "t/d/x_v010.csv",
            "t/d/x_v11.jsonl",
            "t/e/a.csv",
        ];
        for pair in in_order.windows(2) {
            assert_eq!(compare_keys(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare_keys(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn different_keys_have_one_order(mut keys in prop::collection::vec("[a0-1/.(-]{0,6}", 3)) {
            keys.sort_by(|a, b| compare_keys(a, b));
            for (index, a) in keys.iter().enumerate() {
                for b in &keys[index..] {
                    prop_assert_ne!(compare_keys(a, b), Ordering::Greater);
                    prop_assert_eq!(compare_keys(a, b) == Ordering::Equal, a == b);
                }
            }
        }
    }
}
