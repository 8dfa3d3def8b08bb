//! The tenant, its keys and its users.

use sqlx::{Sqlite, Transaction};

use super::Answer;
use crate::base::Uuid;
use crate::entra::directory::{Directory, Tenant, TenantKey, User};

/// A tenant that is to be made.
pub(crate) struct Seed {
    pub(crate) tenant: Tenant,
    pub(crate) keys: Vec<TenantKey>,
    pub(crate) users: Vec<User>,
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
            insert_key(&mut work, &tenant, key).await?;
        }
        for user in &seed.users {
            insert_user(&mut work, &tenant, user).await?;
        }
        Ok(work.commit().await?)
    }

    /// Adds a key that an older version did not make.
    pub(crate) async fn add_tenant_key(&self, tenant: Uuid, key: &TenantKey) -> Answer<()> {
        let mut work = self.pool.begin().await?;
        insert_key(&mut work, &tenant.to_string(), key).await?;
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
}

async fn insert_key(work: &mut Transaction<'_, Sqlite>, tenant: &str, key: &TenantKey) -> Answer<()> {
    sqlx::query("INSERT INTO tenant_keys (tenant, purpose, material, certificate) VALUES ($1, $2, $3, $4)")
        .bind(tenant)
        .bind(&key.purpose)
        .bind(&key.material)
        .bind(&key.certificate)
        .execute(&mut **work)
        .await?;
    Ok(())
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
