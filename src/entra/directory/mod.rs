//! The directory: one tenant with its users, devices, keys, grants, and what was consumed. The only home of `sqlx`.
//!
//! Stored in clear: nothing that opens anything of a user's. Passwords are PBKDF2, PRTs and refresh tokens SHA-256,
//! session keys live inside the PRT alone. The tenant's own signing keys are in the database, as it is the tenant.

mod rows;
mod sql;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr as _, SqlitePool};

pub(crate) use rows::{Device, DeviceCode, Key, Tenant, TenantKey, User};
pub use rows::{DeviceRow, EndorsedDevice, KeyRow, Snapshot, UserRow};
pub(crate) use sql::{Endorsement, NewGrant, Seed, Stored};

/// Every step of the schema, oldest first. A step that was released is never edited: its checksum is in each database.
const STEPS: [(i64, &str, &str); 4] = [
    (1, "directory", include_str!("migrations/0001_directory.sql")),
    (2, "key strength", include_str!("migrations/0002_key_strength.sql")),
    (3, "device codes", include_str!("migrations/0003_device_codes.sql")),
    (4, "endorsement", include_str!("migrations/0004_endorsement.sql")),
];

fn migrations(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let step = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}

/// Where the directory lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// In memory, gone with the [`super::Entra`].
    Memory,
    /// A SQLite file, made with mode 0600 if it is not there.
    File(PathBuf),
}

/// The database failed.
#[derive(Debug, thiserror::Error)]
#[error("the directory's database failed: {0}")]
pub struct DirectoryError(#[from] sqlx::Error);

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseFault {
    /// The file cannot be made or opened.
    #[error("the database {path} cannot be opened: {kind}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        kind: std::io::ErrorKind,
    },
    /// The file is none of SQLite's.
    #[error("the database {0} is not a SQLite database")]
    NotADatabase(PathBuf),
    /// Another version of this crate wrote it.
    #[error("the database has schema version {0}, which this version does not know")]
    OtherSchema(i64),
    /// It holds tables that are not ours, or a half-done migration.
    #[error("the database's schema cannot be made: {0}")]
    Schema(String),
    /// Anything else.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// The open directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pool: SqlitePool,
}

impl Directory {
    /// Opens the database and brings its schema up to date.
    pub(crate) async fn open(database: &Database) -> Result<Self, DatabaseFault> {
        let (options, connections) = match database {
            Database::Memory => (SqliteConnectOptions::new().in_memory(true), 1),
            Database::File(path) => (file(path)?, 4),
        };
        let options = options.foreign_keys(true).busy_timeout(Duration::from_secs(5));
        // One connection is the memory database, so it must neither idle out nor grow old.
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .map_err(|error| connect_fault(error, database))?;
        migrations(&STEPS).run(&pool).await.map_err(schema_fault)?;
        Ok(Self { pool })
    }

    /// Closes all connections; a file is whole afterwards.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn file(path: &Path) -> Result<SqliteConnectOptions, DatabaseFault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| DatabaseFault::File { path: path.to_owned(), kind: error.kind() })?;
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal))
}

/// SQLite's code for a file that is no database (`SQLITE_NOTADB`).
const NOT_A_DATABASE: &str = "26";

fn connect_fault(error: sqlx::Error, database: &Database) -> DatabaseFault {
    match (error.as_database_error().and_then(|error| error.code()), database) {
        (Some(code), Database::File(path)) if code == NOT_A_DATABASE => DatabaseFault::NotADatabase(path.clone()),
        _ => DirectoryError(error).into(),
    }
}

fn schema_fault(error: MigrateError) -> DatabaseFault {
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            DatabaseFault::OtherSchema(version)
        }
        other => DatabaseFault::Schema(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
