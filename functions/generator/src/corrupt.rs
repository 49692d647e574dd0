//! Rows that break the contract, each in a known way.
//!
//! Broken rows take the [`Corruption`]s in turn, so a day with enough of them has every one.

use crate::calendar;
use crate::random::Key;
use crate::record::{TransactionWriter, Value, push_record};
use crate::transaction::Transaction;
use cardlake_shared::events::FileFormat;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Corruption {
    /// `transaction_id` is no UUID.
    TransactionIdMalformed,
    /// There is no `transaction_id`.
    TransactionIdMissing,
    /// `customer_id` does not match its pattern.
    CustomerIdMalformed,
    /// `card_id` is no UUID.
    CardIdMalformed,
    /// There is no `merchant_id`.
    MerchantIdMissing,
    /// `txn_ts` is no time of any calendar.
    TimestampMalformed,
    /// There is no `txn_ts`.
    TimestampMissing,
    /// The event happened before the late window.
    TooLate,
    /// The event happens after the future tolerance.
    InFuture,
    /// `amount` is no number.
    AmountMalformed,
    /// `amount` is below zero.
    AmountNegative,
    /// `amount` has more digits than the type holds.
    AmountTooLarge,
    /// There is no `amount`.
    AmountMissing,
    /// `currency` is not one of those allowed.
    CurrencyUnknown,
    /// `mcc` is not one of those allowed.
    MccUnknown,
    /// `status` is not one of those allowed.
    StatusUnknown,
    /// `is_refund` is neither true nor false.
    RefundMalformed,
    /// `channel` is not one of those allowed.
    ChannelUnknown,
    /// The line ends in the middle: no JSON object, too few CSV fields.
    LineTruncated,
}

impl Corruption {
    /// All of them, in the order in which broken rows take them.
    pub const ALL: [Self; 19] = [
        Self::TransactionIdMalformed,
        Self::AmountMalformed,
        Self::StatusUnknown,
        Self::TimestampMalformed,
        Self::TransactionIdMissing,
        Self::TooLate,
        Self::ChannelUnknown,
        Self::LineTruncated,
        Self::AmountNegative,
        Self::InFuture,
        Self::CustomerIdMalformed,
        Self::CurrencyUnknown,
        Self::MerchantIdMissing,
        Self::MccUnknown,
        Self::CardIdMalformed,
        Self::AmountMissing,
        Self::RefundMalformed,
        Self::AmountTooLarge,
        Self::TimestampMissing,
    ];

    /// The corruption of the broken row of this number.
    #[must_use]
    pub fn of_row(number: u64) -> Self {
        let count = Self::ALL.len() as u64;
        Self::ALL[(number % count) as usize]
    }

    /// Its name in counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransactionIdMalformed => "transaction_id_malformed",
            Self::TransactionIdMissing => "transaction_id_missing",
            Self::CustomerIdMalformed => "customer_id_malformed",
            Self::CardIdMalformed => "card_id_malformed",
            Self::MerchantIdMissing => "merchant_id_missing",
            Self::TimestampMalformed => "txn_ts_malformed",
            Self::TimestampMissing => "txn_ts_missing",
            Self::TooLate => "txn_ts_too_late",
            Self::InFuture => "txn_ts_in_future",
            Self::AmountMalformed => "amount_malformed",
            Self::AmountNegative => "amount_negative",
            Self::AmountTooLarge => "amount_too_large",
            Self::AmountMissing => "amount_missing",
            Self::CurrencyUnknown => "currency_unknown",
            Self::MccUnknown => "mcc_unknown",
            Self::StatusUnknown => "status_unknown",
            Self::RefundMalformed => "is_refund_malformed",
            Self::ChannelUnknown => "channel_unknown",
            Self::LineTruncated => "line_truncated",
        }
    }
}

/// Writes a valid row, broken in the given way.
pub(crate) fn push_corrupt(
    out: &mut Vec<u8>,
    writer: &TransactionWriter,
    format: FileFormat,
    row: &Transaction,
    corruption: Corruption,
) {
    let mut stream = Key::new(row.id as u64).stream();
    let mut row = *row;
    match corruption {
        // One day beyond the contract's windows is the interesting case, so it is the most frequent one.
        Corruption::TooLate => row.day -= 3 + (stream.below(2) * stream.below(28)).cast_signed(),
        Corruption::InFuture => row.day += 2 + (stream.below(2) * stream.below(28)).cast_signed(),
        _ => {}
    }
    let mut fields = writer.record(&row);
    let text = |text: &str| Value::Text(text.to_owned());
    let one_of = |values: &[&str], draw: u32| text(values[draw as usize % values.len()]);
    let draw = stream.below(1 << 16);
    let missing = if draw.is_multiple_of(2) {
        Value::Absent
    } else {
        Value::Null
    };
    let change = match corruption {
        Corruption::TransactionIdMalformed => Some((0, malformed_uuid(&fields[0].1, draw))),
        Corruption::TransactionIdMissing => Some((0, missing)),
        Corruption::CustomerIdMalformed => Some((1, one_of(&["CUS12", "C1884", "cus 1884", "1884"], draw))),
        Corruption::CardIdMalformed => Some((2, malformed_uuid(&fields[2].1, draw))),
        Corruption::MerchantIdMissing => Some((3, missing)),
        Corruption::TimestampMalformed => {
            let date = calendar::date_text(row.day);
            let date = String::from_utf8_lossy(&date).into_owned();
            let texts = [
                "2026-02-30 12:00:00".to_owned(),
                format!("{date} 25:61:00"),
                "yesterday".to_owned(),
                format!("{} 12:00", date.replace('-', ".")),
            ];
            Some((4, Value::Text(texts[draw as usize % 4].clone())))
        }
        Corruption::TimestampMissing => Some((4, missing)),
        Corruption::AmountMalformed => Some((5, one_of(&["N/A", "12.3.4", "1e", "twelve", "--5"], draw))),
        Corruption::AmountNegative => match &fields[5].1 {
            Value::Bare(amount) => Some((5, Value::Bare(format!("-{amount}")))),
            _ => None,
        },
        Corruption::AmountTooLarge => Some((5, text("123456789012345678901.00"))),
        Corruption::AmountMissing => Some((5, missing)),
        Corruption::CurrencyUnknown => Some((6, one_of(&["XXX", "KR", "WON"], draw))),
        Corruption::MccUnknown => Some((7, one_of(&["0000", "99999", "54I1"], draw))),
        Corruption::StatusUnknown => Some((8, one_of(&["pending", "aproved", "ok"], draw))),
        Corruption::RefundMalformed => Some((9, one_of(&["maybe", "2", "ja"], draw))),
        Corruption::ChannelUnknown => Some((10, one_of(&["fax", "on-line", "atm"], draw))),
        Corruption::TooLate | Corruption::InFuture | Corruption::LineTruncated => None,
    };
    if let Some((index, value)) = change {
        fields[index].1 = value;
    }
    let start = out.len();
    push_record(out, format, &fields);
    if corruption == Corruption::LineTruncated {
        // In CSV the cut falls behind the sixth field at the latest, so that required ones are gone.
        let cut = start + 40 + (draw % 60) as usize;
        out.truncate(cut);
        out.push(b'\n');
    }
}

/// A UUID that is cut, lengthened, or holds a letter that is no digit.
fn malformed_uuid(value: &Value, draw: u32) -> Value {
    let Value::Text(uuid) = value else {
        return Value::Absent;
    };
    Value::Text(match draw % 3 {
        0 => uuid[..uuid.len() - 4].to_owned(),
        1 => format!("{uuid}0"),
        _ => uuid.replacen('-', "-g", 1)[..uuid.len()].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn row() -> Transaction {
        Transaction {
            id: 0x1111_2222_3333_4444_8555_6666_7777_8888,
            customer: 884,
            card: 0x2222_2222_3333_4444_8555_6666_7777_8888,
            merchant: 18,
            day: 20_468,
            second: 14_925,
            amount: 3_468_307,
            mcc: "4121",
            approved: true,
            refund: false,
            channel: 0,
        }
    }

    #[test]
    fn every_corruption_has_its_turn_and_a_name_of_its_own() {
        let turns: HashSet<_> = (0..19).map(Corruption::of_row).collect();
        let names: HashSet<_> = Corruption::ALL.map(Corruption::name).into_iter().collect();
        assert_eq!((turns.len(), names.len()), (19, 19));
    }

    #[test]
    fn every_corruption_changes_the_row_and_keeps_it_on_one_line() {
        for format in [FileFormat::Jsonl, FileFormat::Csv] {
            let mut writer = TransactionWriter::new(format, 20_468, None);
            for corruption in Corruption::ALL {
                let (mut valid, mut broken) = (Vec::new(), Vec::new());
                writer.push(&mut valid, &row());
                push_corrupt(&mut broken, &writer, format, &row(), corruption);
                assert_ne!(valid, broken, "{corruption:?}");
                assert_eq!(
                    broken.iter().filter(|byte| **byte == b'\n').count(),
                    1,
                    "{corruption:?}"
                );
                if format == FileFormat::Jsonl {
                    let is_object = serde_json::from_slice::<serde_json::Value>(&broken).is_ok();
                    assert_eq!(is_object, corruption != Corruption::LineTruncated, "{corruption:?}");
                }
            }
        }
    }
}
