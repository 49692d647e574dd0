//! What a fraud model should find: the events that belong to bursts. Labels are no part of a delivery.

use crate::options::DayOptions;
use crate::text::uuid;
use crate::transaction::World;
use std::io::{self, Write};

/// Writes `transaction_id,card_id` in CSV for each event of the day that belongs to a burst, without a header. Which of them
/// are delivered, and when, depends on the rates.
///
/// # Errors
/// Errors of the writer.
pub fn write_burst_labels(options: &DayOptions, out: &mut dyn Write) -> io::Result<()> {
    let world = World::new(options);
    for event in world.burst_events(options.rows) {
        out.write_all(&uuid(event.id))?;
        out.write_all(b",")?;
        out.write_all(&uuid(event.card))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::FolderSink;
    use cardlake_core::events::GeneratorEvent;

    #[test]
    fn every_delivered_burst_has_labels() {
        let event = serde_json::json!({
            "batch_date": "2026-01-15", "rows": 60_000, "rows_per_object": 60_000, "late_rate": 0, "duplicate_rate": 0,
            "corrupt_rate": 0, "burst_rate": 0.001
        });
        let event: GeneratorEvent = serde_json::from_value(event).unwrap();
        let options = DayOptions::new(&event).unwrap();
        let mut labels = Vec::new();
        write_burst_labels(&options, &mut labels).unwrap();
        let labels = String::from_utf8(labels).unwrap();
        assert!(
            (10..300).contains(&labels.lines().count()),
            "{}",
            labels.lines().count()
        );
        let folder = tempfile::tempdir().unwrap();
        crate::write_day(&options, &mut FolderSink::new(folder.path().to_owned())).unwrap();
        let transactions = folder.path().join("transactions/ingest_date=2026-01-15");
        let files = std::fs::read_dir(transactions).unwrap();
        let text: String = files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        for label in labels.lines() {
            let (transaction, card) = label.split_once(',').unwrap();
            let row = text.lines().find(|row| row.contains(transaction)).unwrap();
            assert!(row.contains(card) && row.contains("\"channel\":\"online\""), "{row}");
        }
    }
}
