//! PINs and passwords: from a file, from standard input, or asked for; never from an argument.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use whfb::base::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Reads the secret called `what` (`PIN`, `password`).
///
/// A file's first line counts, without its line end. Without a file a terminal is asked; otherwise the next line of
/// standard input is taken, so a script can give password and PIN in the order in which they are asked for.
pub(crate) fn secret(what: &str, file: Option<&Path>) -> Result<SecretString, Failure> {
    match file {
        Some(path) if path != Path::new("-") => from_file(what, path),
        None if std::io::stdin().is_terminal() => ask(what),
        _ => from_input(what),
    }
}

/// Asks twice for a new secret on a terminal; elsewhere reads it once.
pub(crate) fn new_secret(what: &str, file: Option<&Path>) -> Result<SecretString, Failure> {
    use whfb::base::ExposeSecret as _;
    let first = secret(what, file)?;
    if file.is_none() && std::io::stdin().is_terminal() {
        let again = ask(&format!("{what} again"))?;
        if first.expose_secret() != again.expose_secret() {
            return Err(Failure::usage(format!("the two {what}s differ")));
        }
    }
    Ok(first)
}

fn from_file(what: &str, path: &Path) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::usage(format!("the {what} file {} cannot be read: {error}", path.display())))?;
    first_line(what, &text)
}

fn from_input(what: &str) -> Result<SecretString, Failure> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
    first_line(what, &line)
}

fn ask(what: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(format!("{what}: "))
        .map(SecretString::from)
        .map_err(|error| Failure::usage(format!("the terminal gives no {what}: {error}")))
}

fn first_line(what: &str, text: &str) -> Result<SecretString, Failure> {
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line.to_owned())),
        _ => Err(Failure::usage(format!("no {what} given"))
            .next(format!("give it in a file, or type it when asked for the {what}"))),
    }
}
