//! The attestation key's word: for a key of a container, and for itself.

use crate::attest::form::{KastParts, write_kast};
use crate::attest::{self, Statement, extra_data};
use crate::base::{SecretString, Timestamp};
use crate::crypto::digest::sha256;
use crate::device::flow::Machine;
use crate::device::keys::{KeyError, KeyStore, StoredKey, signature_bytes};
use crate::device::state::Aik;
use crate::device::stop::Stop;
use crate::device::tpm::{CertifyAuthority, Creation, KeyBlob, Tpm, with_key};
use crate::wire::encoding::base64;
use crate::wire::lab::LabAttestation;
use crate::wire::{base64_bytes, blob};

/// The most bytes that a statement is made over: a SHA-256 digest. Some TPMs take no more (`TPM2B_DATA` is as long as the
/// longest digest that they know).
pub const EXTRA_DATA_LIMIT: usize = 32;

/// What a statement is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over<'a> {
    /// These bytes, at most [`EXTRA_DATA_LIMIT`]; there may be none.
    Bytes(&'a [u8]),
    /// A server's nonce and the key as it is registered, bound as [`extra_data`] says.
    Nonce(&'a str),
}

/// What allows the TPM to certify a key.
#[derive(Debug, Clone)]
pub enum Consent {
    /// The policy branch of the Windows provider that needs no authorization: the user is not asked.
    Policy,
    /// The key's own authorization, which the PIN opens. A wrong PIN costs one try and makes no statement.
    Pin(SecretString),
}

/// The attestation key's word that a key lives in its TPM, and what goes with it: every format is made of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatement {
    /// The `TPMT_PUBLIC` of the key.
    pub public: Vec<u8>,
    /// The contents of its `TPM2B_PRIVATE`, encrypted by the TPM: a provider's key blob carries it along.
    pub private: Vec<u8>,
    /// The `TPMS_ATTEST` of the certify.
    pub certify_info: Vec<u8>,
    /// The attestation key's signature over it, bare: RSASSA-PKCS1-v1_5 with SHA-256, or `r || s`.
    pub signature: Vec<u8>,
    /// The `TPMT_PUBLIC` of the attestation key.
    pub aik_public: Vec<u8>,
    /// Its certificate (DER), then the issuers.
    pub aik_chain: Vec<Vec<u8>>,
    /// The Name of the storage root key, the parent of both: with it their qualified Names can be computed (TPM 2.0 Part 1,
    /// section 26.5).
    pub storage_name: Vec<u8>,
}

impl KeyStatement {
    /// What [`verify`](crate::attest::verify()) judges; `nonce` is the text that it was made over, or empty.
    pub fn to_statement(&self, nonce: &str) -> Statement {
        Statement {
            public: self.public.clone(),
            certify_info: self.certify_info.clone(),
            signature: self.signature.clone(),
            aik_chain: self.aik_chain.clone(),
            nonce: nonce.to_owned(),
            aik_public: Some(self.aik_public.clone()),
            storage_name: Some(self.storage_name.clone()),
            ..Statement::default()
        }
    }

    /// The lab's member of a registration.
    pub fn to_lab(&self, nonce: &str) -> LabAttestation {
        LabAttestation::from(&self.to_statement(nonce))
    }
}

/// The attestation key's word for itself: that this TPM made it (`TPM2_CertifyCreation` by the key over its own creation). Windows
/// calls it idBinding (protocol.md 6.3).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CreationClaim {
    /// How the TPM made it: creation data and ticket, so that it can be certified again.
    pub creation: Creation,
    /// The `TPMS_ATTEST`, of type 0x801A.
    #[serde(with = "base64_bytes")]
    pub certify_info: Vec<u8>,
    /// The key's signature over it, bare.
    #[serde(with = "base64_bytes")]
    pub signature: Vec<u8>,
}

impl CreationClaim {
    /// What [`verify`](crate::attest::verify()) judges, and a KAST carries.
    pub fn to_claim(&self) -> attest::CreationClaim {
        attest::CreationClaim {
            data: self.creation.data.clone(),
            attest: self.certify_info.clone(),
            signature: self.signature.clone(),
        }
    }
}

/// A statement for the key in the container of `upn`. The attestation key has to be current: see [`Enrol`](super::Enrol).
///
/// # Errors
/// [`Stop::NoContainer`], [`Stop::SoftwareKey`] and [`Stop::NoAik`] before anything is asked of the TPM;
/// [`Stop::WrongPin`] or [`Stop::LockedOut`] by the PIN; [`KeyError::ExtraData`] for more than 32 bytes.
pub fn statement(
    machine: &mut Machine<'_>,
    upn: &str,
    over: Over<'_>,
    consent: &Consent,
    now: Timestamp,
) -> Result<KeyStatement, Stop> {
    let container = machine.state.user(upn).and_then(|user| user.container.as_ref()).ok_or(Stop::NoContainer)?;
    let key = &container.user_key.key;
    key.tpm_blob().ok_or(Stop::SoftwareKey)?;
    let aik = machine.state.aik.as_ref().filter(|aik| aik.is_current(now)).ok_or(Stop::NoAik)?;
    let bound = match over {
        Over::Bytes(bytes) => bytes.to_vec(),
        Over::Nonce(nonce) => bound_to(nonce, key)?.to_vec(),
    };
    match consent {
        Consent::Policy => Ok(certify(&mut machine.keys, key, aik, CertifyAuthority::Policy, &bound)?),
        Consent::Pin(pin) => {
            check(&bound)?;
            let unlocked = container.unlock(&mut machine.keys, pin)?;
            Ok(certify(&mut machine.keys, key, aik, unlocked.certify_authority(), &bound)?)
        }
    }
}

/// The current attestation key's word for itself, made anew over `extra_data`.
///
/// # Errors
/// [`Stop::NoAik`] when there is none that is current; [`Stop::NoCreationClaim`] when it was enrolled without one, by an
/// earlier version or by a backend that cannot: [`Enrol::anew`](super::Enrol::anew) makes one.
pub fn identity(machine: &mut Machine<'_>, extra_data: &[u8], now: Timestamp) -> Result<CreationClaim, Stop> {
    let aik = machine.state.aik.as_ref().filter(|aik| aik.is_current(now)).ok_or(Stop::NoAik)?;
    let kept = aik.creation.as_ref().ok_or(Stop::NoCreationClaim)?;
    Ok(claim(&mut machine.keys, &aik.key, kept.creation.clone(), extra_data)?)
}

/// Lets an attestation key certify its own creation.
pub(super) fn claim(
    keys: &mut KeyStore<'_>,
    aik: &KeyBlob,
    creation: Creation,
    extra_data: &[u8],
) -> Result<CreationClaim, KeyError> {
    check(extra_data)?;
    let certification = with_key(keys.tpm()?, aik, |tpm, aik| {
        tpm.certify(aik, aik, CertifyAuthority::Creation(&creation), extra_data)
    })?;
    let signature = signature_bytes(certification.signature);
    Ok(CreationClaim { creation, certify_info: certification.attest, signature })
}

/// Lets the attestation key certify a key of the same TPM.
fn certify(
    keys: &mut KeyStore<'_>,
    key: &StoredKey,
    aik: &Aik,
    by: CertifyAuthority<'_>,
    extra_data: &[u8],
) -> Result<KeyStatement, KeyError> {
    check(extra_data)?;
    let subject = key.tpm_blob().ok_or(KeyError::NoTpm)?;
    let tpm = keys.tpm()?;
    let certification = with_key(tpm, subject, |tpm: &mut dyn Tpm, subject| {
        with_key(tpm, &aik.key, |tpm, aik| tpm.certify(subject, aik, by, extra_data))
    })?;
    Ok(KeyStatement {
        public: subject.public.clone(),
        private: subject.private.clone(),
        certify_info: certification.attest,
        signature: signature_bytes(certification.signature),
        aik_public: aik.key.public.clone(),
        aik_chain: aik.certificates().unwrap_or_default(),
        storage_name: tpm.pins()?.srk_name,
    })
}

fn check(extra_data: &[u8]) -> Result<(), KeyError> {
    if extra_data.len() > EXTRA_DATA_LIMIT { Err(KeyError::ExtraData(extra_data.len())) } else { Ok(()) }
}

/// The statement that goes with the registration of a key that is in no container yet, over the server's nonce and the key as it
/// is registered. By the policy branch: the user is not asked.
pub(crate) fn for_registration(
    machine: &mut Machine<'_>,
    key: &StoredKey,
    nonce: &str,
) -> Result<LabAttestation, Stop> {
    let aik = machine.state.aik.as_ref().ok_or(Stop::NoAik)?;
    let bound = bound_to(nonce, key)?;
    Ok(certify(&mut machine.keys, key, aik, CertifyAuthority::Policy, &bound)?.to_lab(nonce))
}

/// What a join carries about its transport key: the attestation key's certificate and a subject-only KAST over the SHA-256 of the
/// certification request, both base64. Ours, see [`crate::wire::join::JoinRequest`].
pub(crate) fn for_join(
    machine: &mut Machine<'_>,
    key: &StoredKey,
    certification_request: &[u8],
    now: Timestamp,
) -> Result<(String, String), Stop> {
    let aik = machine.state.aik.as_ref().filter(|aik| aik.is_current(now)).ok_or(Stop::NoAik)?;
    let made = certify(&mut machine.keys, key, aik, CertifyAuthority::Policy, &sha256(certification_request))?;
    let certificate = made.aik_chain.first().ok_or(Stop::NoAik)?;
    let parts = KastParts { private: &made.private, with_authority: false };
    let kast = write_kast(&made.to_statement(""), parts).map_err(|_| Stop::Encoding)?;
    Ok((base64(certificate), base64(&kast)))
}

fn bound_to(nonce: &str, key: &StoredKey) -> Result<[u8; 32], KeyError> {
    Ok(extra_data(nonce.as_bytes(), &blob::write(&key.public()?)))
}
