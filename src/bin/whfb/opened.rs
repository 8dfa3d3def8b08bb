//! A device taken from its directory, with its TPM running and a link to its tenant.

use std::path::{Path, PathBuf};

use whfb::base::{OsRng, SystemClock};
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{DeviceNode, Direct, Ownership, Pins, Tpm, TpmError};
use whfb::link::{Link, drive};

use crate::failure::Failure;

/// Fields drop in order: the TPM ends before the directory is given free.
pub(crate) struct Opened {
    tpm: Option<Direct>,
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
    pub(crate) fn with(device: Device, tpm: Option<Direct>) -> Self {
        Self { tpm, device }
    }

    /// The TPM, if the device has one that commands are sent to.
    pub(crate) fn tpm(&mut self) -> Option<&mut Direct> {
        self.tpm.as_mut()
    }

    /// Works on the device and writes what changed, whatever came of it.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let tpm = self.tpm.as_mut().map(|tpm| tpm as &mut dyn Tpm);
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
pub(crate) fn open_tpm(choice: &TpmChoice, dir: &Path, pins: Option<&Pins>) -> Result<Option<Direct>, TpmError> {
    match choice {
        TpmChoice::Swtpm => {
            let swtpm = Swtpm::start(&tpm_folder(dir), Path::new(PROGRAM))?;
            Direct::open(Box::new(swtpm), Ownership::Ours, pins, Box::new(OsRng)).map(Some)
        }
        TpmChoice::Guest(name) => {
            let path = name.strip_prefix("device:").unwrap_or(name);
            let node = DeviceNode::open(Path::new(path))?;
            Direct::open(Box::new(node), Ownership::Guest, pins, Box::new(OsRng)).map(Some)
        }
        TpmChoice::None | TpmChoice::V12 => Ok(None),
    }
}

/// Where a device keeps the state of its swtpm.
pub(crate) fn tpm_folder(dir: &Path) -> PathBuf {
    dir.join("tpm")
}
