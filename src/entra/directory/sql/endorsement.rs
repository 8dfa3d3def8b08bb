//! Endorsement keys: the one behind an attestation key's certificate, and the devices that it vouched for.

use sqlx::{Sqlite, Transaction};

use super::Answer;
use crate::base::Uuid;
use crate::entra::directory::{Directory, EndorsedDevice};

const ELSEWHERE: &str = "SELECT devices.id FROM endorsed_devices JOIN devices ON devices.id = endorsed_devices.device \
     WHERE endorsed_devices.ek = $1 AND endorsed_devices.device <> $2 ORDER BY devices.created, devices.id LIMIT 1";

impl Directory {
    /// Remembers which endorsement key stands behind a certificate, and forgets what has expired: a statement under it is
    /// refused for that before anybody asks here.
    pub(crate) async fn add_aik_certificate(&self, serial: &str, ek: &str, expires: i64, now: i64) -> Answer<()> {
        let mut work = self.pool.begin().await?;
        sqlx::query("DELETE FROM aik_certificates WHERE expires < $1").bind(now).execute(&mut *work).await?;
        sqlx::query("INSERT INTO aik_certificates (serial, ek, expires) VALUES ($1, $2, $3)")
            .bind(serial)
            .bind(ek)
            .bind(expires)
            .execute(&mut *work)
            .await?;
        Ok(work.commit().await?)
    }

    /// The endorsement key behind a certificate; `None` if an older version issued it.
    pub(crate) async fn endorsement_of(&self, serial: &str) -> Answer<Option<String>> {
        const SQL: &str = "SELECT ek FROM aik_certificates WHERE serial = $1";
        Ok(sqlx::query_scalar(SQL).bind(serial).fetch_optional(&self.pool).await?)
    }

    /// Whether an endorsement key vouched for another device that still exists.
    pub(crate) async fn endorses_another(&self, ek: &str, device: Uuid) -> Answer<bool> {
        let found: Option<String> =
            sqlx::query_scalar(ELSEWHERE).bind(ek).bind(device.to_string()).fetch_optional(&self.pool).await?;
        Ok(found.is_some())
    }

    /// Every device with an endorsement key that vouched for it, in the order of their names.
    pub(super) async fn endorsed(work: &mut Transaction<'_, Sqlite>) -> Answer<Vec<EndorsedDevice>> {
        Ok(sqlx::query_as("SELECT ek, device FROM endorsed_devices ORDER BY device, ek").fetch_all(&mut **work).await?)
    }
}

/// Notes that an endorsement key vouches for a device, and answers the oldest other one that it vouched for.
///
/// The write comes before the question. It makes the transaction the only writer until it ends, so that of two devices that come
/// at once the second sees the first.
pub(super) async fn endorse(work: &mut Transaction<'_, Sqlite>, ek: &str, device: Uuid) -> Answer<Option<String>> {
    const SQL: &str = "INSERT INTO endorsed_devices (ek, device) SELECT $1, id FROM devices WHERE id = $2 \
         ON CONFLICT (ek, device) DO NOTHING";
    sqlx::query(SQL).bind(ek).bind(device.to_string()).execute(&mut **work).await?;
    Ok(sqlx::query_scalar(ELSEWHERE).bind(ek).bind(device.to_string()).fetch_optional(&mut **work).await?)
}
