//! Standard output is the answer, standard error is everything about it.
#![expect(clippy::print_stderr, reason = "this file is the one that prints")]

use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value, json};
use tracing_subscriber::filter::EnvFilter;

use crate::failure::Failure;

/// Where answers go: text for a person, or one JSON object.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

/// Colours of the terminal's own palette.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    Good,
    Middling,
    Bad,
    Faint,
    Strong,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let colour =
            std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person watches: then progress may move.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// `text` in a colour, if the terminal shows colours.
    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Good => "32",
            Ink::Middling => "33",
            Ink::Bad => "31",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A line for a person; nothing with `--json`.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            write_out(text);
        }
    }

    /// The answer: `text` for a person, `object` for a program.
    pub(crate) fn answer(&self, text: &str, object: &Value) {
        write_out(&if self.json { format!("{object:#}") } else { text.to_owned() });
    }

    /// One object, whatever was asked for.
    pub(crate) fn object(&self, object: &Value) {
        write_out(&format!("{object:#}"));
    }

    /// A remark on standard error.
    pub(crate) fn remark(&self, text: &str) {
        eprintln!("{text}");
    }

    /// What went wrong: cause, code and next step on standard error; with `--json` one object on standard output too.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            write_out(&format!("{:#}", json!({"ok": false, "error": failure.to_json()})));
            return;
        }
        eprintln!("error: {}", failure.message);
        if let Some(code) = failure.hresult {
            eprintln!(" code: {code} {}: {}", code.symbol(), code.cause());
        }
        if let Some(next) = &failure.next {
            eprintln!(" next: {next}");
        }
    }
}

/// A reader that closed its end, such as `head`, has seen enough: that is no failure.
fn write_out(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// `-v` shows the crate's steps, `-vv` each TPM command and HTTP exchange.
pub(crate) fn log_to_stderr(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "whfb=info",
        _ => "whfb=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
        .init();
}
