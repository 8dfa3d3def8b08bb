//! Every statement. `$n`, `ON CONFLICT DO NOTHING` and plain types alone, which SQLite and PostgreSQL both understand.

mod device;
mod device_code;
mod endorsement;
mod grant;
mod key;
mod snapshot;
mod tenant;

use sqlx::{Sqlite, Transaction};

use super::DirectoryError;
use crate::base::{OsRng, Uuid, random_guid};

pub(crate) use grant::NewGrant;
pub(crate) use key::{Endorsement, Stored};
pub(crate) use tenant::Seed;

type Answer<T> = Result<T, DirectoryError>;

/// Writes a line of the audit, in the same transaction as what it tells of.
async fn record(
    work: &mut Transaction<'_, Sqlite>,
    at: i64,
    event: &str,
    owner: Option<Uuid>,
    device: Option<Uuid>,
    detail: &str,
) -> Answer<()> {
    sqlx::query("INSERT INTO audit (id, at, event, owner, device, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(random_guid(&mut OsRng).to_string())
        .bind(at)
        .bind(event)
        .bind(owner.map(|id| id.to_string()))
        .bind(device.map(|id| id.to_string()))
        .bind(detail)
        .execute(&mut **work)
        .await?;
    Ok(())
}
