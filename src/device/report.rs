//! The layout of `dsregcmd /status`: sections of right-aligned field names between ruled headings.

use std::fmt;

/// Width of a field name.
const NAME_COLUMNS: usize = 26;
/// Width of a heading between its bars.
const RULE_COLUMNS: usize = 70;

/// Heading of the first section.
pub(crate) const DEVICE_STATE: &str = "Device State";

/// One section of a report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Section {
    /// Heading.
    pub title: &'static str,
    /// Names and values, in order.
    pub fields: Vec<(&'static str, String)>,
}

/// How dsregcmd writes a truth value.
pub fn yes_no(value: bool) -> &'static str {
    if value { "YES" } else { "NO" }
}

impl Section {
    /// Starts a section.
    pub fn new(title: &'static str) -> Self {
        Self { title, fields: Vec::new() }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds a truth value, `YES` or `NO`.
    #[must_use]
    pub fn with_yes_no(self, name: &'static str, value: bool) -> Self {
        self.with(name, yes_no(value))
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = format!("+{}+", "-".repeat(RULE_COLUMNS));
        writeln!(f, "{rule}\n|{:<RULE_COLUMNS$}|\n{rule}", format!(" {}", self.title))?;
        // The first section alone has no blank line there.
        if self.title != DEVICE_STATE {
            writeln!(f)?;
        }
        for (name, value) in &self.fields {
            writeln!(f, "{name:>NAME_COLUMNS$} : {value}")?;
        }
        writeln!(f, "\n{rule}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_72_columns_wide_and_its_names_end_in_column_26() {
        let text = Section::new("User State").with_yes_no("NgcSet", true).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("+{}+", "-".repeat(70)));
        assert_eq!(lines[1], format!("| User State{}|", " ".repeat(59)));
        assert_eq!(lines[1].len(), 72);
        assert_eq!(lines[3], "");
        assert_eq!(lines[4], "                    NgcSet : YES");
        assert_eq!(lines[5], "");
        assert_eq!(lines[6], lines[0]);
        let first = Section::new(DEVICE_STATE).with_yes_no("AzureAdJoined", false).to_string();
        assert_eq!(first.lines().nth(3), Some("             AzureAdJoined : NO"));
    }
}
