//! Commands without any session but the password's, put together as cheaply as a TPM can be asked (TPM 2.0 Part 3).

use crate::device::tpm::frame::malformed;
use crate::device::tpm::transport::read_u32;
use crate::device::tpm::{Direct, KeyBlob, KeyKind, TpmError, response, verb};

/// What is sent, and where its answer's handle is read.
pub(super) struct Bare(Vec<u8>);

impl Bare {
    /// Sends it and insists on success; the answer without its header.
    pub(super) fn send(&self, tpm: &mut Direct) -> Result<Vec<u8>, TpmError> {
        let answer = tpm.transmit_raw(&self.0)?;
        let code = read_u32(&answer, 6).ok_or_else(|| malformed("a bare command"))?;
        response::judge("a bare command", code)?;
        Ok(answer)
    }

    /// The same for a command that brings a handle.
    pub(super) fn bring(&self, tpm: &mut Direct) -> Result<u32, TpmError> {
        read_u32(&self.send(tpm)?, 10).ok_or_else(|| malformed("a bare command"))
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A command whose handles are each authorized by a password, the first ones by those given.
fn command(code: u32, handles: &[u32], passwords: &[&[u8]], parameters: &[u8]) -> Bare {
    let area: Vec<u8> = passwords
        .iter()
        .flat_map(|password| [&0x4000_0009u32.to_be_bytes()[..], &[0, 0, 1], &sized(password)].concat())
        .collect();
    let handles: Vec<u8> = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
    let tag: u16 = if passwords.is_empty() { 0x8001 } else { 0x8002 };
    let area_size = u32::try_from(area.len()).unwrap_or(u32::MAX).to_be_bytes();
    let area = if passwords.is_empty() { Vec::new() } else { [&area_size[..], &area].concat() };
    let size = u32::try_from(10 + handles.len() + area.len() + parameters.len()).unwrap_or(u32::MAX);
    let head = [&tag.to_be_bytes()[..], &size.to_be_bytes(), &code.to_be_bytes()].concat();
    Bare([&head, &handles, &area, parameters].concat())
}

/// An object like the one with this public area, with an authorization value and, if it is to be sealed, data.
pub(super) fn create(parent: u32, public: &[u8], auth: &[u8], data: &[u8]) -> Bare {
    let sensitive = sized(&[sized(auth), sized(data)].concat());
    let parameters = [sensitive, sized(public), sized(&[]), vec![0; 4]].concat();
    command(verb::CREATE.code, &[parent], &[&[]], &parameters)
}

pub(super) fn load(parent: u32, blob: &KeyBlob) -> Bare {
    load_parts(parent, &sized(&blob.private), &blob.public)
}

/// The same with a private part that has its length before it, as an answer brings it.
fn load_parts(parent: u32, private: &[u8], public: &[u8]) -> Bare {
    command(verb::LOAD.code, &[parent], &[&[]], &[private, &sized(public)].concat())
}

pub(super) fn flush(handle: u32) -> Bare {
    command(verb::FLUSH_CONTEXT.code, &[], &[], &handle.to_be_bytes())
}

/// Of a digest, with RSASSA or ECDSA over SHA-256.
pub(super) fn sign(key: u32, kind: KeyKind, auth: &[u8], digest: &[u8; 32]) -> Bare {
    let scheme: [u8; 4] = match kind {
        KeyKind::Rsa2048 => [0x00, 0x14, 0x00, 0x0B],
        KeyKind::P256 => [0x00, 0x18, 0x00, 0x0B],
    };
    let ticket = [0x80, 0x24, 0x40, 0x00, 0x00, 0x07, 0x00, 0x00];
    command(verb::SIGN.code, &[key], &[auth], &[&sized(digest)[..], &scheme, &ticket].concat())
}

pub(super) fn unseal(object: u32, auth: &[u8]) -> Bare {
    command(verb::UNSEAL.code, &[object], &[auth], &[])
}

/// With the scheme of the attestation key.
pub(super) fn certify(key: u32, auth: &[u8], aik: u32, extra_data: &[u8]) -> Bare {
    command(verb::CERTIFY.code, &[key, aik], &[auth, &[]], &[sized(extra_data), vec![0x00, 0x10]].concat())
}

/// Load, ObjectChangeAuth, FlushContext, Load: a key of a pool becomes somebody's. Answers the handle of the claimed key.
pub(super) fn claim(tpm: &mut Direct, parent: u32, blob: &KeyBlob, old: &[u8], new: &[u8]) -> Result<u32, TpmError> {
    let key = load(parent, blob).bring(tpm)?;
    let changed = command(verb::OBJECT_CHANGE_AUTH.code, &[key, parent], &[old], &sized(new)).send(tpm)?;
    flush(key).send(tpm)?;
    // Header, size of the parameters, then the new private part with its length.
    let size = read_u32(&changed, 10).and_then(|size| usize::try_from(size).ok());
    let private = size.and_then(|size| changed.get(14..14 + size)).ok_or_else(|| malformed("a bare command"))?;
    load_parts(parent, private, &blob.public).bring(tpm)
}

/// A session neither salted nor bound.
pub(super) fn start_session() -> Bare {
    let null = 0x4000_0007u32.to_be_bytes();
    let nonce = sized(&[5; 32]);
    let parameters = [&nonce[..], &[0, 0], &[0], &[0x00, 0x06, 0x00, 0x80, 0x00, 0x43], &[0x00, 0x0B]].concat();
    command(verb::START_AUTH_SESSION.code, &[], &[], &[&null, &null, &parameters[..]].concat())
}
