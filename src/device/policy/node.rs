//! The table of nodes: address, format, range.

use std::fmt;

use super::{Policy, PolicyFault};
use crate::base::Uuid;

/// A leaf of the PassportForWork CSP below `{TenantId}/Policies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[non_exhaustive]
pub enum Node {
    /// `UsePassportForWork`: unset provisions for all users.
    UsePassportForWork,
    /// `RequireSecurityDevice`: unset prefers a TPM.
    RequireSecurityDevice,
    /// `ExcludeSecurityDevices/TPM12`: unset lets a TPM 1.2 count.
    ExcludeTpm12,
    /// `PINComplexity/MinimumPINLength`.
    MinimumPinLength,
    /// `PINComplexity/MaximumPINLength`.
    MaximumPinLength,
}

/// What a node takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `true` or `false`, as SyncML writes it.
    Bool,
    /// A decimal number between both bounds.
    Int {
        /// Smallest value.
        min: u32,
        /// Largest value.
        max: u32,
    },
}

/// Where a node's value lives in a [`Policy`].
pub(super) enum Slot<'a> {
    Bool(&'a mut Option<bool>),
    Int(&'a mut Option<u32>),
}

const ROOTS: [&str; 2] = ["./Device/Vendor/MSFT/PassportForWork/", "./Vendor/MSFT/PassportForWork/"];
const USER_ROOT: &str = "./User/Vendor/MSFT/PassportForWork/";

impl Node {
    /// Every node, in the order of the CSP's tree.
    pub const ALL: [Node; 5] = [
        Node::UsePassportForWork,
        Node::RequireSecurityDevice,
        Node::ExcludeTpm12,
        Node::MinimumPinLength,
        Node::MaximumPinLength,
    ];

    /// Path below `{TenantId}/Policies/`.
    pub fn path(self) -> &'static str {
        match self {
            Self::UsePassportForWork => "UsePassportForWork",
            Self::RequireSecurityDevice => "RequireSecurityDevice",
            Self::ExcludeTpm12 => "ExcludeSecurityDevices/TPM12",
            Self::MinimumPinLength => "PINComplexity/MinimumPINLength",
            Self::MaximumPinLength => "PINComplexity/MaximumPINLength",
        }
    }

    /// What the node takes.
    pub fn format(self) -> Format {
        match self {
            Self::UsePassportForWork | Self::RequireSecurityDevice | Self::ExcludeTpm12 => Format::Bool,
            Self::MinimumPinLength | Self::MaximumPinLength => Format::Int { min: 4, max: 127 },
        }
    }

    pub(super) fn parse(address: &str, tenant: Uuid) -> Result<Self, PolicyFault> {
        let unknown = || PolicyFault::UnknownNode(address.to_owned());
        if address.starts_with(USER_ROOT) {
            return Err(PolicyFault::UserScope(address.to_owned()));
        }
        let Some(rooted) = ROOTS.iter().find_map(|root| address.strip_prefix(root)) else {
            let named = |node: &Node| node.path() == address || node.path().rsplit('/').next() == Some(address);
            return Self::ALL.into_iter().find(named).ok_or_else(unknown);
        };
        let (owner, path) = rooted.split_once('/').ok_or_else(unknown)?;
        let found = parse_tenant(owner)?;
        if found != tenant {
            return Err(PolicyFault::OtherTenant { found, expected: tenant });
        }
        let path = path.strip_prefix("Policies/").ok_or_else(unknown)?;
        Self::ALL.into_iter().find(|node| node.path() == path).ok_or_else(unknown)
    }

    pub(super) fn slot(self, policy: &mut Policy) -> Slot<'_> {
        match self {
            Self::UsePassportForWork => Slot::Bool(&mut policy.use_passport_for_work),
            Self::RequireSecurityDevice => Slot::Bool(&mut policy.require_security_device),
            Self::ExcludeTpm12 => Slot::Bool(&mut policy.exclude_tpm12),
            Self::MinimumPinLength => Slot::Int(&mut policy.minimum_pin_length),
            Self::MaximumPinLength => Slot::Int(&mut policy.maximum_pin_length),
        }
    }
}

/// The CSP names the node without braces, one example of Microsoft's has them: both are taken.
fn parse_tenant(text: &str) -> Result<Uuid, PolicyFault> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let fault = || PolicyFault::NotATenant(text.to_owned());
    if bare.len() != 36 {
        return Err(fault());
    }
    Uuid::parse_str(bare).map_err(|_| fault())
}

/// The paths of every node, for an error message.
pub(super) fn known() -> String {
    Node::ALL.map(Node::path).join(", ")
}

impl Format {
    pub(super) fn read_bool(self, text: &str) -> Option<bool> {
        match (self, text) {
            (Self::Bool, "true") => Some(true),
            (Self::Bool, "false") => Some(false),
            _ => None,
        }
    }

    pub(super) fn read_int(self, text: &str) -> Option<u32> {
        let Self::Int { min, max } = self else {
            return None;
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits)?;
        (min..=max).contains(&value).then_some(value)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int { min, max } => write!(f, "{min} to {max}"),
        }
    }
}
