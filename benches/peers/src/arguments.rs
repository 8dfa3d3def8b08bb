//! The command line.

use std::path::PathBuf;

use anyhow::{Result, bail};

pub(crate) const USAGE: &str = "\
Compares whfb's way to a TPM with its peers' and prints a Markdown table.

Usage: whfb-peers [--quick] [--no-throughput] [--json FILE]

  --quick          few rounds: shows that everything runs, its figures are worth little
  --no-throughput  leaves out how two clients fare beside one
  --json FILE      writes the figures there, too";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) quick: bool,
    pub(crate) throughput: bool,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line; `None` when it asks for help.
    pub(crate) fn from_command_line() -> Result<Option<Self>> {
        let mut arguments = Self { quick: false, throughput: true, json: None };
        let mut words = std::env::args_os().skip(1);
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--quick") => arguments.quick = true,
                Some("--no-throughput") => arguments.throughput = false,
                Some("--json") => match words.next() {
                    Some(file) => arguments.json = Some(file.into()),
                    None => bail!("--json wants a file\n\n{USAGE}"),
                },
                Some("--help" | "-h") => return Ok(None),
                _ => bail!("{} is no argument\n\n{USAGE}", word.display()),
            }
        }
        Ok(Some(arguments))
    }
}
