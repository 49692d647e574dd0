//! `cardlake sql`: statements to the warehouse, through the Data API like any client.

mod prompt;
mod session;
mod show;
mod split;

use crate::access::Access;
use crate::arguments::SqlArgs;
use crate::error::CliError;
use crate::remote::Stack;
use session::Session;
use show::Formulas;
use std::future::pending;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

pub(crate) use session::{LOOK_EVERY, ask};

/// Runs the statements and prints their rows; without a statement, at a terminal, those that are typed.
///
/// # Errors
/// There is no warehouse yet, or a statement fails: those after it are not run.
pub(crate) async fn sql(args: SqlArgs) -> Result<ExitCode, CliError> {
    let text = text(&args)?;
    if args.aws {
        let session = Session {
            warehouse: Stack::connect().await?.warehouse()?,
            holder: None,
            format: args.format,
            limit: args.limit,
            formulas: formulas(&args),
        };
        run(&session, text.as_deref(), &args).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let access = Access::open(&args.data.data_dir).await?;
    let outcome = match access.warehouse() {
        Ok(warehouse) => {
            let session = Session {
                warehouse,
                holder: access.holder(),
                format: args.format,
                limit: args.limit,
                formulas: formulas(&args),
            };
            run(&session, text.as_deref(), &args).await
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map_err(|error| error.short_of_space(access.shortage()));
    let closed = access.close().await;
    outcome?;
    closed.map(|()| ExitCode::SUCCESS)
}

impl SqlArgs {
    /// Whether statements are typed at a prompt.
    pub(crate) fn is_interactive(&self) -> bool {
        self.statement.is_none() && self.file.is_none() && std::io::stdin().is_terminal()
    }
}

/// The statements that are given; `None`: they are typed.
fn text(args: &SqlArgs) -> Result<Option<String>, CliError> {
    let nothing = |what: &str| {
        CliError::usage(format!("{what} holds no statement"))
            .hint("give one as an argument, in a --file or on standard input; see `cardlake sql --help`")
    };
    let (what, text) = match (&args.statement, &args.file) {
        _ if args.is_interactive() => return Ok(None),
        (Some(statement), _) if statement != "-" => ("the argument".to_owned(), statement.clone()),
        (_, Some(file)) => {
            let read = std::fs::read_to_string(file);
            let name = file.display().to_string();
            let read = read.map_err(|error| CliError::usage(format!("cannot read --file {name}: {error}")))?;
            (name, read)
        }
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| CliError::caused("read the statement from standard input", &error))?;
            ("standard input".to_owned(), text)
        }
    };
    if split::is_blank(&text) {
        return Err(nothing(&what));
    }
    Ok(Some(text))
}

fn formulas(args: &SqlArgs) -> Formulas {
    if args.escape_formulas {
        Formulas::Escaped
    } else {
        Formulas::Kept
    }
}

async fn run(session: &Session, text: Option<&str>, args: &SqlArgs) -> Result<(), CliError> {
    let Some(text) = text else {
        return prompt::prompt(session, &args.data.data_dir).await;
    };
    for statement in split::statements(text) {
        let answer = session.answer(statement, pending::<()>()).await?;
        session.print(&answer)?;
    }
    Ok(())
}
