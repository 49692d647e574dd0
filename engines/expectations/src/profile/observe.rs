//! What the columns of a table hold.

use crate::evaluate::{EvaluationError, evaluate};
use crate::result::ResultFormat;
use crate::source::Source;
use crate::suite::{ExpectationConfiguration, Suite};
use crate::value::Kind;
use serde_json::{Map, Value, json};

/// Most different values that a list of them may have.
pub(super) const LISTED: u64 = 20;
/// The quantiles that are looked at.
pub(super) const QUANTILES: [f64; 5] = [0.01, 0.05, 0.5, 0.95, 0.99];

/// What a column holds.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its type, as in Arrow.
    pub(super) data_type: String,
    pub(super) present: u64,
    pub(super) missing: u64,
    /// Different values.
    pub(super) distinct: u64,
    /// Null unless values have an order.
    pub(super) minimum: Value,
    pub(super) maximum: Value,
    /// All values in order, if they are few.
    pub(super) values: Option<Vec<Value>>,
    /// [`QUANTILES`] of numbers that are many.
    pub(super) quantiles: Option<Vec<f64>>,
    /// Whether each text has a character.
    pub(super) filled: bool,
}

/// Observes all columns.
///
/// # Errors
/// A source that cannot be read.
pub(super) async fn columns(source: &dyn Source) -> Result<Vec<Observed>, EvaluationError> {
    let fields = source.schema().fields();
    let mut columns: Vec<Observed> = fields
        .iter()
        .map(|field| Observed {
            name: field.name().clone(),
            kind: Kind::of(field.data_type()),
            data_type: String::new(),
            present: 0,
            missing: 0,
            distinct: 0,
            minimum: Value::Null,
            maximum: Value::Null,
            values: None,
            quantiles: None,
            filled: false,
        })
        .collect();
    let ask = |column: &Observed| {
        let mut probes = vec![Probe::Type, Probe::Missing, Probe::Distinct];
        if has_order(column.kind) {
            probes.extend([Probe::Minimum, Probe::Maximum]);
        }
        probes
    };
    round(source, &mut columns, ask).await?;
    let ask = |column: &Observed| {
        let mut probes = Vec::new();
        let listable = matches!(column.kind, Kind::Text | Kind::Integer | Kind::Boolean);
        if listable && (1..=LISTED).contains(&column.distinct) {
            probes.push(Probe::Values);
        }
        let is_number = matches!(column.kind, Kind::Integer | Kind::Float | Kind::Decimal { .. });
        if is_number && column.distinct > 1 {
            probes.push(Probe::Quantiles);
        }
        if column.kind == Kind::Text && column.present > 0 {
            probes.push(Probe::Filled);
        }
        probes
    };
    round(source, &mut columns, ask).await?;
    Ok(columns)
}

/// Whether the least and the greatest value are of interest.
const fn has_order(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Integer | Kind::Float | Kind::Decimal { .. } | Kind::Date | Kind::Timestamp { .. }
    )
}

/// A question about a column, as an expectation whose result has the answer.
#[derive(Debug, Clone, Copy)]
enum Probe {
    Type,
    Missing,
    Distinct,
    Minimum,
    Maximum,
    Values,
    Quantiles,
    Filled,
}

impl Probe {
    fn expectation(self, column: &str) -> ExpectationConfiguration {
        let (name, more) = match self {
            Self::Type => ("column_values_to_be_of_type", json!({"type_": ""})),
            Self::Missing => ("column_values_to_not_be_null", json!({})),
            Self::Distinct => ("column_unique_value_count_to_be_between", json!({})),
            Self::Minimum => ("column_min_to_be_between", json!({})),
            Self::Maximum => ("column_max_to_be_between", json!({})),
            Self::Values => ("column_distinct_values_to_be_in_set", json!({"value_set": []})),
            Self::Quantiles => {
                let ranges =
                    json!({"quantiles": QUANTILES, "value_ranges": QUANTILES.map(|_| [Value::Null, Value::Null])});
                (
                    "column_quantile_values_to_be_between",
                    json!({"quantile_ranges": ranges}),
                )
            }
            Self::Filled => ("column_value_lengths_to_be_between", json!({"min_value": 1})),
        };
        let mut kwargs = Map::from_iter([("column".to_owned(), Value::from(column))]);
        kwargs.extend(more.as_object().cloned().unwrap_or_default());
        ExpectationConfiguration::new(format!("expect_{name}"), kwargs)
    }

    /// Takes the answer from a result.
    fn note(self, column: &mut Observed, success: bool, result: &Map<String, Value>) {
        let observed = || result.get("observed_value").cloned().unwrap_or_default();
        let count = |name: &str| result.get(name).and_then(Value::as_u64).unwrap_or(0);
        match self {
            Self::Type => observed()
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut column.data_type),
            Self::Missing => {
                column.missing = count("unexpected_count");
                column.present = count("element_count") - column.missing;
            }
            Self::Distinct => column.distinct = observed().as_u64().unwrap_or(0),
            Self::Minimum => column.minimum = observed(),
            Self::Maximum => column.maximum = observed(),
            Self::Values => column.values = result.get("partial_unexpected_list").and_then(Value::as_array).cloned(),
            Self::Quantiles => {
                let values = observed().get("values").and_then(Value::as_array).cloned();
                column.quantiles = values.and_then(|values| values.iter().map(Value::as_f64).collect());
            }
            Self::Filled => column.filled = success,
        }
    }
}

/// Asks questions about all columns at once.
async fn round(
    source: &dyn Source,
    columns: &mut [Observed],
    ask: impl Fn(&Observed) -> Vec<Probe>,
) -> Result<(), EvaluationError> {
    let asked: Vec<(usize, Probe)> = columns
        .iter()
        .enumerate()
        .flat_map(|(place, column)| ask(column).into_iter().map(move |probe| (place, probe)))
        .collect();
    let expectations = asked
        .iter()
        .map(|(place, probe)| probe.expectation(&columns[*place].name));
    let suite = Suite {
        name: String::new(),
        expectations: expectations.collect(),
        suite_parameters: Map::new(),
        meta: Map::new(),
    };
    let result = evaluate(&suite, source, ResultFormat::Basic, Map::new()).await?;
    for ((place, probe), result) in asked.into_iter().zip(&result.results) {
        probe.note(&mut columns[place], result.success, &result.result);
    }
    Ok(())
}
