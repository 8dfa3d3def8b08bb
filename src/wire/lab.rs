//! The members and messages that are **ours** and not Microsoft's.
//!
//! What Windows sends as attestation with a Hello key, and how it enrols an attestation key, is not public. The lab has
//! its own forms, so that nothing here is mistaken for either.

use serde::{Deserialize, Serialize};

use super::base64_bytes;

/// The member of a key registration's body that carries [`LabAttestation`]; absent in every public client's request.
pub const ATTESTATION_MEMBER: &str = "labAttestation";

/// The member, `true`, by which a client says that the key lives in software; absent in every public client's request.
pub const SOFTWARE_MEMBER: &str = "labSoftwareKey";

/// The warning of a key's registration that the TPM behind its statement vouches for another device too.
pub const EK_ALREADY_KNOWN: &str = "EK_ALREADY_KNOWN";

/// Path of the AIK service's first step, on [`super::host::AIK`].
pub const AIK_CHALLENGE_PATH: &str = "/aik/challenge";
/// Path of the AIK service's second step.
pub const AIK_CERTIFICATE_PATH: &str = "/aik/certificate";

/// A key's attestation statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabAttestation {
    /// The nonce of the registration service that the statement is made over; empty for none.
    #[serde(default)]
    pub nonce: String,
    /// `TPMT_PUBLIC` of the key.
    #[serde(with = "base64_bytes")]
    pub public: Vec<u8>,
    /// `TPMS_ATTEST` of the certify.
    #[serde(with = "base64_bytes")]
    pub certify_info: Vec<u8>,
    /// The AIK's signature over it: RSASSA (256 bytes) or `r || s`.
    #[serde(with = "base64_bytes")]
    pub signature: Vec<u8>,
    /// The AIK's certificate, then its issuers, each base64 DER.
    pub aik_chain: Vec<String>,
    /// `TPMT_PUBLIC` of the AIK: that it is restricted can then be seen.
    #[serde(default, with = "base64_bytes::optional", skip_serializing_if = "Option::is_none")]
    pub aik_public: Option<Vec<u8>>,
    /// Name of the storage root key, the parent of both keys: their qualified Names can then be checked.
    #[serde(default, with = "base64_bytes::optional", skip_serializing_if = "Option::is_none")]
    pub storage_name: Option<Vec<u8>>,
}

/// Asks the AIK service for a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AikChallengeRequest {
    /// `TPMT_PUBLIC` of the endorsement key.
    #[serde(with = "base64_bytes")]
    pub ek_public: Vec<u8>,
    /// The endorsement key's certificate, base64 DER, if the TPM has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ek_certificate: Option<String>,
    /// `TPMT_PUBLIC` of the attestation key.
    #[serde(with = "base64_bytes")]
    pub aik_public: Vec<u8>,
}

/// A credential that only the TPM with that endorsement key and that attestation key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AikChallenge {
    /// What the server needs to remember, sealed by it; opaque to the client and good once.
    pub ticket: String,
    /// Contents of the `TPM2B_ID_OBJECT`.
    #[serde(with = "base64_bytes")]
    pub credential_blob: Vec<u8>,
    /// Contents of the `TPM2B_ENCRYPTED_SECRET`.
    #[serde(with = "base64_bytes")]
    pub encrypted_secret: Vec<u8>,
}

/// Answers a challenge.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AikCertificateRequest {
    /// From the challenge.
    pub ticket: String,
    /// The recovered secret.
    #[serde(with = "base64_bytes")]
    pub secret: Vec<u8>,
}

/// The attestation key's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AikCertificate {
    /// The certificate, then its issuers, each base64 DER.
    pub chain: Vec<String>,
}
