//! Signs a user in and keeps the primary refresh token: with the password, or with the Hello key behind its PIN.

use std::mem;

use zeroize::Zeroize as _;

use crate::base::{ExposeSecret as _, SecretString, SignedDuration, Timestamp, Uuid};
use crate::crypto::digest::sha256;
use crate::device::exchange::{Exchange, ask_nonce, ask_prt, domain_of, read_nonce};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::hardware::Provider;
use crate::device::prt::{self, Method, PrtFacts, StoredPrt};
use crate::device::stop::Stop;
use crate::wire::http::Reply;
use crate::wire::jws::{Header, Seconds, Unsigned};
use crate::wire::oauth::{GRANT_JWT_BEARER, HelloAssertion, PrtRequest, SCOPE_PRT};
use crate::wire::token::CLIENT_BROKER;

/// How long an assertion lasts: what Windows' own clients ask for lies between five minutes and two hours.
const ASSERTION_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

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
    Prt(Box<Evidence>),
    Over,
}

struct Evidence {
    key_id: Uuid,
    kid: String,
    provider: Provider,
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

    /// Opens the container, lets the key sign the assertion and closes it again.
    fn assertion(&self, machine: &mut Machine<'_>, now: Timestamp, nonce: String) -> Result<(Evidence, String), Stop> {
        let user = machine.state.user(&self.upn).and_then(|user| user.container.as_ref());
        let container = user.ok_or(Stop::NoContainer)?;
        let key = &container.user_key;
        let header = Header {
            alg: "RS256".to_owned(),
            typ: Some("JWT".to_owned()),
            kid: Some(key.kid.clone()),
            usage: Some("ngc".to_owned()),
            ..Header::default()
        };
        let expires = now.saturating_add(ASSERTION_LIFETIME).unwrap_or(now);
        let claims = HelloAssertion {
            iss: self.upn.clone(),
            aud: "common".to_owned(),
            iat: Seconds(now.as_second()),
            exp: Seconds(expires.as_second()),
            request_nonce: Some(nonce),
            scope: Some(SCOPE_PRT.to_owned()),
        };
        let unsigned = Unsigned::new(&header, &claims).map_err(|_| Stop::Encoding)?;
        let unlocked = container.unlock(&mut machine.keys, &self.pin)?;
        let signature = unlocked.sign(&mut machine.keys, &sha256(unsigned.signing_input()))?;
        let evidence = Evidence { key_id: key.key_id, kid: key.kid.clone(), provider: container.provider() };
        Ok((evidence, unsigned.signed(&signature)))
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
                domain_of(&self.upn)?;
                let tenant = machine.registration()?.tenant_id;
                let has_container = machine.state.user(&self.upn).is_some_and(|user| user.container.is_some());
                if !has_container {
                    return Err(Stop::NoContainer);
                }
                self.stage = Stage::AssertionNonce;
                Ok(Step::Ask(ask_nonce(tenant)))
            }
            (Stage::AssertionNonce, Some(reply)) => {
                let nonce = read_nonce(&reply)?;
                let tenant = machine.registration()?.tenant_id;
                self.stage = Stage::RequestNonce { nonce };
                Ok(Step::Ask(ask_nonce(tenant)))
            }
            (Stage::RequestNonce { nonce }, Some(reply)) => {
                let mut claims = claims(GRANT_JWT_BEARER, read_nonce(&reply)?);
                let (evidence, assertion) = self.assertion(machine, now, nonce)?;
                claims.assertion = Some(assertion);
                let request = ask_prt(machine, &claims)?;
                self.stage = Stage::Prt(Box::new(evidence));
                Ok(Step::Ask(request))
            }
            (Stage::Prt(evidence), Some(reply)) => {
                let prt = keep(machine, &self.upn, Method::Hello, now, &reply)?;
                let Evidence { key_id, kid, provider } = *evidence;
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
