//! Rows of the dimensions: customers, cards and merchants.
//!
//! Names come from the crate `fake` with a ChaCha generator seeded per row. The crate picks from fixed lists in a fixed
//! order, so the same build yields the same names everywhere.

use crate::calendar;
use crate::habits::{Category, Segment};
use crate::population::{CARD_STATUS, Card, Population};
use crate::random::{Key, Stream};
use crate::record::{Value, customer_id, merchant_id};
use crate::text::{time, uuid};
use fake::Fake;
use fake::faker::company::raw::CompanyName;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::{DE_DE, EN, FR_FR, JA_JP, PT_BR, ZH_TW};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Fields of one row.
pub(crate) type Record = Vec<(&'static str, Value)>;

/// Columns of `customers`.
pub(crate) const CUSTOMER_COLUMNS: [&str; 8] = [
    "customer_id",
    "name",
    "email",
    "phone",
    "birth_date",
    "city",
    "segment",
    "created_at",
];
/// Columns of `cards`.
pub(crate) const CARD_COLUMNS: [&str; 6] = ["card_id", "customer_id", "card_number", "brand", "issued_at", "status"];
/// Columns of `merchants`.
pub(crate) const MERCHANT_COLUMNS: [&str; 6] = ["merchant_id", "name", "mcc", "city", "country", "opened_at"];

const KOREAN_CITIES: [&str; 12] = [
    "Seoul", "Busan", "Incheon", "Daegu", "Daejeon", "Gwangju", "Suwon", "Ulsan", "Jeju", "수원", "서울", "부산",
];
const FAMILY_NAMES: [&str; 12] = ["김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오"];
const GIVEN_NAMES: [&str; 12] = [
    "민준", "서연", "도윤", "지우", "하준", "서윤", "지호", "하은", "예준", "수아", "준서", "지민",
];
const FOREIGN_CITIES: [(&str, &str); 6] = [
    ("Tokyo", "JP"),
    ("Singapore", "SG"),
    ("São Paulo", "BR"),
    ("Zürich", "CH"),
    ("Washington, D.C.", "US"),
    ("Đà Nẵng", "VN"),
];

/// Generates the rows as of a day.
#[derive(Debug)]
pub(crate) struct Dimensions<'a> {
    population: &'a Population,
    names: Key,
    day: i32,
    /// Deliver only rows that are new or changed on the day.
    changes_only: bool,
}

impl<'a> Dimensions<'a> {
    pub(crate) fn new(seed: u64, population: &'a Population, day: i32, changes_only: bool) -> Self {
        Self {
            population,
            names: Key::new(seed).child(0xE0),
            day,
            changes_only,
        }
    }

    /// Rows of `customers` delivered on the day.
    pub(crate) fn customers(&self) -> impl Iterator<Item = Record> {
        let numbers = 0..self.population.customers.on(self.day);
        let delivered =
            move |number: &u32| !self.changes_only || self.population.customer(*number).changes.on(self.day);
        numbers.filter(delivered).map(|number| self.customer(number))
    }

    /// Rows of `cards` delivered on the day.
    pub(crate) fn cards(&self) -> impl Iterator<Item = Record> {
        let numbers = 0..self.population.customers.on(self.day);
        numbers.flat_map(move |number| {
            let customer = self.population.customer(number);
            (0..customer.cards).filter_map(move |index| {
                let card = self.population.card(number, &customer, index);
                let delivered = card.since <= self.day && (!self.changes_only || card.changes_on(self.day));
                delivered.then(|| self.card(number, &card, index))
            })
        })
    }

    /// Rows of `merchants` delivered on the day.
    pub(crate) fn merchants(&self) -> impl Iterator<Item = Record> {
        let numbers = 0..self.population.merchants.on(self.day);
        let delivered =
            move |number: &u32| !self.changes_only || self.population.merchant(*number).changes.on(self.day);
        numbers.filter(delivered).map(|number| self.merchant(number))
    }

    fn customer(&self, number: u32) -> Record {
        let key = self.names.child(1).child(u64::from(number));
        let (mut stream, mut rng) = (key.stream(), ChaCha8Rng::seed_from_u64(key.number()));
        let customer = self.population.customer(number);
        // Values that change over time are redrawn at each change.
        let mut latest = key.child(u64::from(customer.changes.until(self.day))).stream();
        let name = person(&mut stream, &mut rng);
        let email = (!stream.chance(20)).then(|| {
            let user: String = LastName(EN).fake_with_rng::<&str, _>(&mut rng).to_ascii_lowercase();
            let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
            let domain = ["example.com", "example.net", "example.org"][stream.below(3) as usize];
            format!("{user}.{number}@{domain}")
        });
        let number_of = |latest: &mut Stream| format!("+82-10-{:04}-{:04}", latest.below(10_000), latest.below(10_000));
        let phone = (!stream.chance(50)).then(|| number_of(&mut latest));
        let age_days = match customer.segment {
            Segment::Student => 18 * 366 + stream.below(8 * 365),
            _ => 22 * 366 + stream.below(55 * 365),
        };
        let birth_date = date_text(customer.since - age_days.cast_signed());
        let created_at = format!(
            "{} {}",
            date_text(customer.since - 1),
            String::from_utf8_lossy(&time(stream.below(86_400)))
        );
        let values = [
            Value::Text(customer_id(number)),
            Value::Text(name),
            optional(email),
            optional(phone),
            Value::Text(birth_date),
            Value::Text(pick(&KOREAN_CITIES, &mut latest)),
            Value::Text(customer.segment.name().to_owned()),
            Value::Text(created_at),
        ];
        CUSTOMER_COLUMNS.into_iter().zip(values).collect()
    }

    fn card(&self, number: u32, card: &Card, index: u8) -> Record {
        let key = self.names.child(2).child(u64::from(number) * 4 + u64::from(index));
        let mut stream = key.stream();
        let (brand, prefix, digits) = match stream.below(10) {
            0..=4 => ("visa", "4", 16),
            5..=8 => (
                "mastercard",
                ["51", "52", "53", "54", "55"][stream.below(5) as usize],
                16,
            ),
            _ => ("amex", ["34", "37"][stream.below(2) as usize], 15),
        };
        let values = [
            Value::Text(String::from_utf8_lossy(&uuid(card.id)).into_owned()),
            Value::Text(customer_id(number)),
            Value::Text(card_number(prefix, digits, &mut stream)),
            Value::Text(brand.to_owned()),
            Value::Text(date_text(card.since - 1)),
            Value::Text(CARD_STATUS[card.status(self.day)].to_owned()),
        ];
        CARD_COLUMNS.into_iter().zip(values).collect()
    }

    fn merchant(&self, number: u32) -> Record {
        let key = self.names.child(3).child(u64::from(number));
        let (mut stream, mut rng) = (key.stream(), ChaCha8Rng::seed_from_u64(key.number()));
        let merchant = self.population.merchant(number);
        let company: String = match stream.below(4) {
            0 => CompanyName(FR_FR).fake_with_rng(&mut rng),
            1 => CompanyName(DE_DE).fake_with_rng(&mut rng),
            _ => CompanyName(EN).fake_with_rng(&mut rng),
        };
        let name = match (merchant.category, number % 40) {
            // Names that need quoting occur on small days, too.
            (_, 8) => format!("\"{company}\" Outlet"),
            (_, 9) => format!("{company}\nBranch {number}"),
            (Category::Hotel, _) => format!("Hotel {company}"),
            (Category::Taxi, _) => format!("{company} Taxi"),
            _ => company,
        };
        let mut latest = key.child(u64::from(merchant.changes.until(self.day))).stream();
        let (city, country) = if stream.chance(900) {
            (pick(&KOREAN_CITIES, &mut latest), "KR")
        } else {
            let (city, country) = FOREIGN_CITIES[stream.below(FOREIGN_CITIES.len() as u32) as usize];
            (city.to_owned(), country)
        };
        let values = [
            Value::Text(merchant_id(number)),
            Value::Text(name),
            Value::Text(merchant.category.mcc().to_owned()),
            Value::Text(city),
            Value::Text(country.to_owned()),
            Value::Text(date_text(merchant.since - 1)),
        ];
        MERCHANT_COLUMNS.into_iter().zip(values).collect()
    }
}

fn person(stream: &mut Stream, rng: &mut ChaCha8Rng) -> String {
    let western = |first: &str, last: &str| format!("{first} {last}");
    match stream.below(20) {
        0..=11 => format!("{}{}", pick(&FAMILY_NAMES, stream), pick(&GIVEN_NAMES, stream)),
        12 => format!(
            "{}{}",
            LastName(JA_JP).fake_with_rng::<&str, _>(rng),
            FirstName(JA_JP).fake_with_rng::<&str, _>(rng)
        ),
        13 => format!(
            "{}{}",
            LastName(ZH_TW).fake_with_rng::<&str, _>(rng),
            FirstName(ZH_TW).fake_with_rng::<&str, _>(rng)
        ),
        14 => western(FirstName(FR_FR).fake_with_rng(rng), LastName(FR_FR).fake_with_rng(rng)),
        15 => western(FirstName(PT_BR).fake_with_rng(rng), LastName(PT_BR).fake_with_rng(rng)),
        16 => {
            let (first, last): (&str, &str) = (FirstName(EN).fake_with_rng(rng), LastName(EN).fake_with_rng(rng));
            format!("{last}, {first}")
        }
        17 if stream.chance(200) => {
            let (first, last): (&str, &str) = (FirstName(EN).fake_with_rng(rng), LastName(EN).fake_with_rng(rng));
            format!("{first} \"{}\" {last}", &first[..1])
        }
        _ => western(FirstName(EN).fake_with_rng(rng), LastName(EN).fake_with_rng(rng)),
    }
}

fn pick(texts: &[&str], stream: &mut Stream) -> String {
    texts[stream.below(texts.len() as u32) as usize].to_owned()
}

fn optional(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}

fn date_text(day: i32) -> String {
    String::from_utf8_lossy(&calendar::date_text(day)).into_owned()
}

/// A card number with a valid check digit (Luhn).
fn card_number(prefix: &str, digits: usize, stream: &mut Stream) -> String {
    let mut number = prefix.to_owned();
    while number.len() < digits - 1 {
        number.push(char::from(b'0' + stream.below(10) as u8));
    }
    // The check digit is appended on the right, so doubling starts with the last digit.
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match (place % 2, digit) {
                (0, 5..) => 2 * digit - 9,
                (0, _) => 2 * digit,
                _ => digit,
            }
        })
        .sum();
    number.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_dimensions(check: impl Fn(&Dimensions)) {
        let population = Population::new(Key::new(42), 100_000);
        check(&Dimensions::new(42, &population, 20_468, false));
    }

    fn text(record: &Record, name: &str) -> String {
        match &record.iter().find(|(column, _)| *column == name).unwrap().1 {
            Value::Text(text) => text.clone(),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn card_numbers_pass_the_luhn_check() {
        let mut stream = Key::new(1).stream();
        for (prefix, digits) in [("4", 16), ("37", 15), ("55", 16)] {
            for _ in 0..50 {
                let number = card_number(prefix, digits, &mut stream);
                assert_eq!(number.len(), digits);
                let doubled: u32 = number
                    .chars()
                    .rev()
                    .enumerate()
                    .map(|(place, digit)| {
                        let value = digit.to_digit(10).unwrap() * (1 + place as u32 % 2);
                        value / 10 + value % 10
                    })
                    .sum();
                assert_eq!(doubled % 10, 0, "{number}");
            }
        }
        assert_eq!(card_number("7992739871", 11, &mut stream), "79927398713");
    }

    #[test]
    fn names_hold_commas_quotes_line_breaks_and_letters_of_many_scripts() {
        with_dimensions(|dimensions| {
            let customers: String = (0..2000)
                .map(|number| text(&dimensions.customer(number), "name"))
                .collect();
            let merchants: String = (0..200)
                .map(|number| text(&dimensions.merchant(number), "name"))
                .collect();
            assert!(customers.contains(',') && customers.contains('"') && customers.contains('김'));
            assert!(merchants.contains('\n') && merchants.contains('"'));
        });
    }

    #[test]
    fn addresses_are_unique_and_plain() {
        with_dimensions(|dimensions| {
            let mut seen = std::collections::HashSet::new();
            for number in 0..2000 {
                let customer = dimensions.customer(number);
                if customer[2].1 != Value::Null {
                    let email = text(&customer, "email");
                    assert!(
                        email.is_ascii() && email.split('@').count() == 2 && !email.starts_with('.'),
                        "{email}"
                    );
                    assert!(seen.insert(email));
                }
            }
        });
    }

    #[test]
    fn the_first_rows_are_the_same_on_every_machine() {
        with_dimensions(|dimensions| {
            let line = |record: &Record| {
                let mut out = Vec::new();
                crate::record::push_record(&mut out, cardlake_core::events::FileFormat::Csv, record);
                String::from_utf8(out).unwrap()
            };
            let lines = [
                line(&dimensions.customer(0)),
                line(&dimensions.customer(1)),
                line(&dimensions.cards().nth(1).unwrap()),
                line(&dimensions.merchant(7)),
            ];
            insta::assert_snapshot!(lines.concat(), @r"
            CUS1000,Caio Roque,effertz.0@example.org,+82-10-3019-1997,1990-04-23,Incheon,mass,2020-12-07 23:51:05
            CUS1001,장수아,ortiz.1@example.net,+82-10-7297-1456,1959-05-13,Jeju,mass,2021-09-01 07:04:52
            50ed59ea-dcc1-403f-8b13-fb608398e5ce,CUS1001,4043492704497874,visa,2021-09-01,active
            MER1007,Pham Inc,5812,Daejeon,KR,2021-05-13
            ");
        });
    }
}
