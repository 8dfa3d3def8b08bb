//! What a flow is: a value that yields requests and takes replies. It knows no link, no clock and no thread.

use crate::base::{ExposeSecret as _, Hresult, Secret32, Timestamp};
use crate::device::container::pool::KeyPool;
use crate::device::events::EventLog;
use crate::device::hardware::{self, HardwareState, Inputs, Provider};
use crate::device::keys::{KeyError, KeyStore, secret32};
use crate::device::policy::Effective;
use crate::device::state::{DeviceState, Registration};
use crate::device::stop::Stop;
use crate::device::switches::Switches;
use crate::wire::http::{Reply, Request};

const LOCKOUT: &str = "whfb lockout authorization";

/// A straight line of exchanges with a server.
pub trait Flow {
    /// What the flow ends with.
    type Output;

    /// Takes the reply to the last request, `None` at the start, and goes on to the next request or the end.
    ///
    /// After [`Step::Done`] or an error the flow is over; a further call answers [`Stop::Over`].
    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<Self::Output>, Stop>;

    /// Learns that no reply to the last request comes. A flow that can do without it goes on; `None`, the answer of most, ends it
    /// with the fault of the link.
    fn missed(
        &mut self,
        _machine: &mut Machine<'_>,
        _now: Timestamp,
        _miss: Miss,
    ) -> Result<Option<Step<Self::Output>>, Stop> {
        Ok(None)
    }
}

/// Why no reply comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The server is away: no connection, or no answer in time. Later it may be there.
    Away,
    /// What is there is not the server, or the request cannot be sent: later is no better.
    Broken,
}

/// What a flow wants next.
#[derive(Debug)]
pub enum Step<T> {
    /// Send this and come back with the reply.
    Ask(Request),
    /// The end.
    Done(T),
}

/// What flows work on.
pub struct Machine<'a> {
    /// Keys, TPM, randomness.
    pub keys: KeyStore<'a>,
    /// The TPM as the hardware decision sees it.
    pub hardware: HardwareState,
    /// Keys made in advance.
    pub pool: &'a KeyPool,
    /// The policy in force.
    pub policy: Effective,
    /// Whether Intune has set any of it: then the page during OOBE has no cancel.
    pub managed_by_intune: bool,
    /// Undocumented outcomes.
    pub switches: &'a Switches,
    /// What the device knows; a flow that stops leaves users and registration as they were, but for the count of
    /// [attempts to attest](crate::device::attest::Attempts).
    pub state: &'a mut DeviceState,
    /// Where events go.
    pub events: &'a mut EventLog,
}

impl Machine<'_> {
    pub(crate) fn registration(&self) -> Result<&Registration, Stop> {
        self.state.registration.as_ref().ok_or(Stop::NotJoined)
    }

    /// Keeps the lockout authorization of a TPM of ours, protected by that TPM without any authorization: it has to be at
    /// hand when the TPM takes none.
    pub fn keep_lockout_auth(&mut self, auth: &Secret32) -> Result<(), KeyError> {
        let protected = self.keys.protect(Provider::Hardware, LOCKOUT, auth.expose_secret())?;
        self.state.lockout_auth = Some(protected);
        Ok(())
    }

    /// The lockout authorization, if one is kept.
    pub fn lockout_auth(&mut self) -> Result<Option<Secret32>, KeyError> {
        let Some(protected) = &self.state.lockout_auth else { return Ok(None) };
        let bytes = self.keys.reveal(LOCKOUT, protected)?;
        secret32(bytes.expose_secret()).map(Some).ok_or(KeyError::Sealed)
    }

    /// The inputs of the hardware decision.
    pub fn hardware_inputs(&self) -> Inputs {
        let (required, exclude_tpm12) = (self.policy.require_security_device.value, self.policy.exclude_tpm12.value);
        Inputs { pool_satisfactory: self.pool.available() > 0, ..self.hardware.inputs(required, exclude_tpm12) }
    }

    /// Where a Hello key would be made now.
    pub fn hardware_decision(&self) -> Result<Provider, Hresult> {
        hardware::decide(&self.hardware_inputs(), &self.switches.hardware)
    }
}
