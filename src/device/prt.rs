//! The primary refresh token as a device keeps it: the token and its session key protected, what it says in clear.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::base::{ExposeSecret as _, Secret32, SecretString, SignedDuration, Timestamp, Uuid, secret_slice};
use crate::crypto::{digest, kdf};
use crate::device::flow::Machine;
use crate::device::keys::{KeyError, Lock, Protected, secret32};
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::http::Reply;
use crate::wire::jwe::WrappedSessionKey;
use crate::wire::jws::{Header, Jws, Unsigned};
use crate::wire::oauth::{PrtCredential, PrtReply};
use crate::wire::token::IdClaims;
use crate::wire::{base64_bytes, encoding};

const PURPOSE: &str = "whfb PRT and session key";

/// How the user authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// With the password.
    Password,
    /// With the Hello key.
    #[serde(rename = "NGC")]
    Hello,
}

/// What a PRT says, by its ID token and the device's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrtFacts {
    /// User principal name.
    pub upn: String,
    /// Display name.
    pub name: String,
    /// Object id of the user.
    pub oid: String,
    /// Tenant id.
    pub tid: String,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// How the user authenticated.
    pub method: Method,
    /// When the device received it.
    pub issued: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
}

/// A PRT as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPrt {
    /// What it says.
    pub facts: PrtFacts,
    protected: Protected,
}

/// A PRT in use; wiped on drop.
pub(crate) struct OpenPrt {
    token: SecretString,
    session_key: Secret32,
}

#[derive(Serialize, Deserialize)]
struct Record {
    prt: String,
    #[serde(with = "base64_bytes")]
    session_key: Vec<u8>,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.prt.zeroize();
        self.session_key.zeroize();
    }
}

/// Reads the reply to a PRT request, unwraps the session key and protects both. Stores nothing.
pub(crate) fn receive(
    machine: &mut Machine<'_>,
    step: &'static str,
    upn: &str,
    method: Method,
    now: Timestamp,
    reply: &Reply,
) -> Result<StoredPrt, Stop> {
    let fault = |fault| Stop::Reply { step, fault };
    let reply: PrtReply = reply.json().map_err(|_| fault(ReplyFault::Shape))?;
    let session_key = reply.session_key_jwe.as_deref().ok_or_else(|| fault(ReplyFault::Shape))?;
    let registration = machine.state.registration.as_ref().ok_or(Stop::NotJoined)?;
    let facts = facts_of(&reply, registration.tenant_id, upn, method, now).map_err(fault)?;

    let wrapped = WrappedSessionKey::parse(session_key).map_err(|_| fault(ReplyFault::SessionKey))?;
    let transport = &registration.transport_key;
    let unwrapped = machine.keys.decrypt(transport, Lock::Device, &wrapped.wrapped).map_err(|error| match error {
        KeyError::Software(_) => fault(ReplyFault::SessionKey),
        other => Stop::Key(other),
    })?;
    let session_key = wrapped.confirm(&unwrapped).map_err(|_| fault(ReplyFault::SessionKey))?;

    let record = Record { prt: reply.refresh_token, session_key: session_key.expose_secret().to_vec() };
    let bytes = serde_json::to_vec(&record).map(secret_slice).map_err(|_| fault(ReplyFault::Shape))?;
    let protected = machine.keys.protect(transport.provider(), PURPOSE, bytes.expose_secret())?;
    Ok(StoredPrt { facts, protected })
}

fn facts_of(reply: &PrtReply, tenant: Uuid, upn: &str, method: Method, now: Timestamp) -> Result<PrtFacts, ReplyFault> {
    let token = Jws::parse(&reply.id_token).map_err(|_| ReplyFault::Shape)?;
    let claims: IdClaims = token.claims().map_err(|_| ReplyFault::Shape)?;
    let same_tenant = Uuid::parse_str(&claims.tid).is_ok_and(|tid| tid == tenant);
    if !same_tenant || !claims.upn.eq_ignore_ascii_case(upn) {
        return Err(ReplyFault::OtherUser);
    }
    let lifetime = SignedDuration::from_secs(reply.refresh_token_expires_in);
    let expires = now.checked_add(lifetime).map_err(|_| ReplyFault::Shape)?;
    let IdClaims { upn, name, oid, tid, amr, .. } = claims;
    Ok(PrtFacts { upn, name, oid, tid, amr, method, issued: now, expires })
}

impl StoredPrt {
    pub(crate) fn open(&self, machine: &mut Machine<'_>, now: Timestamp) -> Result<OpenPrt, Stop> {
        if self.facts.expires <= now {
            return Err(Stop::PrtExpired);
        }
        let bytes = machine.keys.reveal(PURPOSE, &self.protected)?;
        let mut record: Record = serde_json::from_slice(bytes.expose_secret()).map_err(|_| KeyError::Sealed)?;
        let session_key = secret32(&record.session_key).ok_or(KeyError::Sealed)?;
        let token = SecretString::from(std::mem::take(&mut record.prt));
        Ok(OpenPrt { token, session_key })
    }
}

impl OpenPrt {
    /// The header that proves user and device to the authorization endpoint: HS256 under a key derived from the
    /// session key, the context and the payload (derivation version 2).
    pub(crate) fn credential(&self, nonce: &str, ctx: &[u8; 24]) -> Result<String, serde_json::Error> {
        let header = Header {
            alg: "HS256".to_owned(),
            typ: Some("JWT".to_owned()),
            ctx: Some(encoding::base64(ctx)),
            kdf_ver: Some(2),
            ..Header::default()
        };
        let claims = PrtCredential {
            refresh_token: self.token.expose_secret().to_owned(),
            request_nonce: Some(nonce.to_owned()),
            is_primary: Some("true".to_owned()),
        };
        let payload = Zeroizing::new(serde_json::to_vec(&claims)?);
        let key = kdf::session_derived_key(&self.session_key, ctx, kdf::SessionKdf::V2 { payload: &payload });
        let unsigned = Unsigned::from_bytes(&serde_json::to_vec(&header)?, &payload);
        let mac = digest::hmac_sha256(key.expose_secret(), &[unsigned.signing_input()]);
        Ok(unsigned.signed(&mac))
    }
}
