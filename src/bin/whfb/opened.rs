//! A device taken from its directory, with its TPM running and a link to its tenant.

use std::path::{Path, PathBuf};

use whfb::base::{Clock as _, OsRng, SystemClock, Timestamp};
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::swtpm::PROGRAM;
use whfb::device::tpm::{Condition, Found, Ownership, Pins, Tpm, TpmError, condition, find};
use whfb::link::{Link, drive};

use crate::failure::Failure;
use crate::trace;

/// Fields drop in order: the TPM ends before the directory is given free.
pub(crate) struct Opened {
    tpm: Option<Box<dyn Tpm>>,
    pub(crate) device: Device,
    /// The policy is the one in force then: now, or at the end of what the Enrollment Status Page waits for.
    pub(crate) policy_at: Timestamp,
}

impl Opened {
    /// Opens the device in `dir` and starts its TPM.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let mut device = Device::open(dir)?;
        let description = &device.state.description;
        let tpm = match find_tpm(&description.tpm, description.condition, dir, device.state.pins.as_ref())? {
            Some(Found::Ready(tpm)) => Some(tpm),
            Some(Found::NotReady(facts)) => {
                device.not_ready = Some(facts);
                None
            }
            None => None,
        };
        Ok(Self::with(device, tpm))
    }

    /// With a TPM that runs already.
    pub(crate) fn with(device: Device, tpm: Option<Box<dyn Tpm>>) -> Self {
        Self { tpm, device, policy_at: SystemClock.now() }
    }

    /// Ends the TPM and goes on with the device alone.
    pub(crate) fn into_device(self) -> Device {
        let Self { tpm, device, .. } = self;
        drop(tpm);
        device
    }

    /// The TPM, if the device has one that commands are sent to.
    pub(crate) fn tpm(&mut self) -> Option<&mut (dyn Tpm + 'static)> {
        self.tpm.as_deref_mut()
    }

    /// Works on the device and writes what changed, whatever came of it.
    pub(crate) fn work<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut rng = OsRng;
        let outcome = match self.device.machine(self.tpm.as_deref_mut(), &mut rng, self.policy_at) {
            Ok(mut machine) => work(&mut machine),
            Err(stop) => {
                self.device.save_time()?;
                return Err(stop.into());
            }
        };
        if let Some(tpm) = self.tpm.as_deref_mut() {
            self.device.note_time(tpm);
        }
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

/// Starts or finds the TPM of a device; `None` for none, and for a TPM 1.2, which no command is sent to.
pub(crate) fn find_tpm(
    choice: &TpmChoice,
    condition: Condition,
    dir: &Path,
    pins: Option<&Pins>,
) -> Result<Option<Found>, TpmError> {
    match choice {
        TpmChoice::Swtpm => {
            condition::start(&tpm_folder(dir), Path::new(PROGRAM), condition, pins, Box::new(OsRng), trace::current())
                .map(Some)
        }
        TpmChoice::Guest(address) => find(address, Ownership::Guest, pins, Box::new(OsRng), trace::current()).map(Some),
        TpmChoice::None | TpmChoice::V12 => Ok(None),
    }
}

/// Where a device keeps the state of its swtpm.
pub(crate) fn tpm_folder(dir: &Path) -> PathBuf {
    dir.join("tpm")
}
