//! Where an exported statement goes.

use std::path::Path;

use serde_json::{Value, json};
use whfb::attest::Statement;

use super::files::{must_be_free, with_pem, write_new};
use super::raw;
use crate::args::StatementForm;
use crate::failure::Failure;
use crate::output::Output;

/// A statement in its form.
pub(super) enum Made {
    Text(String),
    Files { statement: Vec<u8>, chain: String },
    Directory(Box<Statement>),
}

/// Where to, checked before anything is asked of the TPM: a form that is no text needs a path, and nothing may be there.
pub(super) fn check(form: StatementForm, to: Option<&Path>) -> Result<(), Failure> {
    match (form, to) {
        (StatementForm::Kast | StatementForm::Raw, None) => {
            Err(Failure::usage("this form is no text").next("say where it goes: --output FILE"))
        }
        (_, None) => Ok(()),
        (StatementForm::Kast, Some(path)) => must_be_free(path).and_then(|()| must_be_free(&with_pem(path))),
        (_, Some(path)) => must_be_free(path),
    }
}

/// Writes it there, or to standard output; `whose` says what was attested.
pub(super) fn deliver(made: &Made, to: Option<&Path>, whose: (&str, &str), output: &Output) -> Result<(), Failure> {
    let files = match (made, to) {
        (Made::Text(text), None) => {
            let object: Value = serde_json::from_str(text).unwrap_or_default();
            output.answer(text, &object);
            return Ok(());
        }
        (Made::Text(text), Some(file)) => vec![(file.to_owned(), format!("{text}\n").into_bytes())],
        (Made::Files { statement, chain }, Some(file)) => {
            vec![(file.to_owned(), statement.clone()), (with_pem(file), chain.clone().into_bytes())]
        }
        (Made::Directory(statement), Some(directory)) => {
            raw::write(directory, statement)?;
            vec![(directory.to_owned(), Vec::new())]
        }
        // Refused by `check`.
        (Made::Files { .. } | Made::Directory(_), None) => Vec::new(),
    };
    if !matches!(made, Made::Directory(_)) {
        write_new(&files)?;
    }
    let written: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    let (upn, device) = whose;
    let text = format!("the Hello key of {upn} on {device} is attested in {}", written.join(" and "));
    output.answer(&text, &json!({"ok": true, "device": device, "user": upn, "written": written}));
    Ok(())
}
