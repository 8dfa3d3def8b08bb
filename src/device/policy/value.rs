//! What a node holds, and what it takes.

use std::fmt;

use crate::base::Uuid;

/// The value of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// SyncML `bool`; in the registry a DWORD of 0 or 1.
    Bool(bool),
    /// SyncML `int`; in the registry a DWORD.
    Int(u32),
    /// SyncML `chr`; in the registry a string.
    Text(String),
}

impl Value {
    /// The truth, of a [`Self::Bool`].
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, of a [`Self::Int`].
    pub fn as_int(&self) -> Option<u32> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
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
    /// GUIDs in braces, separated by commas.
    Guids,
    /// One line of text, without blanks at its ends: no format would keep them.
    Text,
}

/// Longest text, in characters. Ours: nobody documents one.
pub const LONGEST_TEXT: usize = 4096;

impl Format {
    /// The name that SyncML gives the format.
    pub fn syncml(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int { .. } => "int",
            Self::Guids | Self::Text => "chr",
        }
    }

    /// Whether the value has the format and lies within its bounds.
    pub fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Bool, Value::Bool(_)) => true,
            (Self::Int { min, max }, Value::Int(value)) => (min..=max).contains(value),
            (Self::Guids, Value::Text(text)) => is_text(text) && text.split(',').all(is_guid),
            (Self::Text, Value::Text(text)) => is_text(text),
            _ => false,
        }
    }

    /// Reads a value as SyncML and OMA-URI lines write it; `None` for anything that the format does not take.
    pub fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Bool => Value::Bool(match text {
                "true" => true,
                "false" => false,
                _ => return None,
            }),
            Self::Int { .. } => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                Value::Int(text.parse().ok().filter(|_| digits)?)
            }
            Self::Guids | Self::Text => Value::Text(text.to_owned()),
        };
        self.takes(&value).then_some(value)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int { min, max } if max - min == 1 => write!(f, "{min} or {max}"),
            Self::Int { min, max } => write!(f, "{min} to {max}"),
            Self::Guids => f.write_str("GUIDs in braces, separated by commas"),
            Self::Text => write!(f, "one line of 1 to {LONGEST_TEXT} characters without blanks at its ends"),
        }
    }
}

/// Nothing that a line, an XML text or a registry string would lose.
fn is_text(text: &str) -> bool {
    let kept =
        |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}');
    !text.is_empty() && text.trim() == text && text.chars().count() <= LONGEST_TEXT && text.chars().all(kept)
}

fn is_guid(text: &str) -> bool {
    let bare = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    bare.is_some_and(|bare| bare.len() == 36 && Uuid::parse_str(bare).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_takes_and_nothing_else() {
        let pin = Format::Int { min: 4, max: 127 };
        for (format, good, bad) in [
            (Format::Bool, vec!["true", "false"], vec!["True", "1", "0", "yes", "", " true"]),
            (pin, vec!["4", "127", "0006"], vec!["3", "128", "-4", "+4", "4.0", "four", "", "4294967300"]),
            (
                Format::Guids,
                vec!["{D6886603-9D2F-4EB2-B667-1971041FA96B}"],
                vec!["D6886603-9D2F-4EB2-B667-1971041FA96B", "{}", ""],
            ),
            (Format::Text, vec!["<rule/>", "é"], vec!["", " x", "x ", "a\nb", "a\0b"]),
        ] {
            for text in good {
                assert!(format.read(text).is_some_and(|value| format.takes(&value)), "{text:?}");
            }
            for text in bad {
                assert_eq!(format.read(text), None, "{text:?}");
            }
        }
    }

    #[test]
    fn several_guids_are_separated_by_commas() {
        let guid = "{8AF662BF-65A0-4D0A-A540-A338A999D36F}";
        assert!(Format::Guids.read(&format!("{guid},{guid}")).is_some());
        assert!(Format::Guids.read(&format!("{guid};{guid}")).is_none());
        assert!(Format::Guids.read(&format!("{guid},")).is_none());
    }

    #[test]
    fn a_text_may_be_as_long_as_it_may_be() {
        assert!(Format::Text.read(&"x".repeat(LONGEST_TEXT)).is_some());
        assert!(Format::Text.read(&"x".repeat(LONGEST_TEXT + 1)).is_none());
    }
}
