//! The backend over TCG's ESAPI: `tss-esapi` 7.7.0 and with it the C library libtss2.
//!
//! It makes the same objects as [`Direct`](super::Direct) and gives the same answers; a key of one loads in the other. What
//! differs:
//!
//! - [`GAPS`] answer [`TpmError::Gap`].
//! - Commands that need no authorization (facts, public areas, policy) go without a session, so nothing vouches for their
//!   answers. What is pinned is compared all the same.
//! - The library writes its own complaints to standard error. `TSS2_LOG=all+none` in the environment silences it.
//! - It waits without a bound. One thread owns the context, and whoever asks, or drops the backend, waits for that thread no
//!   longer than for a chip; after that the TPM is gone, and the thread ends with the process.

mod context;
mod creation;
mod face;
mod facts;
mod fault;
mod nv;
mod verbs;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use self::context::Inner;
use super::{Ownership, Pins, Tcti, TpmError};

/// The backend and its version, as errors name it.
pub(super) const NAME: &str = "esapi (tss-esapi 7.7.0)";

/// What tss-esapi 7.7.0 has no command for, as [`TpmError::Gap`] words it.
pub const GAPS: [&str; 4] = [CERTIFY_CREATION, READ_CLOCK, LIMIT_LOCKOUT, RESET_LOCKOUT];
const CERTIFY_CREATION: &str = "certify a key's creation";
const READ_CLOCK: &str = "read the TPM's clock";
const LIMIT_LOCKOUT: &str = "change how wrong authorizations are counted";
const RESET_LOCKOUT: &str = "reset the lockout";

/// How long one call may take: several commands, of which making an RSA key may take seconds on a chip.
const PATIENCE: Duration = Duration::from_secs(120);

type Job = Box<dyn FnOnce(&mut Inner) + Send>;

/// A TPM behind the C library.
///
/// Like [`Direct`](super::Direct) it keeps one session, salted to a storage root key whose Name was compared with the pinned
/// one before, and flushes what it loaded when it is dropped.
pub struct Esapi {
    jobs: Option<Sender<Job>>,
    /// Nothing comes here: it closes when the owner has flushed and let go of the library.
    ended: Receiver<()>,
    patience: Duration,
}

impl std::fmt::Debug for Esapi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Esapi").finish_non_exhaustive()
    }
}

impl Esapi {
    /// Meets a TPM; see [`Direct::open`](super::Direct::open) for what happens before a secret is sent.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] when the library finds no TPM there; otherwise as for
    /// [`Direct::open`](super::Direct::open).
    pub fn open(tcti: &Tcti, ownership: Ownership, pins: Option<&Pins>) -> Result<Self, TpmError> {
        Self::open_within(tcti, ownership, pins, PATIENCE)
    }

    /// As [`Esapi::open`], with another bound on how long this and every later call, the drop included, may wait.
    ///
    /// # Errors
    /// Those of [`Esapi::open`].
    pub fn open_within(
        tcti: &Tcti,
        ownership: Ownership,
        pins: Option<&Pins>,
        patience: Duration,
    ) -> Result<Self, TpmError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (report, opened) = mpsc::channel();
        let (tcti, pins) = (tcti.clone(), pins.cloned());
        let (end, ended) = mpsc::channel();
        let own = move || {
            match Inner::open(&tcti, ownership, pins.as_ref()) {
                Ok(mut inner) => {
                    drop(report.send(Ok(())));
                    queue.into_iter().for_each(|job| job(&mut inner));
                }
                Err(error) => drop(report.send(Err(error))),
            }
            drop(end);
        };
        let broken = |error: std::io::Error| TpmError::Unavailable(format!("no thread for libtss2: {error}"));
        std::thread::Builder::new().name("esapi".to_owned()).spawn(own).map_err(broken)?;
        opened.recv_timeout(patience).map_err(|_| silent())??;
        Ok(Self { jobs: Some(jobs), ended, patience })
    }

    /// Has the owner do `work` and waits for the outcome.
    fn ask<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Inner) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, TpmError> {
        let gone = || TpmError::Gone("the connection ended before".to_owned());
        let (report, outcome) = mpsc::channel();
        let job: Job = Box::new(move |inner| drop(report.send(work(inner))));
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        match outcome.recv_timeout(self.patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                // The thread is inside the library and cannot be called back: nobody waits for it any more.
                self.jobs = None;
                Err(silent())
            }
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }

    /// Handles of loaded transient objects and sessions other than our own, for leak checks.
    ///
    /// # Errors
    /// Those of every command.
    pub fn leftovers(&mut self) -> Result<Vec<u32>, TpmError> {
        self.ask(Inner::leftovers)
    }
}

fn silent() -> TpmError {
    TpmError::Gone("it did not answer in time".to_owned())
}

impl Drop for Esapi {
    fn drop(&mut self) {
        if self.jobs.take().is_some() {
            // The owner flushes and ends. One that is stuck is let go of, as is one that was not waited for any more before.
            let _ended_or_stuck = self.ended.recv_timeout(self.patience);
        }
    }
}
