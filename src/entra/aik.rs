//! The lab's certificate service for attestation keys: a challenge that only the right TPM answers, then a certificate.
//! Ours: how Windows enrols an attestation key is not public.

use serde::{Deserialize, Serialize};

use crate::attest::{
    ChainFault, ChallengeError, EkFault, TpmIdentity, aik_certificate, judge_aik, judge_ek, make_credential,
};
use crate::base::{ExposeSecret as _, OsRng, Uuid, random_guid};
use crate::crypto::PublicKey;
use crate::crypto::cert::{Certificate, Validity};
use crate::crypto::cipher::random_secret;
use crate::crypto::digest::{equal, sha256};
use crate::wire::base64_bytes;
use crate::wire::encoding::{base64, from_base64, hex};
use crate::wire::http::Request;
use crate::wire::json;
use crate::wire::lab::{AikCertificate, AikCertificateRequest, AikChallenge, AikChallengeRequest};
use crate::wire::tpm::{Public, name_of};

use super::Entra;
use super::grant::{self, Kind};
use super::refusal::{Broken, Failure, Refusal};
use super::rules::StrangerEk;

/// Lifetime of an AIK certificate. Ours.
const CERTIFICATE_DAYS: i64 = 365;

/// What the server must know at the second step; sealed, so that it keeps nothing until a certificate is issued.
#[derive(Serialize, Deserialize)]
struct Ticket {
    #[serde(with = "base64_bytes")]
    aik_public: Vec<u8>,
    /// SHA-256 of the secret.
    #[serde(with = "base64_bytes")]
    secret: Vec<u8>,
    verified_ek: bool,
    /// Hexadecimal SHA-256 of the endorsement key's SubjectPublicKeyInfo.
    ek: String,
    manufacturer: u32,
    model: String,
    version: u32,
    exp: i64,
    jti: Uuid,
}

/// Answers `POST /aik/challenge`. Checks in this order: body, both public areas, the attestation key, the EK certificate.
///
/// A TPM without an EK certificate gets a challenge too: its certificate will say so.
pub(crate) fn challenge(entra: &Entra, request: &Request) -> Result<AikChallenge, Failure> {
    let wanted: AikChallengeRequest = json::object(&request.body).map_err(|_| Refusal::AikBodyMalformed)?;
    let ek = Public::from_bytes(&wanted.ek_public).and_then(|public| public.to_public_key());
    let ek = ek.map_err(|_| Refusal::AikEkPublicMalformed)?;
    let aik = Public::from_bytes(&wanted.aik_public).map_err(|_| Refusal::AikPublicMalformed)?;
    judge_aik(&aik).map_err(Refusal::from)?;
    let verified = match wanted.ek_certificate.as_deref() {
        Some(text) => vendor_says(entra, text, &ek)?,
        None => None,
    };
    let secret = random_secret(&mut OsRng);
    let ticket = ticket(entra, wanted.aik_public, &ek, verified, sha256(secret.expose_secret()));
    let secret = crate::base::secret_slice(secret.expose_secret().to_vec());
    let credential =
        make_credential(&ek, &name_of(&ticket.aik_public), &secret, &mut OsRng).map_err(|error| match error {
            ChallengeError::Endorsement => Failure::Refused(Refusal::AikEkUnsuitable),
            _ => Failure::Broken(Broken::Encoding),
        })?;
    Ok(AikChallenge {
        ticket: grant::write(&entra.keys().sealing, Kind::Ticket, &ticket)?,
        credential_blob: credential.blob,
        encrypted_secret: credential.secret,
    })
}

/// Which TPM an EK certificate is for, if a trusted vendor issued it for this key; `None` for that of a stranger, where the
/// rules let it pass as none.
fn vendor_says(entra: &Entra, certificate: &str, ek: &PublicKey) -> Result<Option<TpmIdentity>, Refusal> {
    let der = from_base64(certificate).map_err(|_| Refusal::EkCertificateMalformed)?;
    let certificate = Certificate::from_der(&der).map_err(|_| Refusal::EkCertificateMalformed)?;
    match judge_ek(&certificate, &[], ek, entra.vendor_roots(), entra.now()) {
        Err(EkFault::Chain(ChainFault::IssuerNotFound { .. } | ChainFault::UntrustedRoot { .. }))
            if entra.rules().stranger_ek == StrangerEk::AsAbsent =>
        {
            Ok(None)
        }
        judged => Ok(Some(judged?)),
    }
}

fn ticket(
    entra: &Entra,
    aik_public: Vec<u8>,
    ek: &PublicKey,
    verified: Option<TpmIdentity>,
    secret: [u8; 32],
) -> Ticket {
    let verified_ek = verified.is_some();
    // Nobody says which TPM it is, and the profile wants a name all the same.
    let unknown = || TpmIdentity { manufacturer: 0, model: "unknown".to_owned(), version: 0 };
    let TpmIdentity { manufacturer, model, version } = verified.unwrap_or_else(unknown);
    Ticket {
        aik_public,
        secret: secret.to_vec(),
        verified_ek,
        ek: hex(&sha256(&ek.to_spki())),
        manufacturer,
        model,
        version,
        exp: entra.now().as_second().saturating_add(entra.rules().aik_ticket_lifetime.as_secs()),
        jti: random_guid(&mut OsRng),
    }
}

/// Answers `POST /aik/certificate`. Which endorsement key stands behind the certificate is remembered for as long as it is
/// valid. The ticket is used up even by a wrong secret: one challenge, one try.
pub(crate) async fn certificate(entra: &Entra, request: &Request) -> Result<AikCertificate, Failure> {
    let answer: AikCertificateRequest = json::object(&request.body).map_err(|_| Refusal::AikBodyMalformed)?;
    let ticket: Ticket =
        grant::read(&entra.keys().sealing, Kind::Ticket, &answer.ticket).map_err(|_| Refusal::AikTicketForeign)?;
    let now = entra.now().as_second();
    if now > ticket.exp {
        return Err(Refusal::AikTicketExpired.into());
    }
    if !entra.directory().consume(&grant::hash(&answer.ticket), ticket.exp, now).await? {
        return Err(Refusal::AikTicketReplayed.into());
    }
    if !equal(&sha256(&answer.secret), &ticket.secret) {
        return Err(Refusal::AikSecretWrong.into());
    }
    let public = Public::from_bytes(&ticket.aik_public).map_err(|_| Broken::Encoding)?;
    let aik = judge_aik(&public).map_err(|_| Broken::Encoding)?;
    let tpm = TpmIdentity { manufacturer: ticket.manufacturer, model: ticket.model, version: ticket.version };
    let validity = Validity::days_from(entra.now(), CERTIFICATE_DAYS);
    let authority = &entra.keys().aik;
    let issued = aik_certificate(authority, &aik, &tpm, ticket.verified_ek, validity, &mut OsRng)?;
    let (serial, expires) = (hex(issued.serial()), validity.to.as_second());
    entra.directory().add_aik_certificate(&serial, &ticket.ek, expires, now).await?;
    Ok(AikCertificate { chain: [issued.der(), authority.certificate().der()].map(base64).to_vec() })
}
