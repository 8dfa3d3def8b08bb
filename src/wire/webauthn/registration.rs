//! The registration response that WebAuthn libraries take, and our export around it.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map as Object, Value};

use super::WebauthnFormat;
use super::fault::{Document, cut};
use crate::wire::encoding::{base64url, from_base64url};
use crate::wire::json;

const TYPE: &str = "public-key";

/// `RegistrationResponseJSON` (WebAuthn Level 3, section 5.1): `{id, rawId, type: "public-key", response: {clientDataJSON,
/// attestationObject, transports}, authenticatorAttachment, clientExtensionResults: {}}`, byte strings as base64url without
/// padding. `Serialize` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationResponse {
    /// `id` and `rawId`: the credential's identifier.
    pub id: Vec<u8>,
    /// `clientDataJSON`, see [`super::ClientData`].
    pub client_data_json: Vec<u8>,
    /// `attestationObject`, see [`super::AttestationObject`].
    pub attestation_object: Vec<u8>,
    /// `transports`, such as `internal`.
    pub transports: Vec<String>,
    /// `authenticatorAttachment`, such as `platform`.
    pub attachment: Option<String>,
}

/// `{credential, challenge, rp_id, origin, roots_pem}`: a registration with all that a library wants to know for verifying
/// it. Ours. `Serialize` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebauthnExport {
    /// The registration response.
    pub credential: RegistrationResponse,
    /// The challenge, as bytes; base64url without padding on the wire.
    pub challenge: Vec<u8>,
    /// The relying party's identifier.
    pub rp_id: String,
    /// The origin.
    pub origin: String,
    /// Root certificates, one PEM text each.
    pub roots_pem: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    #[serde(rename = "attestationObject")]
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// What is not known is passed over: Level 3 has members that repeat what is in the attestation object.
#[derive(Serialize, Deserialize)]
struct Credential {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(deserialize_with = "json::member")]
    response: Response,
    #[serde(rename = "authenticatorAttachment", default, skip_serializing_if = "Option::is_none")]
    attachment: Option<String>,
    /// Outputs of extensions are of no use here and not kept.
    #[serde(rename = "clientExtensionResults", default)]
    extensions: Object<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    #[serde(deserialize_with = "json::member")]
    credential: Credential,
    challenge: String,
    rp_id: String,
    origin: String,
    roots_pem: Vec<String>,
}

impl RegistrationResponse {
    /// The response of an authenticator that is built in.
    pub fn of_platform(id: &[u8], client_data_json: &[u8], attestation_object: &[u8]) -> Self {
        Self {
            id: id.to_vec(),
            client_data_json: client_data_json.to_vec(),
            attestation_object: attestation_object.to_vec(),
            transports: vec!["internal".into()],
            attachment: Some("platform".into()),
        }
    }

    /// Reads the text; what is inside `clientDataJSON` and `attestationObject` is not looked at.
    ///
    /// # Errors
    /// The first fault: JSON, type, base64url, two identifiers.
    pub fn from_json(text: &[u8]) -> Result<Self, WebauthnFormat> {
        object(Document::Registration, text).and_then(Credential::read)
    }

    /// Writes the text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    fn text(&self) -> Credential {
        Credential {
            id: base64url(&self.id),
            raw_id: base64url(&self.id),
            kind: TYPE.into(),
            response: Response {
                client_data_json: base64url(&self.client_data_json),
                attestation_object: base64url(&self.attestation_object),
                transports: self.transports.clone(),
            },
            attachment: self.attachment.clone(),
            extensions: Object::new(),
        }
    }
}

impl WebauthnExport {
    /// Reads the text: those five members and no others.
    ///
    /// # Errors
    /// The first fault: JSON, credential, base64url.
    pub fn from_json(text: &[u8]) -> Result<Self, WebauthnFormat> {
        let export: Export = object(Document::Export, text)?;
        Ok(Self {
            credential: export.credential.read()?,
            challenge: bytes(Document::Export, "challenge", &export.challenge)?,
            rp_id: export.rp_id,
            origin: export.origin,
            roots_pem: export.roots_pem,
        })
    }

    /// Writes the text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl Credential {
    fn read(self) -> Result<RegistrationResponse, WebauthnFormat> {
        let bytes = |member, text: &str| bytes(Document::Registration, member, text);
        if self.kind != TYPE {
            return Err(WebauthnFormat::CredentialType(cut(&self.kind)));
        }
        let id = bytes("id", &self.id)?;
        if bytes("rawId", &self.raw_id)? != id {
            return Err(WebauthnFormat::IdDiffers);
        }
        Ok(RegistrationResponse {
            id,
            client_data_json: bytes("clientDataJSON", &self.response.client_data_json)?,
            attestation_object: bytes("attestationObject", &self.response.attestation_object)?,
            transports: self.response.transports,
            attachment: self.attachment,
        })
    }
}

impl Serialize for RegistrationResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl Serialize for WebauthnExport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let export = Export {
            credential: self.credential.text(),
            challenge: base64url(&self.challenge),
            rp_id: self.rp_id.clone(),
            origin: self.origin.clone(),
            roots_pem: self.roots_pem.clone(),
        };
        export.serialize(serializer)
    }
}

fn object<T: serde::de::DeserializeOwned>(document: Document, text: &[u8]) -> Result<T, WebauthnFormat> {
    json::object(text).map_err(|why| WebauthnFormat::Json { document, why: cut(&why.to_string()) })
}

fn bytes(document: Document, member: &'static str, text: &str) -> Result<Vec<u8>, WebauthnFormat> {
    from_base64url(text).map_err(|_| WebauthnFormat::NotBase64Url { document, member })
}

/// Texts and lists of them have a JSON whatever is in them.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
