//! What a policy amounts to: the values that the device acts upon.

use super::merge::{Resolution, Verdict};
use super::node::Node;
use super::source::{Channel, Policy};
use super::switches::Switches;
use super::value::Value;
use crate::base::Timestamp;

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it, or what was set is not valid.
    Default,
    /// It arrived in this channel.
    Set(Channel),
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Default => serializer.serialize_str("default"),
            Self::Set(channel) => channel.serialize(serializer),
        }
    }
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
    fn of(verdict: &Verdict, read: impl Fn(&Value) -> Option<T>, fallback: T) -> Self {
        let origin = verdict.winner.as_ref().map_or(Origin::Default, |offer| Origin::Set(offer.channel));
        Self { value: verdict.value.as_ref().and_then(read).unwrap_or(fallback), origin }
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
    /// Whether provisioning does not start after sign-in; default false.
    pub disable_post_logon_provisioning: Setting<bool>,
    /// Shortest PIN; default 6 for Entra users.
    pub minimum_pin_length: Setting<u32>,
    /// Longest PIN; default 127.
    pub maximum_pin_length: Setting<u32>,
    /// Use of digits: 0 allowed, 1 required, 2 not allowed.
    pub digits: Setting<u32>,
    /// Use of lowercase letters, likewise.
    pub lowercase_letters: Setting<u32>,
    /// Use of uppercase letters, likewise.
    pub uppercase_letters: Setting<u32>,
    /// Use of punctuation, likewise.
    pub special_characters: Setting<u32>,
    /// How many last PINs may not be used again; default 0.
    pub history: Setting<u32>,
    /// Days until the PIN must be changed; default 0, never.
    pub expiration: Setting<u32>,
}

impl Effective {
    /// What a resolution amounts to.
    pub fn of(resolution: &Resolution) -> Self {
        let truth = |node| Setting::of(resolution.verdict(node), Value::as_bool, false);
        let number = |node| Setting::of(resolution.verdict(node), Value::as_int, 0);
        let mut effective = Self {
            use_passport_for_work: truth(Node::UsePassportForWork),
            require_security_device: truth(Node::RequireSecurityDevice),
            exclude_tpm12: truth(Node::ExcludeTpm12),
            disable_post_logon_provisioning: truth(Node::DisablePostLogonProvisioning),
            minimum_pin_length: number(Node::MinimumPinLength),
            maximum_pin_length: number(Node::MaximumPinLength),
            digits: number(Node::Digits),
            lowercase_letters: number(Node::LowercaseLetters),
            uppercase_letters: number(Node::UppercaseLetters),
            special_characters: number(Node::SpecialCharacters),
            history: number(Node::History),
            expiration: number(Node::Expiration),
        };
        if resolution.switches().all_allowed_is_digits_only {
            effective.restrict_to_digits();
        }
        effective
    }

    /// The CSP page of 2019: where all classes are allowed and none is required, the behaviour is that of digits only.
    fn restrict_to_digits(&mut self) {
        let classes =
            [&mut self.digits, &mut self.lowercase_letters, &mut self.uppercase_letters, &mut self.special_characters];
        if classes.iter().any(|class| class.value != 0) {
            return;
        }
        for (index, class) in classes.into_iter().enumerate() {
            class.value = if index == 0 { 1 } else { 2 };
        }
    }
}

impl Policy {
    /// What is in force at `now`.
    pub fn effective(&self, now: Timestamp, switches: &Switches) -> Effective {
        Effective::of(&self.resolve(now, switches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::policy::{Source, UnsetClasses};

    fn effective(values: &[(Node, Value)], switches: &Switches) -> Effective {
        Policy::default().with(Source::DeviceCsp, values).unwrap().effective(Timestamp::UNIX_EPOCH, switches)
    }

    fn lengths(min: Option<u32>, max: Option<u32>) -> (u32, u32) {
        let of = |node, value: Option<u32>| value.map(|value| (node, Value::Int(value)));
        let values: Vec<_> =
            [of(Node::MinimumPinLength, min), of(Node::MaximumPinLength, max)].into_iter().flatten().collect();
        let effective = effective(&values, &Switches::default());
        (effective.minimum_pin_length.value, effective.maximum_pin_length.value)
    }

    #[test]
    fn nothing_set_is_hello_on_tpm_preferred_pin_6_to_127() {
        let effective = effective(&[], &Switches::default());
        assert_eq!(effective.use_passport_for_work, Setting { value: true, origin: Origin::Default });
        assert_eq!(effective.require_security_device, Setting { value: false, origin: Origin::Default });
        assert_eq!(effective.exclude_tpm12, Setting { value: false, origin: Origin::Default });
        assert_eq!(effective.digits, Setting { value: 0, origin: Origin::Default });
        assert_eq!(lengths(None, None), (6, 127));
    }

    #[test]
    fn a_set_value_says_where_it_was_set_even_when_it_equals_the_default() {
        let effective = effective(&[(Node::RequireSecurityDevice, Value::Bool(false))], &Switches::default());
        let expected = Setting { value: false, origin: Origin::Set(Channel::DeviceCsp) };
        assert_eq!(effective.require_security_device, expected);
    }

    #[test]
    fn both_lengths_fall_back_when_they_cross() {
        assert_eq!(lengths(Some(9), Some(8)), (6, 127));
        assert_eq!(lengths(None, Some(5)), (6, 127), "below the default minimum");
        assert_eq!(lengths(Some(6), Some(6)), (6, 6), "equal lengths are valid");
        assert_eq!(lengths(Some(4), None), (4, 127));
        let switches = Switches { equal_lengths: false, ..Switches::default() };
        let values = [(Node::MinimumPinLength, Value::Int(8)), (Node::MaximumPinLength, Value::Int(8))];
        assert_eq!(effective(&values, &switches).minimum_pin_length, Setting { value: 6, origin: Origin::Default });
    }

    #[test]
    fn the_contradictions_about_pins_are_switches() {
        let classes = |effective: &Effective| {
            [effective.digits, effective.lowercase_letters, effective.uppercase_letters, effective.special_characters]
                .map(|class| class.value)
        };
        let old = Switches { unset_classes: UnsetClasses::DigitsOnly, default_minimum_pin: 4, ..Switches::default() };
        let unset = effective(&[], &old);
        assert_eq!((unset.minimum_pin_length.value, classes(&unset)), (4, [1, 2, 2, 2]));
        let allowed = effective(&[(Node::LowercaseLetters, Value::Int(0))], &old);
        assert_eq!(classes(&allowed), [1, 0, 2, 2]);
        let page = Switches { all_allowed_is_digits_only: true, ..Switches::default() };
        assert_eq!(classes(&effective(&[], &page)), [1, 2, 2, 2]);
        let required = [(Node::SpecialCharacters, Value::Int(1))];
        assert_eq!(classes(&effective(&required, &page)), [0, 0, 0, 1]);
    }
}
