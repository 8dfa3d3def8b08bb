//! Object attributes by the names of TPM 2.0 Part 2, section 8.3 (`TPMA_OBJECT`).

use std::fmt;

/// `TPMA_OBJECT`: what a key may do and where it may go.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attributes(pub u32);

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $tcg:literal;)*) => {
        impl Attributes {
            $($(#[$doc])* pub const $name: Attributes = Attributes(1 << $bit);)*
            /// Every attribute with its TCG name, from the lowest bit.
            pub const ALL: &[(Attributes, &str)] = &[$((Attributes::$name, $tcg)),*];
        }
    };
}

attributes! {
    /// The hierarchy of the object cannot change.
    FIXED_TPM = 1, "fixedTPM";
    /// Saved contexts die with a restart.
    ST_CLEAR = 2, "stClear";
    /// The parent of the object cannot change.
    FIXED_PARENT = 4, "fixedParent";
    /// The TPM made the sensitive part itself.
    SENSITIVE_DATA_ORIGIN = 5, "sensitiveDataOrigin";
    /// The authorization value allows use.
    USER_WITH_AUTH = 6, "userWithAuth";
    /// Administration needs the policy.
    ADMIN_WITH_POLICY = 7, "adminWithPolicy";
    /// No dictionary-attack protection.
    NO_DA = 10, "noDA";
    /// Duplicates must be encrypted.
    ENCRYPTED_DUPLICATION = 11, "encryptedDuplication";
    /// Works only on what the TPM made or checked.
    RESTRICTED = 16, "restricted";
    /// Decrypts.
    DECRYPT = 17, "decrypt";
    /// Signs, or encrypts if symmetric.
    SIGN = 18, "sign";
    /// Signs certificates only.
    X509_SIGN = 19, "x509sign";
}

impl Attributes {
    /// A device, transport or user key of the Windows provider: 0x00060472 (protocol.md 6.3).
    pub const WINDOWS_KEY: Attributes = Attributes(0x0006_0472);
    /// An attestation identity key of the Windows provider: 0x00050472.
    pub const WINDOWS_AIK: Attributes = Attributes(0x0005_0472);
    /// A storage root key with noDA: 0x00030472.
    pub const STORAGE_ROOT: Attributes = Attributes(0x0003_0472);
    /// An endorsement key of the TCG templates L-1 and L-2: 0x000300B2.
    pub const ENDORSEMENT: Attributes = Attributes(0x0003_00b2);

    /// Whether all of `wanted` are set.
    pub fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Bits that no attribute of this list names.
    pub(super) fn reserved(self) -> u32 {
        Self::ALL.iter().fold(self.0, |rest, (each, _)| rest & !each.0)
    }
}

impl fmt::Display for Attributes {
    /// The number and the names, such as `0x00060472 fixedTPM|fixedParent|...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        let set = Self::ALL.iter().filter(|(each, _)| self.contains(*each));
        for (index, (_, name)) in set.enumerate() {
            write!(f, "{}{name}", if index == 0 { ' ' } else { '|' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({self})")
    }
}
