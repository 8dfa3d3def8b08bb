//! The checks on the TPM that the attestation key's certificate names: what the verifier's policy takes.

use super::{Evidence, Judgement};
use crate::attest::fault::Fault;
use crate::attest::profile::TpmIdentity;
use crate::attest::vendor::VendorId;

pub(super) fn vendor(evidence: &Evidence<'_>) -> Judgement {
    on_tpm(evidence, |tpm| {
        let (taken, found) = (&evidence.policy().vendors, VendorId(tpm.manufacturer));
        if taken.is_empty() {
            return Judgement::waived(found.to_string());
        }
        let expected: Vec<String> = taken.iter().map(ToString::to_string).collect();
        let holds = taken.iter().any(|each| each.is_same(found));
        Judgement::of(holds, Fault::OtherVendor, expected.join(" or "), found.to_string())
    })
}

pub(super) fn model(evidence: &Evidence<'_>) -> Judgement {
    on_tpm(evidence, |tpm| {
        let taken = &evidence.policy().models;
        if taken.is_empty() {
            return Judgement::waived(tpm.model.clone());
        }
        Judgement::of(taken.contains(&tpm.model), Fault::OtherModel, taken.join(" or "), tpm.model.clone())
    })
}

pub(super) fn firmware(evidence: &Evidence<'_>) -> Judgement {
    on_tpm(evidence, |tpm| {
        let shown = |version: u32| format!("{}.{}", version >> 16, version & 0xffff);
        let found = shown(tpm.version);
        let vendor = VendorId(tpm.manufacturer);
        match evidence.policy().firmware.iter().find(|each| each.vendor.is_same(vendor)) {
            None => Judgement::waived(found),
            Some(oldest) => {
                let oldest = oldest.version();
                Judgement::of(tpm.version >= oldest, Fault::OldFirmware, format!("{} or newer", shown(oldest)), found)
            }
        }
    })
}

pub(super) fn virtual_(evidence: &Evidence<'_>) -> Judgement {
    on_tpm(evidence, |tpm| {
        let vendor = VendorId(tpm.manufacturer);
        if evidence.policy().virtual_tpm {
            return Judgement::waived(vendor.to_string());
        }
        // A certificate that names nobody is issued for a TPM that nobody vouches for: that may be anything.
        let chip = !vendor.is_virtual() && vendor.name().is_some();
        Judgement::of(chip, Fault::VirtualTpm, "a vendor of chips", vendor.to_string())
    })
}

/// A certificate without a TPM's name is a fault already (`Check::AikAlternativeName`).
fn on_tpm(evidence: &Evidence<'_>, judge: impl FnOnce(&TpmIdentity) -> Judgement) -> Judgement {
    evidence.tpm.as_ref().map_or_else(Judgement::blocked, judge)
}
