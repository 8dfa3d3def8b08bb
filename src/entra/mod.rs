//! The mock Entra: a strict stand-in for the parts of Entra ID that Windows Hello for Business needs.
//!
//! Decisions are plain async functions over an [`Entra`], one file per endpoint family; only [`server`] knows HTTP
//! machinery, only the directory knows a database. Nothing is kept in memory that a second server would have to share.

mod aik;
mod authorize;
mod credential;
mod device_code;
mod device_proof;
mod device_token;
mod directory;
mod discovery;
mod grant;
mod graph;
mod hello;
mod join;
mod join_attestation;
mod leave;
mod login;
mod mfa;
mod nonce;
mod openid;
mod p2p;
mod page;
mod realm;
mod refusal;
mod register;
mod resource;
pub mod rules;
pub mod server;
mod session;
mod signin;
mod sts;
mod tenant;
mod tokens;
mod verdict;

use std::sync::Arc;

use crate::base::{Clock, Timestamp, Uuid};
use crate::crypto::cert::Certificate;

use directory::{Directory, Tenant};
use tenant::TenantKeys;

pub use credential::KeyRecord;
pub use directory::{Database, DatabaseFault, DeviceRow, DirectoryError, EndorsedDevice, KeyRow, Snapshot, UserRow};
pub use refusal::{Broken, Dialect, Entry, Failure, Refusal};
pub use rules::{Attestation, DuplicateKey, Freshness, KnownEk, Profile, Rules, StrangerEk, VirtualTpm};
pub use tenant::{SEEDED_DOMAIN, SEEDED_OTP_SECRET, SEEDED_PASSWORD, SEEDED_TENANT, TenantFault};

/// What an [`Entra`] is opened with.
pub struct Options {
    /// Where its directory lives.
    pub database: Database,
    /// Its switches.
    pub rules: Rules,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Roots of the TPM vendors that the AIK service trusts, DER.
    pub vendor_roots: Vec<Vec<u8>>,
    /// UPN of the user who approves every device code at once, for clients without a person beside them; `None` waits for one.
    pub approve_device_codes: Option<String>,
}

/// Why an [`Entra`] could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseFault),
    /// The tenant's keys cannot be made or read.
    #[error(transparent)]
    Tenant(#[from] TenantFault),
    /// A vendor root is no certificate; its place in the list, from 0.
    #[error("vendor root {0} is not a DER certificate")]
    VendorRoot(usize),
    /// Nobody of that UPN could approve device codes.
    #[error("the tenant has no user {0}, who is to approve device codes")]
    ApproverUnknown(String),
}

impl From<DirectoryError> for OpenError {
    fn from(error: DirectoryError) -> Self {
        Self::Database(error.into())
    }
}

/// One tenant, open for business. Clones share it.
#[derive(Clone)]
pub struct Entra {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    tenant: Tenant,
    keys: TenantKeys,
    rules: Rules,
    clock: Arc<dyn Clock>,
    vendor_roots: Vec<Certificate>,
    approver: Option<Uuid>,
}

impl Entra {
    /// Opens the directory, and seeds it with the tenant `contoso.example` if it is empty.
    ///
    /// Must be awaited on a tokio runtime.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let vendor_roots = read_roots(&options.vendor_roots)?;
        let directory = Directory::open(&options.database).await?;
        let now = options.clock.now();
        if directory.tenant().await?.is_none() {
            directory.seed(&tenant::seed(&TenantKeys::generate(now)?)?, now.as_second()).await?;
        }
        let tenant = directory.tenant().await?.ok_or(TenantFault::Absent("tenant"))?;
        let mut rows = directory.tenant_keys().await?;
        // A tenant that an older version made.
        if let Some(added) = TenantKeys::missing(&rows, now)? {
            directory.add_tenant_key(tenant.id, &added).await?;
            rows.push(added);
        }
        let keys = TenantKeys::from_rows(&rows)?;
        let approver = match options.approve_device_codes {
            Some(upn) => {
                Some(directory.user_by_upn(&upn).await?.map(|user| user.id).ok_or(OpenError::ApproverUnknown(upn))?)
            }
            None => None,
        };
        let (rules, clock) = (options.rules, options.clock);
        Ok(Self { inner: Arc::new(Inner { directory, tenant, keys, rules, clock, vendor_roots, approver }) })
    }

    /// Users, devices and keys at this instant.
    pub async fn snapshot(&self) -> Result<Snapshot, DirectoryError> {
        self.directory().snapshot(self.tenant()).await
    }

    /// Enables or disables a device, as an administrator does; false if there is none of that id.
    pub async fn enable_device(&self, id: Uuid, enabled: bool) -> Result<bool, DirectoryError> {
        self.directory().enable_device(id, enabled, self.now().as_second()).await
    }

    /// Deletes a device, as an administrator does: its PRTs are revoked, its keys stay. False if there is none of that id.
    pub async fn delete_device(&self, id: Uuid) -> Result<bool, DirectoryError> {
        self.directory().delete_device(id, self.now().as_second()).await
    }

    /// Closes the directory; a database file is whole afterwards. Requests that come later are answered with 500.
    pub async fn close(&self) {
        self.directory().close().await;
    }

    /// The certificate authority of the listener's certificate, PEM. It stays the same for a database.
    pub fn ca_pem(&self) -> String {
        crate::crypto::cert::pem(self.keys().tls.certificate().der())
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.inner.tenant
    }

    pub(crate) fn keys(&self) -> &TenantKeys {
        &self.inner.keys
    }

    /// The switches in force.
    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// The root of the tenant's attestation keys. It stays the same for a database.
    pub fn attestation_root(&self) -> &Certificate {
        self.keys().aik.certificate()
    }

    pub(crate) fn vendor_roots(&self) -> &[Certificate] {
        &self.inner.vendor_roots
    }

    /// Who approves device codes at once, if anybody does.
    pub(crate) fn approver(&self) -> Option<Uuid> {
        self.inner.approver
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whether a path's first segment names this tenant: its id, its domain, or one of Entra's collective names.
    pub(crate) fn is_named(&self, segment: &str) -> bool {
        segment.eq_ignore_ascii_case(&self.tenant().domain)
            || ["common", "organizations"].iter().any(|name| segment.eq_ignore_ascii_case(name))
            || Uuid::parse_str(segment) == Ok(self.tenant().id)
    }

    /// Refuses a path of the token service whose first segment names another tenant.
    pub(crate) fn check_tenant(&self, segment: &str) -> Result<(), Refusal> {
        if self.is_named(segment) { Ok(()) } else { Err(Refusal::TenantUnknown) }
    }
}

impl std::fmt::Debug for Entra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entra").field("tenant", &self.tenant().id).finish_non_exhaustive()
    }
}

fn read_roots(roots: &[Vec<u8>]) -> Result<Vec<Certificate>, OpenError> {
    roots
        .iter()
        .enumerate()
        .map(|(place, der)| Certificate::from_der(der).map_err(|_| OpenError::VendorRoot(place)))
        .collect()
}

#[cfg(test)]
mod tests;
