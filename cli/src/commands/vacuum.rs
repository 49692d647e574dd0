//! `cardlake vacuum`: shows, or removes, what no live version of the Delta tables refers to.

use crate::arguments::VacuumArgs;
use crate::error::CliError;
use crate::lake_action::LakeAction;
use crate::table::{count, new_table, right};
use cardlake_core::events::{ReconcilerEvent, RemovedObjects, VacuumOutput};
use cardlake_core::text::thousands;
use cardlake_reconciler::Output;
use comfy_table::Cell;
use indicatif::HumanBytes;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Keys shown to people; `--json` has more.
const SHOWN_KEYS: usize = 10;

/// Runs the reconciler's vacuum and prints what it found.
///
/// # Errors
/// There is no lake yet, the dataset is unknown, or something cannot be read or removed.
pub(crate) async fn vacuum(args: VacuumArgs) -> Result<ExitCode, CliError> {
    let event = ReconcilerEvent::Vacuum {
        dataset: args.dataset,
        retention_days: args.retention_days,
        dry_run: !args.delete,
    };
    let action = LakeAction {
        name: "vacuum the lake",
        event,
        outcome: |output| match output {
            Output::Vacuum(output) => Some(output),
            _ => None,
        },
        text,
    };
    action.run(&args.data.data_dir, args.json).await
}

/// For people: a row for each dataset and kind, some names, and what comes next.
fn text(output: &VacuumOutput) -> String {
    let mut table = new_table(&["dataset", "what", "objects", "size"]);
    let mut found: Vec<&RemovedObjects> = Vec::new();
    for (dataset, past) in &output.datasets {
        for (what, objects) in [
            ("data files", &past.data_files),
            ("object records", &past.object_records),
            ("candidates", &past.candidates),
            ("log files", &past.log_files),
        ] {
            if objects.count > 0 {
                table.add_row([
                    Cell::new(dataset),
                    Cell::new(what),
                    count(objects.count),
                    right(HumanBytes(objects.bytes).to_string()),
                ]);
                found.push(objects);
            }
        }
    }
    let cutoff = output.cutoff.format("%Y-%m-%d %H:%M:%S UTC");
    if found.is_empty() {
        return format!("Nothing to remove: all that was written before {cutoff} is in use.\n");
    }
    let mut text = format!("{table}\n");
    let count: u64 = found.iter().map(|objects| objects.count).sum();
    let keys = found.iter().flat_map(|objects| &objects.keys).take(SHOWN_KEYS);
    for key in keys {
        let _ = writeln!(text, "  {key}");
    }
    let more = count.saturating_sub(SHOWN_KEYS as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {} more", thousands(more));
    }
    let _ = if output.dry_run {
        writeln!(
            text,
            "These were written before {cutoff} and nothing refers to them. Nothing was removed; --delete removes them."
        )
    } else {
        writeln!(text, "Removed. Versions before {cutoff} cannot be read any more.")
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::events::VacuumedDataset;
    use chrono::DateTime;
    use std::collections::BTreeMap;

    fn output(count: u64, dry_run: bool) -> VacuumOutput {
        let objects = RemovedObjects {
            count,
            bytes: 2048 * count,
            keys: (0..count)
                .map(|number| format!("cards/part-{number:02}.parquet"))
                .collect(),
        };
        let past = VacuumedDataset {
            data_files: objects,
            ..VacuumedDataset::default()
        };
        VacuumOutput {
            dry_run,
            cutoff: DateTime::UNIX_EPOCH,
            datasets: BTreeMap::from([("cards".to_owned(), past)]),
        }
    }

    #[test]
    fn a_dry_run_names_what_it_found_and_says_that_nothing_was_removed() {
        let text = text(&output(12, true));
        assert!(text.contains("24.00 KiB"), "{text}");
        assert!(text.contains("  cards/part-09.parquet\n  and 2 more\n"), "{text}");
        assert!(!text.contains("part-10"), "{text}");
        assert!(text.contains("Nothing was removed; --delete removes them."), "{text}");
        assert!(!text.contains("candidates"), "{text}");
    }

    #[test]
    fn a_clean_lake_is_one_line() {
        assert_eq!(text(&output(0, true)).lines().count(), 1);
        assert!(text(&output(1, false)).contains("Removed."));
    }
}
