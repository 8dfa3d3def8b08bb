//! Makes a lab's TPM what a tester wants it to be, with the TPM's own commands wherever there are some.

use std::fs;
use std::path::Path;

use super::direct::{Direct, Ownership};
use super::manufacture::{clear, disable_storage};
use super::swtpm::{STATE_FILE, Swtpm};
use super::trace::Trace;
use super::{Facts, Gate, Pins, Tpm, TpmClock, TpmError};
use crate::base::{OsRng, Random, Secret32, secret_slice};

/// What state a lab's TPM is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it was manufactured.
    #[default]
    Ready,
    /// Its storage hierarchy is disabled at every start.
    NotReady,
    /// It reports FIPS mode: laid over its answers, as no emulator has one.
    Fips,
    /// It has counted as many wrong PINs as it takes.
    LockedOut,
    /// It was cleared after its device met it.
    Cleared,
    /// Another TPM is in its place since its device met it.
    Swapped,
    /// An older state was put back after its device used it.
    RolledBack,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Ready, Self::NotReady, Self::Fips, Self::LockedOut, Self::Cleared, Self::Swapped, Self::RolledBack];

    /// Its name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not-ready",
            Self::Fips => "fips",
            Self::LockedOut => "locked-out",
            Self::Cleared => "cleared",
            Self::Swapped => "swapped",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// A TPM as it is found when a device opens.
pub enum Found {
    /// It can be used.
    Ready(Box<dyn Tpm>),
    /// A hierarchy that is needed is disabled. It says so about itself and can do nothing.
    NotReady(Box<Facts>),
}

/// Starts a lab's TPM in its condition, and records what travels if there is a trace.
///
/// # Errors
/// As for [`Swtpm::start`] and [`Direct::open`]: [`TpmError::Cleared`] and [`TpmError::Swapped`] are among them.
pub fn start(
    directory: &Path,
    program: &Path,
    condition: Condition,
    pins: Option<&Pins>,
    rng: Box<dyn Random>,
    trace: Option<&Trace>,
) -> Result<Found, TpmError> {
    let mut swtpm = Swtpm::start(directory, program)?.traced(trace);
    if condition == Condition::NotReady {
        disable_storage(&mut swtpm, &mut OsRng)?;
        return Direct::look(&mut swtpm).map(Box::new).map(Found::NotReady);
    }
    let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, pins, rng)?;
    match condition {
        Condition::Fips => tpm.inject_fips(),
        // One failure heals every ten minutes that the TPM is on: then the missing ones are sent again.
        Condition::LockedOut => lock_out(&mut tpm)?,
        _ => {}
    }
    Ok(Found::Ready(Box::new(tpm)))
}

/// Spends every try that is left, on sealed data that is made for it and thrown away.
///
/// # Errors
/// That of the command that failed, and [`TpmError::NotReady`] for a TPM that takes more wrong values than it says.
pub fn lock_out(tpm: &mut dyn Tpm) -> Result<(), TpmError> {
    let lockout = tpm.facts()?.lockout;
    if lockout.locked_out {
        return Ok(());
    }
    let (right, wrong) = (Secret32::new(Box::new([1; 32])), Secret32::new(Box::new([2; 32])));
    let target = tpm.seal(&secret_slice(vec![0; 32]), Gate::Counted(&right))?;
    for _ in lockout.count..=lockout.max {
        match tpm.unseal(&target, Gate::Counted(&wrong)) {
            Err(TpmError::WrongCounted) => {}
            Err(TpmError::LockedOut) => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    if tpm.facts()?.lockout.locked_out { Ok(()) } else { Err(TpmError::NotReady("it does not lock")) }
}

/// Clears the TPM in `directory` behind its device's back.
///
/// # Errors
/// Those of [`Swtpm::start`] and [`clear`].
pub fn clear_behind(directory: &Path, program: &Path, lockout_auth: &Secret32) -> Result<(), TpmError> {
    clear(&mut Swtpm::start(directory, program)?, &mut OsRng, lockout_auth)
}

/// Puts another, freshly manufactured TPM in place of the one in `directory`.
///
/// # Errors
/// [`TpmError::Unavailable`] when the old state cannot be removed, and those of `manufacture`.
pub fn swap<E: From<TpmError>>(
    directory: &Path,
    program: &Path,
    manufacture: impl FnOnce(&mut Swtpm) -> Result<(), E>,
) -> Result<(), E> {
    fs::remove_file(directory.join(STATE_FILE)).map_err(|error| unwritable(directory, &error))?;
    manufacture(&mut Swtpm::start(directory, program)?)
}

/// Uses the TPM in `directory` and puts the state from before back. Answers where the TPM stood in time when it was used last.
///
/// # Errors
/// [`TpmError::Unavailable`] when the state cannot be copied, and those of [`Direct::open`].
pub fn roll_back(directory: &Path, program: &Path, pins: &Pins) -> Result<TpmClock, TpmError> {
    let state = directory.join(STATE_FILE);
    let kept = fs::read(&state).map_err(|error| unwritable(directory, &error))?;
    let mut last = None;
    // Two starts: one alone would be made up for by the start that is to find out.
    for _ in 0..2 {
        let swtpm = Swtpm::start(directory, program)?;
        let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(pins), Box::new(OsRng))?;
        last = Some(tpm.clock()?);
    }
    fs::write(&state, kept).map_err(|error| unwritable(directory, &error))?;
    last.ok_or(TpmError::NotReady("it was not started"))
}

fn unwritable(directory: &Path, error: &std::io::Error) -> TpmError {
    TpmError::Unavailable(format!("the TPM's state directory {} cannot be used: {error}", directory.display()))
}
