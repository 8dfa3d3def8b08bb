//! A rules file: TOML with a profile to start from and the switches that differ.
//!
//! ```toml
//! profile = "strict"          # entra if it is left out
//! mfa-freshness = "5m"        # times as text, flags bare, words as text
//! accept-kdf-v1 = true
//! ```

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Kind, Profile, Rules, SWITCHES, Switch};

/// What is wrong with a rules file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesFault {
    /// It is not TOML; what the parser says of it.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A name stands there twice.
    #[error("{0} is given twice")]
    Twice(String),
    /// No switch has this name.
    #[error("unknown switch {name}{}", nearest.map_or_else(String::new, |nearest| format!("; the nearest is {nearest}")))]
    Unknown {
        /// The name.
        name: String,
        /// The switch that is spelt most alike, if one is.
        nearest: Option<&'static str>,
    },
    /// The switch, or `profile`, cannot be that.
    #[error("{name} cannot be {value}; it can be: {allowed}")]
    Value {
        /// The switch.
        name: &'static str,
        /// The value as the file has it.
        value: String,
        /// What it can be.
        allowed: String,
    },
}

/// A rules file that is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct RulesFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: RulesFault,
}

/// The member that names the profile.
const PROFILE: &str = "profile";

impl Rules {
    /// Reads a rules file: the profile that it starts from, and the switches in force.
    ///
    /// # Errors
    /// The first fault by line is the answer; the profile is looked at before the switches.
    pub fn from_toml(text: &str) -> Result<(Profile, Self), RulesFileError> {
        let table = DeTable::parse(text).map_err(|error| syntax(text, error.message(), error.span()))?.into_inner();
        let mut members: Vec<_> = table.iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let stated = members.iter().find(|(name, _)| name.get_ref() == PROFILE);
        let profile = stated.map_or(Ok(Profile::Entra), |(_, value)| profile(text, value))?;
        let mut rules = profile.rules();
        for (name, value) in members.into_iter().filter(|(name, _)| name.get_ref() != PROFILE) {
            let switch = Switch::named(name.get_ref()).ok_or_else(|| unknown(text, name.get_ref(), name.span()))?;
            turn(&mut rules, switch, value).ok_or_else(|| refused(text, switch.name, value, switch.allowed()))?;
        }
        Ok((profile, rules))
    }
}

fn profile(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Profile, RulesFileError> {
    value.get_ref().as_str().and_then(Profile::named).ok_or_else(|| {
        let names = Profile::ALL.map(|profile| format!("\"{profile}\""));
        refused(text, PROFILE, value, names.join(", "))
    })
}

/// A flag is bare, anything else is text: `"false"` is no flag, as 600 is no time.
fn turn(rules: &mut Rules, switch: &Switch, value: &Spanned<DeValue<'_>>) -> Option<()> {
    let written = match (value.get_ref(), switch.kind) {
        (DeValue::Boolean(flag), Kind::Flag) => flag.to_string(),
        (DeValue::String(words), Kind::Time | Kind::TimeOrAny | Kind::Words(_) | Kind::Vendors) => words.to_string(),
        _ => return None,
    };
    switch.turn(rules, &written).then_some(())
}

fn syntax(text: &str, message: &str, span: Option<Range<usize>>) -> RulesFileError {
    let span = span.unwrap_or(0..0);
    // The parser's own words for a name that stands there twice; the test of duplicates holds them.
    let fault = if message == "duplicate key" {
        RulesFault::Twice(excerpt(text, span.clone()))
    } else {
        RulesFault::Syntax(message.to_owned())
    };
    RulesFileError { line: line(text, span.start), fault }
}

fn unknown(text: &str, name: &str, span: Range<usize>) -> RulesFileError {
    let names = SWITCHES.iter().map(|switch| switch.name).chain([PROFILE]);
    let near = names.map(|known| (distance(name, known), known)).min_by_key(|(distance, _)| *distance);
    let nearest = near.filter(|(distance, known)| *distance <= known.len() / 2).map(|(_, known)| known);
    let fault = RulesFault::Unknown { name: excerpt(text, span.clone()), nearest };
    RulesFileError { line: line(text, span.start), fault }
}

fn refused(text: &str, name: &'static str, value: &Spanned<DeValue<'_>>, allowed: String) -> RulesFileError {
    let fault = RulesFault::Value { name, value: excerpt(text, value.span()), allowed };
    RulesFileError { line: line(text, value.span().start), fault }
}

fn line(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// What the file has there, cut where a line of it would be too long to read.
fn excerpt(text: &str, span: Range<usize>) -> String {
    let whole = text.get(span).unwrap_or_default();
    let mut shown: String = whole.lines().next().unwrap_or_default().chars().take(60).collect();
    if shown.len() < whole.len() {
        shown.push_str("...");
    }
    shown
}

/// How many letters must be added, dropped or changed to make one name of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    // A name of a hundred letters is like none.
    for (index, letter) in from.chars().take(100).enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_stand_over_a_profile() {
        let (profile, rules) = Rules::from_toml("accept-kdf-v1 = true\nprofile = \"strict\"\n").unwrap();
        assert_eq!((profile, &rules), (Profile::Strict, &Rules { accept_kdf_v1: true, ..Rules::strict() }));
        assert_eq!(rules.turned(profile), [("accept-kdf-v1", "true".to_owned())]);
        assert_eq!(Rules::from_toml("# nothing\n"), Ok((Profile::Entra, Rules::entra())));
        let (_, rules) = Rules::from_toml("mfa-freshness = 'any'\nattestation = \"require-ek\"").unwrap();
        assert_eq!(rules.turned(Profile::Entra).len(), 2);
    }

    #[test]
    fn names_line_switch_value_and_what_is_allowed() {
        for (text, words) in [
            (
                "mfa-freshness = \"25h\"",
                "line 1: mfa-freshness cannot be \"25h\"; it can be: \"1s\" to \"24h\", or \"any\"",
            ),
            (
                "\n\nmfa-freshness = 600",
                "line 3: mfa-freshness cannot be 600; it can be: \"1s\" to \"24h\", or \"any\"",
            ),
            ("code-lifetime = \"any\"", "line 1: code-lifetime cannot be \"any\"; it can be: \"1s\" to \"1h\""),
            ("accept-kdf-v1 = \"false\"", "line 1: accept-kdf-v1 cannot be \"false\"; it can be: true, false"),
            ("weak-key = \"keep\"", "line 1: weak-key cannot be \"keep\"; it can be: \"store-as-weak\", \"refuse\""),
            ("weak-key = [\n1]", "line 1: weak-key cannot be [...; it can be: \"store-as-weak\", \"refuse\""),
            ("accept_kdf_v1 = false", "line 1: unknown switch accept_kdf_v1; the nearest is accept-kdf-v1"),
            ("profiles = \"strict\"", "line 1: unknown switch profiles; the nearest is profile"),
            ("[rules]\nweak-key = 1", "line 1: unknown switch rules"),
            ("zzz.weak-key = 1", "line 1: unknown switch zzz"),
            ("weak-key = \"refuse\"\nweak-key = \"refuse\"", "line 2: weak-key is given twice"),
            (
                "x = 1\nprofile = \"Strict\"",
                "line 2: profile cannot be \"Strict\"; it can be: \"entra\", \"strict\", \"hardware-required\", \
                 \"adfs\", \"entra-2022\"",
            ),
        ] {
            assert_eq!(Rules::from_toml(text).unwrap_err().to_string(), words, "{text}");
        }
    }

    #[test]
    fn every_profile_written_as_a_file_is_that_profile() {
        for profile in Profile::ALL {
            let lines = SWITCHES.iter().map(|switch| match switch.kind {
                Kind::Flag => format!("{} = {}\n", switch.name, switch.value(&profile.rules())),
                _ => format!("{} = \"{}\"\n", switch.name, switch.value(&profile.rules())),
            });
            let (base, rules) = Rules::from_toml(&lines.collect::<String>()).unwrap();
            assert_eq!((base, rules), (Profile::Entra, profile.rules()));
        }
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused_in_a_line() {
        let deep = "[".repeat(30_000);
        let long = "x".repeat(60_000);
        for text in [
            format!("weak-key = {deep}"),
            format!("weak-key = {deep}{}", "]".repeat(30_000)),
            format!("{long} = 1"),
            format!("weak-key = \"{long}\""),
            format!("\"{}\" = 1", "é\\n".repeat(20_000)),
            format!("{}weak-key = 1", "a.".repeat(20_000)),
        ] {
            let refused = Rules::from_toml(&text).unwrap_err().to_string();
            assert!(refused.len() < 300 && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn what_is_no_toml_is_called_so_at_its_line() {
        for (text, line) in [("weak-key", 1), ("\nweak-key = refuse", 2), ("a = 1\nb = \"", 2), ("\u{0}", 1)] {
            let error = Rules::from_toml(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(matches!(error.fault, RulesFault::Syntax(_)), "{error}");
        }
    }
}
