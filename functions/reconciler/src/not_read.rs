//! Bronze objects that are not read, with their reasons.

use cardlake_core::bronze::{BronzeObject, classify};
use cardlake_core::contract::Contracts;
use cardlake_core::events::{LISTED_FILES, UnreadFile};
use std::collections::BTreeMap;

/// Objects that are not read.
#[derive(Debug, Default)]
pub(crate) struct NotRead {
    /// The first [`LISTED_FILES`] of them.
    pub(crate) files: Vec<UnreadFile>,
    /// All of them.
    pub(crate) objects: u64,
    /// Those that may be data, by reason.
    suspicious: BTreeMap<&'static str, Suspicious>,
}

/// Objects that may be data.
#[derive(Debug, Default)]
struct Suspicious {
    objects: u64,
    /// The first of them.
    example: String,
    /// Whether there are more than were counted.
    is_cut: bool,
}

impl NotRead {
    /// Adds an object, or a folder that is not looked into.
    pub(crate) fn add(&mut self, key: &str, reason: &'static str, suspicious: bool) {
        self.objects += 1;
        if self.files.len() < LISTED_FILES {
            self.files.push(UnreadFile {
                file: key.to_owned(),
                reason: reason.to_owned(),
            });
        }
        if suspicious {
            let found = self.suspicious.entry(reason).or_default();
            if found.objects == 0 {
                key.clone_into(&mut found.example);
            }
            found.objects += 1;
        }
    }

    /// Adds an object if it is not input by its key; gives its reason if it may be data all the same.
    pub(crate) fn add_unless_input(&mut self, key: &str, contracts: &Contracts) -> Option<&'static str> {
        match classify(key, contracts) {
            BronzeObject::NotInput { reason, suspicious } => {
                self.add(key, reason, suspicious);
                suspicious.then_some(reason)
            }
            BronzeObject::Input { .. } | BronzeObject::Control(_) => None,
        }
    }

    /// There are more objects of this reason than were counted.
    pub(crate) fn cut(&mut self, reason: &'static str) {
        if let Some(found) = self.suspicious.get_mut(reason) {
            found.is_cut = true;
        }
    }

    /// Adds those of another part of the bucket.
    pub(crate) fn extend(&mut self, other: Self) {
        let room = LISTED_FILES.saturating_sub(self.files.len());
        self.files.extend(other.files.into_iter().take(room));
        self.objects += other.objects;
        for (reason, more) in other.suspicious {
            let found = self.suspicious.entry(reason).or_default();
            if found.objects == 0 {
                found.example = more.example;
            }
            found.objects += more.objects;
            found.is_cut |= more.is_cut;
        }
    }

    /// A sentence for each kind of object that may be data.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.suspicious.iter().map(|(reason, found)| {
            format!(
                "{}{} {} not read, such as {}: {reason}",
                found.objects,
                if found.is_cut { " or more" } else { "" },
                if found.objects == 1 && !found.is_cut {
                    "object is"
                } else {
                    "objects are"
                },
                found.example,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_data_is_a_warning_by_reason_and_the_list_is_bounded() {
        let mut found = NotRead::default();
        for number in 0..60 {
            found.add(&format!("a{number}"), "x", true);
        }
        found.add("b", "y", false);
        let mut more = NotRead::default();
        more.add("c", "x", true);
        more.add("d", "z", true);
        more.cut("z");
        found.extend(more);
        assert_eq!((found.files.len(), found.objects), (LISTED_FILES, 63));
        let warnings: Vec<String> = found.warnings().collect();
        assert_eq!(
            warnings,
            [
                "61 objects are not read, such as a0: x",
                "1 or more objects are not read, such as d: z"
            ]
        );
    }
}
