//! What was issued, and what was used up.

use super::{Answer, record};
use crate::base::Uuid;
use crate::entra::directory::Directory;

/// A PRT or refresh token that is to be remembered.
pub(crate) struct NewGrant<'a> {
    /// Lower-case hexadecimal SHA-256.
    pub(crate) hash: String,
    /// `prt` or `refresh`.
    pub(crate) kind: &'a str,
    pub(crate) owner: Uuid,
    pub(crate) device: Option<Uuid>,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

impl Directory {
    /// Marks what is good once as used, by its hash; false if it was used before. Forgets what has expired, since its
    /// expiry is checked before it is consumed.
    pub(crate) async fn consume(&self, hash: &str, expires: i64, now: i64) -> Answer<bool> {
        let mut work = self.pool.begin().await?;
        sqlx::query("DELETE FROM consumed WHERE expires < $1").bind(now).execute(&mut *work).await?;
        let done = sqlx::query("INSERT INTO consumed (hash, expires) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING")
            .bind(hash)
            .bind(expires)
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Remembers a PRT or refresh token by its hash.
    pub(crate) async fn add_grant(&self, grant: &NewGrant<'_>) -> Answer<()> {
        const SQL: &str = "INSERT INTO grants (hash, kind, owner, device, issued, expires, revoked) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let mut work = self.pool.begin().await?;
        sqlx::query(SQL)
            .bind(&grant.hash)
            .bind(grant.kind)
            .bind(grant.owner.to_string())
            .bind(grant.device.map(|id| id.to_string()))
            .bind(grant.issued)
            .bind(grant.expires)
            .bind(false)
            .execute(&mut *work)
            .await?;
        record(&mut work, grant.issued, "grant issued", Some(grant.owner), grant.device, grant.kind).await?;
        Ok(work.commit().await?)
    }

    /// Whether a PRT or refresh token is known and not revoked.
    pub(crate) async fn grant_stands(&self, hash: &str) -> Answer<bool> {
        let revoked: Option<bool> = sqlx::query_scalar("SELECT revoked FROM grants WHERE hash = $1")
            .bind(hash)
            .fetch_optional(&self.pool)
            .await?;
        Ok(revoked == Some(false))
    }
}
