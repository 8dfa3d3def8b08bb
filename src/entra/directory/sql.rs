//! Every statement. `$n`, `ON CONFLICT DO NOTHING` and plain types alone, which SQLite and PostgreSQL both understand.

use sqlx::{Sqlite, Transaction};

use super::{Device, DeviceRow, Directory, DirectoryError, Key, KeyRow, Snapshot, Tenant, TenantKey, User, UserRow};
use crate::base::Uuid;

type Answer<T> = Result<T, DirectoryError>;

/// A tenant that is to be made.
pub(crate) struct Seed {
    pub(crate) tenant: Tenant,
    pub(crate) keys: Vec<TenantKey>,
    pub(crate) users: Vec<User>,
}

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
    /// The tenant, if the database has one.
    pub(crate) async fn tenant(&self) -> Answer<Option<Tenant>> {
        Ok(sqlx::query_as("SELECT id, domain, display_name, region FROM tenant").fetch_optional(&self.pool).await?)
    }

    /// The tenant's keys.
    pub(crate) async fn tenant_keys(&self) -> Answer<Vec<TenantKey>> {
        Ok(sqlx::query_as("SELECT purpose, material, certificate FROM tenant_keys").fetch_all(&self.pool).await?)
    }

    /// Makes a tenant, all of it or nothing.
    pub(crate) async fn seed(&self, seed: &Seed, now: i64) -> Answer<()> {
        let mut work = self.pool.begin().await?;
        let tenant = seed.tenant.id.to_string();
        sqlx::query("INSERT INTO tenant (id, domain, display_name, region, created) VALUES ($1, $2, $3, $4, $5)")
            .bind(&tenant)
            .bind(&seed.tenant.domain)
            .bind(&seed.tenant.display_name)
            .bind(&seed.tenant.region)
            .bind(now)
            .execute(&mut *work)
            .await?;
        for key in &seed.keys {
            sqlx::query("INSERT INTO tenant_keys (tenant, purpose, material, certificate) VALUES ($1, $2, $3, $4)")
                .bind(&tenant)
                .bind(&key.purpose)
                .bind(&key.material)
                .bind(&key.certificate)
                .execute(&mut *work)
                .await?;
        }
        for user in &seed.users {
            insert_user(&mut work, &tenant, user).await?;
        }
        Ok(work.commit().await?)
    }

    /// A user by UPN, whatever its case.
    pub(crate) async fn user_by_upn(&self, upn: &str) -> Answer<Option<User>> {
        const SQL: &str = "SELECT id, upn, display_name, salt, rounds, verifier, mfa_method FROM users WHERE upn = $1";
        Ok(sqlx::query_as(SQL).bind(upn.to_lowercase()).fetch_optional(&self.pool).await?)
    }

    /// A user by object id.
    pub(crate) async fn user(&self, id: Uuid) -> Answer<Option<User>> {
        const SQL: &str = "SELECT id, upn, display_name, salt, rounds, verifier, mfa_method FROM users WHERE id = $1";
        Ok(sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(&self.pool).await?)
    }

    /// A device by id.
    pub(crate) async fn device(&self, id: Uuid) -> Answer<Option<Device>> {
        const SQL: &str = "SELECT id, owner, display_name, os, os_version, trust_type, enabled, thumbprint, certificate, \
             transport_key, created FROM devices WHERE id = $1";
        Ok(sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(&self.pool).await?)
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

    /// Adds a key. When `slot` is taken already nothing is added; the answer is the `kid` in the slot either way.
    pub(crate) async fn add_key(&self, key: &Key, slot: &str) -> Answer<Uuid> {
        const SQL: &str = "INSERT INTO keys (kid, slot, owner, device, key_id, blob, created, level, report) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (slot) DO NOTHING";
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
            .execute(&mut *work)
            .await?;
        if added.rows_affected() > 0 {
            record(&mut work, key.created, "key registered", Some(key.owner), Some(key.device), &key.level).await?;
        }
        let stored: Key =
            sqlx::query_as("SELECT kid, owner, device, key_id, blob, created, level, report FROM keys WHERE slot = $1")
                .bind(slot)
                .fetch_one(&mut *work)
                .await?;
        work.commit().await?;
        Ok(stored.kid)
    }

    /// The keys of a user with that identifier (base64 SHA-256), oldest first.
    pub(crate) async fn keys_of(&self, user: Uuid, key_id: &str) -> Answer<Vec<Key>> {
        const SQL: &str = "SELECT kid, owner, device, key_id, blob, created, level, report FROM keys \
             WHERE owner = $1 AND key_id = $2 ORDER BY created, kid";
        Ok(sqlx::query_as(SQL).bind(user.to_string()).bind(key_id).fetch_all(&self.pool).await?)
    }

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
            "SELECT kid, owner, device, key_id, blob, created, level, report FROM keys ORDER BY created, kid",
        )
        .fetch_all(&mut *work)
        .await?;
        let grants = sqlx::query_scalar("SELECT COUNT(*) FROM grants").fetch_one(&mut *work).await?;
        work.commit().await?;
        Ok(Snapshot {
            tenant: tenant.id,
            domain: tenant.domain.clone(),
            keys: keys.into_iter().map(|key| key_row(key, &users)).collect(),
            users: users.into_iter().map(user_row).collect(),
            devices: devices.into_iter().map(device_row).collect(),
            grants,
        })
    }
}

async fn insert_user(work: &mut Transaction<'_, Sqlite>, tenant: &str, user: &User) -> Answer<()> {
    const SQL: &str = "INSERT INTO users (id, tenant, upn, display_name, salt, rounds, verifier, mfa_method) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(SQL)
        .bind(user.id.to_string())
        .bind(tenant)
        .bind(&user.upn)
        .bind(&user.display_name)
        .bind(&user.salt)
        .bind(user.rounds)
        .bind(&user.verifier)
        .bind(user.mfa_method)
        .execute(&mut **work)
        .await?;
    Ok(())
}

async fn record(
    work: &mut Transaction<'_, Sqlite>,
    at: i64,
    event: &str,
    owner: Option<Uuid>,
    device: Option<Uuid>,
    detail: &str,
) -> Answer<()> {
    sqlx::query("INSERT INTO audit (id, at, event, owner, device, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(crate::base::random_guid(&mut crate::base::OsRng).to_string())
        .bind(at)
        .bind(event)
        .bind(owner.map(|id| id.to_string()))
        .bind(device.map(|id| id.to_string()))
        .bind(detail)
        .execute(&mut **work)
        .await?;
    Ok(())
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
    }
}
