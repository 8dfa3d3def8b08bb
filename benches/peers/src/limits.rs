//! The ratios that have to hold.
//!
//! ```toml
//! [peers]
//! "sign P-256 / kanidm-hsm-crypto" = 6.5   # its median is at least 6.5 times ours
//! "sign P-256 / floor" = 0.8               # ours is at most 1.25 times the bare command's
//! "throughput / two clients" = 1.5         # two clients sign at least 1.5 times as often as one
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::report::{Report, Row};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../limits.toml");
const THROUGHPUT: &str = "throughput / two clients";

/// The section `[peers]`; other sections are somebody else's.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Limits {
    #[serde(default)]
    peers: BTreeMap<String, f64>,
}

/// What became of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Kept(f64),
    Missed(f64),
    /// It was left out of this run: by an argument, or since tpm2-tools are not installed.
    NotMeasured,
    /// A figure of this name does not exist, so the limit would never be checked.
    Unknown,
}

impl Limits {
    /// Reads the file. One that does not exist sets no limits.
    pub(crate) fn read() -> Result<Self> {
        match std::fs::read_to_string(FILE) {
            Ok(text) => toml::from_str(&text).context("limits.toml"),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).context("limits.toml"),
        }
    }

    /// Whether none of these rows misses its limit.
    pub(crate) fn kept_by(&self, rows: &[Row]) -> bool {
        let misses = |row: &Row| {
            let limit = self.peers.get(&row.figure());
            limit.zip(row.ratio).is_some_and(|(limit, ratio)| ratio < *limit)
        };
        !rows.iter().any(misses)
    }

    /// Holds every limit against its figure.
    pub(crate) fn judge(&self, report: &Report) -> Judgement {
        if self.peers.is_empty() {
            return Judgement { table: String::new(), kept: true };
        }
        let mut table = "| figure | at least | measured | |\n|---|--:|--:|---|\n".to_owned();
        let mut kept = true;
        for (figure, limit) in &self.peers {
            let verdict = judge(figure, *limit, report);
            kept &= verdict.passes();
            let _infallible = writeln!(table, "| {figure} | {limit} | {}", verdict.cells());
        }
        Judgement { table, kept }
    }
}

/// What became of all limits.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Each limit beside its figure; empty where there are none.
    pub(crate) table: String,
    pub(crate) kept: bool,
}

fn judge(figure: &str, limit: f64, report: &Report) -> Verdict {
    let measured = if figure == THROUGHPUT {
        Some(report.throughput.as_ref().map(|throughput| throughput.ratio))
    } else {
        report.rows.iter().find(|row| row.figure() == figure).map(|row| row.ratio)
    };
    match measured {
        None => Verdict::Unknown,
        Some(None) => Verdict::NotMeasured,
        Some(Some(ratio)) if ratio >= limit => Verdict::Kept(ratio),
        Some(Some(ratio)) => Verdict::Missed(ratio),
    }
}

impl Verdict {
    fn passes(self) -> bool {
        matches!(self, Self::Kept(_) | Self::NotMeasured)
    }

    fn cells(self) -> String {
        match self {
            Self::Kept(ratio) => format!("{ratio:.2} | kept |"),
            Self::Missed(ratio) => format!("{ratio:.2} | **missed** |"),
            Self::NotMeasured => "- | not measured |".to_owned(),
            Self::Unknown => "- | **no such figure** |".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::operation::Operation;
    use whfb::device::tpm::KeyKind;

    fn report() -> Report {
        let operation = Operation::Sign(KeyKind::P256);
        let absent = Row::missing(operation, "tpm2_sign", "not installed");
        let slow = Row { contender: "slow".to_owned(), ratio: Some(6.6), ..absent.clone() };
        let machine = Machine { date: String::new(), cpu: String::new(), cores: 1, versions: Vec::new() };
        Report::new(machine, vec![absent, slow], None)
    }

    #[test]
    fn a_limit_is_what_a_ratio_must_reach() {
        let report = report();
        assert_eq!(judge("sign P-256 / slow", 6.5, &report), Verdict::Kept(6.6));
        assert_eq!(judge("sign P-256 / slow", 6.7, &report), Verdict::Missed(6.6));
    }

    #[test]
    fn what_was_left_out_passes_and_what_does_not_exist_fails() {
        let report = report();
        assert!(judge("sign P-256 / tpm2_sign", 10.0, &report).passes());
        assert!(judge(THROUGHPUT, 1.5, &report).passes());
        assert!(!judge("sign P-256 / slwo", 1.0, &report).passes());
    }

    #[test]
    fn other_sections_are_left_alone() {
        let limits: Limits = toml::from_str("[other]\nx = \"y\"\n[peers]\n\"a / b\" = 2\n").unwrap();
        assert_eq!(limits.peers.get("a / b"), Some(&2.0));
    }
}
