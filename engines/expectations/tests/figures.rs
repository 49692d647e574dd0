//! Figures of tables, and what they notice: measured on made-up days with known faults.

#![expect(clippy::unwrap_used, reason = "helpers fail their test")]

mod memory;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use cardlake_expectations::{Figures, ResultFormat, Suite, deviations, evaluate_and_describe};
use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use memory::{Memory, table};
use serde_json::{Map, json};
use std::sync::Arc;

async fn figures(table: &Memory) -> Figures {
    let suite = Suite::from_json("s", r#"{"name": "s", "expectations": []}"#).unwrap();
    let columns: Vec<String> = cardlake_expectations::Source::schema(table)
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let described = evaluate_and_describe(&suite, table, ResultFormat::Summary, Map::new(), &columns).await;
    described.unwrap().1
}

/// Numbers by lot, the same for the same seed.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> f64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }

    fn chosen<'a>(&mut self, weighted: &[(&'a str, f64)]) -> &'a str {
        let mut place = self.next() * weighted.iter().map(|(_, weight)| weight).sum::<f64>();
        for (text, weight) in weighted {
            place -= weight;
            if place < 0.0 {
                return text;
            }
        }
        weighted.last().unwrap().0
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    HalfMissing,
    ChannelGone,
    AmountsTimes100,
    Nulls,
}

const FAULTS: [Fault; 4] = [
    Fault::HalfMissing,
    Fault::ChannelGone,
    Fault::AmountsTimes100,
    Fault::Nulls,
];

/// The business of a made-up shop: so many rows a day, less at weekends, growing or not.
#[derive(Debug, Clone, Copy)]
struct Business {
    rows: f64,
    weekend: f64,
    noise: f64,
    growth: f64,
}

const BUSINESSES: [Business; 4] = [
    Business {
        rows: 3000.0,
        weekend: 1.0,
        noise: 0.03,
        growth: 0.0,
    },
    Business {
        rows: 3000.0,
        weekend: 0.6,
        noise: 0.06,
        growth: 0.0,
    },
    Business {
        rows: 800.0,
        weekend: 1.3,
        noise: 0.08,
        growth: 0.003,
    },
    Business {
        rows: 8000.0,
        weekend: 0.5,
        noise: 0.05,
        growth: 0.005,
    },
];

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

/// A made-up day: the columns of card transactions, with values that drift and vary as such values do.
fn made_up(business: Business, number: u64, seed: u64, fault: Fault) -> Memory {
    let day = first_day() + Days::new(number);
    let mut lot = Lot(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let weekend = if day.weekday().number_from_monday() > 5 {
        business.weekend
    } else {
        1.0
    };
    let growth = (1.0 + business.growth).powf(number as f64);
    let mut rows = (business.rows * weekend * growth * (business.noise * lot.normal()).exp()) as usize;
    if fault == Fault::HalfMissing {
        rows /= 2;
    }
    let channels = [
        ("POS", 0.55 + 0.02 * lot.normal()),
        ("ONLINE", 0.3 + 0.01 * lot.normal()),
        ("ATM", 0.1),
        ("MOTO", if fault == Fault::ChannelGone { 0.0 } else { 0.05 }),
    ];
    let level = 10.5 + 0.03 * lot.normal();
    let mean_nulls = 0.04 + 0.004 * lot.normal();
    let (mut amounts, mut channel, mut city, mut mail, mut customers) = (vec![], vec![], vec![], vec![], vec![]);
    let (mut times, mut refunds, mut scores) = (vec![], vec![], vec![]);
    let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
    for _ in 0..rows {
        let amount = (level + 0.9 * lot.normal()).exp();
        let amount = if fault == Fault::AmountsTimes100 {
            amount * 100.0
        } else {
            amount
        };
        amounts.push((amount * 100.0) as i128);
        channel.push(lot.chosen(&channels));
        let town = format!("T{:.0}", (lot.next() * lot.next() * 60.0).floor());
        let missing = if fault == Fault::Nulls { 0.1 } else { 0.0 };
        city.push((lot.next() >= missing).then_some(town));
        mail.push((lot.next() > mean_nulls).then(|| format!("m{:.0}@example.com", lot.next() * 1e6)));
        customers.push((lot.next() * 5000.0) as i64);
        times.push(midnight + (lot.next() * 86_400e6) as i64);
        refunds.push(lot.next() < 0.02);
        scores.push(lot.normal());
    }
    let channel: DictionaryArray<Int32Type> = channel.into_iter().collect();
    table(vec![
        (
            "amount",
            Arc::new(Decimal128Array::from(amounts).with_precision_and_scale(18, 2).unwrap()) as ArrayRef,
        ),
        ("channel", Arc::new(channel)),
        ("city", Arc::new(StringArray::from(city))),
        ("mail", Arc::new(StringArray::from(mail))),
        ("customer", Arc::new(Int64Array::from(customers))),
        ("at", Arc::new(TimestampMicrosecondArray::from(times))),
        ("refund", Arc::new(BooleanArray::from(refunds))),
        ("score", Arc::new(Float64Array::from(scores))),
    ])
}

/// Days before the first one that is judged, and days that are.
const HISTORY: u64 = 30;
const JUDGED: u64 = 30;

#[tokio::test]
async fn faults_are_found_and_good_days_are_silent() {
    let (mut found, mut injected, mut false_alarms, mut good_days) = (0, 0, 0, 0);
    let mut told = Vec::new();
    for (seed, business) in BUSINESSES.into_iter().cycle().take(8).enumerate() {
        let mut days: Vec<(NaiveDate, Figures)> = Vec::new();
        for number in 0..HISTORY + JUDGED {
            let day = first_day() + Days::new(number);
            let good = figures(&made_up(business, number, seed as u64, Fault::None)).await;
            if number >= HISTORY {
                let past = &days[days.len() - HISTORY as usize..];
                good_days += 1;
                let alarms = deviations(day, &good, past);
                false_alarms += usize::from(!alarms.is_empty());
                told.extend(alarms.into_iter().map(|alarm| format!("{business:?} {day}: {alarm}")));
                for fault in FAULTS {
                    let bad = figures(&made_up(business, number, seed as u64, fault)).await;
                    injected += 1;
                    let alarms = deviations(day, &bad, past).join("; ");
                    let is_found = match fault {
                        Fault::None => false,
                        Fault::HalfMissing => alarms.contains("rows were delivered"),
                        Fault::ChannelGone => alarms.contains("channel: the value \"MOTO\": 0.0 %"),
                        Fault::AmountsTimes100 => alarms.contains("amount: mean"),
                        Fault::Nulls => alarms.contains("city: missing values"),
                    };
                    if is_found {
                        found += 1;
                    } else {
                        told.push(format!(
                            "{business:?} {day}: {fault:?} was not found, told was: {alarms}"
                        ));
                    }
                }
            }
            days.push((day, good));
        }
    }
    println!("{found} of {injected} faults, {false_alarms} false alarms in {good_days} good days");
    let told = told.join("\n");
    assert!(found * 100 >= injected * 95, "{found} of {injected} faults\n{told}");
    assert!(
        false_alarms * 30 < good_days,
        "{false_alarms} false alarms in {good_days} days\n{told}"
    );
}

#[tokio::test]
async fn later_days_and_too_few_days_say_nothing() {
    let days: Vec<(NaiveDate, Figures)> = {
        let mut days = Vec::new();
        for number in 0..20 {
            let table = made_up(BUSINESSES[0], number, 1, Fault::None);
            days.push((first_day() + Days::new(number), figures(&table).await));
        }
        days
    };
    let bad = figures(&made_up(BUSINESSES[0], 10, 1, Fault::HalfMissing)).await;
    let day = first_day() + Days::new(10);
    let before = deviations(day, &bad, &days[..10]);
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(deviations(day, &bad, &days), before);
    assert!(deviations(first_day() + Days::new(5), &bad, &days).is_empty());
}

#[tokio::test]
async fn figures_are_exact_where_they_say_so_and_the_same_every_time() {
    let dictionary: DictionaryArray<Int32Type> = [Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let decimals = Decimal128Array::from(vec![Some(150), None, Some(-50), Some(0)]);
    let table = table(vec![
        ("text", Arc::new(dictionary) as ArrayRef),
        ("amount", Arc::new(decimals.with_precision_and_scale(18, 2).unwrap())),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None])),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_500_000),
                Some(-1),
                None,
                None,
            ])),
        ),
        (
            "none",
            Arc::new(Float64Array::from(vec![None, None, None, Some(f64::NAN)])),
        ),
    ]);
    let described = figures(&table).await;
    let expected = json!({
        "delivered": 4, "among_delivered": {}, "rows": 4,
        "columns": {
            "amount": {"nulls": 1, "distinct": 3, "mean": 0.333_333_333_333_333_3},
            "at": {"nulls": 2, "distinct": 2, "latest": 1},
            "flag": {"nulls": 2, "distinct": 2, "mean": 0.5},
            "none": {"nulls": 4, "distinct": 0},
            "text": {"nulls": 1, "distinct": 2},
        },
    });
    assert_eq!(serde_json::to_value(&described).unwrap(), expected);
    assert_eq!(figures(&table).await, described);
}

#[tokio::test]
async fn texts_are_counted_if_they_are_few_and_often_there() {
    let often = |distinct: usize| -> StringArray { (0..120).map(|row| Some(format!("t{}", row % distinct))).collect() };
    let table = table(vec![
        ("few", Arc::new(often(20)) as ArrayRef),
        ("many", Arc::new(often(21))),
        (
            "rare",
            Arc::new(
                (0..120)
                    .map(|row| (row < 10).then(|| format!("t{}", row % 5)))
                    .collect::<StringArray>(),
            ),
        ),
    ]);
    let described = figures(&table).await;
    let values = |name: &str| described.columns[name].values.as_ref().map(|values| values["t1"]);
    assert_eq!((values("few"), values("many"), values("rare")), (Some(6), None, None));
    assert_eq!(described.columns["rare"].distinct, 5);
}
