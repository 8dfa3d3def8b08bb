//! What can be typed after `whfb tpm`.

use std::path::PathBuf;

use clap::{Args as Fields, Subcommand};
use whfb::device::state::TpmChoice;

use super::{OnDevice, tpm_choice};

#[derive(Debug, Subcommand)]
pub(crate) enum Tpm {
    /// What a TPM says about itself, in its own words and in those of Get-Tpm, and what deserves a warning
    Info(OnTpm),
    /// The count of wrong authorizations, and its reset
    Lockout {
        #[command(flatten)]
        on: OnTpm,
        /// Forget all counted failures
        #[arg(long)]
        reset: bool,
        #[command(flatten)]
        owner: Owner,
    },
    /// Fill a pool of keys in memory and claim one: what a key costs that was made in advance, and one that was not
    Pool(OnTpm),
    /// Clear a TPM: every key below its storage root key is lost
    Clear {
        #[command(flatten)]
        on: OnTpm,
        #[command(flatten)]
        owner: Owner,
    },
}

/// Which TPM.
#[derive(Debug, Fields)]
pub(crate) struct OnTpm {
    #[command(flatten)]
    pub(crate) on: OnDevice,
    /// A TPM outside of any device, such as device:/dev/tpmrm0
    #[arg(long, value_name = "TPM", conflicts_with = "device", value_parser = tpm_choice)]
    pub(crate) tpm: Option<TpmChoice>,
}

/// Who may change a TPM that whfb did not start.
#[derive(Debug, Fields)]
pub(crate) struct Owner {
    /// Do to a TPM that whfb did not start what cannot be undone
    #[arg(long)]
    pub(crate) i_own_this_tpm: bool,
    /// File with its lockout authorization, 64 hexadecimal digits; `-` for standard input [default: the one that whfb keeps of
    /// a device's TPM, and of another the empty one]
    #[arg(long, value_name = "FILE")]
    pub(crate) lockout_auth_file: Option<PathBuf>,
}
