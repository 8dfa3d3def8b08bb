//! Has a registered key attested again: `RenewKeyAttestation` of Windows (behaviour.md 4.3 and 6.5).

use std::mem;

use super::{Attempts, AttestationStatus, Consent, Over, Prepare, statement};
use crate::base::{SecretString, Timestamp, Uuid};
use crate::device::authorize::FreshToken;
use crate::device::exchange::domain_of;
use crate::device::flow::{Flow, Machine, Miss, Step};
use crate::device::provision::{Outcome, Trace};
use crate::device::register::{self, Accepted};
use crate::device::stop::Stop;
use crate::wire::http::{Reply, Request};

/// Makes a new statement for the key of a user and registers the key once more with it, as a flow.
///
/// A token with fresh multi-factor authentication is got as for provisioning, the attestation key enrolled again if it is not current.
/// A server that takes the same key twice for one keeps its id. Until the server accepts, the container stays as it was; an attempt
/// that fails is [counted](Attempts).
pub struct Renewal {
    upn: String,
    consent: Consent,
    trace: Trace,
    stage: Stage,
}

/// Whose reply is awaited, and the token from when there is one.
enum Stage {
    Start,
    Token(FreshToken),
    Attestation { token: SecretString, prepare: Prepare },
    Key,
    Over,
}

/// What a renewal ends with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Renewed {
    /// User principal name.
    pub upn: String,
    /// The GUID that the server calls the key by.
    pub key_id: Uuid,
    /// The attestation level before, in the server's words.
    pub before: Option<String>,
    /// The attestation level now.
    pub attestation: Option<String>,
}

impl Renewal {
    /// For the key of `upn`. With [`Consent::Pin`] the key itself consents; a wrong PIN costs a try.
    pub fn new(upn: &str, consent: Consent, now: Timestamp) -> Self {
        Self { upn: upn.to_owned(), consent, trace: Trace::new(now), stage: Stage::Start }
    }

    fn start(&mut self, machine: &mut Machine<'_>, now: Timestamp) -> Result<Request, Stop> {
        domain_of(&self.upn)?;
        machine.registration()?;
        let container = machine.state.user(&self.upn).and_then(|user| user.container.as_ref());
        container.ok_or(Stop::NoContainer)?.user_key.key.tpm_blob().ok_or(Stop::SoftwareKey)?;
        self.prove(machine, now, FreshToken::new(&self.upn), None)
    }

    fn prove(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        mut fresh: FreshToken,
        reply: Option<Reply>,
    ) -> Result<Request, Stop> {
        match fresh.next(machine, now, reply)? {
            Step::Ask(request) => {
                self.stage = Stage::Token(fresh);
                Ok(request)
            }
            Step::Done(token) => self.attest(machine, now, token, Prepare::new(), None),
        }
    }

    /// Asks for what the statement needs, then makes it and asks to register the key with it.
    fn attest(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        token: SecretString,
        mut prepare: Prepare,
        reply: Option<Reply>,
    ) -> Result<Request, Stop> {
        let registration = prepare.next(machine, now, reply).and_then(|step| match step {
            Step::Ask(request) => {
                self.stage = Stage::Attestation { token, prepare };
                Ok(request)
            }
            Step::Done(nonce) => {
                let request = self.ask_registration(machine, now, &token, &nonce)?;
                self.trace.registration_started(machine, now);
                self.stage = Stage::Key;
                Ok(request)
            }
        });
        registration.inspect_err(|stop| {
            self.trace.attestation_failed(machine, now, stop);
            self.count(machine, AttestationStatus::of(stop));
        })
    }

    fn ask_registration(
        &self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        token: &SecretString,
        nonce: &str,
    ) -> Result<Request, Stop> {
        let made = statement(machine, &self.upn, Over::Nonce(nonce), &self.consent, now)?;
        let container = machine.state.user(&self.upn).and_then(|user| user.container.as_ref());
        let key = &container.ok_or(Stop::NoContainer)?.user_key.key;
        register::ask(machine, token, key, Some(made.to_lab(nonce))).map(|(_, request)| request)
    }

    fn finish(&self, machine: &mut Machine<'_>, now: Timestamp, reply: &Reply) -> Result<Renewed, Stop> {
        let Accepted { key_id, level } = register::read(&self.upn, reply)?;
        let user = machine.state.user_mut(&self.upn);
        let key = &mut user.container.as_mut().ok_or(Stop::NoContainer)?.user_key;
        let before = mem::replace(&mut key.attestation, level.clone());
        key.key_id = key_id;
        let status = AttestationStatus::Success;
        self.count(machine, status);
        let outcome = Outcome { upn: &self.upn, key_id, level: level.as_deref(), status, reply };
        self.trace.registered(machine, now, &outcome);
        Ok(Renewed { upn: self.upn.clone(), key_id, before, attestation: level })
    }

    fn count(&self, machine: &mut Machine<'_>, status: AttestationStatus) {
        let user = machine.state.user_mut(&self.upn);
        user.attestation = Some(Attempts::again(user.attestation, status));
    }
}

impl Flow for Renewal {
    type Output = Renewed;

    fn next(&mut self, machine: &mut Machine<'_>, now: Timestamp, reply: Option<Reply>) -> Result<Step<Renewed>, Stop> {
        let request = match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => self.start(machine, now)?,
            (Stage::Token(fresh), Some(reply)) => self.prove(machine, now, fresh, Some(reply))?,
            (Stage::Attestation { token, prepare }, Some(reply)) => {
                self.attest(machine, now, token, prepare, Some(reply))?
            }
            (Stage::Key, Some(reply)) => {
                let renewed = self.finish(machine, now, &reply);
                if let Err(stop) = &renewed {
                    self.trace.registration_failed(machine, now, stop, &reply);
                    self.count(machine, AttestationStatus::of(stop));
                }
                return renewed.map(Step::Done);
            }
            _ => return Err(Stop::Over),
        };
        Ok(Step::Ask(request))
    }

    fn missed(&mut self, machine: &mut Machine<'_>, now: Timestamp, miss: Miss) -> Result<Option<Step<Renewed>>, Stop> {
        if let Stage::Attestation { .. } | Stage::Key = mem::replace(&mut self.stage, Stage::Over) {
            self.trace.attestation_missed(machine, now, miss);
            self.count(machine, AttestationStatus::of_miss(miss));
        }
        Ok(None)
    }
}
