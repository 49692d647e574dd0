//! What a run knows beside the marts: row accounting, checks, earlier runs, lineage, published marts.

use cardlake_core::events::{BalanceOutput, MartBuilderOutput, ValidatorOutput};
use cardlake_core::records::BatchCounts;
use cardlake_core::run_record::{RunOutcome, RunRecord};
use cardlake_report::{Bars, Body, Chart, Columns, Facts, Section, TextTable, Tile, listing, percent, thousands};
use chrono::NaiveDate;

/// The most reasons in the chart of the quarantine.
const REASONS: usize = 12;
/// Style of the lineage.
const STYLE: &str = ".lineage text { font: 12px system-ui, sans-serif; fill: #111; }
  .lineage path { fill: none; stroke: #888; }
  .lineage rect { stroke: #0003; }
  .source rect { fill: #d9ead3; } .seed rect { fill: #fff2cc; } .snapshot rect { fill: #ead1dc; } .model rect { fill: #cfe2f3; }";

/// What a run knows beside the marts.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The day.
    pub batch_date: NaiveDate,
    /// Row accounting of the day.
    pub books: &'a BalanceOutput,
    /// Validation results of the day.
    pub audits: &'a [ValidatorOutput],
    /// Outcome of the build.
    pub build: &'a MartBuilderOutput,
    /// Earlier runs, the latest first.
    pub runs: &'a [RunRecord],
    /// The lineage of the project, as SVG.
    pub lineage: &'a str,
}

impl RunFacts<'_> {
    /// As the page takes them; `failed_panels` are counted as warnings.
    pub(super) fn facts(&self, failed_panels: usize) -> Facts {
        let warnings: Vec<String> = self.warnings().cloned().collect();
        Facts {
            tiles: self.tiles(warnings.len() + failed_panels),
            warnings,
            sections: self.sections(),
            style: STYLE.to_owned(),
            footer: format!("cardlake {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Warnings of the data tests. Those about panels, which follow them, are of the page that the build wrote.
    fn test_warnings(&self) -> &[String] {
        let warnings = &self.build.warnings;
        let panels = usize::try_from(self.build.failed_panels).unwrap_or(usize::MAX);
        &warnings[..warnings.len().saturating_sub(panels)]
    }

    fn warnings(&self) -> impl Iterator<Item = &String> {
        let audits = self.audits.iter().flat_map(|audit| &audit.warnings);
        self.books.warnings.iter().chain(audits).chain(self.test_warnings())
    }

    /// The validation results to show, and the run that they are of, if it is an earlier one: a run without anything new
    /// evaluates nothing.
    fn validations(&self) -> (&[ValidatorOutput], Option<&RunRecord>) {
        let has_some = |audits: &[ValidatorOutput]| audits.iter().any(|audit| audit.evaluated > 0);
        if has_some(self.audits) {
            return (self.audits, None);
        }
        let earlier = self.runs.iter().find_map(|record| match &record.outcome {
            RunOutcome::Succeeded { audits, .. } if has_some(audits) => Some((audits.as_slice(), Some(record))),
            _ => None,
        });
        earlier.unwrap_or((self.audits, None))
    }

    fn tiles(&self, warnings: usize) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let (mut delivered, mut quarantined, mut late) = (0, 0, 0);
        for books in self.books.datasets.values() {
            delivered += books.counts.bronze_rows;
            quarantined += books.counts.quarantined;
            late += books.counts.late_rows;
        }
        if delivered > 0 {
            let share = |rows: u64| percent(rows as f64 / delivered as f64, 1);
            tiles.push(Tile {
                label: "Rows delivered".to_owned(),
                value: thousands(delivered),
                note: format!("{} late, {} in quarantine", share(late), share(quarantined)),
            });
        }
        let (mut met, mut evaluated) = (0, 0);
        let (audits, of_run) = self.validations();
        for audit in audits {
            met += audit.successful;
            evaluated += audit.evaluated;
        }
        let when = of_run.map_or_else(String::new, |record| format!(" ({})", evaluated_at(record)));
        let tests = self.build.tests_passed;
        tiles.push(Tile {
            label: "Checks".to_owned(),
            value: thousands(tests + met),
            note: format!(
                "{met} of {evaluated} expectations{when}, {tests} data tests; {} warning{}",
                thousands(warnings as u64),
                if warnings == 1 { "" } else { "s" }
            ),
        });
        tiles
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        sections.extend(self.row_accounting());
        sections.extend(self.quarantine());
        sections.push(self.quality());
        sections.extend(self.history());
        sections.push(self.lineage());
        sections.push(self.marts());
        sections
    }

    fn row_accounting(&self) -> Option<Section> {
        let mut rows = Vec::new();
        let mut balanced = true;
        for (dataset, books) in &self.books.datasets {
            balanced &= books.balanced;
            let mut row = vec![dataset.clone()];
            row.extend(books.columns().map(thousands));
            row.push(match (books.balanced, books.counts.rejected_objects) {
                (false, _) => "NOT BALANCED".to_owned(),
                (true, 0) => "balanced".to_owned(),
                (true, objects) => format!("balanced without {objects} rejected"),
            });
            rows.push(row);
        }
        if rows.is_empty() {
            return None;
        }
        let columns = [
            "Dataset",
            "Delivered",
            "To silver",
            "Duplicates",
            "Quarantined",
            "Late",
            "Replaced",
            "In silver",
            "In the warehouse",
            "Books",
        ];
        let mut note = format!(
            "Delivered = to silver + duplicates + quarantined, and silver = warehouse; {}.",
            if balanced { "both hold" } else { "THEY DO NOT HOLD" }
        );
        let table = table(&columns, rows);
        let body = match self.largest_delivery() {
            None => Body::Table(table),
            Some((dataset, counts)) => {
                note.push_str(&format!(" The chart shows {dataset}, the largest delivery."));
                let mut bars = Bars::default();
                for (name, rows) in [
                    ("delivered", counts.bronze_rows),
                    ("to silver", counts.silver_rows_added),
                    ("duplicates", counts.duplicates),
                    ("quarantined", counts.quarantined),
                ] {
                    push(&mut bars, name, rows);
                }
                chart_of_bars(dataset, bars, table)
            }
        };
        Some(section("books", "Books of the day", note, body))
    }

    /// The dataset with the most rows delivered on the day, the first by name among equals; none if nothing was delivered.
    fn largest_delivery(&self) -> Option<(&str, &BatchCounts)> {
        let datasets = self.books.datasets.iter();
        let delivered = datasets.filter(|(_, books)| books.counts.bronze_rows > 0);
        let (dataset, books) = delivered.rev().max_by_key(|(_, books)| books.counts.bronze_rows)?;
        Some((dataset, &books.counts))
    }

    fn quarantine(&self) -> Option<Section> {
        let datasets = self.books.datasets.iter();
        let mut reasons: Vec<(&str, &str, u64)> = datasets
            .flat_map(|(dataset, books)| {
                let reasons = books.reasons.iter();
                reasons.map(|(reason, rows)| (dataset.as_str(), reason.as_str(), *rows))
            })
            .collect();
        if reasons.is_empty() {
            return None;
        }
        reasons.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
        let mut bars = Bars::default();
        for (_, reason, rows) in reasons.iter().take(REASONS) {
            push(&mut bars, reason, *rows);
        }
        let rows = reasons.iter();
        let rows =
            rows.map(|(dataset, reason, rows)| vec![(*dataset).to_owned(), (*reason).to_owned(), thousands(*rows)]);
        let table = table(&["Dataset", "Reason", "Rows"], rows.collect());
        let note = "Rows of the day by broken rule; a row that breaks several counts under each.".to_owned();
        let body = chart_of_bars("Rows", bars, table);
        Some(section("quarantine", "Why rows are in quarantine", note, body))
    }

    fn quality(&self) -> Section {
        let (audits, of_run) = self.validations();
        let audits = audits.iter().map(|audit| {
            vec![
                format!("{}, before it became visible", audit.dataset),
                "expectations".to_owned(),
                thousands(audit.successful),
                thousands(audit.evaluated),
            ]
        });
        let passed = self.build.tests_passed;
        let tests = vec![
            "models of the warehouse".to_owned(),
            "data tests".to_owned(),
            thousands(passed),
            thousands(passed + self.test_warnings().len() as u64),
        ];
        let table = table(&["What", "Checks", "Met", "Of"], audits.chain([tests]).collect());
        let note = "A failed check of the severity critical or error would have stopped the run: nothing would be visible of it.";
        let mut note = note.to_owned();
        if let Some(record) = of_run {
            note.push_str(" Nothing new was to be evaluated: the expectations were last evaluated ");
            note.push_str(&evaluated_at(record));
            note.push('.');
        }
        section("quality", "Data quality", note, Body::Table(table))
    }

    fn history(&self) -> Option<Section> {
        if self.runs.is_empty() {
            return None;
        }
        let rows = self.runs.iter().map(|record| {
            let started = record.execution.started_at;
            let (outcome, what) = match &record.outcome {
                RunOutcome::Succeeded { .. } => ("succeeded", String::new()),
                RunOutcome::Failed(failure) => ("failed", format!("{}: {}", failure.stage, failure.error)),
            };
            vec![
                record.batch_date.to_string(),
                outcome.to_owned(),
                started.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M").to_string()),
                seconds(record).map_or_else(String::new, |seconds| format!("{seconds:.1}")),
                what,
            ]
        });
        let oldest_first = self.runs.iter().rev();
        let chart = Chart::Columns(Columns {
            labels: oldest_first
                .clone()
                .map(|record| record.batch_date.format("%-d %b").to_string())
                .collect(),
            values: oldest_first.map(|record| seconds(record).unwrap_or_default()).collect(),
            line: Vec::new(),
            x: "day that was run, oldest run first".to_owned(),
            y: "seconds".to_owned(),
        });
        let failed = self.runs.iter();
        let failed = failed.filter(|record| matches!(record.outcome, RunOutcome::Failed(_)));
        let body = Body::Chart {
            chart,
            alternative: format!("{} runs, {} of them failed.", self.runs.len(), failed.count()),
            table: table(
                &["Day", "Outcome", "Started (UTC)", "Seconds", "What failed"],
                rows.collect(),
            ),
        };
        let note = "How long they took, from start to the message that tells of them.".to_owned();
        Some(section("runs", "Runs before this one", note, body))
    }

    fn lineage(&self) -> Section {
        let note = "From the delivered tables on the left to the marts on the right.".to_owned();
        let body = Body::Drawing {
            svg: self.lineage.to_owned(),
            label: "Lineage".to_owned(),
            class: "lineage".to_owned(),
        };
        Section {
            in_menu: false,
            ..section("lineage", "Where the numbers come from", note, body)
        }
    }

    fn marts(&self) -> Section {
        let marts = self.build.marts.iter();
        let rows = marts.map(|(name, rows)| vec![name.clone(), thousands(*rows)]);
        let table = table(&["Mart", "Rows"], rows.collect());
        let note = "Parquet in the gold bucket, one folder for each mart and batch date.".to_owned();
        Section {
            in_menu: false,
            ..section("marts", "Published marts", note, Body::Table(table))
        }
    }
}

fn section(id: &str, title: &str, note: String, body: Body) -> Section {
    Section {
        id: id.to_owned(),
        title: title.to_owned(),
        note,
        in_menu: true,
        body,
    }
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> TextTable {
    TextTable {
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        rows,
    }
}

fn push(bars: &mut Bars, name: &str, rows: u64) {
    bars.names.push(name.to_owned());
    bars.values.push(rows as f64);
    bars.texts.push(thousands(rows));
}

/// A chart whose text alternative lists its bars.
fn chart_of_bars(what: &str, bars: Bars, table: TextTable) -> Body {
    let items = bars.names.iter().zip(&bars.texts);
    let items = listing(items.map(|(name, text)| (name.as_str(), text.as_str())));
    Body::Chart {
        alternative: format!("{what}: {items}."),
        chart: Chart::Bars(bars),
        table,
    }
}

/// When the expectations of a run were evaluated, and for which day.
fn evaluated_at(record: &RunRecord) -> String {
    let day = record.batch_date;
    match record.execution.started_at {
        Some(time) => format!("for {day}, at {} UTC", time.format("%Y-%m-%d %H:%M")),
        None => format!("for {day}"),
    }
}

fn seconds(record: &RunRecord) -> Option<f64> {
    let (from, to) = record.execution.started_at.zip(record.execution.ended_at)?;
    Some((to - from).num_milliseconds() as f64 / 1000.0)
}
