//! What can be typed after `whfb matrix`.

use clap::{Args as Fields, ValueEnum};

/// Through which source the policies of the matrix arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixSource {
    /// The device CSP, by SyncML
    Csp,
    /// A computer GPO, by Registry.pol
    Gpo,
    /// A device profile of Intune, by its settings-catalogue JSON
    Intune,
}

/// How the matrix is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// A line for each TPM and condition
    Grid,
    /// A table for a document
    Markdown,
    /// A table for a spreadsheet
    Csv,
    /// One object, with event 5555 in each row; the same as --json
    Json,
}

#[derive(Debug, Fields)]
pub(crate) struct Matrix {
    /// Through which source the policies arrive
    #[arg(long, value_name = "SOURCE", default_value = "csp")]
    pub(crate) source: MatrixSource,

    /// How it is shown [default: grid]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<MatrixFormat>,
}
