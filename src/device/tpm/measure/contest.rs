//! One operation and its floor, in turn.

use std::time::Instant;

use super::{Row, Samples, Subject};
use crate::device::tpm::{KeyHandle, TpmError};

/// Does one operation.
pub(super) type Lane = Box<dyn FnMut(&mut Subject) -> Result<(), TpmError>>;

/// The session of whatever is not about sessions.
const KEPT: &str = "salted, encrypted, reused";

/// One operation and its floor, done in turn.
pub struct Contest {
    /// What is done.
    pub op: &'static str,
    /// With a key of which kind.
    pub key: &'static str,
    /// Which session its commands go in.
    pub session: &'static str,
    /// Whether it searches for primes, whose times scatter by a factor of five.
    pub slow: bool,
    ours: Lane,
    /// None where there is nothing to compare with.
    floor: Option<Lane>,
    ours_took: Samples,
    floor_took: Samples,
    loaded: Vec<u32>,
}

impl Contest {
    pub(super) fn new(op: &'static str, key: &'static str, ours: Lane, floor: Option<Lane>) -> Self {
        let (ours_took, floor_took) = (Samples::default(), Samples::default());
        Self { op, key, session: KEPT, slow: false, ours, floor, ours_took, floor_took, loaded: Vec::new() }
    }

    pub(super) fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    pub(super) fn holding(self, loaded: &[&KeyHandle]) -> Self {
        Self { loaded: loaded.iter().map(|key| key.0).collect(), ..self }
    }

    /// Renews the session before each operation of ours: the slowdown that a gate has to notice.
    #[must_use]
    pub fn with_session_per_call(self) -> Self {
        let Self { mut ours, .. } = self;
        let slowed: Lane = Box::new(move |subject| {
            subject.direct()?.renew_session()?;
            ours(subject)
        });
        Self { ours: slowed, session: "salted, encrypted, new for each call", ..self }
    }

    /// One operation of ours.
    ///
    /// # Errors
    /// Those of the commands.
    pub fn ours(&mut self, subject: &mut Subject) -> Result<(), TpmError> {
        (self.ours)(subject)
    }

    /// The same commands bare; nothing where there is no floor.
    ///
    /// # Errors
    /// Those of the commands.
    pub fn floor(&mut self, subject: &mut Subject) -> Result<(), TpmError> {
        self.floor.as_mut().map_or(Ok(()), |floor| floor(subject))
    }

    /// Whether there is a floor.
    pub fn has_floor(&self) -> bool {
        self.floor.is_some()
    }

    /// Does both lanes once, taking turns at being first; the times of `warm_up` are not kept.
    ///
    /// # Errors
    /// Those of the commands.
    pub fn round(&mut self, subject: &mut Subject, warm_up: bool) -> Result<(), TpmError> {
        let floor_first = self.ours_took.len() % 2 == 1;
        for is_floor in [floor_first, !floor_first] {
            let (run, took) = match (is_floor, &mut self.floor, &*subject) {
                (false, ..) => (&mut self.ours, &mut self.ours_took),
                (true, Some(floor), Subject::Direct(_)) => (floor, &mut self.floor_took),
                (true, ..) => continue,
            };
            let started = Instant::now();
            run(subject)?;
            let elapsed = started.elapsed();
            if !warm_up {
                took.add(elapsed);
            }
        }
        Ok(())
    }

    /// What was measured so far.
    pub fn row(&self) -> Row {
        let floor = (!self.floor_took.is_empty()).then(|| self.floor_took.summary().median_us);
        Row {
            op: self.op,
            key: self.key,
            session: self.session,
            summary: self.ours_took.summary(),
            floor_median_us: floor,
        }
    }

    /// Unloads what it had loaded.
    ///
    /// # Errors
    /// Those of the command.
    pub fn finish(self, subject: &mut Subject) -> Result<(), TpmError> {
        self.loaded.into_iter().try_for_each(|handle| subject.tpm().unload(KeyHandle(handle)))
    }
}
