//! What a device knows: one record, written whole.

use std::collections::BTreeMap;
use std::fmt;

use crate::base::{Timestamp, Uuid};
use crate::crypto::cert::Certificate;
use crate::device::attest::{Attempts, CreationClaim};
use crate::device::container::Container;
use crate::device::hardware::HardwareState;
use crate::device::keys::{Protected, StoredKey};
use crate::device::prt::StoredPrt;
pub use crate::device::tpm::Condition;
use crate::device::tpm::{Address, AddressError, KeyBlob, Pins, TpmClock};
use crate::wire::encoding::from_base64;

/// Version of `device.json`.
pub(super) const VERSION: u64 = 1;

/// Which TPM a virtual device has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum TpmChoice {
    /// A swtpm of its own, whose state lies in the device directory.
    Swtpm,
    /// None.
    None,
    /// A TPM 1.2: it counts in the hardware decision, and the lab has none to make a key in.
    V12,
    /// A TPM that is there already.
    Guest(Address),
}

impl TryFrom<String> for TpmChoice {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        match text.as_str() {
            "swtpm" => Ok(Self::Swtpm),
            "none" => Ok(Self::None),
            "1.2" => Ok(Self::V12),
            _ => text.parse().map(Self::Guest),
        }
    }
}

impl fmt::Display for TpmChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swtpm => f.write_str("swtpm"),
            Self::None => f.write_str("none"),
            Self::V12 => f.write_str("1.2"),
            Self::Guest(address) => address.fmt(f),
        }
    }
}

impl From<TpmChoice> for String {
    fn from(choice: TpmChoice) -> Self {
        choice.to_string()
    }
}

/// What a virtual device is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// Name shown in the directory.
    pub name: String,
    /// Its TPM.
    pub tpm: TpmChoice,
    /// What state its TPM is in: made at each start of a swtpm; of a TPM 1.2, which no command is sent to, said.
    #[serde(default)]
    pub condition: Condition,
}

/// The device's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Registration {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Tenant's display name.
    pub tenant_name: String,
    /// Device id.
    pub device_id: Uuid,
    /// Who joined it.
    pub upn: String,
    /// When, by the device's clock.
    pub joined: Timestamp,
    /// Key registration endpoint, as discovery told it.
    pub key_service: String,
    /// Nonce endpoint for attestation, as discovery told it.
    pub nonce_service: String,
    /// The device certificate, DER.
    #[serde(with = "crate::wire::base64_bytes")]
    pub certificate: Vec<u8>,
    /// Signs for the device.
    pub device_key: StoredKey,
    /// Unwraps session keys.
    pub transport_key: StoredKey,
}

/// The attestation key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Aik {
    /// The key.
    pub key: KeyBlob,
    /// Its certificate, then the issuers, each base64 DER.
    pub chain: Vec<String>,
    /// Its own word that the TPM made it; absent where the backend cannot, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation: Option<CreationClaim>,
}

impl Aik {
    /// The chain in DER; `None` if it cannot be read.
    pub fn certificates(&self) -> Option<Vec<Vec<u8>>> {
        self.chain.iter().map(|text| from_base64(text).ok()).collect()
    }

    /// Whether the certificate is valid at `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        let chain = self.certificates().unwrap_or_default();
        let validity = chain.first().and_then(|der| Certificate::from_der(der).ok()?.validity().ok());
        validity.is_some_and(|validity| validity.from <= now && now <= validity.to)
    }
}

/// What a device keeps of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserState {
    /// The primary refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prt: Option<StoredPrt>,
    /// The Hello container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// How the last attempt to have the registered key attested ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attempts>,
    /// When the user last cancelled the enrollment that started by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Timestamp>,
}

/// Where the TPM stood in time: a record of its own, as it changes with every use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimeMark {
    /// When it was used last.
    pub clock: TpmClock,
    /// Whether it was once found to have gone back. Starting it often enough makes up for what is missing, so it is kept.
    pub rolled_back: bool,
}

/// Everything that one record holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceState {
    version: u64,
    /// What the device is.
    pub description: Description,
    /// The TPM it met first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// The lockout authorization of a TPM of ours, protected by that TPM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockout_auth: Option<Protected>,
    /// Its place in a tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Its attestation key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aik: Option<Aik>,
    /// Its users, by UPN in lower case.
    #[serde(default)]
    pub users: BTreeMap<String, UserState>,
}

impl DeviceState {
    /// A device that has not done anything.
    pub fn new(description: Description) -> Self {
        Self {
            version: VERSION,
            description,
            pins: None,
            lockout_auth: None,
            registration: None,
            aik: None,
            users: BTreeMap::new(),
        }
    }

    /// What is kept of a user.
    pub fn user(&self, upn: &str) -> Option<&UserState> {
        self.users.get(&upn.to_lowercase())
    }

    pub(crate) fn user_mut(&mut self, upn: &str) -> &mut UserState {
        self.users.entry(upn.to_lowercase()).or_default()
    }
}

impl HardwareState {
    /// A TPM 1.2 in that condition.
    pub(crate) fn of_tpm12_in(condition: Condition) -> Self {
        let good = Self::of_tpm12();
        Self {
            ready: good.ready && condition != Condition::NotReady,
            fips: condition == Condition::Fips,
            locked_out: condition == Condition::LockedOut,
            ..good
        }
    }
}
