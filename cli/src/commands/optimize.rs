//! `cardlake optimize`: merges small data files of the Delta tables.

use crate::arguments::OptimizeArgs;
use crate::error::CliError;
use crate::lake_action::LakeAction;
use crate::table::{count, new_table, right};
use cardlake_core::events::{OptimizeOutput, ReconcilerEvent};
use cardlake_reconciler::Output;
use comfy_table::Cell;
use indicatif::HumanBytes;
use std::process::ExitCode;

/// Runs the reconciler's action and prints what it merged.
///
/// # Errors
/// There is no lake yet, the dataset is unknown, or something cannot be read or written.
pub(crate) async fn optimize(args: OptimizeArgs) -> Result<ExitCode, CliError> {
    let event = ReconcilerEvent::Optimize {
        dataset: args.dataset,
        from: args.from,
        to: args.to,
    };
    let action = LakeAction {
        name: "optimize the lake",
        event,
        outcome: |output| match output {
            Output::Optimize(output) => Some(output),
            _ => None,
        },
        text,
    };
    action.run(&args.data.data_dir, args.json).await
}

/// For people: a row for each dataset with merged files.
fn text(output: &OptimizeOutput) -> String {
    let mut table = new_table(&["dataset", "files", "merged into", "size"]);
    let mut is_empty = true;
    for (dataset, done) in output.datasets.iter().filter(|(_, done)| done.files_removed > 0) {
        is_empty = false;
        table.add_row([
            Cell::new(dataset),
            count(done.files_removed),
            count(done.files_added),
            right(HumanBytes(done.bytes_written).to_string()),
        ]);
    }
    if is_empty {
        return "Nothing to merge: no partition has two small files.\n".to_owned();
    }
    format!("{table}\nThe replaced files stay until a vacuum.\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::events::OptimizedDataset;
    use std::collections::BTreeMap;

    fn output(files_removed: u64) -> OptimizeOutput {
        let done = OptimizedDataset {
            version: Some(3),
            files_removed,
            files_added: files_removed.min(1),
            bytes_read: 4096,
            bytes_written: 2048,
        };
        OptimizeOutput {
            datasets: BTreeMap::from([("cards".to_owned(), done)]),
        }
    }

    #[test]
    fn merged_files_are_counted_by_dataset() {
        let text = text(&output(12));
        assert!(
            text.contains("cards") && text.contains("12") && text.contains("2.00 KiB"),
            "{text}"
        );
    }

    #[test]
    fn a_table_without_small_files_is_one_line() {
        assert_eq!(text(&output(0)).lines().count(), 1);
    }
}
