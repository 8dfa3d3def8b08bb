//! The verdict over a statement: every check with what was expected and what was found.

use std::borrow::Cow;
use std::fmt;

use super::check::Check;
use super::fault::Fault;

/// How well it is proven that a key lives in hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Level {
    /// Nothing was shown, or what was shown did not hold.
    #[serde(rename = "none")]
    None,
    /// The client says itself that the key is in software. No statement leads here: a registration records it.
    #[serde(rename = "software")]
    Software,
    /// An attestation key vouches for it whose endorsement key nobody vouches for.
    #[serde(rename = "aik")]
    Aik,
    /// An attestation key vouches for it whose endorsement key has a verified certificate.
    #[serde(rename = "aik+ek")]
    AikEk,
}

impl Level {
    /// Whether the key counts as attested.
    pub fn attested(self) -> bool {
        matches!(self, Self::Aik | Self::AikEk)
    }

    /// The text in which it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Software => "software",
            Self::Aik => "aik",
            Self::AikEk => "aik+ek",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How strong a key is, in the words of Microsoft Graph (windowsHelloForBusinessAuthenticationMethod, keyStrength). That its
/// `weak` is the weakness of CVE-2017-15361 is \[inferred\] from ADV190026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStrength {
    /// No weakness is known.
    Normal,
    /// It has the fingerprint of a known weakness.
    Weak,
    /// The key could not be read.
    Unknown,
}

impl KeyStrength {
    /// The word of Graph.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Weak => "weak",
            Self::Unknown => "unknown",
        }
    }
}

/// How a check went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed(Fault),
    /// The verifier did not ask for it.
    Waived,
    /// What it looks at could not be read; the check that failed on that is in the same report.
    Blocked,
}

/// One check with both sides in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// How it went.
    pub outcome: Outcome,
    /// What should have been there.
    pub expected: Cow<'static, str>,
    /// What was there.
    pub found: Cow<'static, str>,
}

/// The verdict over one statement. Only [`super::verify()`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    level: Level,
    key_strength: KeyStrength,
    findings: Vec<Finding>,
}

impl Report {
    /// `level` holds only if no finding speaks against it. A blocked check without a failed one would be a hole in the list,
    /// so it speaks against it too.
    pub(super) fn new(level: Level, key_strength: KeyStrength, findings: Vec<Finding>) -> Self {
        let holds = findings.iter().all(|each| matches!(each.outcome, Outcome::Passed | Outcome::Waived));
        Self { level: if holds { level } else { Level::None }, key_strength, findings }
    }

    /// What is proven; [`Level::None`] as soon as one check failed.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How strong the key is, whether attested or not.
    pub fn key_strength(&self) -> KeyStrength {
        self.key_strength
    }

    /// Every check in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found wrong, in the order of the checks.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.findings.iter().filter_map(|each| match &each.outcome {
            Outcome::Failed(fault) => Some(fault),
            _ => None,
        })
    }
}

impl fmt::Display for Report {
    /// One line per check, then the level. Control characters, which a sender could put into names and nonces, are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, outcome, expected, found } in &self.findings {
            let (expected, found) = (printable(expected), printable(found));
            match outcome {
                Outcome::Passed => writeln!(f, "passed   {check:?}: {found}")?,
                Outcome::Failed(fault) => {
                    writeln!(f, "FAILED   {check:?}: {}", printable(&fault.to_string()))?;
                    writeln!(f, "           expected {expected}")?;
                    writeln!(f, "           found    {found}")?;
                }
                Outcome::Waived => writeln!(f, "waived   {check:?}: {found}")?,
                Outcome::Blocked => writeln!(f, "blocked  {check:?}")?,
            }
        }
        writeln!(f, "strength {}", self.key_strength.as_str())?;
        write!(f, "level    {}", self.level)
    }
}

/// Text that a sender may have written, fit for a line: control characters are escaped, so that it writes no line and no colour.
pub fn printable(text: &str) -> String {
    let escaped = |each: char| if each.is_control() { each.escape_default().to_string() } else { each.to_string() };
    text.chars().map(escaped).collect()
}
