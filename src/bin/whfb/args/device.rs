//! What can be typed after `whfb device`.

use clap::Subcommand;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::Condition;

use super::{OnDevice, one_of, tpm_choice};

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// Make a device
    Create {
        /// Its name
        name: String,
        /// Its TPM: `swtpm`, `none`, `1.2` (decided about, not executed), or the address of one that is there, such as
        /// `device:/dev/tpmrm0`
        #[arg(long, value_name = "TPM", default_value = "swtpm", value_parser = tpm_choice)]
        tpm: TpmChoice,
        /// What state its TPM is in
        #[arg(long, value_name = "CONDITION", default_value = "ready", value_parser = one_of(&Condition::ALL, Condition::name), hide_possible_values = true,
            long_help = CONDITIONS)]
        condition: Condition,
    },
    /// List the devices
    List,
    /// Show one device
    Show {
        /// Its name; may be left out while there is only one
        name: Option<String>,
    },
    /// Remove a device: its TPM, its keys, its files
    Remove {
        /// Its name
        name: String,
    },
    /// Show the switches of a device, or turn some: what Microsoft documents nowhere, or twice
    Switch {
        #[command(flatten)]
        on: OnDevice,
        /// SWITCH=VALUE, such as policy.late-requirement=delete
        #[arg(value_name = "SWITCH=VALUE")]
        assignments: Vec<String>,
    },
}

const CONDITIONS: &str = "What state its TPM is in:

  ready        as it was manufactured
  not-ready    its storage hierarchy is disabled at every start
  fips         it reports FIPS mode (laid over its answers: no emulator has one)
  locked-out   it has counted 32 wrong PINs, really sent
  cleared      it was cleared after the device met it
  swapped      another TPM is in its place since the device met it
  rolled-back  an older state was put back after the device used it

A TPM 1.2 takes the first four, which are then said and not made.";
