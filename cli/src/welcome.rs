//! What a newcomer is told: without a command, and around the first run in a data directory.

use crate::outcome::DayOutcome;
use cardlake_core::text::thousands;
use std::fmt::Write;
use std::path::Path;

/// What `cardlake` without a command prints.
pub(crate) const NO_COMMAND: &str = "\
cardlake: raw card transactions in, tested tables, marts and a dashboard out.
  cardlake run              try it: a synthetic day through the whole pipeline
  cardlake run --input DIR  the same for your own files (CSV, JSON lines)
  cardlake report --open    the dashboard; `cardlake sql` asks the warehouse
  cardlake --help           all commands; COMMAND --help has options, examples
";

/// Disk of a lake with its first day, whatever the rows: dimensions, marts, the empty warehouse.
const BASE_BYTES: u64 = 12_000_000;
/// Disk of a transaction in all layers.
const ROW_BYTES: u64 = 600;

/// Where the rows of a first run come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// Generated, this many on each day.
    Synthetic(u64),
    /// Files of a folder.
    Folder(&'a Path),
}

/// Printed before the first run in a data directory.
pub(crate) fn before(data_dir: &Path, days: usize, origin: Origin<'_>) -> String {
    let days_text = if days == 1 {
        "one day".to_owned()
    } else {
        format!("{days} days")
    };
    let (what, disk) = match origin {
        Origin::Synthetic(rows) => {
            let bytes = rows.saturating_mul(days as u64).saturating_mul(ROW_BYTES);
            let megabytes = bytes.saturating_add(BASE_BYTES) / 1_000_000;
            (
                format!("{days_text} of {} synthetic card transactions", thousands(rows)),
                format!("about {} MB of disk", thousands(megabytes)),
            )
        }
        Origin::Folder(folder) => (
            format!("{days_text} of files from {}", folder.display()),
            "several times the size of the files".to_owned(),
        ),
    };
    format!(
        "First run: {what}.\n\
         Raw files, Delta tables, a local warehouse, marts and a dashboard go to\n\
         {} ({disk}).\n\
         It takes seconds per 100,000 rows, and no AWS account.\n\n",
        data_dir.display()
    )
}

/// Printed after the first run in a data directory; nothing if it failed. `option` is what names the directory to another
/// command, empty if no option is needed.
pub(crate) fn after(last: Option<&DayOutcome>, option: &str) -> String {
    let Some(outcome) = last.filter(|outcome| outcome.failure.is_none()) else {
        return String::new();
    };
    let mut text = "\nNext:\n".to_owned();
    // Writing to a String cannot fail.
    if let Some(mart) = outcome.marts.keys().next_back() {
        let _ = writeln!(text, "  cardlake sql{option} 'select * from {mart} limit 10'");
    }
    for (command, arguments, purpose) in [
        ("report", "--open", "the dashboard in a browser"),
        ("run", "--input DIR", "your own files"),
        ("build", "--help", "rebuild a mart, or any dbt project"),
    ] {
        let call = format!("cardlake {command}{option} {arguments}");
        let _ = writeln!(text, "  {call:24}  {purpose}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_at_most_five_lines_of_a_terminal() {
        let folder = Path::new(".cardlake");
        let texts = [
            NO_COMMAND.to_owned(),
            before(folder, 1, Origin::Synthetic(100_000)),
            before(folder, 31, Origin::Synthetic(100_000_000)),
            before(folder, 3, Origin::Folder(Path::new("./landing"))),
        ];
        for text in texts {
            assert!(text.trim_end().lines().count() <= 5, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        let text = before(folder, 1, Origin::Synthetic(100_000));
        assert!(
            text.contains("one day of 100,000 synthetic") && text.contains(".cardlake (about 72 MB"),
            "{text}"
        );
    }
}
