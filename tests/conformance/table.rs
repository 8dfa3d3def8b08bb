//! The table: what was found, and what `vendor-notes.md` says.

use std::fmt;

/// What a backend makes of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It does what the trait says.
    Works,
    /// It names the verb as one that it lacks.
    Gap,
    /// It refuses on a TPM that whfb did not start, and nothing was changed.
    Guest,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Works => "yes",
            Self::Gap => "gap",
            Self::Guest => "guest",
        })
    }
}

/// One backend over one transport.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) cells: Vec<(&'static str, Cell)>,
}

/// The table as Markdown, a row for each verb.
pub(crate) fn markdown(columns: &[Column]) -> String {
    let mut text = row("verb", columns.iter().map(|column| column.name.to_owned()));
    text.push_str(&row("---", columns.iter().map(|_| "---".to_owned())));
    let verbs = columns.first().map(|column| column.cells.as_slice()).unwrap_or_default();
    for (number, (verb, _)) in verbs.iter().enumerate() {
        text.push_str(&row(verb, columns.iter().map(|column| column.cells[number].1.to_string())));
    }
    text
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = std::iter::once(first.to_owned()).chain(cells).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Where the columns that ran differ from the table between the marks in `notes`, which may have more columns.
pub(crate) fn compare(columns: &[Column], notes: &str) -> Vec<String> {
    const BEGIN: &str = "<!-- conformance -->";
    const END: &str = "<!-- /conformance -->";
    let kept = notes.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map_or("", |(table, _)| table);
    let rows: Vec<Vec<&str>> = kept
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let Some(head) = rows.first() else { return vec!["vendor-notes.md has no conformance table".to_owned()] };
    let mut faults = Vec::new();
    for column in columns {
        let Some(position) = head.iter().position(|name| *name == column.name) else {
            faults.push(format!("vendor-notes.md has no column {:?}", column.name));
            continue;
        };
        for (verb, cell) in &column.cells {
            let told = rows.iter().find(|row| row.get(1) == Some(verb)).and_then(|row| row.get(position));
            if told != Some(&cell.to_string().as_str()) {
                faults.push(format!("{} over {}: found {cell}, vendor-notes.md says {told:?}", verb, column.name));
            }
        }
        if rows.len() != column.cells.len() + 2 {
            faults.push(format!("vendor-notes.md has {} verbs, {} were run", rows.len() - 2, column.cells.len()));
        }
    }
    faults
}
