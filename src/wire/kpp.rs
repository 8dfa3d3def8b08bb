//! Key registration (MS-KPP): `POST /EnrollmentServer/key/?api-version=1.0`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blob::{self, BlobFault};
use super::encoding::{base64, from_base64, from_base64url};
use super::json;
use super::lab::{ATTESTATION_MEMBER, LabAttestation, SOFTWARE_MEMBER};
use crate::crypto::RsaPublic;

/// A request whose form was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// The public key.
    pub key: RsaPublic,
    /// The blob it came in, whose SHA-256 is the key's identifier.
    pub blob: Vec<u8>,
    /// Ours, and absent in every public client's request.
    pub attestation: Option<LabAttestation>,
    /// Whether the client says that the key lives in software. Ours too.
    pub software: bool,
}

/// What is wrong with a request, in the order in which it is looked at (MS-KPP section 3.1.5.1.1.3, step 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyRequestFault {
    /// The body is not a JSON object.
    #[error("the body is not a JSON object")]
    NotJson,
    /// There is no `kngc`.
    #[error("the member kngc is absent")]
    Absent,
    /// `kngc` is no string.
    #[error("the member kngc is not a string")]
    NotString,
    /// `kngc` is the URL-safe alphabet.
    #[error("the member kngc is base64url, not base64")]
    Base64Url,
    /// `kngc` is not base64.
    #[error("the member kngc is not base64")]
    NotBase64,
    /// The blob is none.
    #[error(transparent)]
    Blob(#[from] BlobFault),
    /// A member of ours is not of its shape, or a key in software comes with a TPM's statement.
    #[error("the attestation member is malformed")]
    Attestation,
}

impl KeyRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, KeyRequestFault> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
            return Err(KeyRequestFault::NotJson);
        };
        let text = match members.remove("kngc") {
            None => return Err(KeyRequestFault::Absent),
            Some(Value::String(text)) => text,
            Some(_) => return Err(KeyRequestFault::NotString),
        };
        let blob = from_base64(&text).map_err(|_| {
            let url_safe = text.contains(['-', '_']) && from_base64url(text.trim_end_matches('=')).is_ok();
            if url_safe { KeyRequestFault::Base64Url } else { KeyRequestFault::NotBase64 }
        })?;
        let key = blob::read(&blob)?;
        let attestation = members
            .remove(ATTESTATION_MEMBER)
            .map(json::member)
            .transpose()
            .map_err(|_| KeyRequestFault::Attestation)?;
        let software = match members.remove(SOFTWARE_MEMBER) {
            None => false,
            Some(Value::Bool(true)) if attestation.is_none() => true,
            Some(_) => return Err(KeyRequestFault::Attestation),
        };
        Ok(Self { key, blob, attestation, software })
    }

    /// The body, ready to be sent.
    pub fn to_json(&self) -> Value {
        let mut members = serde_json::Map::new();
        members.insert("kngc".into(), base64(&self.blob).into());
        if let Some(attestation) = &self.attestation {
            // The type has string keys alone, so it always has a JSON form.
            members.insert(ATTESTATION_MEMBER.into(), serde_json::to_value(attestation).unwrap_or_default());
        }
        if self.software {
            members.insert(SOFTWARE_MEMBER.into(), true.into());
        }
        members.into()
    }
}

/// The reply to a good request. `kid` is a GUID of the server, not the SHA-256 identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReply {
    /// Lower-case GUID.
    pub kid: String,
    /// UPN of the user object that was written.
    pub upn: String,
    /// base64 CMS SignedData over [`ProvisioningContext`] in JSON, by the service's issuing certificate; AD FS only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pctx: Option<String>,
    /// What the server made of the attestation. Ours.
    #[serde(rename = "attestationLevel", default, skip_serializing_if = "Option::is_none")]
    pub attestation_level: Option<String>,
    /// What the server noticed and let pass, such as [`super::lab::EK_ALREADY_KNOWN`]; absent if that is nothing. Ours.
    #[serde(rename = "attestationWarnings", default, skip_serializing_if = "Vec::is_empty")]
    pub attestation_warnings: Vec<String>,
}

/// What is signed in [`KeyReply::pctx`] (MS-KPP section 3.1.5.1.1.2): where the key can be used at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisioningContext {
    /// DNS name of the domain controller that wrote the key.
    #[serde(rename = "DomainControllerFqdn")]
    pub domain_controller: String,
}

/// Error body: MS-KPP's flat ErrorDetails, and Entra's nested `error.message` beside it (protocol.md 1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyError {
    /// Machine-readable name.
    pub code: String,
    /// Text.
    pub message: String,
    /// `ERROR_FAIL`.
    pub response: String,
    /// `key`.
    pub target: String,
    /// The request's `client-request-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clientrequestid: Option<String>,
    /// ISO 8601.
    pub time: String,
    /// The HRESULT that a Windows device shows for it. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hresult: Option<String>,
    /// Entra's form; AD FS has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<NestedError>,
}

/// The nested form of [`KeyError`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NestedError {
    /// Machine-readable name.
    pub code: String,
    /// Text.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> KeyRequest {
        let mut modulus = vec![0xfb; 256];
        modulus[255] |= 1;
        let key = RsaPublic::new(&modulus, &[1, 0, 1]).unwrap();
        let blob = blob::write(&key);
        KeyRequest { key, blob, attestation: None, software: false }
    }

    #[test]
    fn a_plain_request_is_kngc_alone() {
        let json = request().to_json();
        assert_eq!(json.as_object().unwrap().len(), 1);
        assert_eq!(KeyRequest::parse(json.to_string().as_bytes()), Ok(request()));
    }

    #[test]
    fn a_key_in_software_is_called_so_and_has_no_statement() {
        let request = KeyRequest { software: true, ..request() };
        let mut json = request.to_json();
        assert_eq!(KeyRequest::parse(json.to_string().as_bytes()), Ok(request));
        json[ATTESTATION_MEMBER] =
            serde_json::json!({"public": "", "certifyInfo": "", "signature": "", "aikChain": []});
        assert_eq!(KeyRequest::parse(json.to_string().as_bytes()).err(), Some(KeyRequestFault::Attestation));
    }

    #[test]
    fn a_reply_shows_our_members_only_where_they_say_something() {
        let plain = r#"{"kid":"k","upn":"u"}"#;
        let mut reply: KeyReply = serde_json::from_str(plain).unwrap();
        assert_eq!(serde_json::to_string(&reply).unwrap(), plain);
        reply.attestation_warnings.push(super::super::lab::EK_ALREADY_KNOWN.into());
        let text = serde_json::to_string(&reply).unwrap();
        assert_eq!(text, r#"{"kid":"k","upn":"u","attestationWarnings":["EK_ALREADY_KNOWN"]}"#);
        assert_eq!(serde_json::from_str::<KeyReply>(&text).unwrap(), reply);
    }

    #[test]
    fn names_each_fault() {
        let blob = request().blob;
        let url_safe = format!(r#"{{"kngc":"{}"}}"#, crate::wire::encoding::base64url(&blob));
        for (body, fault) in [
            ("", KeyRequestFault::NotJson),
            ("[]", KeyRequestFault::NotJson),
            ("{}", KeyRequestFault::Absent),
            (r#"{"kngc":7}"#, KeyRequestFault::NotString),
            (r#"{"kngc":null}"#, KeyRequestFault::NotString),
            (r#"{"kngc":{"KeyMaterial":""}}"#, KeyRequestFault::NotString),
            (url_safe.as_str(), KeyRequestFault::Base64Url),
            (r#"{"kngc":"!!!"}"#, KeyRequestFault::NotBase64),
            (r#"{"kngc":""}"#, KeyRequestFault::Blob(BlobFault::Empty)),
            (r#"{"kngc":"QUJD"}"#, KeyRequestFault::Blob(BlobFault::Truncated)),
        ] {
            assert_eq!(KeyRequest::parse(body.as_bytes()).err(), Some(fault), "{body}");
        }
        let listed = serde_json::json!(["", "", "", "", []]);
        for (member, value) in
            [(ATTESTATION_MEMBER, "text".into()), (ATTESTATION_MEMBER, listed), (SOFTWARE_MEMBER, Value::from(false))]
        {
            let mut json = request().to_json();
            json[member] = value;
            assert_eq!(KeyRequest::parse(json.to_string().as_bytes()).err(), Some(KeyRequestFault::Attestation));
        }
    }
}
