//! What the sources leave open or contradict each other about, when policies are merged and read.

/// How winners are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// By groups: Hello with certificate trust, PIN rules with the hardware requirement, the rest each by itself. The older
    /// page says so, and no newer one says anything as precise.
    Groups,
    /// Each node by itself.
    PerNode,
}

/// What a class of characters is that nobody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsetClasses {
    /// Allowed, as since Windows 10 1709.
    Allowed,
    /// Digits required and everything else forbidden, as before.
    DigitsOnly,
}

/// What becomes of the device-lock rules of the Policy CSP (or of Exchange ActiveSync) beside Hello's PIN rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceLock {
    /// The stricter of both holds (2024).
    Strictest,
    /// Hello's rules win (2019).
    PassportForWork,
}

/// The switches of merging; the default is what the newer page says, or the more likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// How winners are found.
    pub grouping: Grouping,
    /// Whether `ExcludeSecurityDevices/TPM12` belongs to the PIN and hardware group. \[inferred\]
    pub tpm12_in_group: bool,
    /// What the winner of the PIN and hardware group leaves unset takes its default; otherwise the next source that sets it is
    /// asked. \[inferred\]
    pub group_is_whole: bool,
    /// The default of `MinimumPINLength`: 6 for Entra users by the newer pages, 4 by the DDF.
    pub default_minimum_pin: u32,
    /// What a class of characters is that nobody set.
    pub unset_classes: UnsetClasses,
    /// Where every class is allowed and none required, digits alone are allowed (CSP page of 2019).
    pub all_allowed_is_digits_only: bool,
    /// Whether the shortest PIN may be as long as the longest: the prose asks for less, a baseline of Microsoft's has both at 6.
    pub equal_lengths: bool,
    /// What becomes of the device-lock rules.
    pub device_lock: DeviceLock,
    /// Whether an OMA-URI may have the tenant in braces: one page shows it so, the CSP forbids it.
    pub tenant_in_braces: bool,
    /// Whether the tree is also read under `./Vendor/MSFT/Policy/PassportForWork`, where the page about PIN reset puts
    /// `EnablePinRecovery`; the DDF has no such tree.
    pub misprinted_tree: bool,
    /// Whether biometrics that nobody set are allowed, as the prose says; the DDF's default is false.
    pub unset_biometrics: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            grouping: Grouping::Groups,
            tpm12_in_group: true,
            group_is_whole: true,
            default_minimum_pin: 6,
            unset_classes: UnsetClasses::Allowed,
            all_allowed_is_digits_only: false,
            equal_lengths: true,
            device_lock: DeviceLock::Strictest,
            tenant_in_braces: true,
            misprinted_tree: false,
            unset_biometrics: true,
        }
    }
}
