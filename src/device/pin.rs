//! PIN rules, and the one way to an [`AcceptedPin`].
//!
//! Lengths and classes follow the PassportForWork CSP; the simple-PIN rule is the one of Microsoft's FAQ: digits
//! whose steps modulo ten are all equal. No message repeats any part of the PIN.

use crate::base::{ExposeSecret, SecretString};
use crate::device::policy::Effective;

/// How a class of characters may be used; the numbers are those of the CSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClassUse {
    /// 0: allowed.
    #[default]
    Allowed,
    /// 1: at least one is required.
    Required,
    /// 2: not allowed.
    Forbidden,
}

impl ClassUse {
    /// The use of a number; whatever is none of the three is no restriction.
    fn of(number: u32) -> Self {
        match number {
            1 => Self::Required,
            2 => Self::Forbidden,
            _ => Self::Allowed,
        }
    }
}

/// A class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `0` to `9`.
    Digit,
    /// `a` to `z`.
    Lowercase,
    /// `A` to `Z`.
    Uppercase,
    /// The 32 ASCII punctuation characters; a space is none of them.
    Special,
}

impl Class {
    const ALL: [Class; 4] = [Class::Digit, Class::Lowercase, Class::Uppercase, Class::Special];

    fn of(character: char) -> Option<Self> {
        match character {
            '0'..='9' => Some(Self::Digit),
            'a'..='z' => Some(Self::Lowercase),
            'A'..='Z' => Some(Self::Uppercase),
            other if other.is_ascii_punctuation() => Some(Self::Special),
            _ => None,
        }
    }
}

/// The rule that a PIN breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinFault {
    /// Fewer characters than the policy asks for.
    #[error("the PIN has {len} characters, policy asks for at least {min}")]
    TooShort {
        /// Shortest allowed.
        min: u32,
        /// What was given.
        len: usize,
    },
    /// More characters than the policy allows.
    #[error("the PIN has {len} characters, policy allows at most {max}")]
    TooLong {
        /// Longest allowed.
        max: u32,
        /// What was given.
        len: usize,
    },
    /// A character that is neither an ASCII letter or digit nor ASCII punctuation.
    #[error("the PIN has a character that is not an ASCII letter, digit or punctuation")]
    NotAllowedCharacter,
    /// A character of a class that policy forbids.
    #[error("policy forbids the class {0:?} in a PIN")]
    ForbiddenClass(Class),
    /// No character of a class that policy requires.
    #[error("policy requires the class {0:?} in a PIN")]
    MissingClass(Class),
    /// Digits in equal steps, such as all the same or counting up.
    #[error("the PIN is too simple: its digits follow one another in equal steps")]
    Sequence,
}

/// What a new PIN has to satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinRules {
    /// Shortest, in characters.
    pub min: u32,
    /// Longest, in characters.
    pub max: u32,
    /// Use of digits.
    pub digits: ClassUse,
    /// Use of lowercase letters.
    pub lowercase: ClassUse,
    /// Use of uppercase letters.
    pub uppercase: ClassUse,
    /// Use of punctuation.
    pub special: ClassUse,
    /// Takes simple PINs. Windows has the switch, no public node sets it. \[inferred\]
    pub allow_sequences: bool,
}

/// A PIN that satisfied the rules; wiped on drop. Only [`PinRules::accept`] makes one.
#[derive(Debug)]
pub struct AcceptedPin(SecretString);

impl AcceptedPin {
    pub(crate) fn text(&self) -> &SecretString {
        &self.0
    }
}

impl PinRules {
    /// The rules of an effective policy.
    pub fn of(policy: &Effective) -> Self {
        Self {
            min: policy.minimum_pin_length.value,
            max: policy.maximum_pin_length.value,
            digits: ClassUse::of(policy.digits.value),
            lowercase: ClassUse::of(policy.lowercase_letters.value),
            uppercase: ClassUse::of(policy.uppercase_letters.value),
            special: ClassUse::of(policy.special_characters.value),
            allow_sequences: false,
        }
    }

    fn usage(&self, class: Class) -> ClassUse {
        match class {
            Class::Digit => self.digits,
            Class::Lowercase => self.lowercase,
            Class::Uppercase => self.uppercase,
            Class::Special => self.special,
        }
    }

    /// Accepts a new PIN, or names the first rule that it breaks: length, characters, classes, sequence.
    ///
    /// A present PIN is never judged again: a policy that is tightened later takes effect at the next change.
    pub fn accept(&self, pin: SecretString) -> Result<AcceptedPin, PinFault> {
        let text = pin.expose_secret();
        let len = text.chars().count();
        if len < self.min as usize {
            return Err(PinFault::TooShort { min: self.min, len });
        }
        if len > self.max as usize {
            return Err(PinFault::TooLong { max: self.max, len });
        }
        self.check_classes(text)?;
        if !self.allow_sequences && is_sequence(text) {
            return Err(PinFault::Sequence);
        }
        Ok(AcceptedPin(pin))
    }

    fn check_classes(&self, text: &str) -> Result<(), PinFault> {
        if text.chars().any(|character| Class::of(character).is_none()) {
            return Err(PinFault::NotAllowedCharacter);
        }
        for class in Class::ALL {
            let present = text.chars().any(|character| Class::of(character) == Some(class));
            match self.usage(class) {
                ClassUse::Forbidden if present => return Err(PinFault::ForbiddenClass(class)),
                ClassUse::Required if !present => return Err(PinFault::MissingClass(class)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Digits only, with one step modulo ten between all neighbours.
fn is_sequence(text: &str) -> bool {
    let digits = text.as_bytes();
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut steps = digits.windows(2).map(|pair| (pair[1] + 10 - pair[0]) % 10);
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::device::policy::{Node, Policy, Source, Value};

    fn rules(min: u32) -> PinRules {
        PinRules { min, ..PinRules::of(&Policy::default().effective(Timestamp::UNIX_EPOCH, &Default::default())) }
    }

    fn judge(rules: &PinRules, pin: &str) -> Result<(), PinFault> {
        rules.accept(SecretString::from(pin)).map(|_| ())
    }

    #[test]
    fn refuses_simple_pins() {
        for pin in [
            "1111", "1234", "1357", "9630", "1593", "7036", "000000", "012345", "123456", "654321", "987654", "098765",
            "135791", "147036", "505050",
        ] {
            assert_eq!(judge(&rules(4), pin), Err(PinFault::Sequence), "{pin}");
        }
    }

    #[test]
    fn accepts_pins_that_only_look_simple() {
        for pin in ["1231", "1872", "135790", "246801", "111112", "097531", "121212", "505051"] {
            assert_eq!(judge(&rules(4), pin), Ok(()), "{pin}");
        }
    }

    #[test]
    fn exactly_one_hundred_six_digit_pins_are_simple() {
        assert_eq!((0..1_000_000).filter(|pin| is_sequence(&format!("{pin:06}"))).count(), 100);
    }

    #[test]
    fn the_rule_is_for_digits_alone() {
        assert_eq!(judge(&rules(6), "abcdef"), Ok(()));
        assert_eq!(judge(&rules(6), "aaaaaa"), Ok(()));
    }

    #[test]
    fn refuses_a_length_outside_the_policy() {
        assert_eq!(judge(&rules(6), "18724"), Err(PinFault::TooShort { min: 6, len: 5 }));
        assert_eq!(judge(&rules(6), ""), Err(PinFault::TooShort { min: 6, len: 0 }));
        assert_eq!(judge(&rules(6), &"18".repeat(64)), Err(PinFault::TooLong { max: 127, len: 128 }));
        assert_eq!(judge(&rules(6), &format!("{}1", "18".repeat(63))), Ok(()));
    }

    #[test]
    fn refuses_characters_that_no_class_has() {
        for pin in ["18 724", "18724é", "18724\n", "１８７２４７"] {
            assert_eq!(judge(&rules(4), pin), Err(PinFault::NotAllowedCharacter), "{pin:?}");
        }
    }

    #[test]
    fn the_special_class_is_the_32_ascii_punctuation_characters() {
        let special = (0u8..=127).map(char::from).filter(|c| Class::of(*c) == Some(Class::Special));
        assert_eq!(special.collect::<String>(), r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##);
    }

    #[test]
    fn classes_are_required_or_forbidden_by_policy() {
        let strict = PinRules { lowercase: ClassUse::Required, digits: ClassUse::Forbidden, ..rules(4) };
        assert_eq!(judge(&strict, "ABCD"), Err(PinFault::MissingClass(Class::Lowercase)));
        assert_eq!(judge(&strict, "abc1"), Err(PinFault::ForbiddenClass(Class::Digit)));
        assert_eq!(judge(&strict, "abCD"), Ok(()));
    }

    #[test]
    fn the_classes_are_those_of_the_policy() {
        let set = [(Node::Digits, Value::Int(2)), (Node::SpecialCharacters, Value::Int(1))];
        let policy = Policy::default().with(Source::DeviceCsp, &set).unwrap();
        let rules = PinRules::of(&policy.effective(Timestamp::UNIX_EPOCH, &Default::default()));
        assert_eq!(judge(&rules, "abcdef"), Err(PinFault::MissingClass(Class::Special)));
        assert_eq!(judge(&rules, "abc-1f"), Err(PinFault::ForbiddenClass(Class::Digit)));
        assert_eq!(judge(&rules, "abc-df"), Ok(()));
    }

    #[test]
    fn neither_debug_nor_a_fault_repeats_the_pin() {
        let accepted = rules(4).accept(SecretString::from("187246")).unwrap();
        assert!(!format!("{accepted:?}").contains("187246"));
        let fault = rules(9).accept(SecretString::from("187246")).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("187246"));
    }
}
