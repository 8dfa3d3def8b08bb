//! KEYCREDENTIALLINK_BLOB (MS-ADTS section 2.2.20): what a directory keeps of a key, in the two dialects that are known.
//!
//! `Version` (u32 LE, 0x200), then entries of `Length` (u16 LE, of the value alone), `Identifier` (u8) and value, by
//! ascending identifier and without padding. The dialects differ in three entries:
//!
//! | entry | AD (MS-KPP section 3.1.5.1.1.3, step 4) | Entra \[client\] |
//! |---|---|---|
//! | KeySource | 0 | 1 |
//! | CustomKeyInformation | `01 02` | `01 00 00 00 00 02` and nine zeros |
//! | both times | FILETIME | `DateTime.ToBinary` of .NET, in UTC |

mod attribute;
mod custom;
mod fault;
mod reader;
mod searchable;
mod time;
mod writer;

use crate::base::{Timestamp, Uuid};
use crate::crypto::RsaPublic;
use crate::crypto::digest::sha256;

use super::blob;

pub use attribute::{AttributeFault, from_attribute};
pub use custom::{CustomKeyFault, CustomKeyInformation, CustomKeyTail, KeyStrength, Volume};
pub use fault::{Entry, KeyCredentialFault};
pub use searchable::{SearchableDeviceKey, SearchableKeyFault};

/// The only version there is.
const VERSION: u32 = 0x0200;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUsage {
    /// Hello: the user's key.
    Ngc,
    /// A device's transport key (MS-DVRJ).
    Transport,
    /// A FIDO security key; its material is JSON.
    Fido,
    /// File encryption.
    Fek,
}

impl KeyUsage {
    const ALL: [Self; 4] = [Self::Ngc, Self::Transport, Self::Fido, Self::Fek];

    /// The byte of the entry KeyUsage.
    fn code(self) -> u8 {
        match self {
            Self::Ngc => 1,
            Self::Transport => 2,
            Self::Fido => 7,
            Self::Fek => 8,
        }
    }

    /// The word of the JSON form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ngc => "NGC",
            Self::Transport => "STK",
            Self::Fido => "FIDO",
            Self::Fek => "FEK",
        }
    }
}

/// Which directory the key was registered in; it also decides how times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Active Directory.
    Ad,
    /// Entra. \[client\]: MS-ADTS knows [`Self::Ad`] alone.
    AzureAd,
}

impl KeySource {
    fn code(self) -> u8 {
        match self {
            Self::Ad => 0,
            Self::AzureAd => 1,
        }
    }
}

/// One key with what a directory knows of it.
///
/// Instants are kept in ticks of 100 nanoseconds, which is what either dialect holds; a finer [`Timestamp`] is cut when it
/// is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCredential {
    usage: KeyUsage,
    material: Vec<u8>,
    /// Where it was registered. Absent is read as [`KeySource::Ad`].
    pub source: Option<KeySource>,
    /// The device it was registered from.
    pub device_id: Option<Uuid>,
    /// Flags, and in the long form the key's strength.
    pub custom: Option<CustomKeyInformation>,
    /// When it was last used to sign in, roughly.
    pub last_logon: Option<Timestamp>,
    /// When it was registered.
    pub created: Option<Timestamp>,
}

impl KeyCredential {
    /// A key with nothing around it.
    ///
    /// # Errors
    /// [`KeyCredentialFault::Material`] when a Hello or transport key is no RSA1 blob, [`KeyCredentialFault::Length`] when the
    /// material does not fit an entry.
    pub fn new(usage: KeyUsage, material: Vec<u8>) -> Result<Self, KeyCredentialFault> {
        if matches!(usage, KeyUsage::Ngc | KeyUsage::Transport) {
            blob::read(&material).map_err(KeyCredentialFault::Material)?;
        }
        if material.is_empty() || u16::try_from(material.len()).is_err() {
            return Err(KeyCredentialFault::Length(Entry::KeyMaterial));
        }
        let (source, device_id, custom, last_logon, created) = (None, None, None, None, None);
        Ok(Self { usage, material, source, device_id, custom, last_logon, created })
    }

    /// A Hello key as AD keeps it.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn ad(blob: Vec<u8>, device: Uuid, at: Timestamp) -> Result<Self, KeyCredentialFault> {
        Self::hello(blob, KeySource::Ad, CustomKeyInformation::MFA_NOT_USED, device, at)
    }

    /// A Hello key as Entra keeps it. \[client\]
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn azure(
        blob: Vec<u8>,
        strength: KeyStrength,
        device: Uuid,
        at: Timestamp,
    ) -> Result<Self, KeyCredentialFault> {
        Self::hello(blob, KeySource::AzureAd, CustomKeyInformation::azure(strength), device, at)
    }

    fn hello(
        blob: Vec<u8>,
        source: KeySource,
        custom: CustomKeyInformation,
        device: Uuid,
        at: Timestamp,
    ) -> Result<Self, KeyCredentialFault> {
        Ok(Self {
            source: Some(source),
            device_id: Some(device),
            custom: Some(custom),
            last_logon: Some(at),
            created: Some(at),
            ..Self::new(KeyUsage::Ngc, blob)?
        })
    }

    /// What the key is for.
    pub fn usage(&self) -> KeyUsage {
        self.usage
    }

    /// The public key as it was registered: an RSA1 blob for a Hello key.
    pub fn material(&self) -> &[u8] {
        &self.material
    }

    /// The RSA key, where the material is one.
    pub fn rsa(&self) -> Option<RsaPublic> {
        blob::read(&self.material).ok()
    }

    /// KeyID: SHA-256 of the material.
    pub fn key_id(&self) -> [u8; 32] {
        sha256(&self.material)
    }

    /// Whose way of writing times is used.
    fn dialect(&self) -> KeySource {
        self.source.unwrap_or(KeySource::Ad)
    }
}

#[cfg(test)]
mod tests;
