//! Hello keys.

use sqlx::{Sqlite, Transaction};

use super::endorsement::endorse;
use super::{Answer, record};
use crate::attest::Level;
use crate::base::Uuid;
use crate::entra::directory::{Directory, Key};
use crate::wire::lab::EK_ALREADY_KNOWN;

/// The endorsement key behind the statement that came with a key.
pub(crate) struct Endorsement {
    /// Hexadecimal SHA-256 of its SubjectPublicKeyInfo.
    pub(crate) ek: String,
    /// The report to store if it vouched for another device; without one the key is not stored then.
    pub(crate) report_if_known: Option<String>,
}

/// The report of a key that came without a statement.
const NO_REPORT: &str = "null";

/// A key that was added, or was there.
pub(crate) struct Stored {
    /// As the directory has it.
    pub(crate) key: Key,
    /// Whether the endorsement key vouched for another device.
    pub(crate) ek_known: bool,
}

impl Directory {
    /// Adds a key. When `slot` is taken already, what was proven about the key in it may rise, and nothing else changes; the
    /// answer is the key in the slot either way. `None`, and nothing is written, if its endorsement must be new and is not.
    pub(crate) async fn add_key(
        &self,
        key: &Key,
        slot: &str,
        endorsement: Option<&Endorsement>,
    ) -> Answer<Option<Stored>> {
        let mut work = self.pool.begin().await?;
        let mut key = key.clone();
        let mut elsewhere = None;
        if let Some(endorsement) = endorsement {
            elsewhere = endorse(&mut work, &endorsement.ek, key.device).await?;
            match (&elsewhere, &endorsement.report_if_known) {
                (None, _) => {}
                (Some(_), Some(report)) => key.report.clone_from(report),
                (Some(_), None) => {
                    work.rollback().await?;
                    return Ok(None);
                }
            }
        }
        let stored = insert_or_raise(&mut work, &key, slot).await?;
        if let Some(other) = &elsewhere {
            record(&mut work, key.created, EK_ALREADY_KNOWN, Some(key.owner), Some(key.device), other).await?;
        }
        work.commit().await?;
        Ok(Some(Stored { key: stored, ek_known: elsewhere.is_some() }))
    }

    /// The keys of a user, oldest first.
    pub(crate) async fn keys_of_user(&self, user: Uuid) -> Answer<Vec<Key>> {
        const SQL: &str = "SELECT kid, owner, device, key_id, blob, created, level, report, strength FROM keys \
             WHERE owner = $1 ORDER BY created, kid";
        Ok(sqlx::query_as(SQL).bind(user.to_string()).fetch_all(&self.pool).await?)
    }

    /// Deletes a key; false if somebody else did before.
    pub(crate) async fn delete_key(&self, key: &Key, now: i64) -> Answer<bool> {
        let mut work = self.pool.begin().await?;
        let done = sqlx::query("DELETE FROM keys WHERE kid = $1").bind(key.kid.to_string()).execute(&mut *work).await?;
        let deleted = done.rows_affected() > 0;
        if deleted {
            let detail = key.kid.to_string();
            record(&mut work, now, "key deleted", Some(key.owner), Some(key.device), &detail).await?;
        }
        work.commit().await?;
        Ok(deleted)
    }

    /// The keys of a user with that identifier (base64 SHA-256), oldest first.
    pub(crate) async fn keys_of(&self, user: Uuid, key_id: &str) -> Answer<Vec<Key>> {
        const SQL: &str = "SELECT kid, owner, device, key_id, blob, created, level, report, strength FROM keys \
             WHERE owner = $1 AND key_id = $2 ORDER BY created, kid";
        Ok(sqlx::query_as(SQL).bind(user.to_string()).bind(key_id).fetch_all(&self.pool).await?)
    }
}

async fn insert_or_raise(work: &mut Transaction<'_, Sqlite>, key: &Key, slot: &str) -> Answer<Key> {
    const SQL: &str = "INSERT INTO keys (kid, slot, owner, device, key_id, blob, created, level, report, strength) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (slot) DO NOTHING";
    let added = sqlx::query(SQL)
        .bind(key.kid.to_string())
        .bind(slot)
        .bind(key.owner.to_string())
        .bind(key.device.to_string())
        .bind(&key.key_id)
        .bind(&key.blob)
        .bind(key.created)
        .bind(&key.level)
        .bind(&key.report)
        .bind(&key.strength)
        .execute(&mut **work)
        .await?;
    if added.rows_affected() > 0 {
        record(work, key.created, "key registered", Some(key.owner), Some(key.device), &key.level).await?;
        return Ok(key.clone());
    }
    let stored: Key = sqlx::query_as(
        "SELECT kid, owner, device, key_id, blob, created, level, report, strength FROM keys WHERE slot = $1",
    )
    .bind(slot)
    .fetch_one(&mut **work)
    .await?;
    raise(work, stored, key).await
}

/// Takes level and report of a later registration of the same key, unless it proves less than is proven already: what a TPM once
/// said of a key stays true of it. The audit tells of both.
async fn raise(work: &mut Transaction<'_, Sqlite>, stored: Key, later: &Key) -> Answer<Key> {
    let (had, has) = (rank(&stored.level), rank(&later.level));
    if has < had && has > 0 {
        let detail = format!("{} below {}", later.level, stored.level);
        record(work, later.created, "lower level not taken", Some(stored.owner), Some(stored.device), &detail).await?;
    }
    let renewed = has == had && later.report != NO_REPORT;
    if !(has > had || renewed) {
        return Ok(stored);
    }
    sqlx::query("UPDATE keys SET level = $2, report = $3 WHERE kid = $1")
        .bind(stored.kid.to_string())
        .bind(&later.level)
        .bind(&later.report)
        .execute(&mut **work)
        .await?;
    record(work, later.created, "key attested again", Some(stored.owner), Some(stored.device), &later.level).await?;
    Ok(Key { level: later.level.clone(), report: later.report.clone(), ..stored })
}

/// The place of a level in their order.
fn rank(level: &str) -> usize {
    const ORDER: [Level; 4] = [Level::None, Level::Software, Level::Aik, Level::AikEk];
    ORDER.iter().position(|each| each.as_str() == level).unwrap_or_default()
}
