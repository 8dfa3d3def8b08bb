//! Signs a user in and keeps the primary refresh token: with the password, or with the Hello key behind its PIN.

use std::mem;

use zeroize::Zeroize as _;

use crate::base::{ExposeSecret as _, SecretString, Timestamp, Uuid};
use crate::device::assertion::{self, Assertion};
use crate::device::exchange::{Exchange, ask_nonce, ask_prt, domain_of, read_nonce};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::hardware::Provider;
use crate::device::prt::{self, Method, PrtFacts, StoredPrt};
use crate::device::stop::Stop;
use crate::wire::http::Reply;
use crate::wire::oauth::{GRANT_JWT_BEARER, PrtRequest, SCOPE_PRT};
use crate::wire::token::CLIENT_BROKER;

/// Sign-in with the password, as a flow: the first sign-in after a join.
pub struct Logon {
    upn: String,
    password: SecretString,
    stage: LogonStage,
}

enum LogonStage {
    Start,
    Nonce,
    Prt,
    Over,
}

impl Logon {
    /// Signs `upn` in with the password.
    pub fn new(upn: &str, password: SecretString) -> Self {
        Self { upn: upn.to_owned(), password, stage: LogonStage::Start }
    }
}

impl Flow for Logon {
    type Output = PrtFacts;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<PrtFacts>, Stop> {
        match (mem::replace(&mut self.stage, LogonStage::Over), reply) {
            (LogonStage::Start, None) => {
                domain_of(&self.upn)?;
                let request = ask_nonce(machine.registration()?.tenant_id);
                self.stage = LogonStage::Nonce;
                Ok(Step::Ask(request))
            }
            (LogonStage::Nonce, Some(reply)) => {
                let mut claims = claims("password", read_nonce(&reply)?);
                claims.username = Some(self.upn.clone());
                claims.password = Some(self.password.expose_secret().to_owned().into());
                let request = ask_prt(machine, &claims);
                claims.password.zeroize();
                self.stage = LogonStage::Prt;
                request.map(Step::Ask)
            }
            (LogonStage::Prt, Some(reply)) => keep(machine, &self.upn, Method::Password, now, &reply).map(Step::Done),
            _ => Err(Stop::Over),
        }
    }
}

/// Sign-in with the Hello key, as a flow.
pub struct SignIn {
    upn: String,
    pin: SecretString,
    stage: Stage,
}

enum Stage {
    Start,
    AssertionNonce,
    RequestNonce { nonce: String },
    Prt(Box<Assertion>),
    Over,
}

/// What a sign-in with the Hello key ends with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SignedIn {
    /// The key's GUID at the server.
    pub key_id: Uuid,
    /// What the assertion named the key by.
    pub kid: String,
    /// Where the key lives.
    pub provider: Provider,
    /// What the PRT says.
    pub prt: PrtFacts,
}

impl SignIn {
    /// Signs `upn` in with the PIN.
    pub fn new(upn: &str, pin: SecretString) -> Self {
        Self { upn: upn.to_owned(), pin, stage: Stage::Start }
    }
}

impl Flow for SignIn {
    type Output = SignedIn;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<SignedIn>, Stop> {
        match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => {
                let request = assertion::begin(machine, &self.upn)?;
                self.stage = Stage::AssertionNonce;
                Ok(Step::Ask(request))
            }
            (Stage::AssertionNonce, Some(reply)) => {
                let nonce = read_nonce(&reply)?;
                let tenant = machine.registration()?.tenant_id;
                self.stage = Stage::RequestNonce { nonce };
                Ok(Step::Ask(ask_nonce(tenant)))
            }
            (Stage::RequestNonce { nonce }, Some(reply)) => {
                let mut claims = claims(GRANT_JWT_BEARER, read_nonce(&reply)?);
                let signed = assertion::sign(machine, &self.upn, &self.pin, nonce, now)?;
                claims.assertion = Some(signed.assertion.clone());
                let request = ask_prt(machine, &claims)?;
                self.stage = Stage::Prt(Box::new(signed));
                Ok(Step::Ask(request))
            }
            (Stage::Prt(signed), Some(reply)) => {
                let prt = keep(machine, &self.upn, Method::Hello, now, &reply)?;
                let Assertion { key_id, kid, provider, .. } = *signed;
                Ok(Step::Done(SignedIn { key_id, kid, provider, prt }))
            }
            _ => Err(Stop::Over),
        }
    }
}

fn claims(grant_type: &str, nonce: String) -> PrtRequest {
    PrtRequest {
        client_id: CLIENT_BROKER.to_owned(),
        scope: SCOPE_PRT.to_owned(),
        request_nonce: Some(nonce),
        grant_type: grant_type.to_owned(),
        username: None,
        password: None,
        assertion: None,
        refresh_token: None,
        resource: None,
    }
}

/// Takes the PRT of a reply and keeps it in place of the one before.
fn keep(machine: &mut Machine<'_>, upn: &str, method: Method, now: Timestamp, reply: &Reply) -> Result<PrtFacts, Stop> {
    Exchange::Prt.check(reply)?;
    let prt: StoredPrt = prt::receive(machine, Exchange::Prt.name(), upn, method, now, reply)?;
    let facts = prt.facts.clone();
    machine.state.user_mut(upn).prt = Some(prt);
    Ok(facts)
}
