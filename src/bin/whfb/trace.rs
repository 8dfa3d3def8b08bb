//! `--trace-tpm`: one file for a run, whichever command opens a TPM.

use std::path::Path;
use std::sync::OnceLock;

use whfb::base::SystemClock;
use whfb::device::tpm::trace::{Secrets, Trace};

use crate::failure::Failure;

static TRACE: OnceLock<Trace> = OnceLock::new();

/// Begins the file.
pub(crate) fn begin(path: &Path, reveal: bool) -> Result<(), Failure> {
    let secrets = if reveal { Secrets::Revealed } else { Secrets::Masked };
    let trace = Trace::create(path, secrets, Box::new(SystemClock)).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} exists already", path.display())).next("name a new file, or remove the old one")
        }
        _ => Failure::usage(format!("the trace {} cannot be written: {error}", path.display())),
    })?;
    drop(TRACE.set(trace));
    Ok(())
}

/// The trace of this run, if there is one.
pub(crate) fn current() -> Option<&'static Trace> {
    TRACE.get()
}

/// Tells of a file that could not be written to its end.
pub(crate) fn end() -> Result<(), Failure> {
    match current().and_then(Trace::fault) {
        None => Ok(()),
        Some(fault) => Err(Failure::environment(format!("the command was done, and its trace is incomplete: {fault}"))),
    }
}
