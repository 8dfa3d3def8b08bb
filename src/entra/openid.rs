//! What clients ask before everything else: where the endpoints are, and which key signs tokens.

use serde_json::{Value, json};

use crate::wire::encoding::base64url;
use crate::wire::host;

use super::refusal::{Broken, Failure};
use super::{Entra, tokens};

/// Answers `GET /{tenant}[/v2.0]/.well-known/openid-configuration` (OpenID Connect Discovery section 3; `capabilities` by
/// MS-OIDCE). Endpoints carry the tenant as it was named; the issuer is the tenant's own, whichever name was used.
pub(crate) fn configuration(entra: &Entra, tenant: &str, v2: bool) -> Result<Value, Failure> {
    entra.check_tenant(tenant)?;
    let id = entra.tenant().id;
    let (base, version) = (format!("https://{}/{tenant}", host::LOGIN), if v2 { "/v2.0" } else { "" });
    let issuer = if v2 { format!("https://{}/{id}/v2.0", host::LOGIN) } else { tokens::issuer(id) };
    Ok(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/oauth2{version}/authorize"),
        "token_endpoint": format!("{base}/oauth2{version}/token"),
        "device_authorization_endpoint": format!("{base}/oauth2{version}/devicecode"),
        "jwks_uri": format!("{base}/discovery{version}/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["aud", "iss", "iat", "exp", "amr", "name", "oid", "preferred_username", "tid", "upn", "ver"],
        "capabilities": ["kdf_ver2"],
        "tenant_region_scope": entra.tenant().region,
        "cloud_instance_name": "microsoftonline.com",
    }))
}

/// Answers `GET /{tenant}/discovery[/v2.0]/keys`: the key of access tokens (RFC 7517).
pub(crate) fn keys(entra: &Entra, tenant: &str) -> Result<Value, Failure> {
    entra.check_tenant(tenant)?;
    let keys = entra.keys();
    let rsa = keys.signing.public().rsa().ok_or(Broken::Encoding)?;
    Ok(json!({
        "keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": keys.kid,
            "n": base64url(rsa.modulus()),
            "e": base64url(rsa.exponent()),
        }]
    }))
}
