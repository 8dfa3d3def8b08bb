//! The directory at one instant.

use super::Answer;
use crate::entra::directory::{Device, DeviceRow, Directory, Key, KeyRow, Snapshot, Tenant, User, UserRow};

impl Directory {
    /// The directory at this instant.
    pub(crate) async fn snapshot(&self, tenant: &Tenant) -> Answer<Snapshot> {
        let mut work = self.pool.begin().await?;
        let users: Vec<User> =
            sqlx::query_as("SELECT id, upn, display_name, salt, rounds, verifier, mfa_method FROM users ORDER BY upn")
                .fetch_all(&mut *work)
                .await?;
        let devices: Vec<Device> = sqlx::query_as(
            "SELECT id, owner, display_name, os, os_version, trust_type, enabled, thumbprint, certificate, transport_key, \
             created FROM devices ORDER BY created, id",
        )
        .fetch_all(&mut *work)
        .await?;
        let keys: Vec<Key> = sqlx::query_as(
            "SELECT kid, owner, device, key_id, blob, created, level, report, strength FROM keys ORDER BY created, kid",
        )
        .fetch_all(&mut *work)
        .await?;
        let endorsements = Self::endorsed(&mut work).await?;
        let grants = sqlx::query_scalar("SELECT COUNT(*) FROM grants").fetch_one(&mut *work).await?;
        work.commit().await?;
        Ok(Snapshot {
            tenant: tenant.id,
            domain: tenant.domain.clone(),
            keys: keys.into_iter().map(|key| key_row(key, &users)).collect(),
            users: users.into_iter().map(user_row).collect(),
            devices: devices.into_iter().map(device_row).collect(),
            endorsements,
            grants,
        })
    }
}

fn user_row(user: User) -> UserRow {
    UserRow { id: user.id, upn: user.upn, display_name: user.display_name, mfa_method: user.mfa_method }
}

fn device_row(device: Device) -> DeviceRow {
    DeviceRow {
        id: device.id,
        display_name: device.display_name,
        os: device.os,
        os_version: device.os_version,
        trust_type: device.trust_type,
        owner: device.owner,
        enabled: device.enabled,
        thumbprint: device.thumbprint,
        created: device.created,
    }
}

fn key_row(key: Key, users: &[User]) -> KeyRow {
    let upn = users.iter().find(|user| user.id == key.owner).map(|user| user.upn.clone()).unwrap_or_default();
    KeyRow {
        kid: key.kid,
        upn,
        device_id: key.device,
        key_id: key.key_id,
        created: key.created,
        attestation_level: key.level,
        attestation_report: serde_json::from_str(&key.report).unwrap_or_default(),
        strength: key.strength,
    }
}
