//! The one statement that a device makes and a server judges.

use serde::{Deserialize, Serialize};

use crate::crypto::digest::{sha256, sha256_of};

/// An attestation key's word that a key lives in the same TPM, and what came along to prove it.
///
/// As JSON every byte string is base64 with padding. Nothing about it is trusted until [`super::verify()`] has judged it.
/// The first five fields make a statement; each of the others gives the verifier more to check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The subject key's `TPMT_PUBLIC`, without size prefix.
    #[serde(with = "crate::wire::base64_bytes")]
    pub public: Vec<u8>,
    /// The `TPMS_ATTEST` of `TPM2_Certify`.
    #[serde(with = "crate::wire::base64_bytes")]
    pub certify_info: Vec<u8>,
    /// The attestation key's signature over it, bare: RSASSA-PKCS1-v1_5, or `r || s` of ECDSA on P-256.
    #[serde(with = "crate::wire::base64_bytes")]
    pub signature: Vec<u8>,
    /// Certificates (DER): the attestation key's first, then its issuers; the root may be missing.
    #[serde(with = "base64_list")]
    pub aik_chain: Vec<Vec<u8>>,
    /// The server's nonce, as text, that the statement was made for; empty if there was none.
    pub nonce: String,
    /// The algorithm that the statement says it is signed with; `None` where its form does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// The attestation key's `TPMT_PUBLIC`.
    #[serde(default, with = "crate::wire::base64_bytes::optional", skip_serializing_if = "Option::is_none")]
    pub aik_public: Option<Vec<u8>>,
    /// Name of the primary storage key of the owner hierarchy that both keys are below, 34 bytes.
    #[serde(default, with = "crate::wire::base64_bytes::optional", skip_serializing_if = "Option::is_none")]
    pub storage_name: Option<Vec<u8>>,
    /// The TPM's word that it made the attestation key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aik_creation: Option<CreationClaim>,
    /// Certificates (DER): the endorsement key's first, then its issuers.
    #[serde(default, with = "base64_list", skip_serializing_if = "Vec::is_empty")]
    pub ek_chain: Vec<Vec<u8>>,
    /// Who asked for a WebAuthn credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
}

/// How a statement may be signed, by the names of COSE (RFC 8812, RFC 9053).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, -257.
    Rs256,
    /// ECDSA on P-256 with SHA-256, -7.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-1, -65535: what Windows Hello made once, and nobody should trust.
    Rs1,
}

/// `TPM2_CertifyCreation` of a key, signed by the attestation key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreationClaim {
    /// The `TPMS_CREATION_DATA`.
    #[serde(with = "crate::wire::base64_bytes")]
    pub data: Vec<u8>,
    /// The `TPMS_ATTEST`.
    #[serde(with = "crate::wire::base64_bytes")]
    pub attest: Vec<u8>,
    /// The bare signature over it.
    #[serde(with = "crate::wire::base64_bytes")]
    pub signature: Vec<u8>,
}

/// What a WebAuthn client and authenticator said that the credential is for (WebAuthn sections 5.8.1 and 6.1). The challenge
/// is [`Statement::nonce`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `type`.
    pub kind: String,
    /// `origin`.
    pub origin: String,
    /// `rpIdHash` of the authenticator data, 32 bytes.
    #[serde(with = "crate::wire::base64_bytes")]
    pub rp_id_hash: Vec<u8>,
    /// AAGUID of the authenticator, 16 bytes.
    #[serde(with = "crate::wire::base64_bytes")]
    pub aaguid: Vec<u8>,
}

/// What `extraData` must be: SHA-256 over the nonce and the SHA-256 of the key blob. Ours: Microsoft's binding is not
/// public.
///
/// `nonce` is the server's text as bytes, `key_blob` the key as it is registered (`RSA1` or `ECS1`).
pub fn extra_data(nonce: &[u8], key_blob: &[u8]) -> [u8; 32] {
    sha256_of(&[nonce, &sha256(key_blob)])
}

/// A list of byte strings, each as base64.
mod base64_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    struct Out<'a>(#[serde(with = "crate::wire::base64_bytes")] &'a [u8]);
    #[derive(Deserialize)]
    struct In(#[serde(with = "crate::wire::base64_bytes")] Vec<u8>);

    pub(super) fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|each| Out(each)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Ok(Vec::<In>::deserialize(deserializer)?.into_iter().map(|each| each.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            public: vec![0, 1],
            certify_info: vec![2],
            signature: vec![3],
            aik_chain: vec![vec![4], vec![5, 6]],
            nonce: "n".into(),
            ..Statement::default()
        }
    }

    #[test]
    fn travels_as_base64() {
        let text = serde_json::to_string(&statement()).unwrap();
        assert_eq!(
            text,
            r#"{"public":"AAE=","certify_info":"Ag==","signature":"Aw==","aik_chain":["BA==","BQY="],"nonce":"n"}"#
        );
        assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement());
    }

    #[test]
    fn refuses_members_that_are_unknown_missing_or_no_base64() {
        let good = serde_json::to_string(&statement()).unwrap();
        for bad in [
            good.replace("\"nonce\"", "\"once\""),
            good.replace("AAE=", "AAE"),
            good.replace(r#"["BA==","BQY="]"#, r#""BA==""#),
            good.replace("BQY=", "?"),
        ] {
            assert!(serde_json::from_str::<Statement>(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn extra_data_binds_nonce_and_key() {
        let bound = extra_data(b"nonce", b"RSA1");
        assert_eq!(bound, sha256(&[b"nonce".as_slice(), &sha256(b"RSA1")].concat()));
        assert_ne!(bound, extra_data(b"nonc", b"RSA1"));
        assert_ne!(bound, extra_data(b"nonce", b"RSA2"));
    }
}
