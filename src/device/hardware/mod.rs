//! The pure decision where a key lives: in the TPM, in software, or nowhere.
//!
//! Inputs are the fields that Windows logs with event 5555 when it creates a container, plus readiness. What
//! Microsoft does not document is a field of [`Switches`].

use crate::base::Hresult;
use crate::device::tpm::Facts;

/// Where a key lives; the numbers are those of `KeyProvider` in event 5555.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// In the TPM: 1.
    Hardware,
    /// In software: 2.
    Software,
}

impl Provider {
    /// The number that event 5555 and `NgcKeyImplType` use.
    pub fn number(self) -> u32 {
        match self {
            Self::Hardware => 1,
            Self::Software => 2,
        }
    }

    /// The key storage provider's name, as dsregcmd prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hardware => "Microsoft Platform Crypto Provider",
            Self::Software => "Microsoft Software Key Storage Provider",
        }
    }
}

/// Which TPM a device has; the numbers are those of `TpmVersion` in event 5555.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TpmVersion {
    /// No TPM: 0.
    #[serde(rename = "none")]
    None,
    /// TPM 1.2: 1.
    #[serde(rename = "1.2")]
    V12,
    /// TPM 2.0: 2.
    #[serde(rename = "2.0")]
    V20,
}

impl TpmVersion {
    /// The number that event 5555 uses.
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::V12 => 1,
            Self::V20 => 2,
        }
    }
}

/// What the decision is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// `HardwarePolicy`: true is "required", false "preferred".
    pub required: bool,
    /// `IsTpm12Excluded`.
    pub exclude_tpm12: bool,
    /// `TpmVersion`.
    pub version: TpmVersion,
    /// Whether the TPM is enabled, owned and able to make keys. Not a field of the event.
    pub ready: bool,
    /// `IsTpmFIPS`.
    pub fips: bool,
    /// `IsTpmLockedOut`.
    pub locked_out: bool,
    /// `IsKeyPregenPoolSatisfactory`. By default it does not change the outcome: a key is made on demand. \[inferred\]
    pub pool_satisfactory: bool,
    /// Whether the TPM makes weak RSA keys (CVE-2017-15361). Not a field of the event.
    pub weak_rsa: bool,
}

/// A TPM as the decision sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct HardwareState {
    /// Which TPM.
    pub version: TpmVersion,
    /// Enabled, owned and able to make keys.
    pub ready: bool,
    /// In FIPS mode.
    pub fips: bool,
    /// Refuses every counted authorization now.
    pub locked_out: bool,
    /// Makes weak RSA keys.
    pub weak_rsa: bool,
}

impl HardwareState {
    /// No TPM.
    pub fn absent() -> Self {
        Self { version: TpmVersion::None, ready: false, fips: false, locked_out: false, weak_rsa: false }
    }

    /// A TPM 1.2 in good order.
    pub fn of_tpm12() -> Self {
        Self { version: TpmVersion::V12, ready: true, ..Self::absent() }
    }

    /// A TPM 2.0, by what it says about itself.
    pub fn of(facts: &Facts) -> Self {
        Self {
            version: TpmVersion::V20,
            ready: facts.ready,
            fips: facts.fips,
            locked_out: facts.lockout.locked_out,
            weak_rsa: false,
        }
    }

    /// Together with the policy, without a key made in advance.
    pub fn inputs(self, required: bool, exclude_tpm12: bool) -> Inputs {
        let Self { version, ready, fips, locked_out, weak_rsa } = self;
        Inputs { required, exclude_tpm12, version, ready, fips, locked_out, pool_satisfactory: false, weak_rsa }
    }

    /// Where device and transport key of a join are made. Policy has no say, and a TPM 1.2 is not used for them
    /// (since Windows 10 1903); lockout does not matter, as these keys are not under its protection.
    pub fn join_provider(self) -> Provider {
        if self.version == TpmVersion::V20 && self.ready { Provider::Hardware } else { Provider::Software }
    }
}

/// The outcomes that nobody documents. The default is what the field's evidence makes most likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// An excluded TPM 1.2 is left unused also where hardware is only preferred. \[inferred\]
    pub exclusion_without_requirement: bool,
    /// A TPM 2.0 in FIPS mode makes Hello keys, as it is documented of device keys. \[inferred\]
    pub fips20_is_usable: bool,
    /// A TPM 1.2 in FIPS mode makes none, as it is documented of device keys. \[inferred\]
    pub fips12_is_unusable: bool,
    /// Without a key made in advance one is made on demand; otherwise the TPM counts as unfit. \[inferred\]
    pub empty_pool_is_usable: bool,
    /// The refusal for a TPM 1.2 that is excluded or in FIPS mode. \[inferred\]
    pub excluded: Hresult,
    /// The refusal for a TPM that is not ready: "not set up" by Microsoft's table; the provider's own code is the other
    /// candidate. \[inferred\]
    pub not_ready: Hresult,
    /// The refusal for a TPM that is locked out. \[inferred\]
    pub locked_out: Hresult,
    /// A locked-out TPM is unusable for new keys: software when preferred, 0x80090031 when required. \[inferred\]
    pub lockout_is_unusable: bool,
    /// When the TPM is only preferred, a TPM with weak RSA keys still makes the key. \[inferred\]
    pub weak_rsa_is_used: bool,
    /// When the TPM is only preferred and fails while making the key, a software key is made. \[inferred\]
    pub creation_failure_falls_back: bool,
    /// What a key of a cleared TPM answers; 0x80090016 is the other candidate. \[inferred\]
    pub cleared: Hresult,
    /// What a TPM that was rolled back answers. Windows does not look for it: finding it out is ours. \[inferred\]
    pub rolled_back: Hresult,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            exclusion_without_requirement: true,
            fips20_is_usable: true,
            fips12_is_unusable: true,
            empty_pool_is_usable: true,
            excluded: Hresult::NTE_DEVICE_NOT_FOUND,
            not_ready: Hresult::NTE_NOT_SUPPORTED,
            locked_out: Hresult::NTE_AUTHENTICATION_IGNORED,
            lockout_is_unusable: true,
            weak_rsa_is_used: false,
            creation_failure_falls_back: false,
            cleared: Hresult::NTE_NOT_FOUND,
            rolled_back: Hresult::NTE_DEVICE_NOT_READY,
        }
    }
}

/// Decides where a key is made, or with which code the device refuses to make one.
pub fn decide(inputs: &Inputs, switches: &Switches) -> Result<Provider, Hresult> {
    match obstacle(inputs, switches) {
        None => Ok(Provider::Hardware),
        Some(code) if inputs.required => Err(code),
        // The weak key is the one obstacle that a device without the requirement may overlook.
        Some(Hresult::TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED) if switches.weak_rsa_is_used => Ok(Provider::Hardware),
        Some(_) => Ok(Provider::Software),
    }
}

/// Why the TPM cannot be used, most basic reason first.
fn obstacle(inputs: &Inputs, switches: &Switches) -> Option<Hresult> {
    if inputs.version == TpmVersion::None {
        Some(Hresult::NTE_DEVICE_NOT_FOUND)
    } else if is_excluded(inputs, switches) {
        Some(switches.excluded)
    } else if !inputs.ready {
        Some(switches.not_ready)
    } else if inputs.locked_out && switches.lockout_is_unusable {
        Some(switches.locked_out)
    } else if !inputs.pool_satisfactory && !switches.empty_pool_is_usable {
        Some(Hresult::NTE_DEVICE_NOT_READY)
    } else if inputs.weak_rsa {
        Some(Hresult::TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED)
    } else {
        None
    }
}

/// Whether the TPM counts as none by its kind: 1.2 and excluded, or in a FIPS mode that its kind cannot be used in.
fn is_excluded(inputs: &Inputs, switches: &Switches) -> bool {
    let fips_is_usable = match inputs.version {
        TpmVersion::V12 => !switches.fips12_is_unusable,
        _ => switches.fips20_is_usable,
    };
    let excluded = inputs.version == TpmVersion::V12
        && inputs.exclude_tpm12
        && (inputs.required || switches.exclusion_without_requirement);
    excluded || (inputs.fips && !fips_is_usable)
}

/// What follows when a usable TPM fails with `code` while it makes the key.
pub fn after_creation_failure(required: bool, code: Hresult, switches: &Switches) -> Result<Provider, Hresult> {
    if !required && switches.creation_failure_falls_back { Ok(Provider::Software) } else { Err(code) }
}

#[cfg(test)]
mod tests;
