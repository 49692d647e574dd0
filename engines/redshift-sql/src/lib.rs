//! Redshift SQL to DuckDB SQL, text to text.
//!
//! Input: the text of a request, and its parameters. Output: [`Command`]s, whose SQL is DuckDB's. The text is split into
//! statements ([`statements`]), and each is translated ([`translate`]): parsed with sqlparser's Redshift dialect, rewritten
//! as a tree and printed. Translated SQL refers to the macros and views of [`prelude`].
//!
//! Some of Redshift's rules depend on the types of operands, which only the database knows: [`resolve_arithmetic`] completes
//! a translated statement with their help.
//!
//! Guarantee: nothing is left out that would change a result. Failure: a construct without a counterpart is an error that
//! names it, in Redshift's wording where it has one ([`SqlError`]).
//!
//! It knows DuckDB's SQL, but no DuckDB library, connection or catalog, and executes nothing.
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//! use cardlake_redshift_sql::{Command, statements, translate};
//!
//! let sql = "SELECT TOP 3 nvl(city, 'none') AS city FROM sales.orders";
//! let statements = statements(sql, &BTreeMap::new(), &mut BTreeSet::new())?;
//! let command = translate(&statements[0], "dev")?;
//! let translated = r#"SELECT coalesce(city, 'none') AS city FROM "sales"."orders" LIMIT 3"#;
//! assert_eq!(command, Command::Query(translated.to_owned()));
//! # Ok::<(), cardlake_redshift_sql::SqlError>(())
//! ```

mod arithmetic;
mod build;
mod catalog_functions;
mod columns;
mod command;
mod copy;
mod cursor;
mod dates;
mod ddl;
mod definition;
mod dialect;
mod error;
mod exact;
mod function_names;
mod functions;
mod lex;
mod merge;
mod names;
mod number_format;
mod operands;
mod parse;
mod patterns;
pub mod prelude;
mod rewrite;
mod scopes;
mod session;
mod settings;
mod storage;
mod syntax;
mod text_format;
mod types;
mod unload;
mod unnest;
mod users;
mod view;

pub use arithmetic::{OperandTypes, PROBE_FUNCTION, is_pending, resolve as resolve_arithmetic};
pub use command::{Command, FetchCount, Insert};
pub use copy::Copy;
pub use definition::{Column, ColumnComment, CreateTable, CreateTableAs, CreateTableLike, View, table_comment};
pub use error::SqlError;
pub use lex::{Expression, Statement, statements, texts};
pub use merge::{MULTIPLE_MATCHES, MergePlan, UnmatchedMerge};
pub use names::{Relation, literal, quoted};
pub use parse::command as translate;
pub use settings::shown;
pub use storage::{Identity, TableStorage};
pub use text_format::{JsonFields, Layout, TextFormat, TimeFormat};
pub use types::{MAX_VARCHAR_BYTES, RedshiftType};
pub use unload::{Existing, TextOptions, Unload, UnloadFormat};
