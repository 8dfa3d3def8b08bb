//! The exchange that registers a Hello key, for the first time or once more.

use crate::base::{ExposeSecret as _, SecretString, Uuid};
use crate::device::exchange::{Exchange, endpoint};
use crate::device::flow::Machine;
use crate::device::hardware::Provider;
use crate::device::keys::StoredKey;
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::blob;
use crate::wire::http::{Reply, Request};
use crate::wire::kpp::{KeyReply, KeyRequest};
use crate::wire::lab::LabAttestation;

/// Asks to register a key. Returns the blob that it is registered as.
pub(crate) fn ask(
    machine: &Machine<'_>,
    token: &SecretString,
    key: &StoredKey,
    attestation: Option<LabAttestation>,
) -> Result<(Vec<u8>, Request), Stop> {
    let url = &machine.registration()?.key_service;
    let (host, path) = endpoint(url).ok_or(Exchange::Discovery.fault(ReplyFault::Endpoint))?;
    let software = key.provider() == Provider::Software;
    let public = key.public()?;
    let blob = blob::write(&public);
    let body = KeyRequest { key: public, blob: blob.clone(), attestation, software }.to_json();
    let request = Request::json(host, format!("{path}?api-version=1.0"), &body);
    Ok((blob, request.bearer(token.expose_secret()).header("User-Agent", "Dsreg/10.0 (whfb)")))
}

/// What the server made of it.
pub(crate) struct Accepted {
    pub(crate) key_id: Uuid,
    /// The attestation level, in the server's words.
    pub(crate) level: Option<String>,
}

/// Reads the reply to a registration for `upn`.
pub(crate) fn read(upn: &str, reply: &Reply) -> Result<Accepted, Stop> {
    let exchange = Exchange::KeyRegistration;
    let answer: KeyReply = exchange.read(reply)?;
    let key_id = Uuid::parse_str(&answer.kid).map_err(|_| exchange.fault(ReplyFault::NotAGuid))?;
    if !answer.upn.eq_ignore_ascii_case(upn) {
        return Err(exchange.fault(ReplyFault::OtherUser));
    }
    Ok(Accepted { key_id, level: answer.attestation_level })
}
