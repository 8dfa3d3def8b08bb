//! The claims of the tokens that the mock issues and its clients read.

use serde::{Deserialize, Serialize};

/// Audience of a token for the registration service.
pub const DRS_AUDIENCE: &str = "urn:ms-drs:enterpriseregistration.windows.net";
/// Audience of a token for Microsoft Graph.
pub const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";
/// Application id of the registration service, which v2 scopes name.
pub const DRS_APPLICATION: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
/// Client id of the Windows broker: PRT requests.
pub const CLIENT_BROKER: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";
/// Client id of the authentication broker: join tokens.
pub const CLIENT_AUTHENTICATION_BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
/// Client id of the device registration client: the token for key registration.
pub const CLIENT_REGISTRATION: &str = "dd762716-544d-4aeb-a526-687b73838a22";

/// Claims of an access token (version 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Audience.
    pub aud: String,
    /// Issuer: `https://sts.windows.net/<tenant>/`.
    pub iss: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Not before, seconds.
    pub nbf: i64,
    /// Expires, seconds.
    pub exp: i64,
    /// Authentication methods: `pwd`, `mfa`, `rsa`, `ngcmfa`.
    #[serde(default)]
    pub amr: Vec<String>,
    /// Client id.
    pub appid: String,
    /// Device id, only where the flow proved the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviceid: Option<String>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Object id of the user.
    pub oid: String,
    /// Scopes.
    #[serde(default)]
    pub scp: String,
    /// Tenant id.
    pub tid: String,
    /// User principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// Version.
    pub ver: String,
    /// When multi-factor authentication was done, seconds. Ours: Entra's own measure of freshness is not public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_time: Option<i64>,
}

/// Claims of the ID token that accompanies a PRT; it is not signed (`alg` `none`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdClaims {
    /// Audience: the client.
    pub aud: String,
    /// Issuer.
    pub iss: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires, seconds.
    pub exp: i64,
    /// Authentication methods.
    #[serde(default)]
    pub amr: Vec<String>,
    /// Display name.
    pub name: String,
    /// Object id of the user.
    pub oid: String,
    /// UPN, as v2 tokens name it.
    pub preferred_username: String,
    /// Tenant id.
    pub tid: String,
    /// UPN.
    pub upn: String,
    /// Version.
    pub ver: String,
}
