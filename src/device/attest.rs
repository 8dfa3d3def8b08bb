//! Asks the TPM for the pieces of a statement: an attestation key that a CA certified, and its word for the user key.

use crate::base::ExposeSecret as _;
use crate::device::exchange::Exchange;
use crate::device::keys::{KeyError, KeyStore, StoredKey, signature_bytes};
use crate::device::state::Aik;
use crate::device::stop::{ReplyFault, Stop};
use crate::device::tpm::{CertifyAuthority, Credential, KeyBlob, KeyKind, Tpm, TpmError, Usage, with_key};
use crate::wire::blob;
use crate::wire::encoding::base64;
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
        TpmError::Refused { .. } => Exchange::AikChallenge.fault(ReplyFault::Challenge),
        other => other.into(),
    })?;
    let body = AikCertificateRequest { ticket: challenge.ticket, secret: secret.expose_secret().to_vec() };
    Ok(Request::json(host::AIK, AIK_CERTIFICATE_PATH, &body))
}

/// Takes the certificate.
pub(crate) fn read_certificate(key: KeyBlob, reply: &Reply) -> Result<Aik, Stop> {
    let AikCertificate { chain } = Exchange::AikCertificate.read(reply)?;
    if chain.is_empty() {
        return Err(Exchange::AikCertificate.fault(ReplyFault::Certificate));
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
