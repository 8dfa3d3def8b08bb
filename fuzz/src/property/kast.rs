//! What Windows carries a TPM's word for a key in: each container for itself, and each inside the other.

use whfb::wire::kast::{
    IdBinding, KeyAttestation, KeyAttestationStatement, PcpKeyBlob, Platform, write_policy_digests,
};
use whfb::wire::tpm::{TpmSignature, TpmSignatureAlgorithm};

use super::{must, same, taken};

/// Whether the bytes are any of the containers.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let any = [statement(bytes)?, attestation(bytes)?, blob(bytes)?, binding(bytes)?, signature(bytes)?];
    Ok(any.contains(&true))
}

fn statement(bytes: &[u8]) -> Result<bool, String> {
    let Some(statement) = taken(KeyAttestationStatement::from_bytes(bytes))? else { return Ok(false) };
    same(must(statement.to_bytes(), "a statement")?.as_slice(), bytes, "a statement written")?;
    let inner = attestation(&statement.key_attestation)?;
    let read = taken(statement.read_key_attestation())?.flatten();
    if read.is_some_and(|read| !inner || read.platform != statement.platform) {
        return Err("a key attestation that is none by itself".into());
    }
    binding(&statement.id_binding)?;
    taken(statement.read_id_binding())?;
    Ok(true)
}

fn attestation(bytes: &[u8]) -> Result<bool, String> {
    let Some(attestation) = taken(KeyAttestation::from_bytes(bytes))? else { return Ok(false) };
    same(must(attestation.to_bytes(), "a key attestation")?.as_slice(), bytes, "a key attestation written")?;
    let inner = blob(&attestation.key_blob)?;
    let read = taken(attestation.read_key_blob())?.is_some();
    same(&read, &(inner && attestation.platform == Platform::Tpm20), "whether its key blob is read")?;
    Ok(true)
}

/// A key blob that was read has a public area, and a list of digests that is written to the same bytes.
fn blob(bytes: &[u8]) -> Result<bool, String> {
    let Some(blob) = taken(PcpKeyBlob::from_bytes(bytes))? else { return Ok(false) };
    same(must(blob.to_bytes(), "a key blob")?.as_slice(), bytes, "a key blob written")?;
    must(blob.public_area(), "its public area")?;
    must(blob.private_area(), "its private area")?;
    let digests = must(blob.policy_digests(), "its policy digests")?;
    if !blob.policy_digests.is_empty() {
        same(&must(write_policy_digests(&digests), "a list")?, &blob.policy_digests, "policy digests written")?;
    }
    Ok(true)
}

fn binding(bytes: &[u8]) -> Result<bool, String> {
    let Some(binding) = taken(IdBinding::from_bytes(bytes))? else { return Ok(false) };
    let written = must(binding.to_bytes(), "a binding")?;
    same(&must(IdBinding::from_bytes(&written), "a binding that was written")?, &binding, "a binding")?;
    Ok(true)
}

/// Written to the same bytes; numbers of ECDSA with all of theirs.
fn signature(bytes: &[u8]) -> Result<bool, String> {
    let Some(signature) = taken(TpmSignature::from_bytes(bytes))? else { return Ok(false) };
    let written = must(signature.to_bytes(), "a signature")?;
    if signature.algorithm == TpmSignatureAlgorithm::Rsassa || bytes.len() == written.len() {
        same(written.as_slice(), bytes, "a signature written")?;
    }
    same(&must(TpmSignature::from_bytes(&written), "a signature that was written")?, &signature, "a signature")?;
    Ok(true)
}
