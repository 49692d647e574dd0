//! Files as they land, and what has to come of them, worked out here without any code of the pipeline.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use tempfile::TempDir;

const HEADER: &str =
    "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n";
const MCCS: [&str; 5] = ["5411", "5812", "5999", "4121", "7011"];
const CHANNELS: [&str; 3] = ["online", "pos", "mobile"];

/// The winning row of a transaction: amount in hundredths, and whether and how it counts as a sale.
#[derive(Debug, Clone)]
struct Row {
    cents: i64,
    approved: bool,
    refund: bool,
}

/// What has to come of the files.
#[derive(Debug, Default)]
pub struct Expected {
    pub rows: u64,
    pub broken: u64,
    pub late: u64,
    winners: HashMap<String, Row>,
}

impl Expected {
    pub fn distinct(&self) -> u64 {
        self.winners.len() as u64
    }

    pub fn sum_of_amounts(&self) -> String {
        decimal(self.winners.values().map(|row| row.cents).sum())
    }

    pub fn gross_sales(&self) -> String {
        let approved = self.winners.values().filter(|row| row.approved);
        decimal(
            approved
                .map(|row| if row.refund { -row.cents } else { row.cents })
                .sum(),
        )
    }
}

fn decimal(cents: i64) -> String {
    format!(
        "{}{}.{:02}",
        if cents < 0 { "-" } else { "" },
        cents.abs() / 100,
        cents.abs() % 100
    )
}

/// A folder of landed files.
pub struct Landing {
    folder: TempDir,
    pub expected: Expected,
}

impl Landing {
    pub fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Three days of 300 new transactions each; from the second day on also late ones never seen before, re-deliveries
    /// of earlier ones, corrections of earlier ones and of the same day; some broken rows every day.
    pub fn three_days() -> Self {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut expected = Expected::default();
        let mut lines: HashMap<(u32, u32), String> = HashMap::new();
        for day in 13..=15_u32 {
            let mut text = HEADER.to_owned();
            for number in 0..300 {
                let (line, row) = transaction(day, number, day, 0);
                add(&mut text, &mut expected, &line);
                expected.winners.insert(id(day, number), row);
                lines.insert((day, number), line);
            }
            for number in 300..305 {
                // The same transaction again with another amount, later in the file: it wins.
                let (line, _) = transaction(day, number, day, 0);
                add(&mut text, &mut expected, &line);
                let (line, row) = transaction(day, number, day, 77);
                add(&mut text, &mut expected, &line);
                expected.winners.insert(id(day, number), row);
            }
            if day > 13 {
                for number in 0..20 {
                    add(&mut text, &mut expected, &lines[&(day - 1, number)]);
                }
                for number in 20..30 {
                    let (line, row) = transaction(day - 1, number, day - 1, 1000);
                    add(&mut text, &mut expected, &line);
                    expected.winners.insert(id(day - 1, number), row);
                    expected.late += 1;
                }
                for number in 400..415 {
                    let (line, row) = transaction(day, number, day - 1, 0);
                    add(&mut text, &mut expected, &line);
                    expected.winners.insert(id(day, number), row);
                    expected.late += 1;
                }
            }
            for broken in [
                "not-a-uuid,CUS0001,1,MER1,yesterday,much,WON,1,maybe,perhaps,fax".to_owned(),
                transaction(day, 500, day, 0)
                    .0
                    .replace("approved", "pending")
                    .replace("declined", "pending"),
                transaction(day, 501, day - 7, 0).0,
                "too,few,fields".to_owned(),
            ] {
                add(&mut text, &mut expected, &broken);
                expected.broken += 1;
            }
            files.insert(format!("transactions_2026-01-{day}.csv"), text);
        }
        Self::write(&files, expected)
    }

    /// A customer who moves: delivered on the 13th and, with another city, on the 14th. Transactions of the 12th, the 13th
    /// and, a day early, the 14th come on the 13th, one of the 15th on its day.
    pub fn two_deliveries_of_a_customer() -> Self {
        let transactions = |rows: &[(u32, u32)]| {
            let lines = rows.iter().map(|(number, day)| transaction(13, *number, *day, 0).0);
            lines.fold(HEADER.to_owned(), |text, line| text + &line + "\n")
        };
        let customer = |city: &str| {
            format!(
                "customer_id,name,email,phone,birth_date,city,segment,created_at\n\
                 CUS0001,Ada,ada@example.com,010,1990-01-01,{city},mass,2025-01-01 00:00:00\n"
            )
        };
        let files = [
            ("customers_2026-01-13.csv", customer("Seoul")),
            ("customers_2026-01-14.csv", customer("Busan")),
            // Every fortieth is the customer's.
            (
                "transactions_2026-01-13.csv",
                transactions(&[(1, 12), (41, 13), (81, 14)]),
            ),
            ("transactions_2026-01-15.csv", transactions(&[(121, 15)])),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text));
        Self::write(&BTreeMap::from(files), Expected::default())
    }

    /// One day of which every second row is broken.
    pub fn mostly_broken(day: &str) -> Self {
        let mut text = HEADER.to_owned();
        for number in 0..50 {
            let (line, _) = transaction(15, number, 15, 0);
            let _ = writeln!(text, "{line}\n{}", line.replace("KRW", "???"));
        }
        Self::write(
            &BTreeMap::from([(format!("transactions_{day}.csv"), text)]),
            Expected::default(),
        )
    }

    /// These files, by name.
    pub fn of<const N: usize>(files: [(&str, String); N]) -> Self {
        let files = files.map(|(name, text)| (name.to_owned(), text));
        Self::write(&BTreeMap::from(files), Expected::default())
    }

    /// Adds or replaces a file.
    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn write(files: &BTreeMap<String, String>, expected: Expected) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, expected }
    }
}

/// A file of so many different transactions of 15 January.
pub fn transactions(rows: u32) -> String {
    let lines = (0..rows).map(|number| transaction(15, number, 15, 0).0);
    lines.fold(HEADER.to_owned(), |text, line| text + &line + "\n")
}

fn add(text: &mut String, expected: &mut Expected, line: &str) {
    text.push_str(line);
    text.push('\n');
    expected.rows += 1;
}

fn id(day: u32, number: u32) -> String {
    format!("{day:08x}-0000-4000-8000-{:012x}", number * 7919 % 65537)
}

/// A line of the file, and the row that it is.
fn transaction(day: u32, number: u32, event_day: u32, correction: i64) -> (String, Row) {
    let cents = i64::from(number) * 997 + i64::from(day) * 13 + 100 + correction;
    let row = Row {
        cents,
        approved: number % 4 != 3,
        refund: number % 5 == 4,
    };
    let line = format!(
        "{},CUS{:04},00000000-0000-4000-8000-{:012x},MER{:04},2026-01-{event_day:02} {:02}:{:02}:{:02},{},KRW,{},{},{},{}",
        id(day, number),
        number % 40,
        number % 60,
        1000 + number % 20,
        number % 24,
        number % 60,
        day,
        decimal(cents),
        MCCS[number as usize % 5],
        if row.approved { "approved" } else { "declined" },
        row.refund,
        CHANNELS[number as usize % 3],
    );
    (line, row)
}
