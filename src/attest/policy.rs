//! What a verifier wants beyond what every statement has to fulfil.

use serde::{Deserialize, Serialize};

use super::vendor::VendorId;

/// The choices of a verifier. As JSON it is an object with the fields in kebab case; a field that is left out has the value of
/// [`Policy::default`], and one that is unknown is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Policy {
    /// The authorization policy must be the PolicyOR of the Windows provider.
    pub windows_policy: bool,
    /// Attributes, scheme and symmetric algorithm must be exactly those of the Windows template. \[inferred\]: public samples are
    /// of other keys of the same provider.
    pub exact_template: bool,
    /// The TPM's clock must be safe: no greater value was ever reported. It is not, after an end without `TPM2_Shutdown`.
    pub safe_clock: bool,
    /// Signatures over SHA-1 are taken too.
    pub sha1: bool,
    /// The attestation key's certificate must say by its policies how the endorsement key was verified. \[inferred\] from AD CS;
    /// without them the level is that of an endorsement key which nobody vouches for.
    pub assurance: bool,
    /// The attestation key's public area must come along: that it is restricted is then seen, and not only vouched for.
    pub aik_public: bool,
    /// The endorsement key's certificate must come along.
    pub ek_certificate: bool,
    /// Vendors of TPMs that are taken; empty for any.
    pub vendors: Vec<VendorId>,
    /// Models that are taken, as certificates name them; empty for any.
    pub models: Vec<String>,
    /// The oldest firmware that is taken, for each vendor that is named.
    pub firmware: Vec<OldestFirmware>,
    /// TPMs of vendors whose TPMs are software are taken too ([`VendorId::is_virtual`], \[inferred\]).
    pub virtual_tpm: bool,
    /// Keys with the fingerprint of CVE-2017-15361 (ROCA) are refused, the two keys that vouch for the TPM among them.
    pub refuse_roca: bool,
}

/// The oldest firmware of one vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldestFirmware {
    /// Whose TPMs.
    pub vendor: VendorId,
    /// The vendor's major number.
    pub major: u16,
    /// The vendor's minor number.
    pub minor: u16,
}

impl OldestFirmware {
    /// As `TpmIdentity::version` has it.
    pub(super) fn version(self) -> u32 {
        (u32::from(self.major) << 16) + u32::from(self.minor)
    }
}

impl Policy {
    /// Reads a policy from JSON.
    ///
    /// # Errors
    /// Text that is no such object; the error says where.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        crate::wire::json::object(text)
    }
}

impl Default for Policy {
    /// What the Windows provider makes, by any TPM.
    fn default() -> Self {
        Self {
            windows_policy: true,
            exact_template: false,
            safe_clock: false,
            sha1: false,
            assurance: true,
            aik_public: false,
            ek_certificate: false,
            vendors: Vec::new(),
            models: Vec::new(),
            firmware: Vec::new(),
            virtual_tpm: true,
            refuse_roca: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_field_by_field_and_nothing_unknown_is_passed_over() {
        let read = |text: &str| Policy::from_json(text.as_bytes());
        assert_eq!(read("{}").unwrap(), Policy::default());
        let text = r#"{"virtual-tpm": false, "vendors": ["IFX", "id:53544D20"], "firmware": [{"vendor": "IFX", "major": 7, "minor": 62}]}"#;
        let policy = read(text).unwrap();
        assert!(!policy.virtual_tpm && policy.vendors.len() == 2);
        assert_eq!(policy.firmware[0].version(), 0x0007_003e);
        for wrong in [
            r#"{"virtual": false}"#,
            r#"{"sha1": 1}"#,
            r#"{"vendors": ["INTEL"]}"#,
            "[]",
            r#"{"firmware": [{"vendor": "IFX"}]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let again = serde_json::to_string(&policy).unwrap();
        assert_eq!(read(&again).unwrap(), policy);
    }
}
