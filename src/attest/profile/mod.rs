//! Certificate profiles of the TCG: whoever makes one and whoever judges it stand side by side.

mod aik;
mod ek;

use super::vendor::VendorId;
use crate::crypto::PublicKey;
use crate::crypto::cert::{CertificateError, Name, Text, oid};

#[cfg(test)]
pub(crate) use aik::aik_extensions;
pub use aik::{AikFault, aik_certificate, judge_aik};
pub(crate) use aik::{ek_was_verified, tpm_of};
#[cfg(test)]
pub(crate) use ek::ek_extensions;
pub(crate) use ek::ek_identity;
pub use ek::{EkFault, ek_certificate, judge_ek};

/// Who made a TPM, as its certificates say in `subjectAltName` (TCG EK Credential Profile, section 3.2.9).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TpmIdentity {
    /// `TPM_PT_MANUFACTURER`: four characters as a number, such as 0x49424D00 for `IBM`.
    pub manufacturer: u32,
    /// The vendor's name of the model.
    pub model: String,
    /// Firmware version: the vendor's major and minor number in 16 bits each.
    pub version: u32,
}

impl TpmIdentity {
    /// The directory name: one attribute per relative name, numbers as `id:XXXXXXXX`.
    pub fn to_name(&self) -> Result<Name, CertificateError> {
        let (manufacturer, version) = (format!("id:{:08X}", self.manufacturer), format!("id:{:08X}", self.version));
        Name::from_rdns(&[
            &[(oid::TPM_MANUFACTURER, Text::Utf8, &manufacturer)],
            &[(oid::TPM_MODEL, Text::Utf8, &self.model)],
            &[(oid::TPM_VERSION, Text::Utf8, &version)],
        ])
    }

    /// Reads what [`Self::to_name`] writes; `None` if a part is missing or no `id:` with eight hexadecimal digits.
    pub fn from_name(name: &Name) -> Option<Self> {
        let number = |id| {
            let text = name.text(id)?;
            let digits = text.strip_prefix("id:").filter(|digits| digits.len() == 8 && !digits.starts_with('+'))?;
            u32::from_str_radix(digits, 16).ok()
        };
        Some(Self {
            manufacturer: number(oid::TPM_MANUFACTURER)?,
            model: name.text(oid::TPM_MODEL)?,
            version: number(oid::TPM_VERSION)?,
        })
    }
}

impl std::fmt::Display for TpmIdentity {
    /// `id:49424D00 (IBM), swtpm, id:20191023`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, id:{:08X}", VendorId(self.manufacturer), self.model, self.version)
    }
}

/// The sizes that the Windows provider makes and Entra takes: RSA-2048 with exponent 65537, and the lab's P-256.
pub(crate) fn is_strong(key: &PublicKey) -> bool {
    match key {
        PublicKey::Rsa(rsa) => rsa.bits() == 2048 && rsa.exponent() == [1, 0, 1],
        PublicKey::P256(_) => true,
    }
}

#[cfg(test)]
mod tests;
