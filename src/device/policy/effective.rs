//! What a policy amounts to.

use super::{Node, Policy};

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nobody set it, or what was set is not valid.
    Default,
    /// An administrator set it.
    Policy,
}

/// One effective value and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    fn of(set: Option<T>, default: T) -> Self {
        match set {
            Some(value) => Self { value, origin: Origin::Policy },
            None => Self { value: default, origin: Origin::Default },
        }
    }
}

/// Every value that the device acts upon.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Effective {
    /// Whether Hello may be provisioned; default true for an Entra joined device.
    pub use_passport_for_work: Setting<bool>,
    /// Whether keys must live in a usable TPM; default false, which is "preferred".
    pub require_security_device: Setting<bool>,
    /// Whether a TPM 1.2 counts as unusable; default false.
    pub exclude_tpm12: Setting<bool>,
    /// Shortest PIN; default 6 for Entra users.
    pub minimum_pin_length: Setting<u32>,
    /// Longest PIN; default 127.
    pub maximum_pin_length: Setting<u32>,
}

impl Effective {
    /// Default shortest PIN of an Entra user: current policy pages say 6, the floor of the policy is 4. \[inferred\]
    pub const DEFAULT_MINIMUM_PIN: u32 = 6;
    /// Default longest PIN.
    pub const DEFAULT_MAXIMUM_PIN: u32 = 127;

    pub(super) fn of(policy: &Policy) -> Self {
        let (minimum, maximum) = pin_lengths(policy);
        Self {
            use_passport_for_work: Setting::of(policy.use_passport_for_work, true),
            require_security_device: Setting::of(policy.require_security_device, false),
            exclude_tpm12: Setting::of(policy.exclude_tpm12, false),
            minimum_pin_length: minimum,
            maximum_pin_length: maximum,
        }
    }
}

/// Both lengths fall back together when either is out of range or they cross. Equal lengths are valid: a published
/// baseline of Microsoft's sets both to 6, though the prose asks for "strictly below".
fn pin_lengths(policy: &Policy) -> (Setting<u32>, Setting<u32>) {
    let settings =
        |min, max| (Setting::of(min, Effective::DEFAULT_MINIMUM_PIN), Setting::of(max, Effective::DEFAULT_MAXIMUM_PIN));
    let (minimum, maximum) = settings(policy.minimum_pin_length, policy.maximum_pin_length);
    let in_range = |node: Node, value: u32| node.format().read_int(&value.to_string()).is_some();
    let valid = in_range(Node::MinimumPinLength, minimum.value)
        && in_range(Node::MaximumPinLength, maximum.value)
        && minimum.value <= maximum.value;
    if valid { (minimum, maximum) } else { settings(None, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(min: Option<u32>, max: Option<u32>) -> (u32, u32) {
        let policy = Policy { minimum_pin_length: min, maximum_pin_length: max, ..Policy::default() };
        let effective = policy.effective();
        (effective.minimum_pin_length.value, effective.maximum_pin_length.value)
    }

    #[test]
    fn nothing_set_is_hello_on_tpm_preferred_pin_6_to_127() {
        let effective = Policy::default().effective();
        assert_eq!(effective.use_passport_for_work, Setting { value: true, origin: Origin::Default });
        assert_eq!(effective.require_security_device, Setting { value: false, origin: Origin::Default });
        assert_eq!(effective.exclude_tpm12, Setting { value: false, origin: Origin::Default });
        assert_eq!(lengths(None, None), (6, 127));
    }

    #[test]
    fn a_set_value_says_that_it_was_set_even_when_it_equals_the_default() {
        let policy = Policy { require_security_device: Some(false), ..Policy::default() };
        assert_eq!(policy.effective().require_security_device, Setting { value: false, origin: Origin::Policy });
    }

    #[test]
    fn both_lengths_fall_back_when_they_cross_or_leave_the_range() {
        assert_eq!(lengths(Some(9), Some(8)), (6, 127));
        assert_eq!(lengths(Some(3), Some(8)), (6, 127));
        assert_eq!(lengths(Some(8), Some(128)), (6, 127));
        assert_eq!(lengths(None, Some(5)), (6, 127), "below the default minimum");
    }

    #[test]
    fn equal_lengths_are_valid() {
        assert_eq!(lengths(Some(6), Some(6)), (6, 6));
        assert_eq!(lengths(Some(4), None), (4, 127));
    }
}
