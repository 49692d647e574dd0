//! Expectations that are queries: a database answers them ([`crate::Database`]).

mod compare;
mod rows;
mod template;

use super::check::{Check, CheckError, Query, Rows};
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::{Outcome, ResultFormat};
use crate::table::{BuildError, Problem, Table};
use arrow::array::RecordBatch;
use compare::Comparison;
use rows::{Answer, count};
use serde_json::json;
use template::substituted;

/// Rows of an answer that are fetched, as in Great Expectations.
const MAX_ROWS: usize = 200;

/// The rows of a query have columns that no row condition knows.
fn refuse_condition(arguments: &Arguments<'_>) -> Result<(), Problem> {
    match ["row_condition", "condition_parser"].map(|name| arguments.optional(name)) {
        [None, None] => Ok(()),
        _ => Err(
            "arguments 'row_condition' and 'condition_parser' are not for queries: give the query a WHERE".to_owned(),
        ),
    }
}

/// `unexpected_rows_expectation`: a query that returns no row.
struct UnexpectedRows {
    query: String,
    found: Option<u64>,
    rows: Option<Answer>,
}

pub(super) fn unexpected_rows(arguments: &Arguments<'_>, _: &Table) -> Result<Box<dyn Check>, BuildError> {
    refuse_condition(arguments)?;
    let query = arguments.text("unexpected_rows_query")?;
    let query = query.trim_end_matches([';', ' ', '\t', '\r', '\n', '\x0b', '\x0c']);
    Ok(Box::new(UnexpectedRows {
        query: substituted("unexpected_rows_query", query)?,
        found: None,
        rows: None,
    }))
}

impl Check for UnexpectedRows {
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn update(&mut self, _: &Rows<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn next_query(&self, detail: &Detail) -> Option<Query> {
        match (self.found, &self.rows) {
            // On a line of its own: the query may end with a comment.
            (None, _) => Some(Query {
                sql: format!(
                    "SELECT COUNT(*) AS unexpected_row_count FROM ({}\n) AS substituted_batch_subquery",
                    self.query
                ),
                limit: 1,
            }),
            (Some(1..), None) if detail.format >= ResultFormat::Complete => Some(Query {
                sql: self.query.clone(),
                limit: MAX_ROWS,
            }),
            _ => None,
        }
    }

    fn answer(&mut self, batches: &[RecordBatch]) -> Result<(), Problem> {
        match self.found {
            None => self.found = Some(count(batches)?),
            Some(_) => self.rows = Some(Answer::new(batches, MAX_ROWS)?),
        }
        Ok(())
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        let found = self.found.unwrap_or(0);
        let outcome = Outcome::observed(found == 0, found);
        if detail.format < ResultFormat::Complete {
            return outcome;
        }
        let rows = self.rows.take().unwrap_or_default();
        outcome.with("details", json!({"unexpected_rows": rows.objects()}))
    }
}

/// `expect_query_results_to_match_comparison`: two queries that return the same rows, in any order.
struct MatchingQueries {
    base: String,
    comparison: String,
    mostly: f64,
    base_rows: Option<Answer>,
    comparison_rows: Option<Answer>,
}

pub(super) fn matching_queries(arguments: &Arguments<'_>, _: &Table) -> Result<Box<dyn Check>, BuildError> {
    refuse_condition(arguments)?;
    let base = substituted("base_query", arguments.text("base_query")?)?;
    // One database has all tables: the name has to be there, and decides nothing.
    arguments.text("comparison_data_source_name")?;
    Ok(Box::new(MatchingQueries {
        base,
        comparison: arguments.text("comparison_query")?.to_owned(),
        mostly: arguments.mostly()?,
        base_rows: None,
        comparison_rows: None,
    }))
}

impl Check for MatchingQueries {
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn update(&mut self, _: &Rows<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn next_query(&self, _: &Detail) -> Option<Query> {
        let sql = match (&self.base_rows, &self.comparison_rows) {
            (None, _) => &self.base,
            (_, None) => &self.comparison,
            _ => return None,
        };
        Some(Query {
            sql: sql.clone(),
            limit: MAX_ROWS,
        })
    }

    fn answer(&mut self, batches: &[RecordBatch]) -> Result<(), Problem> {
        let answer = Answer::new(batches, MAX_ROWS)?;
        match self.base_rows {
            None => self.base_rows = Some(answer),
            Some(_) => self.comparison_rows = Some(answer),
        }
        Ok(())
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        let (base, comparison) = (self.base_rows.take(), self.comparison_rows.take());
        let compared = Comparison::new(&base.unwrap_or_default(), &comparison.unwrap_or_default());
        let percent = compared.unexpected_percent();
        let outcome = Outcome::plain(100.0 - percent >= self.mostly * 100.0)
            .with("unexpected_count", compared.unexpected)
            .with("unexpected_percent", percent);
        if detail.format < ResultFormat::Complete {
            return outcome;
        }
        let details = json!({"missing_rows": compared.missing_rows, "unexpected_rows": compared.unexpected_rows});
        outcome.with("details", details)
    }
}

/// `expect_table_row_count_to_equal_other_table`. A row condition is about the rows of the validated table only.
struct SameCount {
    own: OwnCount,
    other_table: String,
    other: Option<u64>,
}

/// The rows of the validated table.
enum OwnCount {
    All(u64),
    Matching(u64),
}

pub(super) fn same_count(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let own = match arguments.optional("row_condition") {
        Some(_) => OwnCount::Matching(0),
        None => OwnCount::All(table.rows),
    };
    Ok(Box::new(SameCount {
        own,
        other_table: arguments.text("other_table_name")?.to_owned(),
        other: None,
    }))
}

impl Check for SameCount {
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn needs_rows(&self) -> bool {
        matches!(self.own, OwnCount::Matching(_))
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        if let OwnCount::Matching(count) = &mut self.own {
            *count += rows.batch.num_rows() as u64;
        }
        Ok(())
    }

    fn next_query(&self, _: &Detail) -> Option<Query> {
        let name = self.other_table.replace('"', "\"\"");
        self.other.is_none().then(|| Query {
            sql: format!("SELECT COUNT(*) FROM \"{name}\""),
            limit: 1,
        })
    }

    fn answer(&mut self, batches: &[RecordBatch]) -> Result<(), Problem> {
        self.other = Some(count(batches)?);
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        let (OwnCount::All(own) | OwnCount::Matching(own)) = self.own;
        let other = self.other.unwrap_or(0);
        Outcome::observed(own == other, json!({"self": own, "other": other}))
    }
}
