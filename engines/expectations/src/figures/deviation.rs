//! Figures of a day against those of the days before.

use super::Figures;
use super::band::{Band, OF_MANY, OF_ONE};
use crate::text::thousands;
use chrono::{Datelike, NaiveDate, Weekday};
use std::collections::BTreeMap;

/// Fewer days before have no say.
pub const MIN_PAST_DAYS: usize = 7;

/// Half of the narrowest band of the number of rows and of a mean, as a logarithm: about 15 and 20 %.
const LEAST_ROWS_RATIO: f64 = 0.15;
const LEAST_MEAN_RATIO: f64 = 0.2;
/// The same for estimated numbers of different values: 20 %, and two values.
const LEAST_DISTINCT_RATIO: f64 = 0.2;
/// Half of the narrowest band of a share.
const LEAST_SHARE: f64 = 0.005;
/// The same, as a part of the share itself: channels and shops come and go slowly.
const LEAST_PART_OF_SHARE: f64 = 0.25;
/// Standard deviations of a share that is drawn by lot from so many rows.
const SAMPLING_DEVIATIONS: f64 = 6.0;
/// Hours by which the latest time may move.
const LEAST_HOURS: f64 = 12.0;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Delivered,
    Among(String),
    Missing(String),
    Value(String, String),
    Mean(String),
    Latest(String),
    Distinct(String),
}

/// A number, and out of how many rows it is a share.
#[derive(Debug, Clone, Copy)]
struct Measured {
    number: f64,
    of: f64,
}

/// What was measured on a day.
type Past = (Weekday, Measured);

/// A sentence for each number of a day that is out of the band of the days before it. Days from `day` on are ignored, and
/// fewer than [`MIN_PAST_DAYS`] say nothing.
#[must_use]
pub fn deviations(day: NaiveDate, figures: &Figures, past: &[(NaiveDate, Figures)]) -> Vec<String> {
    let past: Vec<&(NaiveDate, Figures)> = past.iter().filter(|(other, _)| *other < day).collect();
    if past.len() < MIN_PAST_DAYS {
        return Vec::new();
    }
    let texts = texts(figures, &past);
    let today = measured(day, figures, &texts);
    let mut before: BTreeMap<Subject, Vec<Past>> = BTreeMap::new();
    for (other, figures) in past {
        for (subject, measured) in measured(*other, figures, &texts) {
            before.entry(subject).or_default().push((other.weekday(), measured));
        }
    }
    let told = today.into_iter().filter_map(|(subject, measured)| {
        let past = before.get(&subject).filter(|past| past.len() >= MIN_PAST_DAYS)?;
        sentence(&subject, measured, past, day.weekday())
    });
    told.collect()
}

/// The texts of each column that has few, on any of the days.
fn texts(figures: &Figures, past: &[&(NaiveDate, Figures)]) -> BTreeMap<String, Vec<String>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for figures in past.iter().map(|(_, figures)| figures).chain([figures]) {
        for (name, column) in &figures.columns {
            let known = texts.entry(name.clone()).or_default();
            known.extend(column.values.iter().flat_map(BTreeMap::keys).cloned());
            known.sort_unstable();
            known.dedup();
        }
    }
    texts
}

/// What a day's figures say.
fn measured(day: NaiveDate, figures: &Figures, texts: &BTreeMap<String, Vec<String>>) -> BTreeMap<Subject, Measured> {
    let mut measured = BTreeMap::new();
    let mut note = |subject: Subject, number: f64, of: f64| {
        measured.insert(subject, Measured { number, of });
    };
    let delivered = figures.delivered as f64;
    note(Subject::Delivered, delivered, 0.0);
    for (name, count) in &figures.among_delivered {
        note(
            Subject::Among(name.clone()),
            *count as f64 / delivered.max(1.0),
            delivered,
        );
    }
    let rows = figures.rows as f64;
    for (name, column) in figures.columns.iter().filter(|_| figures.rows > 0) {
        note(Subject::Missing(name.clone()), column.nulls as f64 / rows, rows);
        let present = rows - column.nulls as f64;
        if present <= 0.0 {
            continue;
        }
        if let Some(mean) = column.mean {
            note(Subject::Mean(name.clone()), mean, 0.0);
        }
        if let Some(latest) = column.latest {
            let end = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + 86_400;
            note(Subject::Latest(name.clone()), (end - latest) as f64 / 3600.0, 0.0);
        }
        match &column.values {
            Some(values) => {
                let counted = values.values().sum::<u64>() as f64;
                for text in texts.get(name).into_iter().flatten() {
                    let count = values.get(text).copied().unwrap_or(0) as f64;
                    note(Subject::Value(name.clone(), text.clone()), count / counted, counted);
                }
            }
            None => note(Subject::Distinct(name.clone()), column.distinct as f64, present),
        }
    }
    measured
}

/// A sentence, if the number is out of its band.
fn sentence(subject: &Subject, today: Measured, measured: &[Past], weekday: Weekday) -> Option<String> {
    let days = measured.len();
    let numbers: Vec<(Weekday, f64)> = measured.iter().map(|(day, measured)| (*day, measured.number)).collect();
    let past = numbers.as_slice();
    let out = |band: Band, number: f64| !band.holds(number);
    match subject {
        Subject::Delivered => {
            let band = ratios(past, weekday, OF_ONE)?.at_least(LEAST_ROWS_RATIO);
            let (low, high) = (count(band.low().exp()), count(band.high().exp()));
            out(band, today.number.max(0.5).ln()).then(|| {
                format!(
                    "{} rows were delivered, usual are {low} to {high} ({days} days)",
                    count(today.number)
                )
            })
        }
        Subject::Distinct(column) => distinct(column, today, measured, weekday),
        Subject::Mean(column) => mean(column, today.number, past, weekday),
        Subject::Latest(column) => {
            let band = Band::new(past, weekday, OF_MANY).at_least(LEAST_HOURS);
            // News are never too new: contracts and suites refuse what lies in the future.
            (today.number > band.high()).then(|| {
                let (hours, most) = (today.number, band.high());
                format!("{column}: the latest is {hours:.0} hours before the end of the day, usual are up to {most:.0} ({days} days)")
            })
        }
        Subject::Among(what) => share(&format!("{what} of the delivered rows"), today, past, weekday),
        Subject::Missing(column) => share(&format!("{column}: missing values"), today, past, weekday),
        Subject::Value(column, text) => share(&format!("{column}: the value {text:?}"), today, past, weekday),
    }
}

/// Different values grow with the rows, or stay the same, or something between: out of the ordinary is what neither explains.
fn distinct(column: &str, today: Measured, past: &[Past], weekday: Weekday) -> Option<String> {
    let of = |number: fn(&Measured) -> f64| {
        let past: Vec<(Weekday, f64)> = past.iter().map(|(day, measured)| (*day, number(measured))).collect();
        let band = ratios(&past, weekday, OF_MANY)?;
        let least = LEAST_DISTINCT_RATIO.max((2.5 / today.number).ln_1p());
        Some((band.at_least(least), number(&today).max(f64::MIN_POSITIVE).ln()))
    };
    let (count_band, logarithm) = of(|measured| measured.number)?;
    let (part_band, part) = of(|measured| measured.number / measured.of)?;
    if count_band.holds(logarithm) || part_band.holds(part) {
        return None;
    }
    let (low, high) = (count(count_band.low().exp()), count(count_band.high().exp()));
    let (number, days) = (count(today.number), past.len());
    Some(format!(
        "{column}: about {number} different values, usual are {low} to {high} ({days} days)"
    ))
}

/// The band of positive numbers that vary by a part of themselves.
fn ratios(past: &[(Weekday, f64)], weekday: Weekday, deviations: f64) -> Option<Band> {
    let logarithms = past
        .iter()
        .map(|(day, number)| (*number > 0.0).then(|| (*day, number.ln())));
    let logarithms: Option<Vec<(Weekday, f64)>> = logarithms.collect();
    Some(Band::new(&logarithms?, weekday, deviations))
}

fn mean(column: &str, today: f64, past: &[(Weekday, f64)], weekday: Weekday) -> Option<String> {
    let ratios = ratios(past, weekday, OF_MANY).filter(|_| today > 0.0);
    let (is_out, low, high) = if let Some(band) = ratios {
        let band = band.at_least(LEAST_MEAN_RATIO);
        (!band.holds(today.ln()), band.low().exp(), band.high().exp())
    } else {
        let band = Band::new(past, weekday, OF_MANY);
        let band = band.at_least(LEAST_MEAN_RATIO * band.centre.abs());
        (!band.holds(today), band.low(), band.high())
    };
    let (today, low, high) = (plain(today), plain(low), plain(high));
    is_out.then(|| {
        format!(
            "{column}: mean {today}, usual are {low} to {high} ({} days)",
            past.len()
        )
    })
}

fn share(what: &str, today: Measured, past: &[(Weekday, f64)], weekday: Weekday) -> Option<String> {
    let band = Band::new(past, weekday, OF_MANY);
    // A share that was zero so far may still be small and not zero.
    let smoothed = (band.centre * today.of + 2.0) / (today.of + 4.0);
    let by_lot = SAMPLING_DEVIATIONS * (smoothed * (1.0 - smoothed) / today.of.max(1.0)).sqrt();
    let least = by_lot
        .max(LEAST_SHARE.min(band.centre * 0.9))
        .max(LEAST_PART_OF_SHARE * band.centre);
    let least = if today.number > band.centre {
        least.max(LEAST_SHARE)
    } else {
        least
    };
    let band = band.at_least(least);
    let (low, high) = (percent(band.low().max(0.0)), percent(band.high().min(1.0)));
    (!band.holds(today.number)).then(|| {
        format!(
            "{what}: {}, usual are {low} to {high} ({} days)",
            percent(today.number),
            past.len()
        )
    })
}

fn count(number: f64) -> String {
    thousands(number.round().max(0.0) as u64)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number with four digits that count.
fn plain(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = 3 - number.abs().log10().floor() as i32;
    let factor = 10_f64.powi(digits.clamp(-300, 300));
    ((number * factor).round() / factor).to_string()
}
