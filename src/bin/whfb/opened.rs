//! A device taken from its directory, with its TPM running and a link to its tenant.

use std::path::{Path, PathBuf};

use whfb::base::{OsRng, SystemClock};
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, Ownership, Pins, Tpm, TpmError, open};
use whfb::link::{Link, drive};

use crate::failure::Failure;

/// Fields drop in order: the TPM ends before the directory is given free.
pub(crate) struct Opened {
    tpm: Option<Box<dyn Tpm>>,
    pub(crate) device: Device,
}

impl Opened {
    /// Opens the device in `dir` and starts its TPM.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let device = Device::open(dir)?;
        let tpm = open_tpm(&device.state.description.tpm, dir, device.state.pins.as_ref())?;
        Ok(Self { tpm, device })
    }

    /// With a TPM that runs already.
    pub(crate) fn with(device: Device, tpm: Option<Box<dyn Tpm>>) -> Self {
        Self { tpm, device }
    }

    /// The TPM, if the device has one that commands are sent to.
    pub(crate) fn tpm(&mut self) -> Option<&mut (dyn Tpm + 'static)> {
        self.tpm.as_deref_mut()
    }

    /// Works on the device and writes what changed, whatever came of it.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let tpm = self.tpm.as_deref_mut();
        let mut rng = OsRng;
        let outcome = work(&mut self.device.machine(tpm, &mut rng)?);
        let saved = self.device.save();
        let value = outcome?;
        saved?;
        Ok(value)
    }

    /// Runs one flow to its end over `link` and writes what changed.
    pub(crate) fn run<F: Flow>(&mut self, flow: F, link: &dyn Link) -> Result<F::Output, Failure> {
        self.work(|machine| Ok(drive(flow, machine, link, &SystemClock)?))
    }
}

/// Starts or opens the TPM of a device; `None` for none, and for a TPM 1.2, which no command is sent to.
pub(crate) fn open_tpm(choice: &TpmChoice, dir: &Path, pins: Option<&Pins>) -> Result<Option<Box<dyn Tpm>>, TpmError> {
    match choice {
        TpmChoice::Swtpm => {
            let swtpm = Swtpm::start(&tpm_folder(dir), Path::new(PROGRAM))?;
            let direct = Direct::open(Box::new(swtpm), Ownership::Ours, pins, Box::new(OsRng))?;
            Ok(Some(Box::new(direct)))
        }
        TpmChoice::Guest(address) => open(address, Ownership::Guest, pins, Box::new(OsRng)).map(Some),
        TpmChoice::None | TpmChoice::V12 => Ok(None),
    }
}

/// Where a device keeps the state of its swtpm.
pub(crate) fn tpm_folder(dir: &Path) -> PathBuf {
    dir.join("tpm")
}
