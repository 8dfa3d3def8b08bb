//! Enrols the attestation key: a CA certifies it against a secret that only its TPM recovers.

use std::mem;

use super::CreationClaim;
use super::statement::claim;
use crate::base::{ExposeSecret as _, Timestamp};
use crate::crypto::cert::Certificate;
use crate::device::exchange::Exchange;
use crate::device::flow::{Flow, Machine, Step};
use crate::device::keys::{KeyError, KeyStore, public_of_blob};
use crate::device::state::Aik;
use crate::device::stop::{ReplyFault, Stop};
use crate::device::tpm::{Created, Credential, KeyBlob, KeyKind, TpmError, Usage, with_key};
use crate::wire::encoding::{base64, from_base64};
use crate::wire::host;
use crate::wire::http::{Reply, Request};
use crate::wire::lab::{
    AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, AikCertificate, AikCertificateRequest, AikChallenge, AikChallengeRequest,
};

/// Sees to an attestation key that is current, as a flow: the one that is kept, or a new one, which takes two exchanges with the AIK
/// service. It is stored once its certificate was read; until then the one before stays.
pub struct Enrol {
    anew: bool,
    stage: Stage,
}

/// Whose reply is awaited, and the key until then.
enum Stage {
    Start,
    Challenge(Fresh),
    Certificate(Fresh),
    Over,
}

/// An attestation key without certificate, nowhere but here.
struct Fresh {
    key: KeyBlob,
    creation: Option<CreationClaim>,
}

/// What [`Enrol`] ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Enrolled {
    /// Whether a new key was enrolled.
    pub anew: bool,
}

impl Default for Enrol {
    fn default() -> Self {
        Self::new()
    }
}

impl Enrol {
    /// Keeps an attestation key that is current.
    pub fn new() -> Self {
        Self { anew: false, stage: Stage::Start }
    }

    /// Makes a new one in any case.
    pub fn anew() -> Self {
        Self { anew: true, stage: Stage::Start }
    }

    fn start(&mut self, machine: &mut Machine<'_>, now: Timestamp) -> Result<Step<Enrolled>, Stop> {
        if !self.anew && machine.state.aik.as_ref().is_some_and(|aik| aik.is_current(now)) {
            return Ok(Step::Done(Enrolled { anew: false }));
        }
        let (fresh, request) = ask_challenge(&mut machine.keys)?;
        self.stage = Stage::Challenge(fresh);
        Ok(Step::Ask(request))
    }
}

impl Flow for Enrol {
    type Output = Enrolled;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<Enrolled>, Stop> {
        match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => self.start(machine, now),
            (Stage::Challenge(fresh), Some(reply)) => {
                let request = answer_challenge(&mut machine.keys, &fresh.key, &reply)?;
                self.stage = Stage::Certificate(fresh);
                Ok(Step::Ask(request))
            }
            (Stage::Certificate(fresh), Some(reply)) => {
                machine.state.aik = Some(read_certificate(fresh, &reply)?);
                Ok(Step::Done(Enrolled { anew: true }))
            }
            _ => Err(Stop::Over),
        }
    }
}

/// Makes an attestation key and asks the CA for a challenge to it.
fn ask_challenge(keys: &mut KeyStore<'_>) -> Result<(Fresh, Request), Stop> {
    let tpm = keys.tpm()?;
    let endorsement = tpm.endorsement(KeyKind::Rsa2048)?;
    let Created { key, creation } = tpm.create_key(KeyKind::Rsa2048, Usage::Attestation, None)?;
    let creation = match claim(keys, &key, creation, &[]) {
        Ok(claim) => Some(claim),
        Err(KeyError::Tpm(TpmError::Gap { .. })) => None,
        Err(error) => return Err(error.into()),
    };
    let body = AikChallengeRequest {
        ek_public: endorsement.public,
        ek_certificate: endorsement.certificate.as_deref().map(base64),
        aik_public: key.public.clone(),
    };
    Ok((Fresh { key, creation }, Request::json(host::AIK, AIK_CHALLENGE_PATH, &body)))
}

/// Lets the TPM open the challenge: it does so only if it holds both the endorsement key and the attestation key.
fn answer_challenge(keys: &mut KeyStore<'_>, aik: &KeyBlob, reply: &Reply) -> Result<Request, Stop> {
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

/// Takes the certificate, which has to be for the key that was challenged, and its issuers.
fn read_certificate(fresh: Fresh, reply: &Reply) -> Result<Aik, Stop> {
    let fault = |fault| Exchange::AikCertificate.fault(fault);
    let AikCertificate { chain } = Exchange::AikCertificate.read(reply)?;
    let read = |text: &String| from_base64(text).ok().and_then(|der| Certificate::from_der(&der).ok());
    let certificates: Option<Vec<Certificate>> = chain.iter().map(read).collect();
    let leaf =
        certificates.as_deref().and_then(<[Certificate]>::first).ok_or_else(|| fault(ReplyFault::Certificate))?;
    if leaf.public() != Ok(&public_of_blob(&fresh.key)?) {
        return Err(fault(ReplyFault::OtherKey));
    }
    Ok(Aik { key: fresh.key, chain, creation: fresh.creation })
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
