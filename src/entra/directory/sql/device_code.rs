//! Device codes: one row from its making until it is redeemed, declined or too old.

use super::{Answer, record};
use crate::base::Uuid;
use crate::entra::directory::{DeviceCode, Directory};

macro_rules! select {
    ($column:literal) => {
        concat!(
            "SELECT hash, user_code, client, resource, fresh, expires, declined, proof, owner FROM device_codes WHERE ",
            $column,
            " = $1"
        )
    };
}

impl Directory {
    /// Adds a code, and forgets those that expired before `now`.
    pub(crate) async fn add_device_code(&self, code: &DeviceCode, now: i64) -> Answer<()> {
        const SQL: &str = "INSERT INTO device_codes (hash, user_code, client, resource, fresh, expires, declined, proof) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let mut work = self.pool.begin().await?;
        // A code is remembered for as long again, so that its client can be told that it expired.
        sqlx::query("DELETE FROM device_codes WHERE expires + $2 < $1")
            .bind(now)
            .bind(code.expires.saturating_sub(now))
            .execute(&mut *work)
            .await?;
        sqlx::query(SQL)
            .bind(&code.hash)
            .bind(&code.user_code)
            .bind(&code.client)
            .bind(&code.resource)
            .bind(code.fresh)
            .bind(code.expires)
            .bind(code.declined)
            .bind(&code.proof)
            .execute(&mut *work)
            .await?;
        Ok(work.commit().await?)
    }

    /// A code by the hash of what its client holds.
    pub(crate) async fn device_code(&self, hash: &str) -> Answer<Option<DeviceCode>> {
        Ok(sqlx::query_as(select!("hash")).bind(hash).fetch_optional(&self.pool).await?)
    }

    /// A code by what a person types.
    pub(crate) async fn device_code_of(&self, user_code: &str) -> Answer<Option<DeviceCode>> {
        Ok(sqlx::query_as(select!("user_code")).bind(user_code).fetch_optional(&self.pool).await?)
    }

    /// Answers a code: approved by a user with that proof, or declined. False if it was answered before.
    pub(crate) async fn answer_device_code(&self, hash: &str, answer: Option<(Uuid, &str)>, now: i64) -> Answer<bool> {
        const SQL: &str = "UPDATE device_codes SET owner = $2, proof = $3, declined = $4 \
             WHERE hash = $1 AND owner IS NULL AND declined = $5";
        let owner = answer.map(|(owner, _)| owner);
        let mut work = self.pool.begin().await?;
        let done = sqlx::query(SQL)
            .bind(hash)
            .bind(owner.map(|id| id.to_string()))
            .bind(answer.map(|(_, proof)| proof).unwrap_or_default())
            .bind(answer.is_none())
            .bind(false)
            .execute(&mut *work)
            .await?;
        if done.rows_affected() > 0 {
            let event = if owner.is_some() { "device code approved" } else { "device code declined" };
            record(&mut work, now, event, owner, None, "").await?;
        }
        work.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}
