//! Devices.

use super::{Answer, record};
use crate::base::Uuid;
use crate::entra::directory::{Device, Directory};

impl Directory {
    /// A device by id.
    pub(crate) async fn device(&self, id: Uuid) -> Answer<Option<Device>> {
        const SQL: &str = "SELECT id, owner, display_name, os, os_version, trust_type, enabled, thumbprint, certificate, \
             transport_key, created FROM devices WHERE id = $1";
        Ok(sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(&self.pool).await?)
    }

    /// Every device, oldest first.
    pub(crate) async fn devices(&self) -> Answer<Vec<Device>> {
        const SQL: &str = "SELECT id, owner, display_name, os, os_version, trust_type, enabled, thumbprint, certificate, \
             transport_key, created FROM devices ORDER BY created, id";
        Ok(sqlx::query_as(SQL).fetch_all(&self.pool).await?)
    }

    /// A device by its certificate's thumbprint.
    pub(crate) async fn device_by_thumbprint(&self, thumbprint: &str) -> Answer<Option<Device>> {
        const SQL: &str = "SELECT id, owner, display_name, os, os_version, trust_type, enabled, thumbprint, certificate, \
             transport_key, created FROM devices WHERE thumbprint = $1";
        Ok(sqlx::query_as(SQL).bind(thumbprint).fetch_optional(&self.pool).await?)
    }

    /// Adds a device.
    pub(crate) async fn add_device(&self, tenant: Uuid, device: &Device) -> Answer<()> {
        const SQL: &str = "INSERT INTO devices (id, tenant, owner, display_name, os, os_version, trust_type, enabled, \
             thumbprint, certificate, transport_key, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let mut work = self.pool.begin().await?;
        sqlx::query(SQL)
            .bind(device.id.to_string())
            .bind(tenant.to_string())
            .bind(device.owner.to_string())
            .bind(&device.display_name)
            .bind(&device.os)
            .bind(&device.os_version)
            .bind(&device.trust_type)
            .bind(device.enabled)
            .bind(&device.thumbprint)
            .bind(&device.certificate)
            .bind(&device.transport_key)
            .bind(device.created)
            .execute(&mut *work)
            .await?;
        record(&mut work, device.created, "device joined", Some(device.owner), Some(device.id), "").await?;
        Ok(work.commit().await?)
    }

    /// Enables or disables a device; false if there is none of that id.
    pub(crate) async fn enable_device(&self, id: Uuid, enabled: bool, now: i64) -> Answer<bool> {
        let mut work = self.pool.begin().await?;
        let done = sqlx::query("UPDATE devices SET enabled = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(enabled)
            .execute(&mut *work)
            .await?;
        let event = if enabled { "device enabled" } else { "device disabled" };
        record(&mut work, now, event, None, Some(id), "").await?;
        work.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a device and revokes what was issued to it; its keys stay, orphaned. False if there is none of that id.
    pub(crate) async fn delete_device(&self, id: Uuid, now: i64) -> Answer<bool> {
        let mut work = self.pool.begin().await?;
        let done = sqlx::query("DELETE FROM devices WHERE id = $1").bind(id.to_string()).execute(&mut *work).await?;
        sqlx::query("UPDATE grants SET revoked = $2 WHERE device = $1")
            .bind(id.to_string())
            .bind(true)
            .execute(&mut *work)
            .await?;
        record(&mut work, now, "device deleted", None, Some(id), "").await?;
        work.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}
