//! OAuth 2.0 as Entra speaks it: forms, claims of signed requests, replies (MS-OAPXBC sections 3.1 and 3.2).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::jws::Seconds;

/// `grant_type` of a signed request.
pub const GRANT_JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `grant_type` of a poll with a device code (RFC 8628 section 3.4).
pub const GRANT_DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// `grant_type` that asks for a nonce.
pub const GRANT_NONCE: &str = "srv_challenge";
/// The scope of a PRT request.
pub const SCOPE_PRT: &str = "openid aza ugs";
/// Header, or cookie, that carries a PRT to the authorization endpoint.
pub const HEADER_PRT: &str = "x-ms-RefreshTokenCredential";
/// Header that carries a device's own proof to the authorization endpoint (MS-OAPXBC).
pub const HEADER_DEVICE: &str = "x-ms-DeviceCredential";

/// Writes a form.
pub fn encode_form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Reads a form, or the query of a target. Raw colons and the like, which some clients send, are taken as they are.
pub fn decode_form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The first value of a field.
pub fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
}

/// Reply to [`GRANT_NONCE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceReply {
    /// The nonce; opaque to the client.
    #[serde(rename = "Nonce")]
    pub nonce: String,
}

/// Reply to a request for a device code: of whichever endpoint was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeviceCodeReply {
    /// Of `/oauth2/v2.0/devicecode`.
    V2(DeviceCodeReplyV2),
    /// Of `/oauth2/devicecode`.
    V1(DeviceCodeReplyV1),
}

/// Reply of version 2 (RFC 8628 section 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCodeReplyV2 {
    /// What the person types.
    pub user_code: String,
    /// What the client polls with.
    pub device_code: String,
    /// The page to type it on.
    pub verification_uri: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds between two polls.
    pub interval: i64,
    /// A sentence for the person.
    pub message: String,
}

/// Reply of version 1: its numbers are text, its page has another name \[client\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCodeReplyV1 {
    /// What the person types.
    pub user_code: String,
    /// What the client polls with.
    pub device_code: String,
    /// The page to type it on.
    pub verification_url: String,
    /// Seconds; text.
    pub expires_in: String,
    /// Seconds between two polls; text.
    pub interval: String,
    /// A sentence for the person.
    pub message: String,
}

/// Claims of a PRT request that the device key signs (MS-OAPXBC section 3.1.5.1.2).
#[derive(Clone, Serialize, Deserialize)]
pub struct PrtRequest {
    /// The broker's client id.
    pub client_id: String,
    /// Contains `aza` and `openid`; absent for `device_token`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// A nonce of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// How the user authenticates: `password`, `refresh_token`, or [`GRANT_JWT_BEARER`] for a Hello assertion. `device_token`
    /// has no user and gets no PRT.
    pub grant_type: String,
    /// The user, for `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password, for `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Zeroizing<String>>,
    /// The Hello assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<String>,
    /// The refresh token, for `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What the token is for, for `device_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// Claims of a request for a peer-to-peer certificate, which the device key signs \[client: libhimmelblau\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCertificateRequest {
    /// `device_cert`.
    #[serde(default)]
    pub cert_token_use: String,
    /// Kind of the certification request: a URI that ends in `#PKCS10`.
    #[serde(default)]
    pub csr_type: String,
    /// The certification request; base64 DER.
    #[serde(default)]
    pub csr: String,
    /// Host names of the device.
    #[serde(default)]
    pub dns_names: Vec<String>,
}

/// Reply to [`PeerCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCertificateReply {
    /// The certificate; base64 DER.
    pub x5c: String,
    /// That of its authority; base64 DER.
    pub x5c_ca: String,
}

/// Claims of [`HEADER_DEVICE`], which the device key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCredential {
    /// `device_auth`.
    pub grant_type: String,
    /// A nonce of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
}

/// Claims of a Hello assertion, which the user key signs (MS-OAPXBC section 3.1.5.1.2.1.2; `use` = `ngc` in the header).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloAssertion {
    /// The user principal name.
    pub iss: String,
    /// `common` or the tenant.
    pub aud: String,
    /// Issued at.
    pub iat: Seconds,
    /// Expires.
    pub exp: Seconds,
    /// A nonce of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// `openid aza ugs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Claims of the PRT header at the authorization endpoint, signed with a derived session key.
#[derive(Clone, Serialize, Deserialize)]
pub struct PrtCredential {
    /// The PRT.
    pub refresh_token: String,
    /// A nonce of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_primary: Option<String>,
}

/// Reply of a PRT request, or of a PRT's renewal. Numbers that clients need as text are text (protocol.md 4.4 lists which).
#[derive(Clone, Serialize, Deserialize)]
pub struct PrtReply {
    /// `Bearer`.
    pub token_type: String,
    /// The PRT.
    pub refresh_token: String,
    /// Seconds; a number.
    pub refresh_token_expires_in: i64,
    /// The session key, wrapped to the transport key; none in a renewal, where it stays the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key_jwe: Option<String>,
    /// An unsigned ID token.
    pub id_token: String,
    /// Seconds; text.
    pub expires_in: String,
    /// Seconds; text.
    pub ext_expires_in: String,
    /// Instant; text.
    pub expires_on: String,
    /// base64url of `{"uid","utid"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
}

/// Claims of a request that is signed under the session key (MS-OAPXBC section 3.1.5.1.3). Others that clients send, among
/// them times as numbers and as text, decide nothing.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The client that the token is for.
    pub client_id: String,
    /// Contains `openid`; with `aza` the PRT is renewed.
    pub scope: String,
    /// `refresh_token`.
    pub grant_type: String,
    /// The PRT.
    pub refresh_token: String,
    /// A nonce of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// What the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// Reply with an access token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    /// `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds.
    pub ext_expires_in: i64,
    /// Instant, seconds.
    pub expires_on: i64,
    /// Scopes.
    pub scope: String,
    /// The audience asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The access token.
    pub access_token: String,
    /// A refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// An ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

/// Error body of the token service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// OAuth error name.
    pub error: String,
    /// `AADSTS<number>: <text>`.
    #[serde(default)]
    pub error_description: String,
    /// AADSTS numbers.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// When.
    #[serde(default)]
    pub timestamp: String,
    /// Trace id of the server.
    #[serde(default)]
    pub trace_id: String,
    /// `client-request-id` of the request, or one of the server.
    #[serde(default)]
    pub correlation_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_survives() {
        let text = encode_form(&[("grant_type", GRANT_JWT_BEARER), ("request", "a.b+c/=&d")]);
        let form = decode_form(text.as_bytes());
        assert_eq!(field(&form, "grant_type"), Some(GRANT_JWT_BEARER));
        assert_eq!(field(&form, "request"), Some("a.b+c/=&d"));
        assert_eq!(field(&form, "absent"), None);
    }

    #[test]
    fn raw_colons_are_taken_as_they_are() {
        let form = decode_form(b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&tgt=true");
        assert_eq!(field(&form, "grant_type"), Some(GRANT_JWT_BEARER));
    }
}
