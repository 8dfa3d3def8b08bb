//! Measures the hot path on the TPM at hand: what the backend takes, and beside it the floor.
//!
//! The floor is the same commands as cheap as this TPM can be asked: bare, with a password session, over the same transport.
//! A [`Contest`] runs its lanes in turn, one operation each, so that whatever disturbs the machine disturbs all of them. That
//! makes ratios of one run worth comparing; absolute times are worth what the machine is.

mod bare;
mod contest;
mod contests;
mod samples;

pub use contest::Contest;
pub use contests::{Maker, contests};
pub use samples::{Samples, Summary};

use super::{Direct, Facts, Tpm, TpmError};

/// A TPM to be measured.
pub enum Subject {
    /// By our own backend, beside which the floor can be measured.
    Direct(Box<Direct>),
    /// By another one.
    Other(Box<dyn Tpm>),
}

impl Subject {
    /// What the TPM says about itself.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn facts(&mut self) -> Result<Facts, TpmError> {
        self.tpm().facts()
    }

    fn tpm(&mut self) -> &mut dyn Tpm {
        match self {
            Self::Direct(tpm) => &mut **tpm,
            Self::Other(tpm) => &mut **tpm,
        }
    }

    fn direct(&mut self) -> Result<&mut Direct, TpmError> {
        match self {
            Self::Direct(tpm) => Ok(tpm),
            Self::Other(_) => Err(TpmError::Gap { backend: "this backend", verb: "send bare commands" }),
        }
    }
}

/// How often each operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Of operations that take milliseconds.
    pub quick: usize,
    /// Of those that search for primes.
    pub slow: usize,
}

impl Effort {
    /// What the figures in the README are made with.
    pub const FULL: Self = Self { quick: 400, slow: 40 };
    /// A first impression within seconds.
    pub const QUICK: Self = Self { quick: 60, slow: 6 };
    /// Each operation once: shows that it works, and nothing else.
    pub const ONCE: Self = Self { quick: 1, slow: 1 };
}

/// What was measured of one operation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// What was done.
    pub op: &'static str,
    /// Kind of the key.
    pub key: &'static str,
    /// Which session the commands went in.
    pub session: &'static str,
    /// How often, fastest, median, and what 95 and 99 of 100 stay below; microseconds.
    #[serde(flatten)]
    pub summary: Summary,
    /// Median of the floor in microseconds; `None` where the backend cannot send bare commands.
    pub floor_median_us: Option<f64>,
}

impl Row {
    /// How many times the floor's median ours is.
    pub fn ratio(&self) -> Option<f64> {
        self.floor_median_us.map(|floor| self.summary.median_us / floor)
    }
}
