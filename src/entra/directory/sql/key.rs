//! Hello keys.

use super::{Answer, record};
use crate::base::Uuid;
use crate::entra::directory::{Directory, Key};

impl Directory {
    /// Adds a key. When `slot` is taken already nothing is added; the answer is the `kid` in the slot either way.
    pub(crate) async fn add_key(&self, key: &Key, slot: &str) -> Answer<Uuid> {
        const SQL: &str = "INSERT INTO keys (kid, slot, owner, device, key_id, blob, created, level, report, \
             strength) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (slot) DO NOTHING";
        let mut work = self.pool.begin().await?;
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
            .execute(&mut *work)
            .await?;
        if added.rows_affected() > 0 {
            record(&mut work, key.created, "key registered", Some(key.owner), Some(key.device), &key.level).await?;
        }
        let stored: Key = sqlx::query_as(
            "SELECT kid, owner, device, key_id, blob, created, level, report, strength FROM keys WHERE slot = $1",
        )
        .bind(slot)
        .fetch_one(&mut *work)
        .await?;
        work.commit().await?;
        Ok(stored.kid)
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
