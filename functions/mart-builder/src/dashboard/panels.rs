//! From answers to panels: a chart, its text alternative, its table, the query behind it. Pure.

use super::charts::{Bars, Chart, Columns, HeatMap, compact};
use super::queries::{
    CATEGORIES, CHANNELS, COHORTS, CREDIT, FRAUD, LATENESS, LIFETIME_VALUE, MERCHANTS, RFM_GRID, SALES, SEGMENTS,
};
use super::{Answer, Dashboard, DashboardError};
use cardlake_aws::data_api::Value;
use cardlake_core::run_record::{RunOutcome, RunRecord};
use cardlake_core::text::{grouped, thousands};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::BTreeMap;

/// Days of the mean that is drawn over the sales.
const MEAN_DAYS: usize = 7;
/// The most columns of the cohort map.
const MONTHS: usize = 12;
/// The most reasons that are shown.
const REASONS: usize = 12;

/// A part of the page.
#[derive(Debug, Default, Serialize)]
pub(super) struct Panel {
    id: &'static str,
    title: &'static str,
    note: String,
    /// Style class and text of each series.
    legend: Vec<(&'static str, &'static str)>,
    wide: Option<String>,
    narrow: Option<String>,
    /// What the chart says, in words.
    alternative: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    query: Option<String>,
}

impl Panel {
    fn with_chart(mut self, chart: &Chart) -> Result<Self, DashboardError> {
        self.wide = Some(chart.wide()?);
        self.narrow = Some(chart.narrow()?);
        Ok(self)
    }
}

/// A number in large type.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    label: String,
    value: String,
    note: String,
}

/// As a number; zero for what is none.
fn number(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Text(text) => text.parse().unwrap_or_default(),
        Value::Null | Value::Boolean(_) => 0.0,
    }
}

/// With separators if it is a number.
fn shown(value: &Value) -> String {
    grouped(&value.display())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn column(rows: &[Vec<Value>], index: usize) -> impl Iterator<Item = &Value> {
    rows.iter().filter_map(move |row| row.get(index))
}

fn numbers(rows: &[Vec<Value>], index: usize) -> Vec<f64> {
    column(rows, index).map(number).collect()
}

fn texts(rows: &[Vec<Value>], index: usize) -> Vec<String> {
    column(rows, index).map(shown).collect()
}

fn table(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(shown).collect()).collect()
}

/// `sales per channel: online 12, pos 7`.
fn listing(what: &str, names: &[String], values: &[String]) -> String {
    let parts = names.iter().zip(values).map(|(name, value)| format!("{name} {value}"));
    format!("{what}: {}.", parts.collect::<Vec<_>>().join(", "))
}

/// A day of the sales.
struct Day {
    day: NaiveDate,
    sales: f64,
    mean: f64,
}

/// Every day from the first to the last, days without sales included, with the mean of the days up to it.
fn days(rows: &[Vec<Value>]) -> Vec<Day> {
    let known: BTreeMap<NaiveDate, f64> = rows
        .iter()
        .filter_map(|row| Some((row.first()?.display().parse().ok()?, number(row.get(1)?))))
        .collect();
    let Some((&first, &last)) = known.keys().next().zip(known.keys().next_back()) else {
        return Vec::new();
    };
    let mut days: Vec<Day> = Vec::new();
    for day in first.iter_days().take_while(|day| *day <= last) {
        let sales = known.get(&day).copied().unwrap_or_default();
        let before = days.iter().rev().take(MEAN_DAYS - 1).map(|day| day.sales);
        let window: Vec<f64> = before.chain([sales]).collect();
        let mean = window.iter().sum::<f64>() / window.len() as f64;
        days.push(Day { day, sales, mean });
    }
    days
}

impl Dashboard<'_> {
    /// The numbers at the top.
    pub(super) fn tiles(&self) -> Vec<Tile> {
        let mut tiles = Vec::new();
        if let Some(answer) = self.answer(SALES) {
            let days = days(&answer.rows);
            let today = days.iter().find(|day| day.day == self.batch_date);
            let row = answer.rows.iter().find(|row| {
                row.first()
                    .is_some_and(|day| day.display() == self.batch_date.to_string())
            });
            if let Some((today, row)) = today.zip(row) {
                tiles.push(Tile {
                    label: "Sales of the day".to_owned(),
                    value: compact(today.sales),
                    note: format!("{} as 7-day mean, {}", compact(today.mean), self.currency),
                });
                tiles.push(Tile {
                    label: "Approved transactions".to_owned(),
                    value: row.get(2).map(shown).unwrap_or_default(),
                    note: "of the day".to_owned(),
                });
            }
        }
        if let Some(answer) = self.answer(SEGMENTS) {
            let customers: f64 = numbers(&answer.rows, 1).iter().sum();
            tiles.push(Tile {
                label: "Customers".to_owned(),
                value: grouped(&customers.to_string()),
                note: "with an approved purchase".to_owned(),
            });
        }
        let counts = self.books.datasets.values().map(|books| books.counts);
        let (mut delivered, mut quarantined, mut late) = (0, 0, 0);
        for counts in counts {
            delivered += counts.bronze_rows;
            quarantined += counts.quarantined;
            late += counts.late_rows;
        }
        if delivered > 0 {
            let share = |rows: u64| percent(rows as f64 / delivered as f64);
            tiles.push(Tile {
                label: "Rows delivered".to_owned(),
                value: thousands(delivered),
                note: format!("{} late, {} in quarantine", share(late), share(quarantined)),
            });
        }
        let (mut met, mut evaluated) = (0, 0);
        for audit in self.audits {
            met += audit.successful;
            evaluated += audit.evaluated;
        }
        let tests = self.build.tests_passed;
        let warnings = self.warnings().len() as u64;
        tiles.push(Tile {
            label: "Checks".to_owned(),
            value: thousands(tests + met),
            note: format!(
                "{met} of {evaluated} expectations, {tests} data tests; {} warning{}",
                thousands(warnings),
                if warnings == 1 { "" } else { "s" }
            ),
        });
        tiles
    }

    /// Everything below them, in order.
    pub(super) fn panels(&self) -> Result<Vec<Panel>, DashboardError> {
        let mut panels = Vec::new();
        let mut asked = |panel: &'static str, make: &dyn Fn(&Answer) -> Result<Panel, DashboardError>| {
            let Some(answer) = self.answer(panel).filter(|answer| !answer.rows.is_empty()) else {
                return Ok(());
            };
            let made = make(answer)?;
            panels.push(Panel {
                id: panel,
                query: Some(answer.sql.clone()),
                ..made
            });
            Ok(())
        };
        asked(SALES, &|answer| self.sales(answer))?;
        asked(CATEGORIES, &|answer| {
            self.ranking(
                answer,
                "Merchant categories",
                "Net approved sales, all days together.",
                "Category",
            )
        })?;
        asked(CHANNELS, &|answer| {
            self.ranking(answer, "Channels", "Net approved sales, all days together.", "Channel")
        })?;
        asked(SEGMENTS, &|answer| self.segments(answer))?;
        asked(RFM_GRID, &rfm_grid)?;
        asked(LIFETIME_VALUE, &|answer| self.lifetime_value(answer))?;
        asked(COHORTS, &cohorts)?;
        asked(MERCHANTS, &|answer| self.merchants(answer))?;
        asked(FRAUD, &fraud)?;
        asked(CREDIT, &|answer| self.credit(answer))?;
        asked(LATENESS, &lateness)?;
        panels.extend(self.flow()?);
        panels.extend(self.quarantine()?);
        panels.push(self.quality());
        panels.extend(self.history()?);
        Ok(panels)
    }

    fn sales(&self, answer: &Answer) -> Result<Panel, DashboardError> {
        let days = days(&answer.rows);
        let best = days.iter().max_by(|a, b| a.sales.total_cmp(&b.sales));
        let alternative = match (days.first(), days.last(), best) {
            (Some(first), Some(last), Some(best)) => format!(
                "Sales per day from {} to {}; the highest were {} on {}, the 7-day mean ends at {}.",
                first.day,
                last.day,
                compact(best.sales),
                best.day,
                compact(last.mean)
            ),
            _ => String::new(),
        };
        let chart = Chart::Columns(Columns {
            labels: days.iter().map(|day| day.day.format("%-d %b").to_string()).collect(),
            values: days.iter().map(|day| day.sales).collect(),
            line: days.iter().map(|day| day.mean).collect(),
            x: "day of the transaction",
            y: self.currency.clone(),
        });
        Panel {
            title: "Sales by day",
            note: "Approved transactions; refunds are negative. A late row counts on the day on which it happened."
                .to_owned(),
            legend: vec![("first", "sales"), ("second", "mean of 7 days")],
            alternative,
            columns: vec!["Day", "Sales", "Transactions"],
            rows: table(&answer.rows),
            ..Panel::default()
        }
        .with_chart(&chart)
    }

    fn ranking(
        &self,
        answer: &Answer,
        title: &'static str,
        note: &str,
        name: &'static str,
    ) -> Result<Panel, DashboardError> {
        let bars = Bars {
            names: texts(&answer.rows, 0),
            values: numbers(&answer.rows, 1),
            texts: numbers(&answer.rows, 1).into_iter().map(compact).collect(),
        };
        Panel {
            title,
            note: format!("{note} In {}.", self.currency),
            alternative: listing("Sales", &bars.names, &bars.texts),
            columns: vec![name, "Sales", "Transactions"],
            rows: table(&answer.rows),
            ..Panel::default()
        }
        .with_chart(&Chart::Bars(bars))
    }

    fn segments(&self, answer: &Answer) -> Result<Panel, DashboardError> {
        let customers = numbers(&answer.rows, 1);
        let value = numbers(&answer.rows, 2);
        let bars = Bars {
            names: texts(&answer.rows, 0)
                .iter()
                .map(|name| name.replace('_', " "))
                .collect(),
            texts: customers
                .iter()
                .zip(&value)
                .map(|(customers, value)| format!("{}, {}", compact(*customers), compact(*value)))
                .collect(),
            values: customers,
        };
        Panel {
            title: "Customer segments",
            note: format!(
                "By recency, frequency and money. Beside each bar: customers, and what they brought in {}.",
                self.currency
            ),
            alternative: listing("Customers and value", &bars.names, &bars.texts),
            columns: vec!["Segment", "Customers", "Value", "Days since the last purchase (mean)"],
            rows: table(&answer.rows),
            ..Panel::default()
        }
        .with_chart(&Chart::Bars(bars))
    }

    fn lifetime_value(&self, answer: &Answer) -> Result<Panel, DashboardError> {
        let classes = column(&answer.rows, 0).map(|class| {
            let class = number(class);
            if class < 0.0 {
                "below 1".to_owned()
            } else {
                compact(class.exp2())
            }
        });
        let labels: Vec<String> = classes.collect();
        let values = numbers(&answer.rows, 1);
        let counts: Vec<String> = values.iter().map(|value| grouped(&value.to_string())).collect();
        let rows = answer.rows.iter().zip(&labels).map(|(row, label)| {
            let others = row.iter().skip(1).map(shown);
            [format!("from {label}")].into_iter().chain(others).collect()
        });
        let rows = rows.collect();
        let alternative = listing("Customers by value so far, in classes that double", &labels, &counts);
        let chart = Chart::Columns(Columns {
            labels,
            values,
            line: Vec::new(),
            x: "value so far, from",
            y: "customers".to_owned(),
        });
        Panel {
            title: "Lifetime value",
            note: format!(
                "Customers by what they have brought so far ({}); every class is twice as wide as the one before.",
                self.currency
            ),
            alternative,
            columns: vec!["Class", "Customers", "Value so far", "Projected for 365 days"],
            rows,
            ..Panel::default()
        }
        .with_chart(&chart)
    }

    fn merchants(&self, answer: &Answer) -> Result<Panel, DashboardError> {
        let sales = numbers(&answer.rows, 2);
        let bars = Bars {
            names: texts(&answer.rows, 0),
            texts: sales
                .iter()
                .zip(numbers(&answer.rows, 4))
                .map(|(sales, rate)| format!("{}, {:.0} %", compact(*sales), 100.0 * rate))
                .collect(),
            values: sales,
        };
        let rows = answer.rows.iter().map(|row| {
            let mut cells: Vec<String> = row.iter().map(shown).collect();
            if let (Some(cell), Some(rate)) = (cells.get_mut(4), row.get(4)) {
                *cell = percent(number(rate));
            }
            cells
        });
        Panel {
            title: "Merchants",
            note: format!(
                "The twelve with the most sales. Beside each bar: sales in {}, and the share of attempts approved.",
                self.currency
            ),
            alternative: listing("Sales and approval rate", &bars.names, &bars.texts),
            columns: vec!["Merchant", "Category", "Sales", "Approved", "Approval rate"],
            rows: rows.collect(),
            ..Panel::default()
        }
        .with_chart(&Chart::Bars(bars))
    }

    fn credit(&self, answer: &Answer) -> Result<Panel, DashboardError> {
        let bars = Bars {
            names: texts(&answer.rows, 0),
            values: numbers(&answer.rows, 1),
            texts: texts(&answer.rows, 1),
        };
        let rows = answer.rows.iter().map(|row| {
            let mut cells: Vec<String> = row.iter().map(shown).collect();
            for (cell, share) in cells.iter_mut().zip(row).skip(3) {
                *cell = percent(number(share));
            }
            cells
        });
        Panel {
            title: "Credit risk",
            note: format!(
                "Customers by risk band, the highest first: how much of an assumed limit is used, and how often they are \
                 declined. Spend in {}.",
                self.currency
            ),
            alternative: listing("Customers", &bars.names, &bars.texts),
            columns: vec!["Band", "Customers", "Spend of 30 days", "Utilisation (mean)", "Declined (mean)"],
            rows: rows.collect(),
            ..Panel::default()
        }
        .with_chart(&Chart::Bars(bars))
    }

    /// The books of the day.
    fn flow(&self) -> Result<Option<Panel>, DashboardError> {
        if self.books.datasets.is_empty() {
            return Ok(None);
        }
        let mut bars = Bars::default();
        let mut rows = Vec::new();
        let mut balanced = true;
        for (dataset, books) in &self.books.datasets {
            let counts = &books.counts;
            balanced &= books.balanced;
            let mut row = vec![dataset.clone()];
            row.extend(books.columns().map(thousands));
            row.push(if books.balanced { "balanced" } else { "NOT BALANCED" }.to_owned());
            rows.push(row);
            let parts = [
                ("delivered", counts.bronze_rows),
                ("to silver", counts.silver_rows_added),
                ("duplicates", counts.duplicates),
                ("quarantined", counts.quarantined),
            ];
            if dataset == "transactions" {
                for (name, rows) in parts {
                    bars.names.push(name.to_owned());
                    bars.values.push(rows as f64);
                    bars.texts.push(thousands(rows));
                }
            }
        }
        let panel = Panel {
            id: "books",
            title: "Books of the day",
            note: format!(
                "Delivered = to silver + duplicates + quarantined, and silver = warehouse; {}. The chart shows transactions.",
                if balanced { "both hold" } else { "THEY DO NOT HOLD" }
            ),
            alternative: listing("Transactions", &bars.names, &bars.texts),
            columns: vec![
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
            ],
            rows,
            ..Panel::default()
        };
        if bars.values.is_empty() {
            return Ok(Some(panel));
        }
        panel.with_chart(&Chart::Bars(bars)).map(Some)
    }

    fn quarantine(&self) -> Result<Option<Panel>, DashboardError> {
        let datasets = self.books.datasets.iter();
        let mut reasons: Vec<(String, String, u64)> = datasets
            .flat_map(|(dataset, books)| {
                let reasons = books.reasons.iter();
                reasons.map(|(reason, rows)| (dataset.clone(), reason.clone(), *rows))
            })
            .collect();
        if reasons.is_empty() {
            return Ok(None);
        }
        reasons.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
        let most = reasons.iter().take(REASONS);
        let bars = Bars {
            names: most.clone().map(|(_, reason, _)| reason.clone()).collect(),
            values: most.clone().map(|(_, _, rows)| *rows as f64).collect(),
            texts: most.map(|(_, _, rows)| thousands(*rows)).collect(),
        };
        let rows = reasons
            .iter()
            .map(|(dataset, reason, rows)| vec![dataset.clone(), reason.clone(), thousands(*rows)]);
        Panel {
            id: "quarantine",
            title: "Why rows are in quarantine",
            note: "Rows of the day by broken rule; a row that breaks several counts under each.".to_owned(),
            alternative: listing("Rows", &bars.names, &bars.texts),
            columns: vec!["Dataset", "Reason", "Rows"],
            rows: rows.collect(),
            ..Panel::default()
        }
        .with_chart(&Chart::Bars(bars))
        .map(Some)
    }

    fn quality(&self) -> Panel {
        let audits = self.audits.iter().map(|audit| {
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
            thousands(passed + self.build.warnings.len() as u64),
        ];
        Panel {
            id: "quality",
            title: "Data quality",
            note: "A failed check of the severity critical or error would have stopped the run: nothing would be visible of it."
                .to_owned(),
            columns: vec!["What", "Checks", "Met", "Of"],
            rows: audits.chain([tests]).collect(),
            ..Panel::default()
        }
    }

    fn history(&self) -> Result<Option<Panel>, DashboardError> {
        let oldest_first: Vec<(&RunRecord, f64)> = self
            .runs
            .iter()
            .rev()
            .map(|record| (record, seconds(record).unwrap_or_default()))
            .collect();
        if oldest_first.is_empty() {
            return Ok(None);
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
        let chart = Chart::Columns(Columns {
            labels: oldest_first
                .iter()
                .map(|(record, _)| record.batch_date.format("%-d %b").to_string())
                .collect(),
            values: oldest_first.iter().map(|(_, seconds)| *seconds).collect(),
            line: Vec::new(),
            x: "day that was run, oldest run first",
            y: "seconds".to_owned(),
        });
        let failed = self
            .runs
            .iter()
            .filter(|record| matches!(record.outcome, RunOutcome::Failed(_)));
        Panel {
            id: "runs",
            title: "Runs before this one",
            note: "How long they took, from start to the message that tells of them.".to_owned(),
            alternative: format!("{} runs, {} of them failed.", oldest_first.len(), failed.count()),
            columns: vec!["Day", "Outcome", "Started (UTC)", "Seconds", "What failed"],
            rows: rows.collect(),
            ..Panel::default()
        }
        .with_chart(&chart)
        .map(Some)
    }
}

fn seconds(record: &RunRecord) -> Option<f64> {
    let (from, to) = record.execution.started_at.zip(record.execution.ended_at)?;
    Some((to - from).num_milliseconds() as f64 / 1000.0)
}

fn rfm_grid(answer: &Answer) -> Result<Panel, DashboardError> {
    let mut cells = vec![vec![None; 5]; 5];
    let most = numbers(&answer.rows, 2).into_iter().fold(1.0, f64::max);
    for row in &answer.rows {
        let [recency, frequency, customers, ..] = row.as_slice() else {
            continue;
        };
        let index = |score: &Value| (number(score) as usize).checked_sub(1);
        let cell = index(frequency)
            .zip(index(recency))
            .and_then(|(row, column)| cells.get_mut(4_usize.checked_sub(row)?)?.get_mut(column));
        if let Some(cell) = cell {
            *cell = Some((number(customers) / most, compact(number(customers))));
        }
    }
    let map = HeatMap {
        columns: (1..=5).map(|score| score.to_string()).collect(),
        rows: (1..=5).rev().map(|score| score.to_string()).collect(),
        cells,
        x: "recency score, 5 is most recent",
        y: "frequency",
    };
    Panel {
        title: "Recency and frequency",
        note: "Customers by both scores; top right are the best.".to_owned(),
        alternative: "Customers for each pair of a recency score and a frequency score; the table has the numbers."
            .to_owned(),
        columns: vec!["Recency score", "Frequency score", "Customers", "Value"],
        rows: table(&answer.rows),
        ..Panel::default()
    }
    .with_chart(&Chart::HeatMap(map))
}

fn cohorts(answer: &Answer) -> Result<Panel, DashboardError> {
    let mut cohorts: BTreeMap<String, Vec<Option<(f64, String)>>> = BTreeMap::new();
    for row in &answer.rows {
        let [month, since, _, _, rate] = row.as_slice() else {
            continue;
        };
        let name = month.display().chars().take(7).collect();
        let cells = cohorts.entry(name).or_insert_with(|| vec![None; MONTHS]);
        if let Some(cell) = cells.get_mut(number(since) as usize) {
            *cell = Some((number(rate), format!("{:.0}", 100.0 * number(rate))));
        }
    }
    let months = cohorts
        .values()
        .filter_map(|cells| cells.iter().rposition(Option::is_some));
    let months = months.max().map_or(1, |last| last + 1);
    let rows = answer.rows.iter().map(|row| {
        let mut cells: Vec<String> = row.iter().map(shown).collect();
        if let (Some(cell), Some(rate)) = (cells.get_mut(4), row.get(4)) {
            *cell = percent(number(rate));
        }
        cells
    });
    let map = HeatMap {
        columns: (0..months).map(|month| month.to_string()).collect(),
        rows: cohorts.keys().cloned().collect(),
        cells: cohorts
            .into_values()
            .map(|cells| cells.into_iter().take(months).collect())
            .collect(),
        x: "months since the first purchase",
        y: "cohort",
    };
    Panel {
        title: "Retention of cohorts",
        note: "Of the customers who first bought in a month, the share that bought in the months after it, in %."
            .to_owned(),
        alternative: "For each month of first purchase the share of its customers that bought in later months; the \
                      table has the numbers."
            .to_owned(),
        columns: vec!["Cohort", "Months since", "Customers", "Active", "Retention"],
        rows: rows.collect(),
        ..Panel::default()
    }
    .with_chart(&Chart::HeatMap(map))
}

fn fraud(answer: &Answer) -> Result<Panel, DashboardError> {
    let bars = Bars {
        names: texts(&answer.rows, 0),
        values: numbers(&answer.rows, 1),
        texts: texts(&answer.rows, 1),
    };
    Panel {
        title: "Fraud signals",
        note: "Cards that show a signal; a card may show several.".to_owned(),
        alternative: listing("Cards", &bars.names, &bars.texts),
        columns: vec!["Signal", "Cards", "Attempts with them"],
        rows: table(&answer.rows),
        ..Panel::default()
    }
    .with_chart(&Chart::Bars(bars))
}

fn lateness(answer: &Answer) -> Result<Panel, DashboardError> {
    let all: f64 = numbers(&answer.rows, 1).iter().sum();
    let late: Vec<(String, f64)> = answer
        .rows
        .iter()
        .filter_map(|row| Some((number(row.first()?), number(row.get(1)?))))
        .filter(|(days, _)| *days >= 1.0)
        .map(|(days, rows)| (days.to_string(), rows))
        .collect();
    let share = late.iter().map(|(_, rows)| rows).sum::<f64>() / all.max(1.0);
    let names: Vec<String> = late.iter().map(|(days, _)| days.clone()).collect();
    let counts: Vec<String> = late.iter().map(|(_, rows)| grouped(&rows.to_string())).collect();
    let chart = Chart::Columns(Columns {
        labels: names.clone(),
        values: late.iter().map(|(_, rows)| *rows).collect(),
        line: Vec::new(),
        x: "days late",
        y: "transactions".to_owned(),
    });
    let panel = Panel {
        title: "Late arrivals",
        note: format!(
            "{} of all transactions came on a later day than they happened. They are in the right day all the same.",
            percent(share)
        ),
        alternative: listing("Transactions by days late", &names, &counts),
        columns: vec!["Days late", "Transactions"],
        rows: table(&answer.rows),
        ..Panel::default()
    };
    if late.is_empty() {
        Ok(panel)
    } else {
        panel.with_chart(&chart)
    }
}
