//! The loop that joins a device's flow to a link.

use super::{Link, LinkError};
use crate::base::Clock;
use crate::device::attest::AttestationStatus;
use crate::device::flow::{Flow, Machine, Step};
use crate::device::stop::Stop;

/// Why a flow did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The flow may not go on: policy, server, PIN, TPM.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The server was not reached, or its reply was not.
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Halt {
    /// What an attempt to attest came to that halted there.
    pub fn attestation_status(&self) -> AttestationStatus {
        match self {
            Self::Stop(stop) => AttestationStatus::of(stop),
            Self::Link(error) => AttestationStatus::of_miss(error.miss()),
        }
    }
}

/// Runs `flow` to its end: sends what it asks for, hands it the reply, and asks the clock before each of its steps.
///
/// A flow that halts has changed neither registration nor containers of the machine's state.
pub fn drive<F: Flow>(
    mut flow: F,
    machine: &mut Machine<'_>,
    link: &dyn Link,
    clock: &dyn Clock,
) -> Result<F::Output, Halt> {
    let mut step = flow.next(machine, clock.now(), None)?;
    loop {
        step = match step {
            Step::Done(output) => return Ok(output),
            Step::Ask(request) => match link.send(&request) {
                Ok(reply) => flow.next(machine, clock.now(), Some(reply))?,
                // A flow that can do without the reply goes on.
                Err(error) => flow.missed(machine, clock.now(), error.miss())?.ok_or(error)?,
            },
        }
    }
}
