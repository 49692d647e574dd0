//! Whether numbers lie far from the others of their column. One pass (five for quartiles) describes the column, another one
//! judges its values.

use super::check::{Check, CheckError, Rows};
use super::quantiles::Selection;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use arrow::array::BooleanArray;

/// Count, mean and squared deviations by Welford's method.
#[derive(Debug, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.count as f64;
        self.squares += deviation * (value - self.mean);
    }

    /// Mean and standard deviation; `None` where there is none: with fewer than two values, or with infinite ones.
    fn finish(&self) -> Option<(f64, f64)> {
        let deviation = (self.squares / (self.count.checked_sub(1).filter(|count| *count > 0)?) as f64).sqrt();
        (self.mean.is_finite() && deviation.is_finite()).then_some((self.mean, deviation))
    }
}

/// Statistics of the column.
enum Description {
    Moments(Moments),
    Quartiles(Selection),
}

/// Definition of an outlier.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Standard deviations above the mean; below it, too, if `both`.
    ZScore { threshold: f64, both: bool },
    /// Standard deviations from the mean.
    Deviations(f64),
    /// Distances between the quartiles, outside of them.
    Quartiles(f64),
}

/// The values that are expected.
#[derive(Debug, Clone, Copy)]
enum Window {
    /// All, since the column cannot be described.
    Everything,
    ZScore {
        mean: f64,
        deviation: f64,
        threshold: f64,
        both: bool,
    },
    Around(f64, f64),
    Between(f64, f64),
}

impl Window {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Everything => true,
            Self::ZScore {
                mean,
                deviation,
                threshold,
                both,
            } => {
                let score = (value - mean) / deviation;
                // All values are the same: none is far from the others.
                let undefined = deviation == 0.0 || score.is_nan();
                undefined
                    || if both {
                        score.abs() < threshold.abs()
                    } else {
                        score < threshold
                    }
            }
            Self::Around(center, distance) if distance <= 0.0 => value == center,
            Self::Around(center, distance) => (value - center).abs() < distance,
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }
}

struct Outliers {
    column: String,
    rule: Rule,
    description: Description,
    /// Known once the column is described.
    window: Option<Window>,
    mostly: f64,
    tally: Tally,
}

impl Outliers {
    fn window(&self) -> Window {
        let window = match (&self.description, self.rule) {
            (Description::Moments(moments), Rule::ZScore { threshold, both }) => {
                moments.finish().map(|(mean, deviation)| Window::ZScore {
                    mean,
                    deviation,
                    threshold,
                    both,
                })
            }
            (Description::Moments(moments), Rule::Deviations(times) | Rule::Quartiles(times)) => moments
                .finish()
                .map(|(mean, deviation)| Window::Around(mean, times * deviation)),
            (Description::Quartiles(selection), Rule::Quartiles(times) | Rule::Deviations(times)) => {
                match *selection.values() {
                    [first, third] if first.is_finite() && third.is_finite() => {
                        let distance = times * (third - first);
                        Some(Window::Between(first - distance, third + distance))
                    }
                    _ => None,
                }
            }
            (Description::Quartiles(_), Rule::ZScore { .. }) => None,
        };
        window.unwrap_or(Window::Everything)
    }
}

impl Check for Outliers {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        let count = rows.batch.num_rows();
        let Some(window) = self.window else {
            match &mut self.description {
                Description::Quartiles(selection) => selection.update(rows)?,
                Description::Moments(moments) => {
                    let present = (0..count).filter(|row| !column.is_null(*row));
                    present.for_each(|row| moments.add(column.number(row)));
                }
            }
            return Ok(());
        };
        let verdict = |row| (!column.is_null(row)).then(|| !window.holds(column.number(row)));
        let verdicts: BooleanArray = (0..count).map(verdict).collect();
        self.tally
            .add_verdicts(&verdicts, &rows.positions, |row| column.json(row));
        Ok(())
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        if self.window.is_some() {
            return Ok(false);
        }
        let described = match &mut self.description {
            Description::Quartiles(selection) => !selection.next_pass(),
            Description::Moments(_) => true,
        };
        if described {
            self.window = Some(self.window());
        }
        Ok(true)
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        self.tally.outcome(self.mostly, true, detail)
    }
}

fn boxed(arguments: &Arguments<'_>, table: &Table, rule: Rule) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.number(&column)?;
    let description = match rule {
        Rule::Quartiles(_) => Description::Quartiles(Selection::linear(column.clone(), vec![0.25, 0.75])),
        Rule::ZScore { .. } | Rule::Deviations(_) => Description::Moments(Moments::default()),
    };
    Ok(Box::new(Outliers {
        column,
        rule,
        description,
        window: None,
        mostly: arguments.mostly()?,
        tally: Tally::default(),
    }))
}

pub(super) fn z_scores(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let Some(threshold) = arguments.number("threshold")? else {
        return Err("argument 'threshold' is missing: give a number".to_owned().into());
    };
    let both = arguments.flag("double_sided")?;
    boxed(arguments, table, Rule::ZScore { threshold, both })
}

pub(super) fn none(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let multiplier = arguments.number("multiplier")?.unwrap_or(1.5);
    let rule = match arguments.optional_text("method")? {
        None | Some("iqr") => Rule::Quartiles(multiplier),
        Some("std") => Rule::Deviations(multiplier),
        Some(other) => return Err(format!("argument 'method' is '{other}': give iqr or std").into()),
    };
    boxed(arguments, table, rule)
}
