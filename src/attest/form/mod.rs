//! The forms in which statements travel, read into what [`verify`](super::verify()) judges and written from what a TPM made.
//!
//! [`Form::Lab`] is the member of this crate's registration, [`Form::Kast`] what `NCryptCreateClaim` gives and AD CS takes,
//! [`Form::Webauthn`] a registration of WebAuthn, and [`Form::Raw`] the pieces as the TPM gave them.

mod kast;
mod webauthn;

use super::policy::Policy;
use super::statement::Statement;
use super::verify::{Expectation, Freshness, RelyingParty};
use crate::base::Timestamp;
use crate::crypto::PublicKey;
use crate::crypto::cert::{Certificate, RevocationList};
use crate::wire::blob;
use crate::wire::encoding::{base64, from_base64};
use crate::wire::json;
use crate::wire::kast::KastFormat;
use crate::wire::lab::LabAttestation;
use crate::wire::tpm::Public;
use crate::wire::webauthn::WebauthnFormat;

pub use kast::{KastParts, read_kast, write_kast};
pub use webauthn::Registration;

/// How a statement is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The member of the lab's registration, JSON. Ours.
    Lab,
    /// A KeyAttestationStatement (MS-WCCE section 2.2.2.5) with the key blob of the Windows provider.
    Kast,
    /// A WebAuthn registration with `tpm` attestation and what its verifier knows, JSON. The object around it is ours.
    Webauthn,
    /// The TPM's own structures.
    Raw,
}

/// A statement that was read, and what its form says that it was made for.
#[derive(Debug, Clone)]
pub struct Presented {
    /// How it was laid out.
    pub form: Form,
    /// The statement.
    pub statement: Statement,
    /// What it was made for.
    pub made_for: MadeFor,
}

/// What a form says that its statement was made for. It is the sender's word: a verifier who gave out a nonce compares with that.
#[derive(Debug, Clone)]
pub enum MadeFor {
    /// The nonce in the statement, and its own key as it would be registered.
    Registration {
        /// The `RSA1` blob.
        key_blob: Vec<u8>,
    },
    /// A WebAuthn credential.
    Credential(Box<Credential>),
    /// It does not say.
    Unsaid,
}

/// What a WebAuthn registration says that it is for.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What `extraData` must be (WebAuthn section 8.3).
    pub extra_data: Vec<u8>,
    /// The relying party's challenge, base64url without padding.
    pub challenge: String,
    /// The relying party's identifier.
    pub rp_id: String,
    /// The origin.
    pub origin: String,
    /// The authenticator's model.
    pub aaguid: [u8; 16],
    /// The credential's public key.
    pub key: PublicKey,
}

/// Why bytes are no statement in any of the forms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormFault {
    /// Neither `KAST` nor a JSON object with the members of one of the forms.
    #[error("neither a KAST nor a JSON object with certifyInfo or credential")]
    Unknown,
    /// The lab's member is malformed.
    #[error("not the lab's attestation member: {0}")]
    Lab(String),
    /// A certificate is no base64.
    #[error("certificate {index} is no base64")]
    Certificate {
        /// Which, from 0.
        index: usize,
    },
    /// The KAST is malformed.
    #[error("malformed KAST: {0}")]
    Kast(#[from] KastFormat),
    /// The KAST says nothing about a key.
    #[error("the KAST is about an attestation key alone")]
    KastWithoutKey,
    /// The registration is malformed.
    #[error("malformed WebAuthn registration: {0}")]
    Webauthn(#[from] WebauthnFormat),
    /// The registration has no credential in it.
    #[error("the authenticator data hold no credential")]
    NoCredential,
    /// The identifier beside the attestation object is not that of the credential in it (WebAuthn section 7.1).
    #[error("the credential's identifier is not the one that the authenticator gave it")]
    OtherCredential,
    /// The flag UP is not set (WebAuthn section 7.1).
    #[error("the authenticator saw nobody")]
    UserNotPresent,
}

/// Reads a statement in the form that it has: a KAST by its magic, the others by the members of a JSON object. `aik_chain` are the
/// certificates (DER) that go with a KAST, which carries none.
///
/// # Errors
/// [`FormFault`], the first that is found.
pub fn read(bytes: &[u8], aik_chain: &[Vec<u8>]) -> Result<Presented, FormFault> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marks {
        credential: Option<serde::de::IgnoredAny>,
        certify_info: Option<serde::de::IgnoredAny>,
    }
    if bytes.starts_with(b"KAST") {
        return read_kast(bytes, aik_chain);
    }
    let marks: Marks = json::object(bytes).map_err(|_| FormFault::Unknown)?;
    match (marks.credential, marks.certify_info) {
        (Some(_), _) => webauthn::read(bytes),
        (None, Some(_)) => read_lab(bytes),
        (None, None) => Err(FormFault::Unknown),
    }
}

fn read_lab(text: &[u8]) -> Result<Presented, FormFault> {
    let member: LabAttestation = json::object(text).map_err(|error| FormFault::Lab(error.to_string()))?;
    Ok(Presented::raw(Form::Lab, Statement::try_from(&member)?))
}

impl Presented {
    /// A statement that says itself what it was made for: its nonce, if it has one and its key is one that can be registered.
    pub fn raw(form: Form, statement: Statement) -> Self {
        let key = Public::from_bytes(&statement.public).and_then(|public| public.to_public_key());
        let made_for = match key {
            Ok(PublicKey::Rsa(key)) if !statement.nonce.is_empty() => {
                MadeFor::Registration { key_blob: blob::write(&key) }
            }
            _ => MadeFor::Unsaid,
        };
        Self { form, statement, made_for }
    }

    /// What a verifier expects who knows nothing but what the form says, and trusts these roots at this time.
    pub fn expectation<'a>(
        &'a self,
        roots: &'a [Certificate],
        vendors: &'a [Certificate],
        crls: &'a [RevocationList],
        at: Timestamp,
        policy: &'a Policy,
    ) -> Expectation<'a> {
        let (freshness, relying_party, key) = match &self.made_for {
            MadeFor::Registration { key_blob } => {
                (Freshness::Bound { nonce: &self.statement.nonce, key_blob }, None, None)
            }
            MadeFor::Credential(made) => (
                Freshness::Exactly { nonce: &made.challenge, extra_data: &made.extra_data },
                Some(RelyingParty { id: &made.rp_id, origin: &made.origin, aaguid: &made.aaguid }),
                Some(&made.key),
            ),
            MadeFor::Unsaid => (Freshness::Off, None, None),
        };
        Expectation { freshness, relying_party, key, roots, vendors, crls, at, policy }
    }
}

impl TryFrom<&LabAttestation> for Statement {
    type Error = FormFault;

    fn try_from(member: &LabAttestation) -> Result<Self, FormFault> {
        let read = |(index, text): (usize, &String)| from_base64(text).map_err(|_| FormFault::Certificate { index });
        Ok(Self {
            public: member.public.clone(),
            certify_info: member.certify_info.clone(),
            signature: member.signature.clone(),
            aik_chain: member.aik_chain.iter().enumerate().map(read).collect::<Result<_, _>>()?,
            nonce: member.nonce.clone(),
            aik_public: member.aik_public.clone(),
            storage_name: member.storage_name.clone(),
            ..Self::default()
        })
    }
}

impl From<&Statement> for LabAttestation {
    /// The lab's registration carries no declared algorithm, no creation claim and no endorsement certificate.
    fn from(statement: &Statement) -> Self {
        Self {
            nonce: statement.nonce.clone(),
            public: statement.public.clone(),
            certify_info: statement.certify_info.clone(),
            signature: statement.signature.clone(),
            aik_chain: statement.aik_chain.iter().map(|der| base64(der)).collect(),
            aik_public: statement.aik_public.clone(),
            storage_name: statement.storage_name.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
