//! A TPM in the words of PowerShell's `Get-Tpm`, its algorithms by name, and what deserves a warning.

use serde::Serialize;

use super::{Facts, LockoutLimits};

/// The fields of `Get-Tpm` (behaviour.md 7.2). What only Windows knows, and no TPM, is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTpm {
    /// There is a TPM.
    pub tpm_present: bool,
    /// Enabled, and provisioned for keys.
    pub tpm_ready: bool,
    /// Storage and endorsement hierarchy are enabled.
    pub tpm_enabled: bool,
    /// The same on a TPM 2.0, which does not tell the two apart.
    pub tpm_activated: bool,
    /// Its storage root key is at 0x81000001.
    pub tpm_owned: bool,
    /// Whether Windows waits for a restart.
    pub restart_pending: Option<bool>,
    /// TPM_PT_MANUFACTURER.
    pub manufacturer_id: u32,
    /// The same in characters.
    pub manufacturer_id_txt: String,
    /// Firmware version.
    pub manufacturer_version: String,
    /// What Windows keeps of the owner's authorization.
    pub managed_auth_level: Option<String>,
    /// A clear by the lockout authorization is disabled.
    pub owner_clear_disabled: bool,
    /// Whether Windows provisions the TPM by itself.
    pub auto_provisioning: Option<String>,
    /// It takes no counted authorization now.
    pub locked_out: bool,
    /// Time after which it forgets one failure.
    pub lockout_heal_time: String,
    /// Failures counted.
    pub lockout_count: u32,
    /// Failures at which it locks. A published sample of Windows shows 31 where its documentation says 32; this is what the
    /// TPM says.
    pub lockout_max: u32,
    /// Whether the last self-test passed.
    pub self_test: bool,
}

impl GetTpm {
    /// The TPM of these facts.
    pub fn of(facts: &Facts) -> Self {
        const STORAGE_ROOT_KEY: u32 = 0x8100_0001;
        let owned = facts.persistent.contains(&STORAGE_ROOT_KEY);
        Self {
            tpm_present: true,
            tpm_ready: facts.ready && owned,
            tpm_enabled: facts.ready,
            tpm_activated: facts.ready,
            tpm_owned: owned,
            restart_pending: None,
            manufacturer_id: facts.manufacturer_id,
            manufacturer_id_txt: facts.manufacturer.clone(),
            manufacturer_version: facts.firmware.clone(),
            managed_auth_level: None,
            owner_clear_disabled: facts.clear_disabled,
            auto_provisioning: None,
            locked_out: facts.lockout.locked_out,
            lockout_heal_time: span(facts.lockout.heal_seconds),
            lockout_count: facts.lockout.count,
            lockout_max: facts.lockout.max,
            self_test: facts.self_test,
        }
    }
}

/// Seconds as `Get-Tpm` words them.
fn span(seconds: u32) -> String {
    let unit = |count: u32, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    match seconds {
        0 => "never".to_owned(),
        _ if seconds.is_multiple_of(3600) => unit(seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => unit(seconds / 60, "minute"),
        _ => unit(seconds, "second"),
    }
}

/// Something about a TPM that its user should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Anybody can reset the lockout, and so guess without end.
    LockoutAuthEmpty,
    /// It locks at another count, or forgets at another pace, than under Windows.
    DaLimitsNotWindows,
    /// It has no endorsement certificate that we find: attestation reaches level `aik` at most.
    EkCertificateAbsent,
    /// It is software: whoever runs it reads its secrets.
    VirtualTpm,
}

impl Warning {
    /// All that the facts give reason for. `certificates`: how many endorsement certificates were found, if it could be asked.
    pub fn of(facts: &Facts, certificates: Option<usize>) -> Vec<Self> {
        let limits = (facts.lockout.max, facts.lockout.heal_seconds, facts.lockout.recovery_seconds);
        let LockoutLimits { max_tries, heal_seconds, recovery_seconds } = LockoutLimits::WINDOWS;
        [
            (Self::LockoutAuthEmpty, !facts.lockout.reset_protected),
            (Self::DaLimitsNotWindows, limits != (max_tries, heal_seconds, recovery_seconds)),
            (Self::EkCertificateAbsent, certificates == Some(0)),
            (Self::VirtualTpm, is_virtual(&facts.manufacturer)),
        ]
        .into_iter()
        .filter_map(|(warning, holds)| holds.then_some(warning))
        .collect()
    }

    /// Its code, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::LockoutAuthEmpty => "LOCKOUT_AUTH_EMPTY",
            Self::DaLimitsNotWindows => "DA_LIMITS_NOT_WINDOWS",
            Self::EkCertificateAbsent => "EK_CERTIFICATE_ABSENT",
            Self::VirtualTpm => "VIRTUAL_TPM",
        }
    }

    /// What it means.
    pub fn text(self) -> &'static str {
        match self {
            Self::LockoutAuthEmpty => "the lockout authorization is empty: anybody can reset the count of wrong PINs",
            Self::DaLimitsNotWindows => "wrong PINs are not counted as under Windows (32 tries, 600 s, 86400 s)",
            Self::EkCertificateAbsent => {
                "no endorsement certificate was found: attestation reaches level aik, not aik+ek"
            }
            Self::VirtualTpm => "this TPM is software: whoever runs it can read its secrets and roll it back",
        }
    }

    /// What to do about it.
    pub fn next(self) -> &'static str {
        match self {
            Self::LockoutAuthEmpty => "set one with the system's own tools (tpm2_changeauth -c lockout), and keep it",
            Self::DaLimitsNotWindows => {
                "compare lockout results with a TPM of the lab, or set them (tpm2_dictionarylockout)"
            }
            Self::EkCertificateAbsent => "ask the maker's service for it (tpm2_getekcertificate), or expect level aik",
            Self::VirtualTpm => "do not take its timings or its protection for those of a chip",
        }
    }
}

/// Makers that only ever made TPMs of software since TPM 2.0: libtpms (IBM), VMware, Microsoft's hypervisor and its reference
/// code, Google's and Amazon's clouds (TCG TPM Vendor ID Registry).
fn is_virtual(manufacturer: &str) -> bool {
    ["IBM", "VMW", "MSFT", "XCG", "GOOG", "AMZN", "SW"].contains(&manufacturer)
}

/// The name of an algorithm in the TCG Algorithm Registry, without its prefix, or its number.
pub fn algorithm_name(id: u16) -> String {
    let name = match id {
        0x0001 => "RSA",
        0x0003 => "TDES",
        0x0004 => "SHA1",
        0x0005 => "HMAC",
        0x0006 => "AES",
        0x0007 => "MGF1",
        0x0008 => "KEYEDHASH",
        0x000A => "XOR",
        0x000B => "SHA256",
        0x000C => "SHA384",
        0x000D => "SHA512",
        0x0010 => "NULL",
        0x0012 => "SM3_256",
        0x0013 => "SM4",
        0x0014 => "RSASSA",
        0x0015 => "RSAES",
        0x0016 => "RSAPSS",
        0x0017 => "OAEP",
        0x0018 => "ECDSA",
        0x0019 => "ECDH",
        0x001A => "ECDAA",
        0x001B => "SM2",
        0x001C => "ECSCHNORR",
        0x001D => "ECMQV",
        0x0020 => "KDF1_SP800_56A",
        0x0021 => "KDF2",
        0x0022 => "KDF1_SP800_108",
        0x0023 => "ECC",
        0x0025 => "SYMCIPHER",
        0x0026 => "CAMELLIA",
        0x0027 => "SHA3_256",
        0x0028 => "SHA3_384",
        0x0029 => "SHA3_512",
        0x003F => "CMAC",
        0x0040 => "CTR",
        0x0041 => "OFB",
        0x0042 => "CBC",
        0x0043 => "CFB",
        0x0044 => "ECB",
        _ => return format!("0x{id:04X}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tpm::facts::Told;

    fn facts() -> Facts {
        let mut facts = Told::default().facts();
        facts.lockout.reset_protected = true;
        facts.lockout.max = 32;
        facts.lockout.heal_seconds = 600;
        facts.lockout.recovery_seconds = 86_400;
        facts
    }

    #[test]
    fn warns_of_each_thing_and_of_nothing_else() {
        assert_eq!(Warning::of(&facts(), Some(1)), []);
        assert_eq!(Warning::of(&facts(), None), [], "what could not be asked is not missing");
        let mut open = facts();
        open.lockout.reset_protected = false;
        assert_eq!(Warning::of(&open, Some(1)), [Warning::LockoutAuthEmpty]);
        let mut lenient = facts();
        lenient.lockout.heal_seconds = 599;
        assert_eq!(Warning::of(&lenient, Some(0)), [Warning::DaLimitsNotWindows, Warning::EkCertificateAbsent]);
        let emulator = Facts { manufacturer: "IBM".to_owned(), ..facts() };
        assert_eq!(Warning::of(&emulator, Some(2)), [Warning::VirtualTpm]);
    }

    #[test]
    fn a_tpm_is_ready_when_it_is_enabled_and_owned() {
        let ready = |ready: bool, persistent: &[u32]| {
            let facts = Facts { ready, persistent: persistent.to_vec(), ..facts() };
            let get_tpm = GetTpm::of(&facts);
            (get_tpm.tpm_ready, get_tpm.tpm_enabled, get_tpm.tpm_owned)
        };
        assert_eq!(ready(true, &[0x8100_0001]), (true, true, true));
        assert_eq!(ready(true, &[0x8101_0001]), (false, true, false));
        assert_eq!(ready(false, &[]), (false, false, false));
    }

    #[test]
    fn times_are_worded_as_windows_words_them() {
        assert_eq!([600, 60, 7200, 90, 0].map(span), ["10 minutes", "1 minute", "2 hours", "90 seconds", "never"]);
    }

    #[test]
    fn an_algorithm_without_a_name_keeps_its_number() {
        assert_eq!([0x000B, 0x0018, 0x7FFF].map(algorithm_name), ["SHA256", "ECDSA", "0x7FFF"]);
    }
}
