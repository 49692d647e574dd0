//! MERGE, with Redshift's restrictions.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    AssignmentTarget, Merge, MergeAction, MergeClauseKind, MergeInsertKind, MergeUpdateKind, Statement, TableFactor,
};
use sqlparser::tokenizer::TokenWithSpan;

use crate::error::SqlError;
use crate::lex::{self, word};
use crate::rewrite;
use crate::syntax;

/// The statements of a MERGE, to be run in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    /// A query that returns a row if a row of the target matches several rows of the source.
    pub check: Option<String>,
    /// Statements that change rows; their counts add up.
    pub statements: Vec<String>,
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
        check: Some(check),
        statements: vec![statement.to_string()],
    })
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
