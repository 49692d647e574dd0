//! Spending behaviour: distributions of amounts, hours, categories and channels.
//!
//! Integer arithmetic only, so that every machine draws the same amounts.

use crate::random::Stream;

/// Merchant categories, in the order of the tables below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Category {
    Grocery,
    Restaurant,
    Retail,
    Taxi,
    Hotel,
}

impl Category {
    pub(crate) const ALL: [Self; 5] = [Self::Grocery, Self::Restaurant, Self::Retail, Self::Taxi, Self::Hotel];

    /// ISO 18245 code.
    pub(crate) const fn mcc(self) -> &'static str {
        ["5411", "5812", "5999", "4121", "7011"][self as usize]
    }

    /// Median amount of a purchase, in hundredths of a won.
    const fn typical_amount(self) -> u64 {
        [2_600_000, 1_900_000, 4_200_000, 950_000, 16_000_000][self as usize]
    }

    /// Category of a merchant, from a random byte.
    pub(crate) const fn of_merchant(byte: u8) -> Self {
        match byte {
            0..=71 => Self::Grocery,
            72..=155 => Self::Restaurant,
            156..=211 => Self::Retail,
            212..=239 => Self::Taxi,
            240..=255 => Self::Hotel,
        }
    }
}

/// Customer segments, in the order of the tables below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment {
    Mass,
    Affluent,
    Premium,
    Student,
    Business,
}

impl Segment {
    pub(crate) const fn name(self) -> &'static str {
        ["mass", "affluent", "premium", "student", "business"][self as usize]
    }

    /// Segment of a customer, from a random byte.
    pub(crate) const fn of_customer(byte: u8) -> Self {
        match byte {
            0..=133 => Self::Mass,
            134..=179 => Self::Affluent,
            180..=191 => Self::Premium,
            192..=231 => Self::Student,
            232..=255 => Self::Business,
        }
    }

    /// Affinity to a category, in 256ths.
    pub(crate) const fn affinity(self, category: Category) -> u32 {
        [
            [256, 190, 160, 80, 20],
            [190, 256, 210, 130, 70],
            [140, 256, 230, 160, 150],
            [150, 256, 140, 190, 8],
            [40, 220, 60, 256, 190],
        ][self as usize][category as usize]
    }

    /// Spending level of the segment, in thousandths.
    const fn spending(self) -> u64 {
        [1000, 1600, 3100, 550, 2200][self as usize]
    }

    /// Activity on a weekday or at the weekend, in 16ths.
    pub(crate) const fn weekly(self, weekend: bool) -> u32 {
        let [weekday, at_weekend] = [[12, 16], [12, 16], [13, 15], [14, 13], [16, 4]][self as usize];
        if weekend { at_weekend } else { weekday }
    }

    /// Scale of the lifetime of customers who churn, in days.
    pub(crate) const fn loyalty_days(self) -> u32 {
        [700, 1000, 1400, 350, 900][self as usize]
    }
}

/// Channels, as the contract names them.
pub(crate) const CHANNELS: [&str; 3] = ["pos", "online", "mobile"];

/// Channel of a purchase: an index into [`CHANNELS`]. Digital customers pay half as often at a point of sale.
pub(crate) fn channel(category: Category, digital: bool, stream: &mut Stream) -> u8 {
    let [pos, online] = match category {
        Category::Grocery => [780, 120],
        Category::Restaurant => [700, 60],
        Category::Retail => [380, 430],
        Category::Taxi => [350, 50],
        Category::Hotel => [300, 620],
    };
    let pos = if digital { pos / 2 } else { pos };
    match stream.below(1000) {
        draw if draw < pos => 0,
        draw if draw < pos + online => 1,
        _ => 2,
    }
}

/// Multiples of the median, in thousandths, at 65 equidistant quantiles of a log-normal distribution with sigma 0.6.
const SPREAD: [u64; 65] = [
    204, 275, 327, 366, 398, 427, 453, 478, 501, 524, 546, 567, 587, 608, 628, 647, 667, 687, 706, 726, 746, 766, 786,
    806, 826, 847, 867, 888, 910, 932, 954, 977, 1000, 1024, 1048, 1073, 1099, 1126, 1153, 1181, 1211, 1241, 1273,
    1306, 1341, 1377, 1415, 1456, 1499, 1545, 1593, 1646, 1703, 1765, 1833, 1909, 1994, 2092, 2205, 2341, 2510, 2733,
    3058, 3641, 4910,
];

/// Amount in hundredths of a won: median of the category and segment, times the customer's `level` in thousandths, times a
/// random spread.
pub(crate) const fn amount(category: Category, segment: Segment, level: u64, stream: &mut Stream) -> u64 {
    let draw = stream.below(1 << 16);
    let (step, fraction) = ((draw >> 10) as usize, (draw & 0x3FF) as u64);
    let spread = SPREAD[step] + (SPREAD[step + 1] - SPREAD[step]) * fraction / 1024;
    let amount = category.typical_amount() * segment.spending() / 1000 * level / 1000 * spread / 1000;
    if amount < 100 { 100 } else { amount }
}

/// Number of daily activity profiles.
pub(crate) const SHAPES: usize = 4;

/// Weight of each hour for office workers, evening shoppers, night owls and people at home; then the weekend.
const HOUR_WEIGHTS: [[u32; 24]; SHAPES + 1] = [
    [
        1, 1, 0, 0, 0, 1, 4, 12, 14, 6, 5, 12, 30, 18, 7, 6, 8, 14, 30, 28, 20, 12, 6, 2,
    ],
    [
        2, 1, 1, 0, 0, 0, 2, 5, 7, 5, 5, 8, 14, 10, 7, 7, 9, 14, 24, 32, 34, 28, 16, 6,
    ],
    [
        20, 18, 14, 9, 5, 2, 1, 1, 2, 3, 4, 6, 10, 10, 9, 9, 10, 11, 14, 18, 22, 26, 28, 26,
    ],
    [
        1, 0, 0, 0, 0, 1, 3, 6, 12, 20, 26, 24, 18, 16, 20, 22, 20, 16, 12, 9, 6, 4, 2, 1,
    ],
    [
        3, 2, 1, 1, 0, 0, 1, 3, 6, 11, 17, 22, 26, 24, 22, 21, 20, 20, 22, 22, 18, 13, 9, 5,
    ],
];

/// Hour of each random byte.
static HOURS: [[u8; 256]; SHAPES + 1] = hours();

const fn hours() -> [[u8; 256]; SHAPES + 1] {
    let mut table = [[0; 256]; SHAPES + 1];
    let mut shape = 0;
    while shape <= SHAPES {
        let weights = HOUR_WEIGHTS[shape];
        let (mut total, mut hour) = (0, 0);
        while hour < 24 {
            total += weights[hour];
            hour += 1;
        }
        let (mut byte, mut reached) = (0, weights[0]);
        hour = 0;
        while byte < 256 {
            while (byte as u32) * total >= reached * 256 {
                hour += 1;
                reached += weights[hour];
            }
            table[shape][byte] = hour as u8;
            byte += 1;
        }
        shape += 1;
    }
    table
}

/// Second of the day for a profile. At weekends half of the draws use the weekend profile.
pub(crate) fn second_of_day(shape: usize, weekend: bool, stream: &mut Stream) -> u32 {
    let bits = stream.bits();
    let shape = if weekend && bits & 0x100 == 0 { SHAPES } else { shape };
    let hour = u32::from(HOURS[shape][(bits & 0xFF) as usize]);
    hour * 3600 + crate::random::scale(bits, 3600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn hours_follow_the_weights() {
        let count = |shape: usize, hour: u8| HOURS[shape].iter().filter(|each| **each == hour).count();
        assert_eq!(count(0, 3), 0, "office people sleep at three");
        assert!(count(2, 3) > 0, "night owls do not");
        assert!(count(0, 12) > 4 * count(0, 9));
        for shape in &HOURS {
            assert!(shape.is_sorted() && shape[255] < 24);
        }
    }

    #[test]
    fn seconds_stay_inside_the_day() {
        let mut stream = Key::new(1).stream();
        assert!((0..10_000).all(|index| second_of_day(index % SHAPES, index % 2 == 0, &mut stream) < 86_400));
    }

    #[test]
    fn premium_customers_pay_more_and_hotels_cost_more() {
        let mean = |category, segment| {
            let mut stream = Key::new(7).stream();
            (0..1000)
                .map(|_| amount(category, segment, 1000, &mut stream))
                .sum::<u64>()
                / 1000
        };
        assert!(mean(Category::Retail, Segment::Premium) > 2 * mean(Category::Retail, Segment::Mass));
        assert!(mean(Category::Hotel, Segment::Mass) > 5 * mean(Category::Taxi, Segment::Mass));
    }
}
