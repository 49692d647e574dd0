//! Transactions, each a function of its position.
//!
//! Event k of a day depends on the seed, the population and (day, k), not on the rates: a later day re-delivers the same
//! event.

use crate::habits::{self, CHANNELS};
use crate::options::DayOptions;
use crate::plan::{DayPlan, Fate, Slot};
use crate::population::{Customer, Population, is_weekend};
use crate::random::{Key, Stream, scale};

/// Shares of events, in thousandths.
const REFUNDS: u32 = 18;
const DECLINED: u32 = 28;
const DECLINED_ONLINE: u32 = 55;
/// Maximum age of a refunded purchase, in days.
const REFUND_DAYS: u32 = 14;
/// Attempts to find an event before a duplicate; one in four qualifies, so failure is very rare.
const TRIES_FOR_AN_EVENT_BEFORE: u32 = 24;
/// Consecutive events that may form a burst on one card.
const BURST_GROUP: u64 = 8;

/// One transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) id: u128,
    pub(crate) customer: u32,
    pub(crate) card: u128,
    pub(crate) merchant: u32,
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) second: u32,
    /// In hundredths.
    pub(crate) amount: u64,
    pub(crate) mcc: &'static str,
    pub(crate) approved: bool,
    pub(crate) refund: bool,
    pub(crate) channel: u8,
}

impl Transaction {
    /// Channel, as the contract names it.
    pub(crate) const fn channel_name(&self) -> &'static str {
        CHANNELS[self.channel as usize]
    }

    /// Value of the field that is not in the contract; `None` at a point of sale.
    pub(crate) const fn device(&self) -> Option<&'static str> {
        if self.channel == 0 {
            None
        } else {
            Some(["android", "ios", "web"][(self.id % 3) as usize])
        }
    }
}

/// A row of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// Valid.
    Valid(Transaction),
    /// To be corrupted before it is written; numbered among the day's corrupt rows.
    Corrupt(Transaction, u64),
}

/// Random keys of one day.
#[derive(Debug, Clone, Copy)]
struct DayKeys {
    day: i32,
    events: Key,
    bursts: Key,
}

impl DayKeys {
    fn new(seed: Key, day: i32) -> Self {
        let key = day_key(seed, day);
        Self {
            day,
            events: key.child(3),
            bursts: key.child(7),
        }
    }
}

fn day_key(seed: Key, day: i32) -> Key {
    seed.child(0xD0).child(u64::from(day.cast_unsigned()))
}

/// Generates the rows of one day.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) population: Population,
    plan: DayPlan,
    seed: Key,
    /// Keys of the batch day and the two days before it.
    days: [DayKeys; 3],
    /// Share of the groups of [`BURST_GROUP`] events that are bursts, in millionths.
    bursts: u64,
    delayed: Key,
    duplicates: Key,
    corrections: Key,
    corrupt: Key,
}

impl World {
    pub(crate) fn new(options: &DayOptions) -> Self {
        let seed = Key::new(options.seed);
        let day = crate::calendar::day_number(options.batch_date);
        let key = day_key(seed, day);
        Self {
            population: Population::new(seed, options.rows),
            plan: DayPlan::new(options, key, [day_key(seed, day - 1), day_key(seed, day - 2)]),
            seed,
            days: [0, 1, 2].map(|before| DayKeys::new(seed, day - before)),
            bursts: options.burst,
            delayed: key.child(4),
            duplicates: key.child(5),
            corrections: key.child(8),
            corrupt: key.child(6),
        }
    }

    /// Kind of the row at a position.
    pub(crate) fn slot(&self, position: u64) -> Slot {
        self.plan.slot(position)
    }

    /// Row of a slot at a position.
    pub(crate) fn row(&self, slot: Slot, position: u64) -> Row {
        match slot {
            Slot::Fresh(event) => Row::Valid(self.event(&self.days[0], event)),
            Slot::Redelivered { days, event, corrected } => {
                let original = self.event(&self.days[usize::from(days.min(2))], event);
                Row::Valid(if corrected {
                    corrected_row(
                        original,
                        &mut self.corrections.child(u64::from(days)).child(event).stream(),
                    )
                } else {
                    original
                })
            }
            Slot::Delayed(rank) => {
                let mut stream = self.delayed.child(rank).stream();
                let before = if stream.chance(700) { 1 } else { 2 };
                let id = stream.uuid();
                Row::Valid(self.purchase(id, self.days[before].day, &mut stream))
            }
            Slot::Duplicate(rank) => Row::Valid(self.duplicate(rank, position)),
            Slot::Corrupt(rank) => {
                let mut stream = self.corrupt.child(rank).stream();
                let id = stream.uuid();
                Row::Corrupt(self.purchase(id, self.days[0].day, &mut stream), rank)
            }
        }
    }

    fn event(&self, day: &DayKeys, event: u64) -> Transaction {
        if let Some(transaction) = self.burst(day, event) {
            return transaction;
        }
        let mut stream = day.events.child(event).stream();
        let id = stream.uuid();
        if stream.chance(REFUNDS)
            && let Some(purchase) = self.earlier_purchase(day.day, &mut stream)
        {
            let part = if stream.chance(800) {
                1000
            } else {
                100 + u64::from(stream.below(800))
            };
            return Transaction {
                id,
                day: day.day,
                second: stream.below(86_400),
                amount: (purchase.amount * part / 1000).max(1),
                refund: true,
                ..purchase
            };
        }
        self.purchase(id, day.day, &mut stream)
    }

    /// An approved purchase of an earlier day, or `None` after a few attempts.
    fn earlier_purchase(&self, day: i32, stream: &mut Stream) -> Option<Transaction> {
        (0..4).find_map(|_| {
            let keys = DayKeys::new(self.seed, day - 1 - stream.below(REFUND_DAYS).cast_signed());
            let event = stream.bits() % self.plan.shares.fresh.max(1);
            if self.burst_key(&keys, event).is_some() {
                return None;
            }
            let mut stream = keys.events.child(event).stream();
            let id = stream.uuid();
            if stream.chance(REFUNDS) {
                return None;
            }
            Some(self.purchase(id, keys.day, &mut stream)).filter(|purchase| purchase.approved)
        })
    }

    fn purchase(&self, id: u128, day: i32, stream: &mut Stream) -> Transaction {
        let (number, customer) = self.population.buyer(day, stream);
        let (shop, merchant) = self.population.shop(number, &customer, day, stream);
        let channel = habits::channel(merchant.category, customer.digital, stream);
        let declined = if channel == 1 { DECLINED_ONLINE } else { DECLINED };
        Transaction {
            id,
            customer: number,
            card: self.usable_card(number, &customer, day, stream),
            merchant: shop,
            day,
            second: habits::second_of_day(customer.shape, is_weekend(day), stream),
            amount: habits::amount(merchant.category, customer.segment, customer.level, stream),
            mcc: merchant.category.mcc(),
            approved: !stream.chance(declined),
            refund: false,
            channel,
        }
    }

    /// Mostly the first card; never one that is not issued yet, blocked, expired or closed.
    fn usable_card(&self, number: u32, customer: &Customer, day: i32, stream: &mut Stream) -> u128 {
        if customer.cards > 1 && stream.chance(350) {
            let index = 1 + (stream.bits() % u64::from(customer.cards - 1)) as u8;
            let other = self.population.card(number, customer, index);
            if other.is_usable(day) {
                return other.id;
            }
        }
        self.population.card(number, customer, 0).id
    }

    /// Key of the burst that an event belongs to, if any.
    fn burst_key(&self, day: &DayKeys, event: u64) -> Option<Key> {
        let key = day.bursts.child(event / BURST_GROUP);
        (u64::from(scale(key.number(), 1_000_000)) < self.bursts).then_some(key)
    }

    /// The events of the batch day that belong to bursts, of its first `events` ones.
    pub(crate) fn burst_events(&self, events: u64) -> impl Iterator<Item = Transaction> {
        let day = self.days[0];
        let firsts = (0..events).step_by(BURST_GROUP as usize);
        let bursts = firsts.filter(move |event| self.burst_key(&day, *event).is_some());
        let events = bursts.flat_map(move |first| first..(first + BURST_GROUP).min(events));
        events.filter_map(move |event| self.burst(&day, event))
    }

    /// Card fraud: several online purchases within minutes, with rising amounts, until the issuer declines.
    fn burst(&self, day: &DayKeys, event: u64) -> Option<Transaction> {
        let mut stream = self.burst_key(day, event)?.stream();
        let step = event % BURST_GROUP;
        let (number, customer) = self.population.buyer(day.day, &mut stream);
        let card = self.population.card(number, &customer, 0).id;
        let start = stream.below(86_400 - 1200);
        let first_amount = 500_000 + u64::from(stream.below(2_000_000));
        let declined_from = 4 + u64::from(stream.below(4));
        let mut own = day.events.child(event).stream();
        let id = own.uuid();
        let (shop, merchant) = self.population.shop(number, &customer, day.day, &mut own);
        Some(Transaction {
            id,
            customer: number,
            card,
            merchant: shop,
            day: day.day,
            second: start + step as u32 * 90 + own.below(80),
            amount: first_amount * (10 + 4 * step) / 10,
            mcc: merchant.category.mcc(),
            approved: step < declined_from,
            refund: false,
            channel: 1,
        })
    }

    /// A repeat of an event of the day, half of the time with a correction. Usually of an event before `position`, since a
    /// correction follows the original.
    fn duplicate(&self, rank: u64, position: u64) -> Transaction {
        let mut stream = self.duplicates.child(rank).stream();
        let before = (0..TRIES_FOR_AN_EVENT_BEFORE).find_map(|_| match self.slot(stream.bits() % position.max(1)) {
            Slot::Fresh(event) if Fate::SameDay.has(event) => Some(event),
            _ => None,
        });
        let event = before.unwrap_or_else(|| {
            let there_are = Fate::SameDay.count(self.plan.shares.fresh);
            Fate::SameDay.event(stream.bits() % there_are.max(1))
        });
        let original = self.event(&self.days[0], event);
        if stream.chance(500) {
            original
        } else {
            corrected_row(original, &mut stream)
        }
    }
}

/// The row with a different amount or status.
fn corrected_row(original: Transaction, stream: &mut Stream) -> Transaction {
    if stream.chance(600) {
        let amount = original.amount + 1 + u64::from(stream.below(1_000_000));
        Transaction { amount, ..original }
    } else {
        let approved = !original.approved;
        Transaction { approved, ..original }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::events::GeneratorEvent;
    use std::collections::HashMap;

    fn world(changes: &serde_json::Value) -> (DayOptions, World) {
        let mut event = serde_json::json!({"batch_date": "2026-01-15", "rows": 20_000});
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        let event: GeneratorEvent = serde_json::from_value(event).unwrap();
        let options = DayOptions::new(&event).unwrap();
        let world = World::new(&options);
        (options, world)
    }

    fn rows(options: &DayOptions, world: &World) -> Vec<(Slot, Row)> {
        let slot = |position| (world.slot(position), position);
        (0..options.rows)
            .map(slot)
            .map(|(slot, position)| (slot, world.row(slot, position)))
            .collect()
    }

    #[test]
    fn redelivered_rows_repeat_or_correct_what_their_own_day_delivered() {
        let rates = serde_json::json!({"late_rate": 0.1, "duplicate_rate": 0.02, "corrupt_rate": 0.01});
        let (options, today) = world(&rates);
        let mut earlier = HashMap::new();
        for date in ["2026-01-13", "2026-01-14"] {
            let mut changes = rates.clone();
            changes["batch_date"] = date.into();
            let (options, world) = world(&changes);
            for (slot, row) in rows(&options, &world) {
                if let (Slot::Fresh(_), Row::Valid(row)) = (slot, row) {
                    earlier.insert(row.id, row);
                }
            }
        }
        let (mut repeated, mut corrected_rows) = (0, 0);
        for (slot, row) in rows(&options, &today) {
            match (slot, row) {
                (Slot::Redelivered { corrected, .. }, Row::Valid(row)) => {
                    let before = earlier[&row.id];
                    assert_eq!(before != row, corrected);
                    let same_but_for_the_correction = Transaction {
                        amount: row.amount,
                        approved: row.approved,
                        ..before
                    };
                    assert_eq!(same_but_for_the_correction, row);
                    repeated += 1;
                    corrected_rows += u32::from(corrected);
                }
                (_, Row::Valid(row) | Row::Corrupt(row, _)) => assert!(!earlier.contains_key(&row.id)),
            }
        }
        assert_eq!((repeated, corrected_rows), (1000, 300));
    }

    #[test]
    fn transactions_use_cards_and_merchants_that_exist() {
        let (options, world) = world(&serde_json::json!({"late_rate": 0.1}));
        let population = &world.population;
        for (_, row) in rows(&options, &world) {
            let (Row::Valid(row) | Row::Corrupt(row, _)) = row;
            let customer = population.customer(row.customer);
            assert!(customer.since <= row.day);
            assert!((0..customer.cards).any(|index| population.card(row.customer, &customer, index).id == row.card));
            assert_eq!(population.merchant(row.merchant).category.mcc(), row.mcc);
            assert!(population.merchant(row.merchant).since <= row.day);
            assert!(row.second < 86_400 && row.amount > 0);
        }
    }

    #[test]
    fn a_refund_gives_back_at_most_what_an_earlier_day_took_from_the_same_card() {
        let (options, world) = world(&serde_json::json!({}));
        let refunds: Vec<_> = rows(&options, &world)
            .into_iter()
            .filter_map(|(_, row)| match row {
                Row::Valid(row) if row.refund => Some(row),
                _ => None,
            })
            .collect();
        assert!((200..600).contains(&refunds.len()), "{}", refunds.len());
        let mut purchases: HashMap<(u128, u32), Vec<u64>> = HashMap::new();
        for before in 1..=REFUND_DAYS.cast_signed() {
            let keys = DayKeys::new(world.seed, world.days[0].day - before);
            for event in 0..world.plan.shares.fresh {
                let event = world.event(&keys, event);
                if event.approved && !event.refund {
                    purchases
                        .entry((event.card, event.merchant))
                        .or_default()
                        .push(event.amount);
                }
            }
        }
        for refund in refunds {
            let amounts = &purchases[&(refund.card, refund.merchant)];
            assert!(amounts.iter().any(|amount| *amount >= refund.amount));
        }
    }

    #[test]
    fn bursts_are_rare_and_stay_on_one_card() {
        let (options, world) = world(&serde_json::json!({"rows": 200_000}));
        let keys = &world.days[0];
        let burst: Vec<_> = (0..options.rows)
            .filter(|event| world.burst_key(keys, *event).is_some())
            .collect();
        assert!((8..200).contains(&burst.len()), "{}", burst.len());
        let first = burst[0] / BURST_GROUP * BURST_GROUP;
        let cards: Vec<_> = (first..first + BURST_GROUP)
            .map(|event| world.event(keys, event))
            .collect();
        assert!(
            cards
                .windows(2)
                .all(|pair| pair[0].card == pair[1].card && pair[0].amount < pair[1].amount)
        );
        assert!(cards[0].approved && !cards[7].approved);
    }
}
