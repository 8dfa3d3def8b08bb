//! `KeyAttestationStatement`, "KAST": how Windows carries a TPM's word for a key (MS-WCCE section 2.2.2.5; what that section
//! leaves open is as Microsoft's PCP sample, TSS.MSR `PCPTool.v11`, writes and checks it).
//!
//! ```text
//! KAST, little-endian        KADS, little-endian        PCPM, little-endian
//! 0  magic  `KAST`           0  magic  `KADS`           0   magic  `PCPM`
//! 4  version 1               4  platform                4   header 0x34 or 0x38
//! 8  platform                8  header 24               8   type 2
//! 12 header 28               12 length of keyAttest     12  flags
//! 16 length of idBinding     16 length of signature     16  nine lengths
//! 20 ... of keyAttestation   20 length of keyBlob       52  PCR algorithm and padding (header 0x38)
//! 24 ... of aikOpaque        24 the three parts         ... the nine parts
//! 28 the three parts
//! ```
//!
//! Inside, TPM structures are big-endian and kept as they came. A reader takes a whole structure: bytes that follow it are
//! an error, and what was read writes back to the same bytes. Nothing is verified.

mod binding;
mod fault;
mod key;
mod pcp;
mod policy;
mod reader;
mod statement;

pub use binding::IdBinding;
pub use fault::{Container, KastFormat, Part};
pub use key::KeyAttestation;
pub use pcp::{PcpHeader, PcpKeyBlob};
pub use policy::{WINDOWS_POLICY_DIGESTS, write_policy_digests};
pub use statement::{KeyAttestationStatement, UserKeyParts};

/// The kind of TPM that a structure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// 1: TPM 1.2.
    Tpm12,
    /// 2: TPM 2.0.
    Tpm20,
}

impl Platform {
    /// The number on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::Tpm12 => 1,
            Self::Tpm20 => 2,
        }
    }

    fn of(code: u32, container: Container) -> Result<Self, KastFormat> {
        match code {
            1 => Ok(Self::Tpm12),
            2 => Ok(Self::Tpm20),
            found => Err(KastFormat::Platform { container, found }),
        }
    }
}

#[cfg(test)]
mod tests;
