//! The DuckDB database under the server.
//!
//! One process at a time can have the file open. Every statement (or session) has a connection of its own, so that
//! statements run side by side under snapshot isolation.

use cardlake_loopback::durable;
use cardlake_redshift_sql::prelude::{self, MACROS, QUERY_HISTORY};
use cardlake_redshift_sql::{SqlError, literal, quoted};
use std::fs::{File, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use duckdb::{Config, Connection};

use crate::engine_error;
use crate::error::RedshiftError;
use crate::history::History;
use crate::locks::lock;
use crate::objects::Objects;

/// The folder of DuckDB's temporary files.
const SPILL: &str = "spill";

/// The database.
pub(crate) struct Engine {
    base: Mutex<Connection>,
    /// What has run.
    pub(crate) history: History,
    /// Goes up whenever a schema may have come or gone.
    schemas: AtomicU64,
    /// The number of the next statement.
    next_query_id: AtomicI64,
    /// The database name that clients use.
    pub(crate) database: String,
    /// Where files wait on their way between S3 and the database.
    pub(crate) staging: PathBuf,
    pub(crate) objects: Objects,
    /// The bytes that a result may have.
    pub(crate) max_result_bytes: usize,
    /// Runs the S3 calls of statements, which run on blocking threads.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Given up when the database has been closed, so it comes after the connection.
    _lock: File,
}

impl Engine {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// Fails if another process has it open.
    pub(crate) fn open(
        file: &Path,
        database: &str,
        memory_limit: Option<&str>,
        max_result_bytes: usize,
        objects: Objects,
    ) -> Result<Self, RedshiftError> {
        let parent = file
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let staging = parent.join("redshift-staging");
        // Without links and dots: DuckDB compares paths as texts.
        let staging = durable::create_folders(&staging)
            .and_then(|()| staging.canonicalize())
            .map_err(|source| RedshiftError::Folder {
                path: staging.clone(),
                source,
            })?;
        let lock = lock_file(file)?;
        let is_new = !file.exists();
        let connection = open_file(file, database, memory_limit, &staging).map_err(|error| {
            let path = file.to_owned();
            if is_new {
                // An incomplete header, written to a full disk, could never be opened. It holds no data yet.
                let _ = std::fs::remove_file(file);
            }
            if engine_error::is_locked(&error) {
                RedshiftError::Locked {
                    path,
                    message: engine_error::summary(&error),
                }
            } else {
                RedshiftError::Open {
                    path,
                    source: error.into(),
                }
            }
        })?;
        connection
            .execute_batch(QUERY_HISTORY)
            .and_then(|()| connection.execute_batch(&connection_settings(database)))
            .and_then(|()| {
                let catalog = prelude::catalog(database);
                connection.execute_batch(&format!("BEGIN; {MACROS} {catalog} COMMIT;"))
            })
            .and_then(|()| connection.execute_batch(&confinement(&staging)))
            .map_err(|error| RedshiftError::Open {
                path: file.to_owned(),
                source: error.into(),
            })?;
        if is_new {
            // DuckDB makes it readable for everybody, and leaves its name to the file system.
            std::fs::set_permissions(file, Permissions::from_mode(0o600))
                .and_then(|()| durable::sync_folder(parent))
                .map_err(|source| RedshiftError::Folder {
                    path: file.to_owned(),
                    source,
                })?;
        }
        // Only now: the files of another process that has the database open are not touched.
        remove_leftovers(&staging);
        let history = connection.try_clone().map_err(|error| RedshiftError::Open {
            path: file.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            base: Mutex::new(connection),
            history: History::new(history),
            schemas: AtomicU64::new(0),
            next_query_id: AtomicI64::new(1),
            database: database.to_owned(),
            staging,
            objects,
            max_result_bytes,
            runtime: tokio::runtime::Handle::current(),
            _lock: lock,
        })
    }

    /// A connection of its own, ready for statements.
    pub(crate) fn connect(&self) -> Result<Connection, SqlError> {
        let base = lock(&self.base);
        let connection = base.try_clone().map_err(|error| engine_error::translate(&error))?;
        drop(base);
        connection
            .execute_batch(&connection_settings(&self.database))
            .map_err(|error| engine_error::translate(&error))?;
        Ok(connection)
    }

    /// The version of the schemas: as long as it stays, no schema comes or goes.
    pub(crate) fn schemas_version(&self) -> u64 {
        self.schemas.load(Ordering::Acquire)
    }

    /// Notes that a schema may have come or gone.
    pub(crate) fn schemas_change(&self) {
        self.schemas.fetch_add(1, Ordering::AcqRel);
    }

    /// Numbers a statement.
    pub(crate) fn next_query_id(&self) -> i64 {
        self.next_query_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// What every connection is set to: the database, Redshift's meaning of `/` on integers, its order of NULLs, and UTC.
fn connection_settings(database: &str) -> String {
    format!(
        "USE {}; SET integer_division = true; SET TimeZone = 'UTC'; \
         SET default_null_order = 'nulls_last_on_asc_first_on_desc';",
        quoted(database)
    )
}

/// From here on statements reach no file but the database and what COPY and UNLOAD put aside, whatever name a query has for it.
/// DuckDB gives nothing of that back while it runs.
fn confinement(staging: &Path) -> String {
    format!(
        "SET allowed_directories = [{}]; SET enable_external_access = false;",
        literal(&staging.to_string_lossy())
    )
}

/// Removes what statements of a process that was killed have left in the staging folder.
fn remove_leftovers(staging: &Path) {
    let Ok(entries) = std::fs::read_dir(staging) else {
        return;
    };
    for entry in entries.flatten().filter(|entry| entry.file_name() != SPILL) {
        if let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(path = %entry.path().display(), %error, "a leftover could not be removed");
        }
    }
}

fn open_file(file: &Path, database: &str, memory_limit: Option<&str>, staging: &Path) -> duckdb::Result<Connection> {
    let mut config = Config::default()
        // Rows have no order but that of ORDER BY, as in Redshift: loads take half the time.
        .with("preserve_insertion_order", "false")?
        // Nothing is ever fetched from the network: the library has Parquet, JSON and time zones built in.
        .enable_autoload_extension(false)?
        .with("temp_directory", staging.join(SPILL).to_string_lossy())?;
    if let Some(limit) = memory_limit {
        config = config.max_memory(limit)?;
    }
    let connection = Connection::open_in_memory_with_flags(config)?;
    // The file is attached instead of opened: after a crash, DuckDB replays the log of the file that it opens first before
    // there is a database in which names could be looked up, and fails on some definitions. Functions with typed
    // parameters, of which the prelude has some, need this version of the file.
    connection.execute_batch(&format!(
        "ATTACH {} AS {} (STORAGE_VERSION 'v1.4.0')",
        literal(&file.to_string_lossy()),
        quoted(database)
    ))?;
    Ok(connection)
}

/// Takes the database for this process: DuckDB's own lock does not hold against a second server in the same process.
fn lock_file(file: &Path) -> Result<File, RedshiftError> {
    let mut path = file.as_os_str().to_owned();
    path.push(".lock");
    let failed = |source| RedshiftError::Folder {
        path: file.to_owned(),
        source,
    };
    let mut lock = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let message = format!("it is held by process {}", holder.trim());
            return Err(RedshiftError::Locked {
                path: file.to_owned(),
                message,
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    lock.set_len(0)
        .and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()))
        .map_err(failed)?;
    Ok(lock)
}

/// Puts every schema of the warehouse on the search path, after those that the session asked for.
pub(crate) fn set_search_path(connection: &Connection, database: &str, first: &[String]) -> Result<(), SqlError> {
    let translate = |error: duckdb::Error| engine_error::translate(&error);
    let mut schemas: Vec<String> = if first.is_empty() {
        vec!["public".to_owned()]
    } else {
        first.to_vec()
    };
    let mut statement = connection
        .prepare(
            "SELECT schema_name FROM duckdb_schemas() \
             WHERE NOT internal AND database_name = current_database() ORDER BY schema_name",
        )
        .map_err(translate)?;
    let existing = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<duckdb::Result<Vec<String>>>)
        .map_err(translate)?;
    schemas.retain(|schema| existing.contains(schema));
    if first.is_empty() {
        let others = existing
            .into_iter()
            .filter(|schema| schema != "public" && schema != "main");
        schemas.extend(others);
    }
    // The functions and catalog views are in main.
    schemas.push("main".to_owned());
    let path = schemas
        .iter()
        .map(|schema| format!("{}.{}", quoted(database), quoted(schema)))
        .collect::<Vec<_>>()
        .join(",");
    connection
        .execute_batch(&format!("SET search_path = {}", literal(&path)))
        .map_err(translate)
}
