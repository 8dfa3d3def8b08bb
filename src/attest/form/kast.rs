//! Statements as KeyAttestationStatement (MS-WCCE section 2.2.2.5; protocol.md 6.3).

use super::{Form, FormFault, MadeFor, Presented};
use crate::attest::statement::{CreationClaim, Statement};
use crate::crypto::PublicKey;
use crate::wire::kast::{IdBinding, KastFormat, KeyAttestationStatement, UserKeyParts, WINDOWS_POLICY_DIGESTS};
use crate::wire::tpm::{ALG_SHA256, Public, TpmSignature, TpmSignatureAlgorithm};

/// What a KAST is made of, beside the statement: what only the provider of the key has.
#[derive(Debug, Clone, Copy)]
pub struct KastParts<'a> {
    /// The contents of the key's `TPM2B_PRIVATE`, encrypted by the TPM.
    pub private: &'a [u8],
    /// Whether the attestation key's creation goes in too, which makes a claim about both keys out of one about the subject.
    pub with_authority: bool,
}

/// Reads a KAST with the certificates (DER) that go with it. What it was made over is not in it, so any `extraData` will do
/// until the verifier says otherwise.
///
/// # Errors
/// [`FormFault::Kast`], [`FormFault::KastWithoutKey`].
pub fn read_kast(bytes: &[u8], aik_chain: &[Vec<u8>]) -> Result<Presented, FormFault> {
    let kast = KeyAttestationStatement::from_bytes(bytes)?;
    let attestation = kast.read_key_attestation()?.ok_or(FormFault::KastWithoutKey)?;
    let blob = attestation.read_key_blob()?;
    let binding = kast.read_id_binding()?;
    let statement = Statement {
        public: blob.public_area()?.to_vec(),
        certify_info: attestation.key_attest.clone(),
        signature: attestation.signature.clone(),
        aik_chain: aik_chain.to_vec(),
        aik_public: binding.as_ref().map(|binding| binding.public.clone()),
        aik_creation: binding.map(|binding| CreationClaim {
            data: binding.creation_data,
            attest: binding.attest,
            signature: binding.signature.signature,
        }),
        ..Statement::default()
    };
    Ok(Presented { form: Form::Kast, statement, made_for: MadeFor::Unsaid })
}

/// Writes a statement as KAST. Certificates, nonce and Name of the storage key have no place in it.
///
/// # Errors
/// A part that is too long for its field.
pub fn write_kast(statement: &Statement, parts: KastParts<'_>) -> Result<Vec<u8>, KastFormat> {
    let mut kast = KeyAttestationStatement::of_user_key(&UserKeyParts {
        public: &statement.public,
        private: parts.private,
        policy_digests: &WINDOWS_POLICY_DIGESTS,
        attest: &statement.certify_info,
        signature: &statement.signature,
    })?;
    if let (true, Some(public), Some(claim)) = (parts.with_authority, &statement.aik_public, &statement.aik_creation) {
        let binding = IdBinding {
            public: public.clone(),
            creation_data: claim.data.clone(),
            attest: claim.attest.clone(),
            signature: TpmSignature {
                algorithm: algorithm_of(public),
                hash: ALG_SHA256,
                signature: claim.signature.clone(),
            },
        };
        kast.id_binding = binding.to_bytes()?;
    }
    kast.to_bytes()
}

fn algorithm_of(public: &[u8]) -> TpmSignatureAlgorithm {
    match Public::from_bytes(public).and_then(|public| public.to_public_key()) {
        Ok(PublicKey::P256(_)) => TpmSignatureAlgorithm::Ecdsa,
        _ => TpmSignatureAlgorithm::Rsassa,
    }
}
