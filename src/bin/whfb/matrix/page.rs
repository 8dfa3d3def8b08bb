//! The matrix for people: a grid for a terminal, a Markdown table, comma-separated values.

use std::time::Duration;

use whfb::device::hardware::TpmVersion;
use whfb::device::matrix::{Outcome, Row};

use crate::output::{Ink, Output};

/// Width of a cell of the grid.
const CELL: usize = 20;

const COLUMNS: [&str; 9] = [
    "tpm",
    "condition",
    "exclude_tpm12",
    "require_security_device",
    "prereq",
    "outcome",
    "hresult",
    "executed",
    "injected",
];

/// As event and JSON call it.
pub(super) fn version(tpm: TpmVersion) -> &'static str {
    match tpm {
        TpmVersion::None => "none",
        TpmVersion::V12 => "1.2",
        TpmVersion::V20 => "2.0",
    }
}

fn required(require: Option<bool>) -> &'static str {
    match require {
        None => "unset",
        Some(false) => "false",
        Some(true) => "true",
    }
}

/// One line for each TPM and condition, one cell for each policy.
pub(super) fn grid(rows: &[Row], source: &str, took: Duration, output: &Output) -> String {
    let mut lines =
        vec![format!("{:<16} RequireSecurityDevice by {source}, without and with ExcludeSecurityDevices/TPM12", "")];
    let head: String = rows
        .iter()
        .take(6)
        .map(|row| {
            let excluded = if row.case.exclude_tpm12 { ", no 1.2" } else { "" };
            format!("{:<CELL$}", format!("{}{excluded}", required(row.case.require_security_device)))
        })
        .collect();
    lines.push(output.paint(Ink::Strong, format!("{:<16} {head}", "TPM").trim_end()));
    for bed in rows.chunk_by(|a, b| (a.case.tpm, a.case.condition) == (b.case.tpm, b.case.condition)) {
        let Some(first) = bed.first() else { continue };
        let name = match first.case.tpm {
            TpmVersion::None => "none".to_owned(),
            tpm => format!("{} {}", version(tpm), first.case.condition.name()),
        };
        let cells: String = bed.iter().map(|row| cell(row, output)).collect();
        lines.push(format!("{name:<16} {}", cells.trim_end()));
    }
    let executed = rows.iter().filter(|row| row.executed).count();
    lines.push(format!(
        "\n{} rows in {:.1} s, {executed} executed; * decided alone: the lab has no TPM 1.2 to run",
        rows.len(),
        took.as_secs_f64()
    ));
    lines.join("\n")
}

fn cell(row: &Row, output: &Output) -> String {
    let mark = if row.executed { "" } else { "*" };
    let code = row.hresult.map_or_else(String::new, |code| format!(" {code}"));
    let ink = match row.outcome {
        Outcome::Hardware => Ink::Good,
        Outcome::Software => Ink::Middling,
        Outcome::Blocked => Ink::Bad,
    };
    output.paint(ink, &format!("{:<CELL$}", format!("{}{code}{mark}", row.outcome.word())))
}

/// The columns of the two tables; event 5555 is in the JSON.
fn fields(row: &Row) -> [String; 9] {
    [
        version(row.case.tpm).to_owned(),
        row.case.condition.name().to_owned(),
        row.case.exclude_tpm12.to_string(),
        required(row.case.require_security_device).to_owned(),
        row.prereq.word().to_owned(),
        row.outcome.word().to_owned(),
        row.hresult.map_or_else(String::new, |code| code.to_string()),
        row.executed.to_string(),
        row.injected.join(" "),
    ]
}

/// A table for a document.
pub(super) fn markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(&COLUMNS.map(str::to_owned)), line(&COLUMNS.map(|_| "---".to_owned()))];
    lines.extend(rows.iter().map(|row| line(&fields(row))));
    lines.join("\n")
}

/// A table for a spreadsheet. No field holds a comma, a quote or a line break.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut lines = vec![COLUMNS.join(",")];
    lines.extend(rows.iter().map(|row| fields(row).join(",")));
    lines.join("\n")
}
