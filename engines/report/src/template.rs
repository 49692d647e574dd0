//! Templates: the texts and the SQL of definitions, rendered by minijinja.
//!
//! SQL has `ref('name')` and `batch_date`, nothing else. Texts have the variables of their place and the filters `compact`,
//! `grouped`, `percent`, `fixed`, `date` and `listing` beside minijinja's own. Both are strict: an undefined variable is
//! an error.

use crate::relation::Relation;
use crate::table;
use crate::text;
use chrono::NaiveDate;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The date that the page is about, as `2026-01-15`.
pub(crate) const BATCH_DATE: &str = "batch_date";
/// In queries of the explorer's details: the condition that the page's filters make.
pub(crate) const FILTERS: &str = "filters";
/// What SQL can use.
pub(crate) const SQL_VARIABLES: [&str; 2] = ["ref", BATCH_DATE];
/// Names that page-wide values cannot have.
pub(crate) const VARIABLES: [&str; 7] = [BATCH_DATE, "ref", "rows", "points", "row", "name", "value"];

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // Messages name what was undefined in an optimized build, too.
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The page escapes.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment
}

/// The environment of texts.
pub(crate) fn texts() -> Environment<'static> {
    let mut environment = environment();
    environment.add_filter("compact", |value: Value| {
        number(&value).map(|number| number.map_or_else(String::new, text::compact))
    });
    environment.add_filter("percent", |value: Value, digits: Option<usize>| {
        let digits = digits.unwrap_or(1);
        number(&value).map(|share| share.map_or_else(String::new, |share| text::percent(share, digits)))
    });
    environment.add_filter("fixed", |value: Value, digits: usize| {
        number(&value).map(|number| number.map_or_else(String::new, |number| format!("{number:.digits$}")))
    });
    environment.add_filter("grouped", |value: Value| match value.kind() {
        ValueKind::None => String::new(),
        // 7.0 is written 7.
        ValueKind::Number => {
            let number = f64::try_from(value.clone()).map(|number| number.to_string());
            text::grouped(&number.unwrap_or_else(|_| value.to_string()))
        }
        _ => text::grouped(&value.to_string()),
    });
    environment.add_filter("date", date);
    environment.add_filter("listing", listing);
    environment
}

/// The number that a value is or spells; `None` for NULL.
fn number(value: &Value) -> Result<Option<f64>, Error> {
    let number = match value.kind() {
        ValueKind::None => return Ok(None),
        ValueKind::Undefined => return Err(failed("undefined value".to_owned())),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => value.as_str().and_then(|text| text.parse().ok()),
    };
    let number = number.ok_or_else(|| failed(format!("'{value}' is not a number")))?;
    Ok(Some(number))
}

/// `{{ day | date('%-d %b') }}`.
fn date(value: &str, format: &str) -> Result<String, Error> {
    let date: NaiveDate = value
        .parse()
        .map_err(|error| failed(format!("'{value}' is not a date: {error}")))?;
    let mut text = String::new();
    let written = write!(text, "{}", date.format(format));
    written.map_err(|_| failed(format!("'{format}' is not a date format")))?;
    Ok(text)
}

/// `{{ points | listing }}`.
fn listing(points: &Value) -> Result<String, Error> {
    let mut items = Vec::new();
    for point in points.try_iter()? {
        items.push((
            point.get_attr("label")?.to_string(),
            point.get_attr("text")?.to_string(),
        ));
    }
    Ok(text::listing(items.iter().map(|(label, text)| (&**label, &**text))))
}

fn failed(problem: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem)
}

/// A value of a result, for templates: decimals, which warehouses deliver as text, are numbers.
pub(crate) fn value(value: &table::Value) -> Value {
    match value {
        table::Value::Null => Value::from(()),
        table::Value::Integer(number) => Value::from(*number),
        table::Value::Double(number) => Value::from(*number),
        table::Value::Boolean(truth) => Value::from(*truth),
        table::Value::Text(text) if text::decimal(text).is_some() => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(text.as_str()),
        },
        table::Value::Text(text) => Value::from(text.as_str()),
    }
}

/// Renders SQL; `None` if it needs a relation that is left out.
pub(crate) fn sql(
    template: &str,
    batch_date: NaiveDate,
    relation: &dyn Fn(&str) -> Relation,
) -> Result<Option<String>, String> {
    filtered_sql(template, batch_date, None, relation)
}

/// As [`sql`], with the condition of the filters.
pub(crate) fn filtered_sql(
    template: &str,
    batch_date: NaiveDate,
    filters: Option<&str>,
    relation: &dyn Fn(&str) -> Relation,
) -> Result<Option<String>, String> {
    // Which relations are needed is known after rendering once.
    let names = Arc::new(Mutex::new(BTreeSet::new()));
    let collected = Arc::clone(&names);
    render_sql(template, batch_date, filters, move |name| {
        collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned());
        name.to_owned()
    })?;
    let names = std::mem::take(&mut *names.lock().unwrap_or_else(PoisonError::into_inner));
    let mut known = BTreeMap::new();
    for name in names {
        match relation(&name) {
            Relation::Known(sql) => known.insert(name, sql),
            Relation::LeftOut => return Ok(None),
            Relation::Unknown => return Err(format!("ref('{name}'): there is no model of that name")),
        };
    }
    let resolved = move |name: &str| known.get(name).cloned().unwrap_or_default();
    render_sql(template, batch_date, filters, resolved).map(Some)
}

fn render_sql(
    template: &str,
    batch_date: NaiveDate,
    filters: Option<&str>,
    relation: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<String, String> {
    let mut environment = environment();
    environment.add_function("ref", move |name: &str| relation(name));
    let mut variables = BTreeMap::from([(BATCH_DATE, batch_date.to_string())]);
    variables.extend(filters.map(|filters| (FILTERS, filters.to_owned())));
    let rendered = environment.render_str(template, variables);
    rendered
        .map(|sql| sql.trim().to_owned())
        .map_err(|error| explain(&error))
}

/// Variables and functions that SQL uses.
pub(crate) fn variables_of_sql(text: &str) -> Result<BTreeSet<String>, Error> {
    undeclared(&environment(), text)
}

/// Variables and functions that a text uses.
pub(crate) fn variables_of_text(text: &str) -> Result<BTreeSet<String>, Error> {
    undeclared(&texts(), text)
}

/// Variables and functions that an expression uses.
pub(crate) fn variables_of_expression(text: &str) -> Result<BTreeSet<String>, Error> {
    let environment = texts();
    let expression = environment.compile_expression(text)?;
    Ok(expression.undeclared_variables(false).into_iter().collect())
}

fn undeclared(environment: &Environment<'_>, text: &str) -> Result<BTreeSet<String>, Error> {
    let template = environment.template_from_str(text)?;
    let known = environment
        .globals()
        .map(|(name, _)| name.to_owned())
        .collect::<BTreeSet<_>>();
    let used = template.undeclared_variables(false).into_iter();
    Ok(used.filter(|name| !known.contains(name)).collect())
}

/// An error with its causes, in one line and without the name of the template, which is none of the user's.
pub(crate) fn explain(error: &Error) -> String {
    let mut problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        problem = format!("{problem}: {cause}");
        source = cause.source();
    }
    problem
}
