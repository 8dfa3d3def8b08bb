//! Structures of a TPM, bare or in a TPM2B, and the credential for one.

use whfb::wire::json;
use whfb::wire::tpm::{Attest, Credential, Public, from_tpm2b, name_of, split_tpm2b, to_tpm2b};

use super::{check_json, must, same, taken};

/// Whether the bytes are a public area, an attestation, or a TPM2B around one.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let mut all = structure(bytes)?;
    if let Some(contents) = taken(from_tpm2b(bytes))? {
        same(must(to_tpm2b(contents), "a TPM2B")?.as_slice(), bytes, "a TPM2B written")?;
        all |= structure(contents)?;
    }
    if let Some((contents, rest)) = taken(split_tpm2b(bytes))? {
        same([&must(to_tpm2b(contents), "a TPM2B")?, rest].concat().as_slice(), bytes, "a TPM2B and what follows")?;
    }
    if let Ok(credential) = json::object::<Credential>(bytes) {
        check_json(&credential, bytes.len())?;
        all = true;
    }
    Ok(all)
}

/// What is read is written to the same bytes.
fn structure(bytes: &[u8]) -> Result<bool, String> {
    let public = taken(Public::from_bytes(bytes))?;
    if let Some(public) = &public {
        same(must(public.to_bytes(), "a public area")?.as_slice(), bytes, "a public area written")?;
        same(&must(public.name(), "a Name")?, &name_of(bytes), "a Name")?;
        check_key(public)?;
    }
    let attest = taken(Attest::from_bytes(bytes))?;
    if let Some(attest) = &attest {
        same(must(attest.to_bytes(), "an attestation")?.as_slice(), bytes, "an attestation written")?;
    }
    Ok(public.is_some() || attest.is_some())
}

/// The key of a public area is that of a Windows key's area made of it.
fn check_key(public: &Public) -> Result<(), String> {
    let Some(key) = taken(public.to_public_key())? else { return Ok(()) };
    let windows = must(Public::windows(&key, public.attributes), "a key of Windows")?;
    same(&must(windows.to_public_key(), "its key")?, &key, "a key in another area")?;
    let read = must(Public::from_bytes(&must(windows.to_bytes(), "its bytes")?), "its area")?;
    same(&read, &windows, "an area of Windows written and read")
}
