//! Windows Hello for Business policy: the nodes this device obeys, and what they amount to.
//!
//! Nodes, formats and ranges are those of the PassportForWork CSP. One source so far, the device's own copy of what
//! an administrator set; a value that nobody set has origin [`Origin::Default`].

mod effective;
mod node;

pub use effective::{Effective, Origin, Setting};
pub use node::{Format, Node};

use crate::base::Uuid;

/// What an administrator set, node by node. `None` is "not configured".
///
/// Stored as JSON with the CSP's leaf names; an unknown member is refused, so that a typing error does not pass for
/// "not configured".
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether Hello may be provisioned.
    #[serde(rename = "UsePassportForWork", default, skip_serializing_if = "Option::is_none")]
    pub use_passport_for_work: Option<bool>,
    /// Whether keys must live in a usable TPM.
    #[serde(rename = "RequireSecurityDevice", default, skip_serializing_if = "Option::is_none")]
    pub require_security_device: Option<bool>,
    /// Whether a TPM 1.2 counts as unusable.
    #[serde(rename = "ExcludeSecurityDevices/TPM12", default, skip_serializing_if = "Option::is_none")]
    pub exclude_tpm12: Option<bool>,
    /// Shortest PIN, in characters.
    #[serde(rename = "PINComplexity/MinimumPINLength", default, skip_serializing_if = "Option::is_none")]
    pub minimum_pin_length: Option<u32>,
    /// Longest PIN, in characters.
    #[serde(rename = "PINComplexity/MaximumPINLength", default, skip_serializing_if = "Option::is_none")]
    pub maximum_pin_length: Option<u32>,
}

/// Why a policy setting was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// The text has no `=`.
    #[error("expected NODE=VALUE, such as RequireSecurityDevice=true")]
    NotAnAssignment,
    /// No such node, or none that this device obeys.
    #[error("unknown policy node {0}; known: {known}", known = node::known())]
    UnknownNode(String),
    /// A node of the user tree; this device obeys the device tree.
    #[error("{0} is a user-scope node; only ./Device is obeyed")]
    UserScope(String),
    /// The tenant part of the address is not a GUID.
    #[error("{0} is not a tenant id (a GUID, with or without braces)")]
    NotATenant(String),
    /// The address names another tenant than the one the device belongs to.
    #[error("the node belongs to tenant {found}, this device to {expected}")]
    OtherTenant {
        /// Tenant in the address.
        found: Uuid,
        /// Tenant of the device.
        expected: Uuid,
    },
    /// The value does not have the node's format, or lies outside its range.
    #[error("{node} does not take {value:?}; allowed: {allowed}", allowed = node.format())]
    NotAllowed {
        /// The node.
        node: Node,
        /// The value as given.
        value: String,
    },
}

impl Policy {
    /// Takes one `NODE=VALUE`, where NODE is a full OMA-URI, a path below `Policies`, or a leaf name.
    ///
    /// `tenant` is the tenant of the device, which a full address has to name. A refusal changes nothing.
    pub fn set(&mut self, assignment: &str, tenant: Uuid) -> Result<Node, PolicyFault> {
        let (address, value) = assignment.split_once('=').ok_or(PolicyFault::NotAnAssignment)?;
        let node = Node::parse(address.trim(), tenant)?;
        let value = value.trim();
        let refused = || PolicyFault::NotAllowed { node, value: value.to_owned() };
        match node.slot(self) {
            node::Slot::Bool(slot) => *slot = Some(node.format().read_bool(value).ok_or_else(refused)?),
            node::Slot::Int(slot) => *slot = Some(node.format().read_int(value).ok_or_else(refused)?),
        }
        Ok(node)
    }

    /// Makes a node "not configured".
    pub fn clear(&mut self, node: Node) {
        match node.slot(self) {
            node::Slot::Bool(slot) => *slot = None,
            node::Slot::Int(slot) => *slot = None,
        }
    }

    /// What the policy amounts to, with the origin of every value.
    pub fn effective(&self) -> Effective {
        Effective::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = Uuid::from_u128(0x6d1f4cd0_1b2f_4a43_9a36_7c7a5f0e2b11);

    fn set(policy: &mut Policy, text: &str) -> Result<Node, PolicyFault> {
        policy.set(text, TENANT)
    }

    #[test]
    fn takes_short_names_paths_and_full_addresses() {
        for address in [
            "RequireSecurityDevice",
            "./Device/Vendor/MSFT/PassportForWork/6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11/Policies/RequireSecurityDevice",
            "./Vendor/MSFT/PassportForWork/{6D1F4CD0-1B2F-4A43-9A36-7C7A5F0E2B11}/Policies/RequireSecurityDevice",
        ] {
            let mut policy = Policy::default();
            assert_eq!(set(&mut policy, &format!("{address}=true")), Ok(Node::RequireSecurityDevice), "{address}");
            assert_eq!(policy.require_security_device, Some(true));
        }
        let mut policy = Policy::default();
        assert_eq!(set(&mut policy, "ExcludeSecurityDevices/TPM12=false"), Ok(Node::ExcludeTpm12));
        assert_eq!(set(&mut policy, "MinimumPINLength=8"), Ok(Node::MinimumPinLength));
        assert_eq!(policy.minimum_pin_length, Some(8));
    }

    #[test]
    fn every_refusal_has_its_name_and_changes_nothing() {
        let other = Uuid::from_u128(1);
        let address = |tenant: &str, tail: &str| format!("./Device/Vendor/MSFT/PassportForWork/{tenant}/{tail}");
        let not_allowed = |node, value: &str| PolicyFault::NotAllowed { node, value: value.to_owned() };
        let tenant = TENANT.to_string();
        let cases = [
            ("RequireSecurityDevice".to_owned(), PolicyFault::NotAnAssignment),
            ("RequireTpm=true".to_owned(), PolicyFault::UnknownNode("RequireTpm".to_owned())),
            ("=true".to_owned(), PolicyFault::UnknownNode(String::new())),
            ("RequireSecurityDevice=yes".to_owned(), not_allowed(Node::RequireSecurityDevice, "yes")),
            ("RequireSecurityDevice=1".to_owned(), not_allowed(Node::RequireSecurityDevice, "1")),
            ("MinimumPINLength=3".to_owned(), not_allowed(Node::MinimumPinLength, "3")),
            ("MaximumPINLength=128".to_owned(), not_allowed(Node::MaximumPinLength, "128")),
            ("MinimumPINLength=six".to_owned(), not_allowed(Node::MinimumPinLength, "six")),
            ("MinimumPINLength=-6".to_owned(), not_allowed(Node::MinimumPinLength, "-6")),
            ("MinimumPINLength=+6".to_owned(), not_allowed(Node::MinimumPinLength, "+6")),
            (address("contoso", "Policies/RequireSecurityDevice=true"), PolicyFault::NotATenant("contoso".to_owned())),
            (
                address(&other.to_string(), "Policies/RequireSecurityDevice=true"),
                PolicyFault::OtherTenant { found: other, expected: TENANT },
            ),
            (
                address(&tenant, "RequireSecurityDevice=true"),
                PolicyFault::UnknownNode(address(&tenant, "RequireSecurityDevice")),
            ),
            (
                "./User/Vendor/MSFT/PassportForWork/x/Policies/RequireSecurityDevice=true".to_owned(),
                PolicyFault::UserScope(
                    "./User/Vendor/MSFT/PassportForWork/x/Policies/RequireSecurityDevice".to_owned(),
                ),
            ),
        ];
        for (text, fault) in cases {
            let mut policy = Policy { minimum_pin_length: Some(7), ..Policy::default() };
            let before = policy.clone();
            assert_eq!(set(&mut policy, &text), Err(fault), "{text}");
            assert_eq!(policy, before, "{text}");
        }
    }

    #[test]
    fn a_refusal_names_node_value_and_range() {
        let fault = set(&mut Policy::default(), "MinimumPINLength=3").unwrap_err();
        assert_eq!(fault.to_string(), "PINComplexity/MinimumPINLength does not take \"3\"; allowed: 4 to 127");
    }

    #[test]
    fn survives_json_and_refuses_a_misspelt_member() {
        let mut policy = Policy::default();
        set(&mut policy, "RequireSecurityDevice=true").unwrap();
        set(&mut policy, "MaximumPINLength=12").unwrap();
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(text, r#"{"RequireSecurityDevice":true,"PINComplexity/MaximumPINLength":12}"#);
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        assert!(serde_json::from_str::<Policy>(r#"{"RequireSecurityDevices":true}"#).is_err());
    }

    #[test]
    fn clearing_makes_a_node_not_configured() {
        for node in Node::ALL {
            let mut policy = Policy {
                use_passport_for_work: Some(false),
                require_security_device: Some(true),
                exclude_tpm12: Some(true),
                minimum_pin_length: Some(8),
                maximum_pin_length: Some(9),
            };
            let full = policy.clone();
            policy.clear(node);
            assert_ne!(policy, full, "{node}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_a_refused_one_changes_nothing(text in ".{0,80}", rooted in proptest::bool::ANY) {
            let text = if rooted { format!("./Device/Vendor/MSFT/PassportForWork/{text}") } else { text };
            let mut policy = Policy::default();
            if policy.set(&text, TENANT).is_err() {
                proptest::prop_assert_eq!(policy, Policy::default());
            }
        }
    }
}
