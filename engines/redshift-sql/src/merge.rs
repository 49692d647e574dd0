//! MERGE, with Redshift's restrictions.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Expr, Merge, MergeAction, MergeClauseKind, MergeInsertKind, MergeUpdateKind,
    Statement, TableFactor,
};
use sqlparser::tokenizer::TokenWithSpan;

use crate::error::SqlError;
use crate::lex::{self, word};
use crate::rewrite;
use crate::syntax;

/// The statements of a MERGE, to be run in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    /// What takes the place of the statements while no row of the source matches: an INSERT takes half the time.
    pub unmatched: Option<UnmatchedMerge>,
    /// A query of the source alone that returns a row if several of its rows could match the same row of the target; if it
    /// returns none, [`Self::check`] need not be asked. `None`: only the check tells.
    pub repeats: Option<String>,
    /// A query that returns a row if a row of the target matches several rows of the source.
    pub check: Option<String>,
    /// Statements that change rows; their counts add up.
    pub statements: Vec<String>,
}

/// A MERGE whose source matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedMerge {
    /// A query that returns a row if some row matches.
    pub matches: String,
    /// The INSERT of the whole source.
    pub insert: String,
}

/// Redshift's error for a target row that matches several source rows.
pub const MULTIPLE_MATCHES: &str = "Found multiple matches to update the same tuple.";

/// Reads a MERGE statement.
pub(crate) fn parse(tokens: &[TokenWithSpan], database: &str) -> Result<MergePlan, SqlError> {
    if let [head @ .., remove, duplicates] = tokens
        && word(remove) == Some("remove")
        && word(duplicates) == Some("duplicates")
    {
        return remove_duplicates(head, database);
    }
    let mut statement = syntax::ast(tokens)?;
    if let Statement::Merge(merge) = &statement {
        check(merge)?;
    }
    rewrite::statement(&mut statement, database)?;
    let Statement::Merge(merge) = &statement else {
        return Err(SqlError::Syntax("expected a MERGE statement".to_owned()));
    };
    let TableFactor::Table { name: target, .. } = &merge.table else {
        return Err(SqlError::Syntax("the target of MERGE must be a table".to_owned()));
    };
    let target = target.to_string();
    // DuckDB would apply all the matches, one after the other.
    let check = format!(
        "SELECT 1 FROM {target} JOIN {source} ON {on} GROUP BY {target}.rowid HAVING count(*) > 1 LIMIT 1",
        source = merge.source,
        on = merge.on,
    );
    Ok(MergePlan {
        unmatched: unmatched(merge, &target),
        repeats: repeats(merge),
        check: Some(check),
        statements: vec![statement.to_string()],
    })
}

fn unmatched(merge: &Merge, target: &str) -> Option<UnmatchedMerge> {
    let insert = merge.clauses.iter().find_map(|clause| match &clause.action {
        MergeAction::Insert(insert) => Some(insert),
        _ => None,
    })?;
    let MergeInsertKind::Values(values) = &insert.kind else {
        return None;
    };
    let [values] = values.rows.as_slice() else { return None };
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    // A default has a place among VALUES only.
    if values.iter().any(|value| value.eq_ignore_ascii_case("default")) {
        return None;
    }
    let columns: Vec<String> = insert.columns.iter().map(ToString::to_string).collect();
    let columns = if columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", columns.join(", "))
    };
    let (source, on) = (&merge.source, &merge.on);
    Some(UnmatchedMerge {
        matches: format!("SELECT 1 FROM {target} JOIN {source} ON {on} LIMIT 1"),
        insert: format!(
            "INSERT INTO {target}{columns} SELECT {} FROM {source}",
            values.join(", ")
        ),
    })
}

/// The source's columns that equal columns of the target decide what a row matches: while none of their values repeats, no row of the
/// target matches twice, whatever else the condition says.
fn repeats(merge: &Merge) -> Option<String> {
    let TableFactor::Table { name, alias, .. } = &merge.source else {
        return None;
    };
    let source = match alias {
        Some(alias) => &alias.name.value,
        None => &name.0.last()?.as_ident()?.value,
    };
    let mut keys = BTreeSet::new();
    add_keys(&merge.on, source, &mut keys);
    if keys.is_empty() {
        return None;
    }
    let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!(
        "SELECT 1 FROM {} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1",
        merge.source
    ))
}

/// Columns of the source that a conjunction compares for equality with columns of another relation.
fn add_keys(condition: &Expr, source: &str, keys: &mut BTreeSet<String>) {
    match condition {
        Expr::Nested(inner) => add_keys(inner, source, keys),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            add_keys(left, source, keys);
            add_keys(right, source, keys);
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => {
            let is_of_source = |column: &Expr| match column {
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [.., relation, _] => Some(relation.value.eq_ignore_ascii_case(source)),
                    _ => None,
                },
                _ => None,
            };
            match (is_of_source(left), is_of_source(right)) {
                (Some(true), Some(false)) => keys.insert(left.to_string()),
                (Some(false), Some(true)) => keys.insert(right.to_string()),
                _ => false,
            };
        }
        _ => {}
    }
}

fn check(merge: &Merge) -> Result<(), SqlError> {
    match &merge.table {
        TableFactor::Table { alias: None, .. } => {}
        TableFactor::Table { alias: Some(alias), .. } => {
            return Err(SqlError::Syntax(format!(
                "the target of MERGE takes no alias, found {}",
                alias.name
            )));
        }
        _ => return Err(SqlError::Syntax("the target of MERGE must be a table".to_owned())),
    }
    match &merge.source {
        TableFactor::Table { name, .. } => {
            if let TableFactor::Table { name: target, .. } = &merge.table
                && target == name
            {
                return Err(SqlError::redshift("Source and target table of MERGE must be different"));
            }
        }
        _ => {
            return Err(SqlError::unsupported(
                "a subquery as the source of MERGE (Redshift wants a table)",
            ));
        }
    }
    let (mut matched, mut not_matched) = (0, 0);
    for clause in &merge.clauses {
        if clause.predicate.is_some() {
            return Err(SqlError::Syntax(
                "a WHEN clause of MERGE takes no AND condition".to_owned(),
            ));
        }
        match (&clause.clause_kind, &clause.action) {
            (MergeClauseKind::Matched, MergeAction::Delete { .. }) => matched += 1,
            (MergeClauseKind::Matched, MergeAction::Update(update)) => {
                matched += 1;
                let prefixed = match &update.kind {
                    MergeUpdateKind::Set(assignments) => assignments.iter().any(|assignment| {
                        matches!(&assignment.target, AssignmentTarget::ColumnName(name) if name.0.len() > 1)
                    }),
                    _ => return Err(SqlError::Syntax("expected SET column = value in MERGE".to_owned())),
                };
                if prefixed || update.update_predicate.is_some() || update.delete_predicate.is_some() {
                    return Err(SqlError::Syntax(
                        "SET in MERGE takes column names without a table, and no condition".to_owned(),
                    ));
                }
            }
            (MergeClauseKind::NotMatched, MergeAction::Insert(insert))
                if matches!(insert.kind, MergeInsertKind::Values(_)) && insert.insert_predicate.is_none() =>
            {
                not_matched += 1;
            }
            (kind, _) => return Err(SqlError::unsupported(format!("this WHEN {kind} clause of MERGE"))),
        }
    }
    if matched != 1 || not_matched != 1 {
        return Err(SqlError::Syntax(
            "MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED clause".to_owned(),
        ));
    }
    Ok(())
}

/// The tokens of a fixed piece of SQL.
fn words(sql: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    let statements = lex::statements(sql, &BTreeMap::new(), &mut BTreeSet::new())?;
    Ok(statements.into_iter().flat_map(|statement| statement.tokens).collect())
}

/// `MERGE INTO t USING s ON c REMOVE DUPLICATES`: matched rows are replaced, rows that occur twice in the source go in once.
fn remove_duplicates(tokens: &[TokenWithSpan], database: &str) -> Result<MergePlan, SqlError> {
    let keyword = |keyword: &str| {
        tokens
            .iter()
            .position(|token| word(token) == Some(keyword))
            .ok_or_else(|| SqlError::Syntax(format!("expected {} in MERGE", keyword.to_uppercase())))
    };
    let (into, using, on) = (keyword("into")?, keyword("using")?, keyword("on")?);
    if !(into < using && using < on) {
        return Err(SqlError::Syntax("expected MERGE INTO … USING … ON …".to_owned()));
    }
    let (target, source, condition) = (&tokens[into + 1..using], &tokens[using + 1..on], &tokens[on + 1..]);
    // The three parts are put into statements that the parser knows.
    let delete = [
        &words("DELETE FROM")?,
        target,
        &words("USING")?,
        source,
        &words("WHERE")?,
        condition,
    ]
    .concat();
    let insert = [
        &words("INSERT INTO")?,
        target,
        &words("SELECT DISTINCT * FROM")?,
        source,
    ]
    .concat();
    let statements = [delete, insert]
        .iter()
        .map(|tokens| {
            let mut statement = syntax::ast(tokens)?;
            rewrite::statement(&mut statement, database)?;
            Ok(statement.to_string())
        })
        .collect::<Result<_, SqlError>>()?;
    Ok(MergePlan {
        unmatched: None,
        repeats: None,
        check: None,
        statements,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(sql: &str) -> Result<MergePlan, SqlError> {
        let statements = lex::statements(sql, &BTreeMap::new(), &mut BTreeSet::new()).unwrap();
        parse(&statements[0].tokens, "cardlake")
    }

    #[test]
    fn checks_for_several_matches_before_it_merges() {
        let plan = merge(
            "merge into raw.t using stage as s on t.k = s.k when matched then update set v = s.v \
             when not matched then insert (k, v) values (s.k, s.v)",
        )
        .unwrap();
        let unmatched = plan.unmatched.unwrap();
        insta::assert_snapshot!(
            format!("{};{}", unmatched.matches, unmatched.insert),
            @r#"SELECT 1 FROM "raw"."t" JOIN "stage" AS s ON t.k = s.k LIMIT 1;INSERT INTO "raw"."t" (k, v) SELECT s.k, s.v FROM "stage" AS s"#
        );
        insta::assert_snapshot!(
            plan.repeats.unwrap(),
            @r#"SELECT 1 FROM "stage" AS s GROUP BY s.k HAVING count(*) > 1 LIMIT 1"#
        );
        insta::assert_snapshot!(
            plan.check.unwrap(),
            @r#"SELECT 1 FROM "raw"."t" JOIN "stage" AS s ON t.k = s.k GROUP BY "raw"."t".rowid HAVING count(*) > 1 LIMIT 1"#
        );
        insta::assert_snapshot!(
            plan.statements.join(";"),
            @r#"MERGE INTO "raw"."t" USING "stage" AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)"#
        );
    }

    #[test]
    fn equal_columns_of_a_conjunction_tell_whether_rows_can_match_twice() {
        let repeats = |on: &str| {
            let sql = format!(
                "merge into raw.t using stage as s on {on} when matched then update set v = s.v \
                 when not matched then insert (k) values (s.k)"
            );
            merge(&sql).unwrap().repeats
        };
        let both = repeats("(raw.t.k = s.k and s.j = raw.t.j) and raw.t.day between '2026-01-01' and '2026-01-02'");
        assert_eq!(
            both.as_deref(),
            Some("SELECT 1 FROM \"stage\" AS s GROUP BY s.j, s.k HAVING count(*) > 1 LIMIT 1")
        );
        for on in [
            "t.k = s.k or t.j = s.j",
            "t.k = s.k + 1",
            "t.k > s.k",
            "s.k = s.j",
            "t.k = k",
        ] {
            assert_eq!(repeats(on), None, "{on}");
        }
    }

    #[test]
    fn remove_duplicates_replaces_matched_rows() {
        let plan = merge("merge into t using s on t.k = s.k remove duplicates").unwrap();
        insta::assert_snapshot!(
            plan.statements.join(";"),
            @r#"DELETE FROM "t" USING "s" WHERE t.k = s.k;INSERT INTO "t" SELECT DISTINCT * FROM "s""#
        );
    }

    #[test]
    fn holds_to_redshifts_restrictions() {
        for sql in [
            "merge into t as x using s on x.k = s.k when matched then delete when not matched then insert values (s.k)",
            "merge into t using s on t.k = s.k when matched and s.v > 1 then delete when not matched then insert values (s.k)",
            "merge into t using (select 1 as k) s on t.k = s.k when matched then delete when not matched then insert values (s.k)",
            "merge into t using s on t.k = s.k when matched then update set t.v = s.v when not matched then insert values (s.k)",
            "merge into t using s on t.k = s.k when matched then delete",
            "merge into t using t on true when matched then delete when not matched then insert values (1)",
        ] {
            assert!(merge(sql).is_err(), "{sql}");
        }
    }
}
