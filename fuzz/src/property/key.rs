//! Keys that a device sends, and the requests around them.

use whfb::crypto::PublicKey;
use whfb::crypto::cert::SignedRequest;
use whfb::wire::blob;
use whfb::wire::encoding::from_base64;
use whfb::wire::join::JoinRequest;
use whfb::wire::json;
use whfb::wire::kpp::KeyRequest;

use super::{check_growth, check_json, must, same, taken};

/// A blob that is taken is written to the same bytes, and is not one with a byte more or less. Its key survives its
/// SubjectPublicKeyInfo, and encrypts to its own length or not at all.
pub(super) fn blob(bytes: &[u8]) -> Result<bool, String> {
    let Some(key) = taken(blob::read(bytes))? else { return Ok(false) };
    same(blob::write(&key).as_slice(), bytes, "a blob written")?;
    for other in [&bytes[1..], &bytes[..bytes.len() - 1], &[bytes, &[0]].concat()] {
        same(&blob::read(other).is_err(), &true, "another length is refused")?;
    }
    let public = PublicKey::Rsa(key.clone());
    same(&must(PublicKey::from_spki(&public.to_spki()), "reading a key")?, &public, "a key written and read")?;
    if let Some(sealed) = taken(key.encrypt_oaep_sha1(&[7; 32]))? {
        same(&sealed.len(), &key.modulus().len(), "what was encrypted")?;
    }
    Ok(true)
}

/// A registration survives its JSON.
pub(super) fn kpp(bytes: &[u8]) -> Result<bool, String> {
    let Some(request) = taken(KeyRequest::parse(bytes))? else { return Ok(false) };
    let written = request.to_json().to_string();
    check_growth(written.len(), bytes.len(), 2, "a registration")?;
    same(
        &must(KeyRequest::parse(written.as_bytes()), "what was written")?,
        &request,
        "a registration written and read",
    )?;
    same(&(request.software && request.attestation.is_some()), &false, "a key in software with a statement")?;
    same(&must(blob::read(&request.blob), "the blob")?, &request.key, "the key of the blob")?;
    Ok(true)
}

/// A join survives its JSON, and what is in it is read or refused shortly.
pub(super) fn join(bytes: &[u8]) -> Result<bool, String> {
    let Ok(request) = json::object::<JoinRequest>(bytes) else { return Ok(false) };
    check_json(&request, bytes.len())?;
    if let Some(der) = taken(from_base64(&request.certificate_request.data))? {
        taken(SignedRequest::from_der(&der))?;
    }
    if let Some(bytes) = taken(from_base64(&request.transport_key))? {
        blob(&bytes)?;
    }
    Ok(true)
}
