//! Makes a Hello key and registers it.
//!
//! States of the straight line: [`Cleared`] (the entry was looked at), `Proven` (a token with fresh multi-factor
//! authentication), `Gated` (a PIN that satisfies the rules), `Keyed` (container and key made), `Claimed` (the
//! attestation key's statement), and [`Registered`], which is what the flow ends with. Until then the container exists
//! in this process alone, so every stop leaves the device's containers as they were.

mod entry;
mod events;
mod steps;

use std::mem;

use crate::base::{SecretString, Timestamp, Uuid};
use crate::device::attest::{AttestationStatus, Prepare};
use crate::device::authorize::FreshToken;
use crate::device::container::Draft;
use crate::device::flow::{Flow, Machine, Miss, Step};
use crate::device::hardware::Provider;
use crate::device::pin::AcceptedPin;
use crate::device::stop::Stop;
use crate::wire::http::Reply;

pub use entry::{Cleared, begin_automatically, begin_by_user, cancel, check_prerequisites};
pub(crate) use events::{Outcome, Trace};

/// Provisioning, as a flow.
pub struct Provision {
    upn: String,
    pin: Option<AcceptedPin>,
    trace: Trace,
    stage: Stage,
}

/// Whose reply is awaited, and the state until then.
enum Stage {
    Start,
    Token(FreshToken),
    Attestation { keyed: Keyed, prepare: Prepare },
    Key { claimed: Claimed },
    Over,
}

/// A token of the registration service that says `ngcmfa`.
struct Proven {
    token: SecretString,
}

/// And a PIN.
struct Gated {
    proven: Proven,
    pin: AcceptedPin,
}

/// And a container with a key, nowhere but here.
struct Keyed {
    proven: Proven,
    draft: Draft,
}

/// And sent, with what vouches for it or with the reason why nothing does.
struct Claimed {
    draft: Draft,
    blob: Vec<u8>,
    status: AttestationStatus,
}

/// What provisioning ends with: the last state.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Registered {
    /// User principal name.
    pub upn: String,
    /// The GUID that the server gave the key.
    pub key_id: Uuid,
    /// Base64 SHA-256 of the key's RSA1 blob: what sign-in names it by.
    pub kid: String,
    /// The container.
    pub container_id: Uuid,
    /// Where the key lives.
    pub provider: Provider,
    /// The attestation level, in the server's words; `None` when it said nothing.
    pub attestation: Option<String>,
    /// When the device learnt that the key is registered.
    pub registered: Timestamp,
}

impl Cleared {
    /// Goes on with a PIN that satisfies the rules.
    pub fn with_pin(self, pin: AcceptedPin) -> Provision {
        let trace = Trace::new(self.since());
        Provision { upn: self.into_upn(), pin: Some(pin), trace, stage: Stage::Start }
    }
}

impl Provision {
    fn advance(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<Registered>, Stop> {
        let request = match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => self.start(machine, now)?,
            (Stage::Token(token), Some(reply)) => self.prove(machine, now, token, Some(reply))?,
            (Stage::Attestation { keyed, prepare }, Some(reply)) => {
                self.attest(machine, now, keyed, prepare, Some(reply))?
            }
            (Stage::Key { claimed }, Some(reply)) => {
                let registered = self.finish(machine, now, claimed, &reply);
                let failed = |stop: &Stop| self.trace.registration_failed(machine, now, stop, &reply);
                return registered.inspect_err(failed).map(Step::Done);
            }
            _ => return Err(Stop::Over),
        };
        Ok(Step::Ask(request))
    }
}

impl Flow for Provision {
    type Output = Registered;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<Registered>, Stop> {
        let starting = matches!(self.stage, Stage::Start);
        if starting {
            self.trace.processing_started(machine, now);
        }
        let outcome = self.advance(machine, now, reply);
        match &outcome {
            Ok(Step::Ask(_)) | Err(Stop::Over) => {}
            Ok(Step::Done(_)) => self.trace.processing_ended(machine, now, None),
            Err(stop) => self.trace.processing_ended(machine, now, Some(stop)),
        }
        outcome
    }

    fn missed(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        miss: Miss,
    ) -> Result<Option<Step<Registered>>, Stop> {
        let Stage::Attestation { keyed, .. } = mem::replace(&mut self.stage, Stage::Over) else { return Ok(None) };
        self.trace.attestation_missed(machine, now, miss);
        if miss == Miss::Broken || !machine.switches.register_unattested {
            return Ok(None);
        }
        let status = AttestationStatus::of_miss(miss);
        self.register(machine, now, keyed, Err(status)).map(|request| Some(Step::Ask(request)))
    }
}
