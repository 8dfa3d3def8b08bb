//! Asks the TPM for the pieces of a statement: an attestation key that a CA certified, and its word for the user key.

use crate::base::ExposeSecret as _;
use crate::crypto::cert::Certificate;
use crate::device::exchange::Exchange;
use crate::device::keys::{KeyError, KeyStore, StoredKey, public_of_blob, signature_bytes};
use crate::device::state::Aik;
use crate::device::stop::{ReplyFault, Stop};
use crate::device::tpm::{CertifyAuthority, Credential, KeyBlob, KeyKind, Tpm, TpmError, Usage, with_key};
use crate::wire::blob;
use crate::wire::encoding::{base64, from_base64};
use crate::wire::host;
use crate::wire::http::{Reply, Request};
use crate::wire::lab::{
    AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, AikCertificate, AikCertificateRequest, AikChallenge, AikChallengeRequest,
    LabAttestation,
};

/// Makes an attestation key and asks the CA for a challenge to it.
pub(crate) fn ask_challenge(keys: &mut KeyStore<'_>) -> Result<(KeyBlob, Request), Stop> {
    let tpm = keys.tpm()?;
    let endorsement = tpm.endorsement(KeyKind::Rsa2048)?;
    let key = tpm.create(KeyKind::Rsa2048, Usage::Attestation, None)?;
    let body = AikChallengeRequest {
        ek_public: endorsement.public,
        ek_certificate: endorsement.certificate.as_deref().map(base64),
        aik_public: key.public.clone(),
    };
    Ok((key, Request::json(host::AIK, AIK_CHALLENGE_PATH, &body)))
}

/// Lets the TPM open the challenge: it does so only if it holds both the endorsement key and the attestation key.
pub(crate) fn answer_challenge(keys: &mut KeyStore<'_>, aik: &KeyBlob, reply: &Reply) -> Result<Request, Stop> {
    let challenge: AikChallenge = Exchange::AikChallenge.read(reply)?;
    let credential = Credential { blob: challenge.credential_blob, secret: challenge.encrypted_secret };
    let opened = with_key(keys.tpm()?, aik, |tpm, handle| tpm.activate(handle, KeyKind::Rsa2048, &credential));
    let secret = opened.map_err(|error| match error {
        TpmError::Refused { command, code, .. } if does_not_open(command, code) => {
            Exchange::AikChallenge.fault(ReplyFault::Challenge)
        }
        other => other.into(),
    })?;
    let body = AikCertificateRequest { ticket: challenge.ticket, secret: secret.expose_secret().to_vec() };
    Ok(Request::json(host::AIK, AIK_CERTIFICATE_PATH, &body))
}

/// Whether the TPM refused the credential itself: one of the two parameters that the server made, or TPM_RC_FAILURE for a
/// seed that does not decrypt. A TPM that has no room, say, does not make the challenge wrong.
fn does_not_open(command: &str, code: u32) -> bool {
    const FAILURE: u32 = 0x101;
    /// Format one, about a parameter (TPM 2.0 Part 2, section 6.6.2); nothing above the TPM's own twelve bits.
    const PARAMETER: u32 = 0x0C0;
    command == "TPM2_ActivateCredential" && (code == FAILURE || code & (PARAMETER | !0xFFF) == PARAMETER)
}

/// Takes the certificate, which has to be for the key that was challenged.
pub(crate) fn read_certificate(key: KeyBlob, reply: &Reply) -> Result<Aik, Stop> {
    let fault = |fault| Exchange::AikCertificate.fault(fault);
    let AikCertificate { chain } = Exchange::AikCertificate.read(reply)?;
    let leaf = chain.first().and_then(|leaf| from_base64(leaf).ok());
    let leaf = leaf.and_then(|der| Certificate::from_der(&der).ok()).ok_or_else(|| fault(ReplyFault::Certificate))?;
    if leaf.public() != Ok(&public_of_blob(&key)?) {
        return Err(fault(ReplyFault::OtherKey));
    }
    Ok(Aik { key, chain })
}

/// The attestation key's word that `key` lives in its TPM, over the server's nonce and the key as it is registered.
///
/// The certify goes by the policy branch of the Windows provider that needs no authorization of the key.
pub(crate) fn statement(
    keys: &mut KeyStore<'_>,
    key: &StoredKey,
    aik: &Aik,
    nonce: &str,
) -> Result<LabAttestation, KeyError> {
    let subject = key.tpm_blob().ok_or(KeyError::NoTpm)?;
    let extra_data = crate::attest::extra_data(nonce.as_bytes(), &blob::write(&key.public()?));
    let certification = with_key(keys.tpm()?, subject, |tpm: &mut dyn Tpm, subject| {
        with_key(tpm, &aik.key, |tpm, aik| tpm.certify(subject, aik, CertifyAuthority::Policy, &extra_data))
    })?;
    Ok(LabAttestation {
        nonce: nonce.to_owned(),
        public: subject.public.clone(),
        certify_info: certification.attest,
        signature: signature_bytes(certification.signature),
        aik_chain: aik.chain.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_credential_that_the_tpm_refuses_is_the_servers_fault() {
        for code in [0x1DF, 0x2D5, 0x101] {
            assert!(does_not_open("TPM2_ActivateCredential", code), "{code:#x}");
            assert!(!does_not_open("TPM2_Load", code), "{code:#x}");
        }
        for code in [0x902, 0x903, 0x99D, 0x18B, 0x000B_01DF, 0x9AD9_DD8F] {
            assert!(!does_not_open("TPM2_ActivateCredential", code), "{code:#x}");
        }
    }
}
