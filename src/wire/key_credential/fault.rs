//! What is wrong with a KEYCREDENTIALLINK_BLOB.

use super::CustomKeyFault;
use crate::wire::blob::BlobFault;

/// An entry, by its identifier (MS-ADTS section 2.2.20.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// 1: SHA-256 of the material.
    KeyId = 1,
    /// 2: SHA-256 of every entry behind this one.
    KeyHash,
    /// 3: the public key.
    KeyMaterial,
    /// 4: what it is for.
    KeyUsage,
    /// 5: where it was registered.
    KeySource,
    /// 6: the device's GUID.
    DeviceId,
    /// 7: CUSTOM_KEY_INFORMATION.
    CustomKeyInformation,
    /// 8: when it was last used, roughly.
    LastLogon,
    /// 9: when it was registered.
    KeyCreation,
}

impl Entry {
    /// Every entry, ascending.
    pub const ALL: [Self; 9] = [
        Self::KeyId,
        Self::KeyHash,
        Self::KeyMaterial,
        Self::KeyUsage,
        Self::KeySource,
        Self::DeviceId,
        Self::CustomKeyInformation,
        Self::LastLogon,
        Self::KeyCreation,
    ];

    /// The entry of an identifier.
    pub(super) fn of(identifier: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| *entry as u8 == identifier)
    }
}

/// What is wrong with a blob, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyCredentialFault {
    /// Shorter than its version.
    #[error("the key credential is shorter than its version")]
    Truncated,
    /// Another version than 0x200.
    #[error("the key credential is of version {0:#x}")]
    Version(u32),
    /// An entry ends behind the end; at which byte it begins.
    #[error("the entry at byte {0} is cut off")]
    EntryTruncated(usize),
    /// An identifier that no entry has.
    #[error("no entry has identifier {0}")]
    Identifier(u8),
    /// An entry that comes twice.
    #[error("the entry {0:?} is there twice")]
    Repeated(Entry),
    /// An entry behind one with a higher identifier.
    #[error("the entry {0:?} stands behind a later one")]
    Order(Entry),
    /// A value of another length than its entry has.
    #[error("the entry {0:?} has a wrong length")]
    Length(Entry),
    /// An entry that must be there.
    #[error("the entry {0:?} is absent")]
    Absent(Entry),
    /// KeyID is not SHA-256 of the material.
    #[error("KeyID is not the hash of the key material")]
    KeyId,
    /// KeyHash is not SHA-256 of the entries behind it.
    #[error("KeyHash is not the hash of the entries behind it")]
    KeyHash,
    /// A usage that is not known.
    #[error("no key has usage {0}")]
    Usage(u8),
    /// The material of an RSA key is none.
    #[error(transparent)]
    Material(BlobFault),
    /// A source that is not known.
    #[error("no key has source {0}")]
    Source(u8),
    /// CUSTOM_KEY_INFORMATION is none.
    #[error(transparent)]
    Custom(CustomKeyFault),
    /// A time that is none in the dialect of its source.
    #[error("the entry {0:?} is no instant")]
    Time(Entry),
}
