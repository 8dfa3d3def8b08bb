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
use crate::device::authorize;
use crate::device::container::Draft;
use crate::device::exchange::read_nonce;
use crate::device::flow::{Flow, Machine, Step};
use crate::device::hardware::Provider;
use crate::device::pin::AcceptedPin;
use crate::device::stop::Stop;
use crate::device::tpm::KeyBlob;
use crate::wire::http::Reply;

pub use entry::{Cleared, begin_automatically, begin_by_user, cancel, check_prerequisites};
use events::Trace;

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
    Nonce,
    Code { state: String },
    Token,
    AikChallenge { keyed: Keyed, aik: KeyBlob },
    AikCertificate { keyed: Keyed, aik: KeyBlob },
    AttestationNonce { keyed: Keyed },
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

/// And what vouches for the key; `None` for a software key.
struct Claimed {
    draft: Draft,
    blob: Vec<u8>,
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
        let stage = mem::replace(&mut self.stage, Stage::Over);
        let reply = match (&stage, reply) {
            (Stage::Start, None) => return self.start(machine, now).map(Step::Ask),
            (Stage::Start | Stage::Over, _) | (_, None) => return Err(Stop::Over),
            (_, Some(reply)) => reply,
        };
        let request = match stage {
            Stage::Start | Stage::Over => return Err(Stop::Over),
            Stage::Nonce => {
                let (state, request) = authorize::ask_code(machine, &self.upn, &read_nonce(&reply)?, now)?;
                self.stage = Stage::Code { state };
                request
            }
            Stage::Code { state } => {
                let code = authorize::read_code(&state, &reply)?;
                self.stage = Stage::Token;
                authorize::ask_redeem(machine.registration()?.tenant_id, &code)
            }
            Stage::Token => {
                let proven = Proven { token: authorize::read_redeemed(&reply)? };
                let keyed = self.make_key(machine, now, proven)?;
                self.after_keyed(machine, now, keyed)?
            }
            Stage::AikChallenge { keyed, aik } => self.answer_challenge(machine, now, keyed, aik, &reply)?,
            Stage::AikCertificate { keyed, aik } => self.take_certificate(machine, now, keyed, aik, &reply)?,
            Stage::AttestationNonce { keyed } => self.claim(machine, now, keyed, &reply)?,
            Stage::Key { claimed } => {
                let registered = self.finish(machine, now, claimed, &reply);
                let failed = |stop: &Stop| self.trace.registration_failed(machine, now, stop, &reply);
                return registered.inspect_err(failed).map(Step::Done);
            }
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
}
