//! Every switch of the mock, in one table with the tag of its source; profiles of them; and the file that turns some.
//!
//! A switch that no code reads does not exist.

mod file;
mod setting;
mod table;

use std::fmt;

pub use file::{RulesFault, RulesFileError};
pub use setting::{
    AssertionAudience, AssertionNonce, Attestation, DuplicateKey, Freshness, JoinAttestation, KeyErrorForm, Kind,
    KnownEk, Pctx, PrtTokenType, RegistrationAmr, StrangerEk, VirtualTpm, WeakKey,
};
pub use table::{Rules, SWITCHES, Switch};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// A published specification or official documentation says so.
    Spec(&'static str),
    /// It was seen in public clients, or in what others published of them.
    Client(&'static str),
    /// Reasoned and unproven.
    Inferred,
    /// The lab's own: Microsoft has no such thing, or none that is public.
    Ours,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(place) => write!(f, "[spec: {place}]"),
            Self::Client(place) => write!(f, "[client: {place}]"),
            Self::Inferred => f.write_str("[inferred]"),
            Self::Ours => f.write_str("[ours]"),
        }
    }
}

/// A named set of values for all switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The default: strict in form, lenient exactly where public clients show Entra to be.
    Entra,
    /// Every switch at its tightest, but for what public clients do not do: attest, and use one nonce in both places.
    Strict,
    /// [`Self::Strict`], and a key needs a statement that it lives in a TPM.
    HardwareRequired,
    /// AD FS as MS-KPP and MS-OAPXBC specify it. Its discovery and its device join are absent.
    Adfs,
    /// Entra as it was known to be before May 2023.
    Entra2022,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 5] = [Self::Entra, Self::Strict, Self::HardwareRequired, Self::Adfs, Self::Entra2022];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Strict => "strict",
            Self::HardwareRequired => "hardware-required",
            Self::Adfs => "adfs",
            Self::Entra2022 => "entra-2022",
        }
    }

    /// What it is for, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Entra => "strict in form, lenient where public clients show Entra to be",
            Self::Strict => "every switch at its tightest",
            Self::HardwareRequired => "strict, and only attested hardware keys are registered",
            Self::Adfs => "AD FS as MS-KPP and MS-OAPXBC specify it",
            Self::Entra2022 => "Entra before May 2023: any earlier MFA registers a key, an assertion needs no nonce",
        }
    }

    /// The profile of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The profiles whose values it takes over `entra`'s, the later over the earlier.
    fn lineage(self) -> &'static [Self] {
        match self {
            Self::Entra => &[],
            Self::Strict => &[Self::Strict],
            Self::HardwareRequired => &[Self::Strict, Self::HardwareRequired],
            Self::Adfs => &[Self::Adfs],
            Self::Entra2022 => &[Self::Entra2022],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::entra()
    }
}

impl Rules {
    /// [`Profile::Entra`].
    pub fn entra() -> Self {
        Profile::Entra.rules()
    }

    /// [`Profile::Strict`].
    pub fn strict() -> Self {
        Profile::Strict.rules()
    }

    /// [`Profile::HardwareRequired`].
    pub fn hardware_required() -> Self {
        Profile::HardwareRequired.rules()
    }

    /// The switches that are not as the profile has them: name and value.
    pub fn turned(&self, profile: Profile) -> Vec<(&'static str, String)> {
        let base = profile.rules();
        let all = SWITCHES.iter().map(|switch| (switch, switch.value(self)));
        all.filter(|(switch, value)| *value != switch.value(&base))
            .map(|(switch, value)| (switch.name, value))
            .collect()
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Switch {
    /// The switch of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SWITCHES.iter().find(|switch| switch.name == name)
    }

    /// What it is.
    pub fn value(&self, rules: &Rules) -> String {
        (self.read)(rules)
    }

    /// What it can be, as a rules file writes it.
    pub fn allowed(&self) -> String {
        self.kind.allowed(self.longest)
    }

    /// Where its value in a profile comes from.
    pub fn tag(&self, profile: Profile) -> Tag {
        let said = |wanted: Profile| self.sources.iter().find(|(profile, _)| *profile == wanted).map(|(_, tag)| *tag);
        let own = profile.lineage().iter().rev().find_map(|step| said(*step));
        own.or_else(|| said(Profile::Entra)).unwrap_or(Tag::Inferred)
    }

    /// Turns it; false, and nothing is turned, if it cannot be that.
    #[must_use]
    pub fn turn(&self, rules: &mut Rules, value: &str) -> bool {
        (self.turn)(rules, value)
    }
}

#[cfg(test)]
mod tests;
