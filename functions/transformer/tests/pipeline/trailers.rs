//! The last line of a file is no row if the contract says so.

use crate::formats::{NOTES, notes, outcome};
use crate::support::plan;
use cardlake_core::events::FileFormat;

fn with_trailer(dialect: &str) -> String {
    let properties = format!(
        "    customProperties: [{{property: controlTotals, value: {{sum: amount, trailer: {{marker: TRL, rows: 2}}}}}}{dialect}]\n"
    );
    NOTES.replace("  - name: notes\n", &format!("  - name: notes\n{properties}"))
}

#[test]
fn a_trailer_is_no_row_and_its_bytes_are_accounted_for() {
    let plan = plan(&with_trailer(""));
    for (text, rows, skipped) in [
        // The header counts 15 bytes, each line end of a row one.
        ("id,note,amount\n1,a,1\n2,b,2\nTRL,2\n", 2, 15 + 2 + 6),
        ("id,note,amount\n1,a,1\n2,b,2\nTRL,2", 2, 15 + 2 + 5),
        ("id,note,amount\r\n1,a,1\r\n2,b,2\r\nTRL,2\r\n\r\n", 2, 16 + 4 + 9),
        ("id,note,amount\nTRL,2,\n \n", 0, 15 + 7 + 2),
        ("id,note,amount\n1,\"a\nTRL,\",1\nTRL,2\n", 1, 15 + 1 + 6),
    ] {
        let (summary, files, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan).unwrap();
        assert_eq!((notes(&files).len(), summary.counts.quarantined), (rows, 0), "{text:?}");
        assert_eq!(summary.text.skipped, skipped, "{text:?}");
        let fields = summary.trailer.unwrap();
        assert_eq!((fields[0].as_str(), fields[1].as_str()), ("TRL", "2"), "{text:?}");
    }
}

#[test]
fn a_line_that_begins_so_elsewhere_is_a_row() {
    let plan = plan(&with_trailer(""));
    // Two files in one: the first trailer is a line without an id.
    let text = "id,note,amount\n1,a,1\nTRL,1,\n2,b,2\n";
    let (summary, _, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan).unwrap();
    assert_eq!((summary.counts.silver_rows, summary.counts.quarantined), (2, 1));
    assert_eq!(summary.trailer, None);
    // The end of a quoted text.
    let text = "id,note,amount\n1,a,1\n2,\"b\nTRL\",2\n";
    let (summary, _, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan).unwrap();
    assert_eq!((summary.counts.silver_rows, summary.trailer), (2, None));
}

#[test]
fn a_trailer_is_split_in_the_dialect_and_other_formats_have_none() {
    let plan = plan(&with_trailer(
        ", {property: csv, value: {delimiter: '|', comment: 'T'}}",
    ));
    let text = "id|note|amount\nTest\n1|a|1\nTRL20260115|\"1\"| x \n";
    let (summary, _, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan).unwrap();
    assert_eq!(summary.trailer.unwrap(), ["TRL20260115", "1", "x"]);
    let text = "{\"id\":1}\nTRL|1\n";
    let (summary, _, _) = outcome(text.as_bytes(), FileFormat::Jsonl, &plan).unwrap();
    assert_eq!((summary.counts.quarantined, summary.trailer), (1, None));
}
