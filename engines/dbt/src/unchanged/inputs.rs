//! The code of a node, and whether its SQL reads nothing but the inputs that it names. No I/O.

use crate::manifest::{Kind, Manifest, Node};
use crate::materialize::catalog;
use sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Functions and words whose value is another one at every call, in every session or on every day.
const VOLATILE: [&str; 19] = [
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "current_user_id",
    "getdate",
    "localtime",
    "localtimestamp",
    "now",
    "pg_backend_pid",
    "pg_last_copy_count",
    "rand",
    "random",
    "session_user",
    "statement_timestamp",
    "sysdate",
    "timeofday",
    "transaction_timestamp",
];

/// Everything about a node that decides on its result besides its inputs; `None` if that is more than can be told.
pub(super) fn code(manifest: &Manifest, node: &Node) -> Option<Vec<String>> {
    // Another version may make other statements of the same SQL.
    let mut parts = vec![env!("CARGO_PKG_VERSION").to_owned()];
    match &node.kind {
        Kind::Model(model) => {
            parts.push(format!("{:?} {}", model.config, model.relation.sql()));
            if node.is_seed() {
                parts.push(node.raw_code.clone());
                return Some(parts);
            }
            for incremental in [false, true] {
                parts.push(manifest.compile(node, incremental).ok()?);
                for hook in model.config.pre_hooks.iter().chain(&model.config.post_hooks) {
                    parts.push(manifest.render(node, hook, incremental).ok()?.text);
                }
            }
        }
        Kind::Test(test) => {
            parts.push(format!("{:?} {:?}", test.config, test.stored_in));
            parts.push(manifest.compile(node, false).ok()?);
        }
    }
    let mut known = BTreeSet::new();
    add_inputs(manifest, node, &mut known);
    let statements = &parts[2..];
    statements.iter().all(|sql| reads_only(sql, &known)).then_some(parts)
}

/// The relations that a node may read: its own, its inputs, and those of the ephemeral models among them.
fn add_inputs(manifest: &Manifest, node: &Node, known: &mut BTreeSet<String>) {
    if let Some(model) = node.model().filter(|_| !node.is_ephemeral()) {
        known.insert(catalog::key(&model.relation.schema, &model.relation.identifier).to_lowercase());
    }
    for id in &node.depends_on {
        if let Some(source) = manifest.sources.get(id) {
            known.insert(catalog::key(&source.schema, &source.identifier).to_lowercase());
        }
        let Some(parent) = manifest.nodes.get(id) else { continue };
        if parent.is_ephemeral() {
            add_inputs(manifest, parent, known);
        } else if let Some(model) = parent.model() {
            known.insert(catalog::key(&model.relation.schema, &model.relation.identifier).to_lowercase());
        }
    }
}

/// Whether SQL reads these relations and its own CTEs, and neither the clock nor anything else.
fn reads_only(sql: &str, known: &BTreeSet<String>) -> bool {
    if sql.trim().is_empty() {
        return true;
    }
    let Ok(tokens) = Tokenizer::new(&RedshiftSqlDialect {}, sql).tokenize() else {
        return false;
    };
    let is_volatile = |token: &Token| {
        matches!(token, Token::Word(word) if word.quote_style.is_none()
            && VOLATILE.contains(&word.value.to_ascii_lowercase().as_str()))
    };
    if tokens.iter().any(is_volatile) {
        return false;
    }
    let Ok(statements) = Parser::parse_sql(&RedshiftSqlDialect {}, sql) else {
        return false;
    };
    let mut names = Names::default();
    let _ = Visit::visit(&statements, &mut names);
    names.relations.iter().all(|name| match name.as_slice() {
        [cte] => names.ctes.contains(cte),
        [.., schema, relation] => known.contains(&catalog::key(schema, relation)),
        [] => false,
    })
}

/// Relations and CTEs of statements, in lower case.
#[derive(Default)]
struct Names {
    relations: Vec<Vec<String>>,
    ctes: BTreeSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(ctes.map(|cte| cte.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts = relation.0.iter();
        let name = parts.map(|part| {
            part.as_ident()
                .map_or_else(|| part.to_string(), |ident| ident.value.clone())
        });
        self.relations.push(name.map(|part| part.to_lowercase()).collect());
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, _: &Statement) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
