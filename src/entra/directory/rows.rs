//! What the directory holds, in plain types.

use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use crate::base::Uuid;

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// Tenant id.
    pub(crate) id: Uuid,
    /// Default domain.
    pub(crate) domain: String,
    /// Name shown to people.
    pub(crate) display_name: String,
    /// Region, as device certificates tell it.
    pub(crate) region: String,
}

/// One of the tenant's keys: base64 of PKCS#8 or of a symmetric key, and the certificate of an authority.
#[derive(Clone)]
pub(crate) struct TenantKey {
    pub(crate) purpose: String,
    pub(crate) material: String,
    pub(crate) certificate: Option<String>,
}

/// A user.
#[derive(Clone)]
pub(crate) struct User {
    /// Object id.
    pub(crate) id: Uuid,
    /// User principal name, lower case.
    pub(crate) upn: String,
    /// Name shown to people.
    pub(crate) display_name: String,
    /// base64.
    pub(crate) salt: String,
    /// Rounds of PBKDF2.
    pub(crate) rounds: i64,
    /// base64 of PBKDF2-HMAC-SHA256 of the password.
    pub(crate) verifier: String,
    /// Whether the user has a method of multi-factor authentication.
    pub(crate) mfa_method: bool,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Device id.
    pub(crate) id: Uuid,
    /// Object id of the user who joined it.
    pub(crate) owner: Uuid,
    pub(crate) display_name: String,
    pub(crate) os: String,
    pub(crate) os_version: String,
    /// `AzureAd` (joined) or `Workplace` (registered).
    pub(crate) trust_type: String,
    pub(crate) enabled: bool,
    /// Upper-case hexadecimal SHA-1 of the certificate.
    pub(crate) thumbprint: String,
    /// base64 DER.
    pub(crate) certificate: String,
    /// base64 RSA1 blob.
    pub(crate) transport_key: String,
    /// Seconds.
    pub(crate) created: i64,
}

/// A Hello key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The server's GUID of it.
    pub(crate) kid: Uuid,
    /// Object id of the user.
    pub(crate) owner: Uuid,
    /// The device that registered it.
    pub(crate) device: Uuid,
    /// base64 SHA-256 of the blob.
    pub(crate) key_id: String,
    /// base64 RSA1 blob.
    pub(crate) blob: String,
    /// Seconds.
    pub(crate) created: i64,
    /// `none`, `software`, `aik`, `aik+ek`.
    pub(crate) level: String,
    /// JSON of the attestation's verdict; `null` without one.
    pub(crate) report: String,
    /// `normal` or `weak`.
    pub(crate) strength: String,
}

/// A device code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceCode {
    /// Lower-case hexadecimal SHA-256 of what the client holds.
    pub(crate) hash: String,
    /// What a person types.
    pub(crate) user_code: String,
    /// The client that asked.
    pub(crate) client: String,
    /// Audience of the token to come.
    pub(crate) resource: String,
    /// Whether the client wants fresh multi-factor authentication.
    pub(crate) fresh: bool,
    /// Seconds.
    pub(crate) expires: i64,
    pub(crate) declined: bool,
    /// JSON of the approving user's proof; empty before.
    pub(crate) proof: String,
    /// Object id of who approved.
    pub(crate) owner: Option<Uuid>,
}

/// Reads a row: columns are named like fields, GUIDs are behind the semicolon.
macro_rules! row {
    ($name:ident { $($field:ident),*; $($guid:ident),* }) => {
        impl<'r> FromRow<'r, SqliteRow> for $name {
            fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
                Ok(Self {
                    $($field: row.try_get(stringify!($field))?,)*
                    $($guid: row.try_get::<Guid, _>(stringify!($guid))?.0,)*
                })
            }
        }
    };
}

row!(Tenant { domain, display_name, region; id });
row!(TenantKey { purpose, material, certificate; });
row!(User { upn, display_name, salt, rounds, verifier, mfa_method; id });
row!(Device {
    display_name, os, os_version, trust_type, enabled, thumbprint, certificate, transport_key, created; id, owner
});
row!(EndorsedDevice { ek; device });
row!(Key { key_id, blob, created, level, report, strength; kid, owner, device });

impl<'r> FromRow<'r, SqliteRow> for DeviceCode {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            hash: row.try_get("hash")?,
            user_code: row.try_get("user_code")?,
            client: row.try_get("client")?,
            resource: row.try_get("resource")?,
            fresh: row.try_get("fresh")?,
            expires: row.try_get("expires")?,
            declined: row.try_get("declined")?,
            proof: row.try_get("proof")?,
            owner: row.try_get::<Option<Guid>, _>("owner")?.map(|guid| guid.0),
        })
    }
}

/// A GUID, which is stored as text.
struct Guid(Uuid);

impl sqlx::Type<sqlx::Sqlite> for Guid {
    fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
        <String as sqlx::Type<sqlx::Sqlite>>::type_info()
    }
}

impl<'r> sqlx::Decode<'r, sqlx::Sqlite> for Guid {
    fn decode(value: sqlx::sqlite::SqliteValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let text = <&str as sqlx::Decode<'r, sqlx::Sqlite>>::decode(value)?;
        Ok(Self(Uuid::parse_str(text)?))
    }
}

/// The directory at one instant: what a test compares before and after, and what the command line prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Tenant id.
    pub tenant: Uuid,
    /// Default domain of the tenant.
    pub domain: String,
    /// Users by UPN.
    pub users: Vec<UserRow>,
    /// Devices by age.
    pub devices: Vec<DeviceRow>,
    /// Hello keys by age.
    pub keys: Vec<KeyRow>,
    /// Which TPMs vouched for a key of which device.
    pub endorsements: Vec<EndorsedDevice>,
    /// How many PRTs and refresh tokens were issued, expired and revoked ones included.
    pub grants: i64,
}

/// An endorsement key beside a device that it vouched for, in a [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndorsedDevice {
    /// Lower-case hexadecimal SHA-256 of the endorsement key's SubjectPublicKeyInfo.
    pub ek: String,
    /// The device.
    #[serde(rename = "deviceId")]
    pub device: Uuid,
}

/// A user in a [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRow {
    /// Object id.
    pub id: Uuid,
    /// User principal name, lower case.
    pub upn: String,
    /// Name shown to people.
    pub display_name: String,
    /// Whether the user has a method of multi-factor authentication.
    pub mfa_method: bool,
}

/// A device in a [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow {
    /// Device id.
    pub id: Uuid,
    /// Name shown to people.
    pub display_name: String,
    /// Operating system.
    pub os: String,
    /// Version of the operating system.
    pub os_version: String,
    /// `AzureAd` (joined) or `Workplace` (registered).
    pub trust_type: String,
    /// Object id of the user who joined it.
    pub owner: Uuid,
    /// Whether it may be used.
    pub enabled: bool,
    /// Upper-case hexadecimal SHA-1 of the device certificate.
    pub thumbprint: String,
    /// When it joined, seconds.
    pub created: i64,
}

/// A Hello key in a [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// The server's GUID of it.
    pub kid: Uuid,
    /// User principal name of the key's user.
    pub upn: String,
    /// The device that registered it.
    pub device_id: Uuid,
    /// base64 SHA-256 of the key blob.
    pub key_id: String,
    /// When it was registered, seconds.
    pub created: i64,
    /// `none`, `software`, `aik`, `aik+ek`.
    pub attestation_level: String,
    /// The verdict on its statement; `null` without one.
    pub attestation_report: serde_json::Value,
    /// `normal`, or `weak` for a key with the fingerprint of CVE-2017-15361.
    pub strength: String,
}
