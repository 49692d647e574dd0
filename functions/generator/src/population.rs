//! The population: customers, their cards, merchants.
//!
//! Nothing is stored: customer 4711 is a function of the seed and 4711. The size of the population follows from the size of
//! a day (`rows`) and grows with the calendar, not with the days generated:
//!
//! - customers at the start of 2026: a tenth of the rows of a day, within 200 ..= 2,000,000; merchants: one per 500 rows,
//!   within 40 ..= 50,000;
//! - both grow linearly from 1500 days earlier (by 0.07 % a day in 2026); a tenth of them existed before.

use crate::habits::{Category, SHAPES, Segment};
use crate::random::{Key, Stream, scale};

/// 2026-01-01, in days since 1970-01-01.
const REFERENCE_DAY: i32 = 20_454;
/// Length of the growth period up to the reference day.
const GROWTH_DAYS: i32 = 1500;
/// First day of the growth period.
const BIRTH_DAY: i32 = REFERENCE_DAY - GROWTH_DAYS;
/// Offset of the numbers in identifiers, so that they have at least four digits.
pub(crate) const FIRST_NUMBER: u32 = 1000;

/// A count that grows with the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    /// Count on the reference day.
    reference: u64,
}

impl Growth {
    /// Count on a day: numbers below it exist.
    pub(crate) fn on(self, day: i32) -> u32 {
        let days = u64::from((day - BIRTH_DAY).max(GROWTH_DAYS / 10).unsigned_abs());
        u32::try_from(self.reference * days / u64::from(GROWTH_DAYS.unsigned_abs())).unwrap_or(u32::MAX)
    }

    /// First day on which a number exists, that is on which [`Self::on`] exceeds it. Those from before the growth period are
    /// spread over the preceding thousand days by `bits`.
    fn since(self, number: u32, bits: u64) -> i32 {
        let growth = u64::from(GROWTH_DAYS.unsigned_abs());
        let days = ((u64::from(number) + 1) * growth).div_ceil(self.reference);
        if days <= growth / 10 {
            return BIRTH_DAY - 1 - scale(bits, 1000).cast_signed();
        }
        BIRTH_DAY + i32::try_from(days).unwrap_or(i32::MAX - BIRTH_DAY)
    }
}

/// A customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Customer {
    pub(crate) segment: Segment,
    /// Spending level within the segment, in thousandths.
    pub(crate) level: u64,
    /// Daily activity profile.
    pub(crate) shape: usize,
    /// Whether the customer prefers online channels.
    pub(crate) digital: bool,
    /// Number of cards, 1 to 3; the first is always active.
    pub(crate) cards: u8,
    /// Day of sign-up, in days since 1970-01-01.
    pub(crate) since: i32,
    /// Changes of address or phone number.
    pub(crate) changes: Changes,
    /// Day of churn.
    until: i32,
    /// Purchase frequency, 1 to 1024.
    frequency: u32,
}

impl Customer {
    /// Probability of a purchase on a day, in 1024ths.
    fn activity(&self, day: i32) -> u32 {
        if day >= self.until {
            return 0;
        }
        // Activity ramps up over the first 45 days.
        let used = u32::try_from(day - self.since).unwrap_or(0).min(45) + 15;
        self.frequency * used / 60 * self.segment.weekly(is_weekend(day)) / 16
    }
}

/// Recurring changes at equal intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changes {
    since: i32,
    /// Days from one change to the next.
    every: i32,
    /// Days of the first interval that had passed at the start.
    phase: i32,
}

impl Changes {
    /// Intervals of `at_least` to three times `at_least` days, drawn from the bits.
    fn new(since: i32, at_least: i32, bits: u64) -> Self {
        let every = at_least + scale(bits << 32, at_least.unsigned_abs() * 2).cast_signed();
        let phase = scale(bits << 16, every.unsigned_abs()).cast_signed();
        Self { since, every, phase }
    }

    /// Number of changes up to and including a day.
    pub(crate) const fn until(self, day: i32) -> u32 {
        let days = day - self.since;
        if days < 0 {
            0
        } else {
            ((days + self.phase) / self.every).unsigned_abs()
        }
    }

    /// Whether a day is the start or has a change.
    pub(crate) const fn on(self, day: i32) -> bool {
        day == self.since || (day > self.since && self.until(day) != self.until(day - 1))
    }
}

/// A merchant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merchant {
    pub(crate) category: Category,
    /// Popularity, 1 to 256.
    popularity: u32,
    /// Day of opening, in days since 1970-01-01.
    pub(crate) since: i32,
    /// Changes of address.
    pub(crate) changes: Changes,
}

/// Card statuses, as the contract names them.
pub(crate) const CARD_STATUS: [&str; 4] = ["active", "blocked", "expired", "closed"];

/// A card of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) id: u128,
    /// Day of issue, in days since 1970-01-01.
    pub(crate) since: i32,
    /// Day from which the card is unusable.
    until: i32,
    /// Index into [`CARD_STATUS`] from that day on.
    ended: usize,
}

impl Card {
    /// Index into [`CARD_STATUS`] on a day.
    pub(crate) const fn status(&self, day: i32) -> usize {
        if day < self.until { 0 } else { self.ended }
    }

    /// Whether a day is the issue date or has a change of status.
    pub(crate) const fn changes_on(&self, day: i32) -> bool {
        day == self.since || (day == self.until && self.ended != 0)
    }

    /// Whether the card is usable on a day.
    pub(crate) const fn is_usable(&self, day: i32) -> bool {
        self.since <= day && self.status(day) == 0
    }
}

/// All customers, cards and merchants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    pub(crate) customers: Growth,
    pub(crate) merchants: Growth,
    customer_key: Key,
    merchant_key: Key,
    card_key: Key,
    favourite_key: Key,
}

impl Population {
    /// Creates the population for days of `rows` transactions.
    pub(crate) fn new(seed: Key, rows: u64) -> Self {
        Self {
            customers: Growth {
                reference: (rows / 10).clamp(200, 2_000_000),
            },
            merchants: Growth {
                reference: (rows / 500).clamp(40, 50_000),
            },
            customer_key: seed.child(0xC0),
            merchant_key: seed.child(0xC1),
            card_key: seed.child(0xC2),
            favourite_key: seed.child(0xC3),
        }
    }

    /// Customer by number.
    pub(crate) fn customer(&self, number: u32) -> Customer {
        self.customer_of(number, self.customer_bits(number))
    }

    /// Random bits of a customer.
    fn customer_bits(&self, number: u32) -> u64 {
        self.customer_key.child(u64::from(number)).number()
    }

    fn customer_of(&self, number: u32, bits: u64) -> Customer {
        let segment = Segment::of_customer(bits as u8);
        let since = self.customers.since(number, bits);
        // Three in eight never churn. Lifetimes of the others are long-tailed.
        let draw = (bits >> 8) as u32 & 0xFF;
        let lifetime = match (bits >> 16) & 7 {
            0..=2 => i32::MAX / 2,
            _ => (30 + segment.loyalty_days() * draw * draw / 32_768).cast_signed(),
        };
        Customer {
            segment,
            level: 650 + u64::from((bits >> 30) as u32 & 0x3FF),
            shape: (bits >> 40) as usize % SHAPES,
            digital: (bits >> 42) & 3 == 0,
            cards: [1, 1, 1, 1, 2, 2, 2, 3][(bits >> 44) as usize & 7],
            since,
            changes: Changes::new(since, 300, bits),
            until: since.saturating_add(lifetime),
            frequency: frequency(bits),
        }
    }

    /// A customer's card, by an index below [`Customer::cards`]. The first is issued at sign-up and stays usable.
    pub(crate) fn card(&self, number: u32, customer: &Customer, index: u8) -> Card {
        let mut stream = self.card_key.child(u64::from(number) * 4 + u64::from(index)).stream();
        let id = stream.uuid();
        let since = customer.since + (u32::from(index) * stream.below(400)).cast_signed();
        let (lifetime, ended) = match stream.below(16) {
            _ if index == 0 => (i32::MAX / 2, 0),
            0..=7 => (i32::MAX / 2, 0),
            8..=9 => (20 + stream.below(900).cast_signed(), 1),
            10..=14 => (1095, 2),
            _ => (200 + stream.below(1200).cast_signed(), 3),
        };
        Card {
            id,
            since,
            until: since.saturating_add(lifetime),
            ended,
        }
    }

    /// Merchant by number. The first five have one category each, so that every category exists.
    pub(crate) fn merchant(&self, number: u32) -> Merchant {
        let bits = self.merchant_key.child(u64::from(number)).number();
        let category = Category::ALL
            .get(number as usize)
            .copied()
            .unwrap_or_else(|| Category::of_merchant(bits as u8));
        let popular = (bits >> 8) as u32 & 0xFF;
        let since = self.merchants.since(number, bits);
        Merchant {
            category,
            popularity: 16 + popular * popular / 272,
            since,
            changes: Changes::new(since, 500, bits),
        }
    }

    /// Draws a buyer of a day, weighted by activity.
    pub(crate) fn buyer(&self, day: i32, stream: &mut Stream) -> (u32, Customer) {
        let there_are = self.customers.on(day);
        // About one in nine draws is accepted, so 256 rejections mean that nobody is active.
        for _ in 0..256 {
            let bits = stream.bits();
            let number = scale(bits, there_are);
            let draw = bits as u32 & 0x3FF;
            let customer_bits = self.customer_bits(number);
            // Activity never exceeds frequency, which is cheaper to compute.
            if draw >= frequency(customer_bits) {
                continue;
            }
            let customer = self.customer_of(number, customer_bits);
            if draw < customer.activity(day) {
                return (number, customer);
            }
        }
        (0, self.customer(0))
    }

    /// Draws the merchant of a purchase: mostly favourites, weighted by the segment's affinity.
    pub(crate) fn shop(&self, number: u32, customer: &Customer, day: i32, stream: &mut Stream) -> (u32, Merchant) {
        let favourites = self.favourite_key.child(u64::from(number));
        // Favourites existed when the customer signed up, so they exist on every later day.
        let familiar = self.merchants.on(customer.since);
        let there_are = self.merchants.on(day);
        let mut shop = 0;
        for _ in 0..32 {
            let bits = stream.bits();
            let known = bits & 0xF00 < 0xA00;
            shop = if known {
                scale(favourites.child((bits >> 12) & 7).number(), familiar)
            } else {
                scale(bits, there_are)
            };
            let merchant = self.merchant(shop);
            let wanted = customer.segment.affinity(merchant.category);
            let wanted = if known {
                wanted
            } else {
                wanted * merchant.popularity / 256
            };
            if (bits as u32 & 0xFF) < wanted {
                return (shop, merchant);
            }
        }
        (shop, self.merchant(shop))
    }
}

/// Purchase frequency of a customer, 8 to 1024: the cube of a uniform draw, so few buy often and many rarely.
#[inline]
const fn frequency(bits: u64) -> u32 {
    let often = (bits >> 20) as u32 & 0x3FF;
    8 + often * often / 1024 * often / 1024
}

/// Saturday or Sunday; 1970-01-01 was a Thursday.
pub(crate) const fn is_weekend(day: i32) -> bool {
    (day + 3).rem_euclid(7) >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population() -> Population {
        Population::new(Key::new(42), 100_000)
    }

    #[test]
    fn numbers_exist_from_their_first_day_on() {
        for reference in [40, 200, 10_000, 2_000_000] {
            let growth = Growth { reference };
            for number in [0, 1, 19, 20, 21, 150, 9_999, 10_000, 20_000] {
                let since = growth.since(number, 0);
                assert!(
                    growth.on(since) > number || since < BIRTH_DAY,
                    "{number} of {reference}"
                );
                if since >= BIRTH_DAY {
                    assert!(growth.on(since - 1) <= number, "{number} of {reference} came earlier");
                }
            }
        }
        assert_eq!(Growth { reference: 10_000 }.on(REFERENCE_DAY), 10_000);
    }

    #[test]
    fn the_reference_day_is_the_first_of_2026() {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        assert_eq!(crate::calendar::day_number(day), REFERENCE_DAY);
        assert!(is_weekend(REFERENCE_DAY + 2) && is_weekend(REFERENCE_DAY + 3) && !is_weekend(REFERENCE_DAY));
    }

    #[test]
    fn a_few_customers_make_most_of_the_purchases() {
        let population = population();
        let mut purchases = std::collections::HashMap::new();
        let mut stream = Key::new(1).stream();
        for _ in 0..100_000 {
            *purchases
                .entry(population.buyer(20_468, &mut stream).0)
                .or_insert(0_u32) += 1;
        }
        let mut counts: Vec<u32> = purchases.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top_fifth: u32 = counts[..counts.len() / 5].iter().sum();
        assert!((50_000..75_000).contains(&top_fifth), "{top_fifth}");
        assert!(
            (3_000..8_000).contains(&counts.len()),
            "{} customers are active",
            counts.len()
        );
    }

    #[test]
    fn of_those_who_came_together_fewer_and_fewer_are_left() {
        let population = population();
        let cohort: Vec<Customer> = (0..10_000)
            .map(|number| population.customer(number))
            .filter(|customer| (BIRTH_DAY + 300..BIRTH_DAY + 360).contains(&customer.since))
            .collect();
        let left = |days: i32| {
            let buys = |customer: &&Customer| customer.activity(customer.since + days) > 0;
            cohort.iter().filter(buys).count()
        };
        let counts = [1, 90, 365, 1000].map(left);
        assert!(cohort.len() > 300 && counts[0] > cohort.len() * 9 / 10);
        assert!(counts.is_sorted_by(|before, after| before > after), "{counts:?}");
        assert!(
            counts[3] * 8 > cohort.len() * 3,
            "three in eight stay for good: {counts:?}"
        );
    }

    #[test]
    fn business_customers_rest_at_the_weekend_and_new_ones_begin_slowly() {
        let customer = Customer {
            segment: Segment::Business,
            frequency: 960,
            since: REFERENCE_DAY,
            until: i32::MAX,
            ..population().customer(0)
        };
        // A Thursday and the Saturday after it, when the card is an old one; then the first days.
        let [thursday, saturday] = [REFERENCE_DAY + 700, REFERENCE_DAY + 702].map(|day| customer.activity(day));
        assert_eq!((thursday, saturday), (960, 240));
        assert_eq!(customer.activity(REFERENCE_DAY), 240);
    }

    #[test]
    fn buyers_have_signed_up_and_not_left() {
        let population = population();
        let mut stream = Key::new(2).stream();
        for day in [BIRTH_DAY - 100, BIRTH_DAY + 300, REFERENCE_DAY, REFERENCE_DAY + 900] {
            for _ in 0..1000 {
                let (number, customer) = population.buyer(day, &mut stream);
                assert!(number < population.customers.on(day));
                assert!(day < customer.until);
            }
        }
    }

    #[test]
    fn a_change_shows_in_the_count_of_changes() {
        for bits in 0..200_u64 {
            let changes = Changes::new(100, 300, bits.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            assert!(changes.on(100) && !changes.on(99));
            let days: Vec<i32> = (101..3100).filter(|day| changes.on(*day)).collect();
            assert_eq!(changes.until(3099) as usize, days.len());
            assert!((3..=10).contains(&days.len()), "{}", days.len());
        }
    }

    #[test]
    fn the_first_card_works_from_the_sign_up_on_and_others_end() {
        let population = population();
        let mut ended = [0; CARD_STATUS.len()];
        for number in 0..1000 {
            let customer = population.customer(number);
            assert!(population.card(number, &customer, 0).is_usable(customer.since));
            let other = population.card(number, &customer, 1);
            assert!(!other.is_usable(customer.since - 1));
            ended[other.status(REFERENCE_DAY)] += 1;
        }
        assert!(ended.iter().all(|cards| *cards > 5), "{ended:?}");
    }
}
