//! Where a fact comes from, beside every row and rule that rests on it.

use std::fmt;

/// How sure a fact is, and which page says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Microsoft's documentation or a template of Microsoft's says it.
    Documented(&'static str),
    /// It was seen: in manifests, exports, logs, or what public tools do.
    Observed(&'static str),
    /// Nobody says it; it is concluded, and so a switch or a default that may turn out wrong.
    Inferred,
    /// The lab's own.
    Ours,
}

impl Tag {
    /// "PassportForWork DDF".
    pub(crate) const DDF: Self = Self::Documented("PassportForWork DDF, 2024");
    /// "Configure Windows Hello for Business".
    pub(crate) const CONFIGURE: Self = Self::Documented("Configure Windows Hello for Business, 2024");
    /// "Manage Windows Hello for Business in your organization", the older page.
    pub(crate) const MANAGE: Self = Self::Documented("Manage Windows Hello for Business in your organization, 2019");
    /// "Windows Hello for Business policy settings".
    pub(crate) const SETTINGS: Self = Self::Documented("Windows Hello for Business policy settings, 2024");
    /// The Group Policy template.
    pub(crate) const ADMX: Self = Self::Documented("Passport.admx");
    /// "Integrate Windows Hello for Business with Intune".
    pub(crate) const INTUNE: Self = Self::Documented("Windows Hello for Business with Intune, 2022");
    /// "Policy CSP - DeviceLock" and "- ControlPolicyConflict".
    pub(crate) const POLICY_CSP: Self = Self::Documented("Policy CSP");
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Documented(page) => write!(f, "[documented: {page}]"),
            Self::Observed(place) => write!(f, "[observed: {place}]"),
            Self::Inferred => f.write_str("[inferred]"),
            Self::Ours => f.write_str("[ours]"),
        }
    }
}

impl serde::Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.to_string().trim_matches(['[', ']']))
    }
}
