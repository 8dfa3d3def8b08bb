//! The assertion that a Hello key signs, alone: what a client with another device key can sign in with.
//!
//! That an assertion made here is good elsewhere, until it expires or its nonce is used, is a known weakness of the protocol and
//! not one of this crate: nothing in it names a device.

use std::mem;

use crate::base::{SecretString, SignedDuration, Timestamp, Uuid};
use crate::crypto::digest::sha256;
use crate::device::exchange::{ask_nonce, domain_of, read_nonce};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::hardware::Provider;
use crate::device::stop::Stop;
use crate::wire::http::Reply;
use crate::wire::jws::{Header, Seconds, Unsigned};
use crate::wire::oauth::{HelloAssertion, SCOPE_PRT};

/// How long an assertion lasts: what Windows' own clients ask for lies between five minutes and two hours.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// An assertion, and which key signed it.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct Assertion {
    /// The compact JWS (MS-OAPXBC section 3.2.5.1.2.1.2).
    pub assertion: String,
    /// The key's GUID at the server.
    pub key_id: Uuid,
    /// What the assertion names the key by.
    pub kid: String,
    /// Where the key lives.
    pub provider: Provider,
    /// When it expires.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Assertion {
    /// Without the assertion: whoever has it can sign in with it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertion")
            .field("key_id", &self.key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Opens the container of `upn`, lets the key sign an assertion over `nonce`, and closes it again.
pub(crate) fn sign(
    machine: &mut Machine<'_>,
    upn: &str,
    pin: &SecretString,
    nonce: String,
    now: Timestamp,
) -> Result<Assertion, Stop> {
    let user = machine.state.user(upn).and_then(|user| user.container.as_ref());
    let container = user.ok_or(Stop::NoContainer)?;
    let key = &container.user_key;
    let header = Header {
        alg: "RS256".to_owned(),
        typ: Some("JWT".to_owned()),
        kid: Some(key.kid.clone()),
        usage: Some("ngc".to_owned()),
        ..Header::default()
    };
    let expires = now.saturating_add(LIFETIME).unwrap_or(now);
    let claims = HelloAssertion {
        iss: upn.to_owned(),
        aud: "common".to_owned(),
        iat: Seconds(now.as_second()),
        exp: Seconds(expires.as_second()),
        request_nonce: Some(nonce),
        scope: Some(SCOPE_PRT.to_owned()),
    };
    let unsigned = Unsigned::new(&header, &claims).map_err(|_| Stop::Encoding)?;
    let unlocked = container.unlock(&mut machine.keys, pin)?;
    let signature = unlocked.sign(&mut machine.keys, &sha256(unsigned.signing_input()))?;
    let (key_id, kid, provider) = (key.key_id, key.kid.clone(), container.provider());
    Ok(Assertion { assertion: unsigned.signed(&signature), key_id, kid, provider, expires })
}

/// Asks for a nonce for a user who has a container on this device.
pub(crate) fn begin(machine: &Machine<'_>, upn: &str) -> Result<crate::wire::http::Request, Stop> {
    domain_of(upn)?;
    let tenant = machine.registration()?.tenant_id;
    if machine.state.user(upn).is_none_or(|user| user.container.is_none()) {
        return Err(Stop::NoContainer);
    }
    Ok(ask_nonce(tenant))
}

/// Makes an assertion and no sign-in, as a flow.
pub struct Assert {
    upn: String,
    pin: SecretString,
    stage: Stage,
}

enum Stage {
    Start,
    Nonce,
    Over,
}

impl Assert {
    /// Lets the key of `upn` sign behind the PIN.
    pub fn new(upn: &str, pin: SecretString) -> Self {
        Self { upn: upn.to_owned(), pin, stage: Stage::Start }
    }
}

impl Flow for Assert {
    type Output = Assertion;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<Assertion>, Stop> {
        match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => {
                let request = begin(machine, &self.upn)?;
                self.stage = Stage::Nonce;
                Ok(Step::Ask(request))
            }
            (Stage::Nonce, Some(reply)) => {
                sign(machine, &self.upn, &self.pin, read_nonce(&reply)?, now).map(Step::Done)
            }
            _ => Err(Stop::Over),
        }
    }
}
