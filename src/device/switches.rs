//! The outcomes that nobody documents, and those that Microsoft documents twice: each a switch with a name.
//!
//! Defaults are the likelier reading. `switches.json` of a device holds those that were turned, by name.

use std::collections::BTreeMap;

use crate::base::Hresult;
use crate::device::policy::{self, DeviceLock, Grouping, Tag, UnsetClasses};
use crate::device::{hardware, prereq};

/// What becomes of a software key when hardware is required later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateRequirement {
    /// The key stays and is reported as [`SOFTWARE_KEY_UNDER_REQUIREMENT`].
    KeepAndFlag,
    /// The container is deleted at the next policy refresh.
    Delete,
}

/// Every switch of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Of the hardware decision.
    pub hardware: hardware::Switches,
    /// Of merging policies.
    pub policy: policy::Switches,
    /// What the prerequisite check takes for an Entra user.
    pub entra_user: prereq::EntraUser,
    /// What becomes of a software key when hardware is required later. \[inferred\]
    pub late_requirement: LateRequirement,
    /// What the user's own attempt answers when policy turns Hello off. \[inferred\]
    pub disabled: Hresult,
    /// A key is registered without a statement when the AIK service or the nonce service refuses or is away. \[inferred\]
    pub register_unattested: bool,
    /// A join carries a statement of the TPM about its transport key. That Windows does so is documented, in which form is not: the
    /// form is ours, and so it is off.
    pub join_attest: bool,
    /// The pool's authorization values are written to disk, so that its keys outlive the process: the opposite of what keeps
    /// them safe. Reported as [`POOL_AUTH_ON_DISK`].
    pub pool_persist: bool,
}

/// The report of [`Switches::pool_persist`].
pub const POOL_AUTH_ON_DISK: &str = "POOL_AUTH_ON_DISK";

/// The report of a software key that the policy in force would not allow to be made.
pub const SOFTWARE_KEY_UNDER_REQUIREMENT: &str = "SOFTWARE_KEY_UNDER_REQUIREMENT";

impl Default for Switches {
    fn default() -> Self {
        Self {
            hardware: hardware::Switches::default(),
            policy: policy::Switches::default(),
            entra_user: prereq::EntraUser::Prt,
            late_requirement: LateRequirement::KeepAndFlag,
            disabled: Hresult::NTE_PERM,
            register_unattested: false,
            join_attest: false,
            pool_persist: false,
        }
    }
}

/// A switch as the command line and `switches.json` know it.
#[derive(Clone, Copy)]
pub struct Switch {
    /// Its name.
    pub name: &'static str,
    /// What it can be; the first is the default.
    pub values: &'static [&'static str],
    /// Where the default comes from.
    pub tag: Tag,
    /// What it decides.
    pub about: &'static str,
    read: fn(&Switches) -> &'static str,
    turn: fn(&mut Switches, usize),
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").field("name", &self.name).field("values", &self.values).finish_non_exhaustive()
    }
}

macro_rules! switches {
    ($($name:literal = $($field:ident).+ : [$($text:literal => $value:expr),+], $tag:expr, $about:literal;)*) => {
        /// Every switch, by group.
        pub static SWITCHES: &[Switch] = &[
            $(Switch {
                name: $name,
                values: &[$($text),+],
                tag: $tag,
                about: $about,
                read: |switches| {
                    let value = switches.$($field).+;
                    let known = [$(($text, $value)),+];
                    known.into_iter().find(|(_, known)| *known == value).map_or("other", |(text, _)| text)
                },
                turn: |switches, index| {
                    let known = [$($value),+];
                    if let Some(value) = known.into_iter().nth(index) {
                        switches.$($field).+ = value;
                    }
                },
            },)*
        ];
    };
}

switches! {
    "hardware.exclusion-without-requirement" = hardware.exclusion_without_requirement: ["true" => true, "false" => false],
        Tag::Inferred, "an excluded TPM 1.2 is left unused also where hardware is only preferred";
    "hardware.fips-20-is-usable" = hardware.fips20_is_usable: ["true" => true, "false" => false],
        Tag::Inferred, "a TPM 2.0 in FIPS mode makes Hello keys, as it does device keys";
    "hardware.fips-12-is-unusable" = hardware.fips12_is_unusable: ["true" => true, "false" => false],
        Tag::Inferred, "a TPM 1.2 in FIPS mode makes no Hello keys, as it makes no device keys";
    "hardware.lockout-is-unusable" = hardware.lockout_is_unusable: ["true" => true, "false" => false],
        Tag::Inferred, "a TPM that is locked out makes no new keys";
    "hardware.empty-pool-is-usable" = hardware.empty_pool_is_usable: ["true" => true, "false" => false],
        Tag::Inferred, "without a key made in advance one is made on demand";
    "hardware.weak-rsa-is-used" = hardware.weak_rsa_is_used: ["false" => false, "true" => true],
        Tag::Inferred, "a TPM with weak RSA keys (CVE-2017-15361) makes the key where hardware is only preferred";
    "hardware.creation-failure-falls-back" = hardware.creation_failure_falls_back: ["false" => false, "true" => true],
        Tag::Inferred, "a software key where hardware is only preferred and the TPM fails while making the key";
    "hardware.code-excluded" = hardware.excluded:
        ["0x80090035" => Hresult::NTE_DEVICE_NOT_FOUND, "0x80090029" => Hresult::NTE_NOT_SUPPORTED],
        Tag::Inferred, "the refusal for a TPM 1.2 that is excluded or in FIPS mode";
    "hardware.code-not-ready" = hardware.not_ready:
        ["0x80090029" => Hresult::NTE_NOT_SUPPORTED, "0x80090030" => Hresult::NTE_DEVICE_NOT_READY],
        Tag::Inferred, "the refusal for a TPM that is not ready";
    "hardware.code-locked-out" = hardware.locked_out:
        ["0x80090031" => Hresult::NTE_AUTHENTICATION_IGNORED, "0x80280921" => Hresult::TPM_20_E_LOCKOUT],
        Tag::Inferred, "the refusal for a TPM that is locked out";
    "hardware.code-cleared" = hardware.cleared:
        ["0x80090011" => Hresult::NTE_NOT_FOUND, "0x80090016" => Hresult::NTE_BAD_KEYSET],
        Tag::Inferred, "what a key of a cleared TPM answers";
    "hardware.code-rolled-back" = hardware.rolled_back:
        ["0x80090030" => Hresult::NTE_DEVICE_NOT_READY, "0x80090011" => Hresult::NTE_NOT_FOUND],
        Tag::Ours, "what a TPM that was rolled back answers; Windows does not look";
    "policy.grouping" = policy.grouping: ["groups" => Grouping::Groups, "per-node" => Grouping::PerNode],
        Tag::MANAGE, "winners are found by groups of nodes; the newer pages are silent";
    "policy.tpm12-in-group" = policy.tpm12_in_group: ["true" => true, "false" => false],
        Tag::Inferred, "the TPM 1.2 exclusion belongs to the PIN and hardware group";
    "policy.group-is-whole" = policy.group_is_whole: ["true" => true, "false" => false],
        Tag::Inferred, "what the winner of the PIN and hardware group leaves unset takes its default";
    "policy.default-minimum-pin" = policy.default_minimum_pin: ["6" => 6, "4" => 4],
        Tag::SETTINGS, "shortest PIN that nobody set; the DDF and the template say 4";
    "policy.unset-classes" = policy.unset_classes:
        ["allowed" => UnsetClasses::Allowed, "legacy" => UnsetClasses::DigitsOnly],
        Tag::SETTINGS, "classes of characters that nobody set; legacy (before 1709) requires digits and forbids the rest";
    "policy.all-allowed-is-digits-only" = policy.all_allowed_is_digits_only: ["false" => false, "true" => true],
        Tag::SETTINGS, "where no class is required or forbidden, digits alone are allowed (the CSP page of 2019)";
    "policy.equal-lengths" = policy.equal_lengths: ["true" => true, "false" => false],
        Tag::Observed("a baseline with both at 6"), "shortest and longest PIN may be equal; the prose asks for less";
    "policy.device-lock" = policy.device_lock:
        ["strictest" => DeviceLock::Strictest, "passport-for-work" => DeviceLock::PassportForWork],
        Tag::CONFIGURE, "device-lock rules beside Hello's; the CSP page of 2019 lets Hello's win";
    "policy.tenant-in-braces" = policy.tenant_in_braces: ["true" => true, "false" => false],
        Tag::CONFIGURE, "an OMA-URI may have the tenant in braces, as one page shows it; the DDF forbids it";
    "policy.misprinted-tree" = policy.misprinted_tree: ["false" => false, "true" => true],
        Tag::DDF, "./Vendor/MSFT/Policy/PassportForWork is read as the tree; one page puts EnablePinRecovery there";
    "policy.unset-biometrics" = policy.unset_biometrics: ["true" => true, "false" => false],
        Tag::SETTINGS, "biometrics that nobody set are allowed; the DDF's default is false";
    "policy.late-requirement" = late_requirement:
        ["keep-and-flag" => LateRequirement::KeepAndFlag, "delete" => LateRequirement::Delete],
        Tag::Inferred, "a software key when hardware is required later: kept and reported, or its container deleted";
    "prerequisites.entra-user" = entra_user: ["prt" => prereq::EntraUser::Prt, "account" => prereq::EntraUser::Account],
        Tag::Observed("event parameter AADPrt"), "what counts as an Entra user: a PRT, or that the user is of the tenant";
    "provisioning.code-disabled" = disabled:
        ["0x80090010" => Hresult::NTE_PERM, "0x801C03EA" => Hresult::DSREG_E_NOT_AUTHORIZED],
        Tag::Inferred, "what the user's own attempt answers where policy turns Hello off";
    "provisioning.register-unattested" = register_unattested: ["false" => false, "true" => true],
        Tag::Inferred, "a key is registered without a statement when the AIK service or the nonce service refuses or is away";
    "join.attest" = join_attest: ["false" => false, "true" => true],
        Tag::Ours, "a join carries the TPM's statement about the transport key, in a form that is the lab's own";
    "pool.persist" = pool_persist: ["false" => false, "true" => true],
        Tag::Ours, "the pool's authorization values go to disk: reported as POOL_AUTH_ON_DISK";
}

/// Why a switch was not turned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchFault {
    /// The text has no `=`.
    #[error("expected SWITCH=VALUE, such as policy.grouping=per-node")]
    NotAnAssignment,
    /// No such switch.
    #[error("unknown switch {0}")]
    Unknown(String),
    /// The switch cannot be that.
    #[error("{name} cannot be {value:?}; it can be: {values}", values = .values.join(", "))]
    Value {
        /// The switch.
        name: &'static str,
        /// What was asked for.
        value: String,
        /// What it can be.
        values: &'static [&'static str],
    },
}

impl Switch {
    /// The switch of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SWITCHES.iter().find(|switch| switch.name == name)
    }

    /// What it is.
    pub fn value(&self, switches: &Switches) -> &'static str {
        (self.read)(switches)
    }

    /// The default.
    pub fn default(&self) -> &'static str {
        self.values.first().copied().unwrap_or_default()
    }
}

impl Switches {
    /// Turns a switch by name.
    ///
    /// # Errors
    /// [`SwitchFault::Unknown`] and [`SwitchFault::Value`]; then nothing is turned.
    pub fn turn(&mut self, name: &str, value: &str) -> Result<(), SwitchFault> {
        let switch = Switch::named(name).ok_or_else(|| SwitchFault::Unknown(name.chars().take(100).collect()))?;
        let index = switch.values.iter().position(|known| known.eq_ignore_ascii_case(value));
        let index = index.ok_or_else(|| SwitchFault::Value {
            name: switch.name,
            value: value.chars().take(100).collect(),
            values: switch.values,
        })?;
        (switch.turn)(self, index);
        Ok(())
    }

    /// Takes `SWITCH=VALUE`.
    ///
    /// # Errors
    /// Every [`SwitchFault`].
    pub fn assign(&mut self, assignment: &str) -> Result<(), SwitchFault> {
        let (name, value) = assignment.split_once('=').ok_or(SwitchFault::NotAnAssignment)?;
        self.turn(name.trim(), value.trim())
    }

    /// The switches that are not at their default, by name.
    pub fn turned(&self) -> BTreeMap<&'static str, &'static str> {
        let turned = SWITCHES.iter().map(|switch| (switch, switch.value(self)));
        turned
            .filter(|(switch, value)| *value != switch.default())
            .map(|(switch, value)| (switch.name, value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_stands_at_its_default_and_turns_to_each_of_its_values() {
        for switch in SWITCHES {
            assert_eq!(switch.value(&Switches::default()), switch.default(), "{}", switch.name);
            for value in switch.values {
                let mut switches = Switches::default();
                switches.turn(switch.name, value).unwrap();
                assert_eq!(switch.value(&switches), *value, "{}", switch.name);
                let expected = usize::from(*value != switch.default());
                assert_eq!(switches.turned().len(), expected, "{}: another switch turned as well", switch.name);
            }
        }
        assert!(Switches::default().turned().is_empty());
    }

    #[test]
    fn names_are_unique() {
        for (index, switch) in SWITCHES.iter().enumerate() {
            assert!(SWITCHES[..index].iter().all(|other| other.name != switch.name), "{}", switch.name);
        }
    }

    #[test]
    fn a_refusal_says_what_there_is_and_turns_nothing() {
        let mut switches = Switches::default();
        for (text, words) in [
            ("policy.grouping", "expected SWITCH=VALUE, such as policy.grouping=per-node"),
            ("policy.groups=x", "unknown switch policy.groups"),
            ("policy.grouping=x", "policy.grouping cannot be \"x\"; it can be: groups, per-node"),
        ] {
            assert_eq!(switches.assign(text).unwrap_err().to_string(), words);
        }
        assert_eq!(switches, Switches::default());
    }
}
