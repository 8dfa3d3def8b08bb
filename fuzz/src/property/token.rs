//! Compact tokens. What base64url would hide from a fuzzer it may also give in clear, and it is then encoded here: bytes that
//! begin with a brace, which no token does, are a header, a line feed, and what is behind it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use whfb::base::{ExposeSecret as _, OsRng, Secret32, secret_slice};
use whfb::crypto::cert::Certificate;
use whfb::wire::encoding::{base64url, from_base64};
use whfb::wire::jwe::{WrappedSessionKey, open_reply, seal_reply};
use whfb::wire::jws::{CertificateChain, Jws, Unsigned};
use whfb::wire::oauth::{DeviceCredential, HelloAssertion, PrtCredential, PrtRequest, SessionRequest};
use whfb::wire::token::{AccessClaims, IdClaims};

use super::{check_growth, check_json, must, same, taken};

/// The session key of the corpus.
const KEY: [u8; 32] = [7; 32];

/// A token is its three parts, whatever is in them, and its claims survive as every type that takes them.
pub(super) fn jws(bytes: &[u8]) -> Result<bool, String> {
    let compact = match in_clear(bytes) {
        Some((header, payload)) => Unsigned::from_bytes(header, payload).signed(b"signature"),
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    let Some(token) = taken(Jws::parse(&compact))? else { return Ok(false) };
    same(&format!("{}.{}", token.signing_input, base64url(&token.signature)), &compact, "a token's parts")?;
    if let Some((_, payload)) = in_clear(bytes) {
        same(token.payload.as_slice(), payload, "the payload")?;
    }
    check_json(&token.header, bytes.len())?;
    if let Some(leaf) = token.header.x5c.as_ref().and_then(CertificateChain::leaf) {
        let certificate = from_base64(leaf).ok().map(|der| Certificate::from_der(&der));
        certificate.map(taken).transpose()?;
    }
    check_claims(&token)?;
    Ok(true)
}

fn in_clear(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n').filter(|_| bytes.starts_with(b"{"))?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

fn check_claims(token: &Jws) -> Result<(), String> {
    claims::<AccessClaims>(token)?;
    claims::<IdClaims>(token)?;
    claims::<PrtRequest>(token)?;
    claims::<DeviceCredential>(token)?;
    claims::<HelloAssertion>(token)?;
    claims::<PrtCredential>(token)?;
    claims::<SessionRequest>(token)
}

fn claims<T: Serialize + DeserializeOwned>(token: &Jws) -> Result<(), String> {
    let Some(claims) = taken(token.claims::<T>())? else { return Ok(()) };
    let text = must(std::str::from_utf8(&token.payload), "claims of what is no text")?;
    same(&text.trim_start().starts_with('{'), &true, "claims are an object")?;
    check_json(&claims, token.payload.len())
}

/// What is sealed opens; a wrapped session key is confirmed by itself alone; nothing that opens is longer than it was.
pub(super) fn jwe(bytes: &[u8]) -> Result<bool, String> {
    let key = Secret32::new(Box::new(KEY));
    let sealed = seal_reply(&key, bytes, &mut OsRng);
    check_growth(sealed.len(), bytes.len(), 2, "a sealed reply")?;
    same(must(open_reply(&key, &sealed), "what was sealed")?.as_slice(), bytes, "a reply sealed and opened")?;
    let [wrapped, reply] = match in_clear(bytes) {
        Some((header, rest)) => encoded(header, rest),
        None => [(); 2].map(|()| String::from_utf8_lossy(bytes).into_owned()),
    };
    Ok(wrapped_key(&wrapped)? | reply_opens(&key, &reply)?)
}

/// The five parts of a wrapped session key, and those of a reply.
fn encoded(header: &[u8], rest: &[u8]) -> [String; 2] {
    let cut = |length: usize| rest.split_at(length.min(rest.len()));
    let parts = |parts: [&[u8]; 5]| parts.map(base64url).join(".");
    let ((short, behind), (long, content)) = (cut(12), cut(16));
    let (first, tag) = behind.split_at(1.min(behind.len()));
    [parts([header, rest, short, first, tag]), parts([header, &[], long, content, &[]])]
}

fn wrapped_key(compact: &str) -> Result<bool, String> {
    let Some(wrapped) = taken(WrappedSessionKey::parse(compact))? else { return Ok(false) };
    check_growth(wrapped.wrapped.len(), compact.len(), 1, "a wrapped key")?;
    if let Some(key) = taken(wrapped.confirm(&secret_slice(KEY.to_vec())))? {
        same(key.expose_secret(), &KEY, "a key that was confirmed")?;
    }
    same(&wrapped.confirm(&secret_slice(KEY[1..].to_vec())).is_err(), &true, "a short key is refused")?;
    Ok(true)
}

fn reply_opens(key: &Secret32, compact: &str) -> Result<bool, String> {
    let Some(plain) = taken(open_reply(key, compact))? else { return Ok(false) };
    check_growth(plain.len(), compact.len(), 1, "an opened reply")?;
    let sealed = seal_reply(key, &plain, &mut OsRng);
    same(&must(open_reply(key, &sealed), "what was opened and sealed")?, &plain, "a reply opened and sealed")?;
    Ok(true)
}
